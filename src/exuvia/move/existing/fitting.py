"""The plan of a move into tables that exist: their types, their constraints, and what does not fit them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from exuvia.catalog.model import Catalog, Table
from exuvia.catalog.names import assign, fit
from exuvia.catalog.target import TargetColumn, TargetKey, TargetTable
from exuvia.engines.postgres.existing import ExistingColumn, ExistingTable
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.move.comparing import key_column
from exuvia.move.existing.bridges import Bridge, bridge, names_zones
from exuvia.move.existing.match import Match, MatchedTable
from exuvia.move.plan import ColumnPlan, Fate, ObjectPlan, Plan, Problem, TablePlan
from exuvia.move.planner import build
from exuvia.move.planning.fit import fits
from exuvia.move.planning.overrides import Overrides
from exuvia.move.planning.words import VALUE, counted, listed
from exuvia.move.trial import misfits
from exuvia.values.facts import ColumnFacts
from exuvia.values.profile import Profile

OnConflict = Literal["refuse", "append", "upsert"]
NO_FACTS = ColumnFacts()

_KEPT_KINDS = ("table", "virtual table", "shadow table")
_OWN_SCHEMA = "the target keeps the schema that the application's migrations gave it"


@dataclass(frozen=True, slots=True)
class FittedTable:
    """A table's plan, the target's table, and by source column the target's column and the way into its type."""

    plan: TablePlan
    target: ExistingTable
    columns: Mapping[str, tuple[ExistingColumn, Bridge]]

    @property
    def inserted(self) -> tuple[tuple[ExistingColumn, Bridge], ...]:
        """The target's columns that get values of the source."""
        return tuple((column, way) for column, way in self.compared if column.generated is None)

    @property
    def compared(self) -> tuple[tuple[ExistingColumn, Bridge], ...]:
        """All of the target's columns that have a counterpart."""
        return tuple(self.columns[column.source.name] for column in self.plan.columns)

    @property
    def has_key(self) -> bool:
        """Whether every row can be found in the target by its primary key."""
        key = self.target.primary_key
        inserted = {column.name for column, _ in self.inserted}
        return key is not None and bool(key.plain) and inserted >= set(key.plain)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A plan whose tables are the target's, in staging types, and what each of its tables stands for. ``unmatched`` are
    those of its problems that tell what of the source has no counterpart."""

    plan: Plan
    tables: tuple[FittedTable, ...]
    unmatched: tuple[Problem, ...] = ()


def fitted(
    catalog: Catalog, profile: Profile, matched: Match, taken: Mapping[str, frozenset[str]] | None = None
) -> Fitted:
    """Plan the move of the matched tables.

    Args:
        catalog: What the source declares.
        profile: What its tables hold.
        matched: What belongs together.
        taken: Names of relations by schema of the target, which quarantine tables must not have.
    """
    plan = build(catalog, profile, matched.options)
    tables = tuple(_fitted(table, matched.tables[table.source.name], taken or {}) for table in plan.tables)
    problems = tuple(problem for problem in plan.problems if not _is_about_schema(problem, catalog))
    objects = (*(_fate(one, matched) for one in plan.objects if one.kind in _KEPT_KINDS), *_schema_objects(tables))
    plan = replace(
        plan,
        tables=tuple(table.plan for table in tables),
        objects=(*objects, *_statements(catalog)),
        problems=(
            *problems,
            *matched.problems,
            *matched.about_target,
            *_nulls(tables),
            *_notes(tables),
            *_later(catalog, tables),
        ),
    )
    return Fitted(plan, tables, matched.problems)


def adopted(plan: Plan, targets: Collection[ExistingTable]) -> tuple[FittedTable, ...]:
    """Return those of a plan's tables that the target has by the same names, without the columns that it lacks.

    Args:
        plan: The plan of a move that made the tables.
        targets: The target's tables as they are now.
    """
    places = {(one.schema, one.name): one for one in targets}
    found = ((table, places.get((table.target.schema, table.target.name))) for table in plan.tables)
    return tuple(_adopted(table, target) for table, target in found if target is not None)


def _adopted(table: TablePlan, target: ExistingTable) -> FittedTable:
    there = {column.name: column for column in target.columns}
    facts = table.profile.columns
    ways = {
        one.source.name: (column, bridge(column.type, one.source, facts.get(one.source.name, NO_FACTS)))
        for one in table.columns
        if (column := there.get(one.target.name)) is not None
    }
    columns = (
        replace(one, rule=replace(one.rule, type=ways[one.source.name][1].staged))
        for one in table.columns
        if one.source.name in ways
    )
    staged = tuple(_staged(one, *ways[one.source.name]) for one in columns)
    return FittedTable(replace(table, columns=staged), target, ways)


def tried(snapshot: Snapshot, found: Fitted, overrides: Overrides | None, jobs: int) -> Fitted:
    """Convert every value of the columns whose facts leave a doubt, and add what does not fit to the problems.

    Args:
        snapshot: The source.
        found: The plan.
        overrides: What the plan file says; values of a column with an ``on_misfit`` need no further decision.
        jobs: Chunks read at once.
    """
    said = overrides or Overrides()
    doubtful = [
        (table.plan, column)
        for table in found.tables
        for column in table.plan.columns
        if said.table(table.plan.source.name).column(column.source.name).on_misfit is None
        and not fits(column.rule, table.plan.profile.columns.get(column.source.name, NO_FACTS))
    ]
    types = {
        f"{table.plan.source.name}.{name}": f"{table.target.place}.{column.name} ({column.type.name})"
        for table in found.tables
        for name, (column, _) in table.columns.items()
    }
    problems = tuple(
        replace(
            problem,
            message=f"{counted(problem.count, VALUE)} of it cannot be in {types[problem.where]}.",
            choices=('on_misfit = "quarantine"', 'on_misfit = "null"', "exclude = true", "another type in the target"),
        )
        for problem in misfits(snapshot, doubtful, jobs)
    )
    return replace(found, plan=replace(found.plan, problems=found.plan.problems + problems))


def as_published(table: FittedTable) -> TablePlan:
    """Return the plan by which the target's own table is read and compared."""
    columns = tuple(
        replace(column, target=replace(column.target, read_as=way.reading(target.name)))
        for column in table.plan.columns
        for target, way in [table.columns[column.source.name]]
    )
    key = table.target.primary_key
    target = replace(
        table.plan.target,
        columns=tuple(column.target for column in columns),
        primary_key=TargetKey(key.name, key.plain) if key is not None and table.has_key else None,
    )
    return replace(table.plan, target=target, columns=columns)


def _fitted(table: TablePlan, matched: MatchedTable, taken: Mapping[str, frozenset[str]]) -> FittedTable:
    columns = tuple(_staged(column, *matched.columns[column.source.name]) for column in table.columns)
    plan = replace(table, columns=columns)
    rowid = key_column(plan)
    target = TargetTable(
        matched.target.schema,
        matched.target.name,
        tuple(column.target for column in columns),
        # The proof finds ranges of rows in the staged table by this key.
        TargetKey(fit(f"{matched.target.name}_pkey"), (rowid.target.name,)) if rowid is not None else None,
    )
    wanted = fit(f"{matched.target.name}_quarantine")
    quarantine = assign([wanted], fold=False, taken=taken.get(matched.target.schema, ()), kind="other")[wanted]
    return FittedTable(replace(plan, target=target, quarantine=quarantine), matched.target, matched.columns)


def _staged(column: ColumnPlan, target: ExistingColumn, way: Bridge) -> ColumnPlan:
    detail = "" if way.is_plain else f"; values are proved as {way.staged}, then become {target.type.name}"
    reason = f"the target's column is {target.type.name}{detail}"
    return replace(column, target=TargetColumn(target.name, column.rule.type), reason=reason)


def _is_about_schema(problem: Problem, catalog: Catalog) -> bool:
    """Whether a problem is about what exuvia would have made in the target: columns, keys, indexes, views."""
    names = [table.name for table in catalog.tables]
    names += [view.name for view in catalog.views] + [trigger.name for trigger in catalog.triggers]
    return any(problem.where == name or problem.where.startswith(f"{name}.") for name in names)


def _fate(one: ObjectPlan, matched: Match) -> ObjectPlan:
    overrides = matched.options.overrides or Overrides()
    reasons = {problem.where: problem.message for problem in matched.problems}
    if one.kind == "table" and overrides.table(one.name).exclude and one.name in reasons:
        return replace(one, reason=reasons[one.name])
    if one.fate is not Fate.LEFT_OUT:
        return replace(one, fate=Fate.LEFT_OUT, reason=_OWN_SCHEMA, target_sql="", target=None)
    return one


def _schema_objects(tables: Sequence[FittedTable]) -> Iterator[ObjectPlan]:
    """The fates of keys and indexes: in the target where it has the same, else left out."""
    for table in tables:
        source, target = table.plan.source, table.target
        names = {name: column.name for name, (column, _) in table.columns.items()}
        unique = {frozenset(one.plain) for one in target.uniques if one.plain}
        references = {(frozenset(key.columns), key.table) for key in target.foreign_keys}
        keys = [("primary key", source.primary_key)] if source.primary_key is not None else []
        for kind, key in (*keys, *(("unique", key) for key in source.uniques)):
            columns = frozenset(names.get(column, "") for column in key.columns)
            yield _object(kind, key.name or ", ".join(key.columns), source, columns in unique)
        others = {one.plan.source.name: one.target.name for one in tables}
        for reference in source.foreign_keys:
            columns = frozenset(names.get(column, "") for column in reference.columns)
            there = (columns, others.get(reference.target_table, "")) in references
            yield _object("foreign key", reference.name or ", ".join(reference.columns), source, there)
        for index in source.indexes:
            columns = frozenset(names.get(part.column or "", "") for part in index.parts)
            yield _object("index", index.name, source, index.unique and columns in unique, index.sql)
        for check in source.checks:
            yield _object("check", check.name or check.expression, source, False, check.expression)


def _object(kind: str, name: str, table: Table, is_there: bool, sql: str = "") -> ObjectPlan:
    if is_there:
        return ObjectPlan(kind, name, table.name, Fate.MOVED, "the target has it", sql)
    return ObjectPlan(kind, name, table.name, Fate.LEFT_OUT, _OWN_SCHEMA, sql)


def _statements(catalog: Catalog) -> Iterator[ObjectPlan]:
    for view in catalog.views:
        yield ObjectPlan("view", view.name, "", Fate.LEFT_OUT, _OWN_SCHEMA, view.sql)
    for trigger in catalog.triggers:
        yield ObjectPlan("trigger", trigger.name, trigger.table, Fate.LEFT_OUT, _OWN_SCHEMA, trigger.sql)


def _nulls(tables: Sequence[FittedTable]) -> Iterator[Problem]:
    for table in tables:
        for column in table.plan.columns:
            target, _ = table.columns[column.source.name]
            facts = table.plan.profile.columns.get(column.source.name, NO_FACTS)
            if facts.nulls and target.not_null and target.generated is None:
                where = f"{table.plan.source.name}.{column.source.name}"
                message = (
                    f"{counted(facts.nulls, VALUE)} of it are NULL; {table.target.place}.{target.name} is NOT NULL."
                )
                choices = (
                    "give them a value in the source",
                    f"ALTER TABLE {table.target.place} ALTER COLUMN … DROP NOT NULL",
                )
                yield Problem("error", where, message, facts.null_examples, facts.nulls, choices)


def _notes(tables: Sequence[FittedTable]) -> Iterator[Problem]:
    for table in tables:
        for name, (column, _) in table.columns.items():
            where = f"{table.plan.source.name}.{name}"
            if column.generated is not None:
                message = "The target computes it; that it computes the same values is tested before they are seen."
                yield Problem("note", where, message)
            elif column.type.bare == "timestamp" and names_zones(table.plan.profile.columns.get(name, NO_FACTS)):
                message = f"Its times that name a zone are written in UTC, since {column.type.name} keeps no zone."
                yield Problem("note", where, message)


def _later(catalog: Catalog, tables: Sequence[FittedTable]) -> Iterator[Problem]:
    """What a dry run cannot say, since it needs the rows on the server."""
    targets = [table.target for table in tables]
    counts = {
        ("CHECK", "CHECKs"): sum(len(target.checks) for target in targets),
        ("unique key", "unique keys"): sum(len(target.uniques) for target in targets),
        ("foreign key", "foreign keys"): sum(len(target.foreign_keys) for target in targets),
    }
    parts = [counted(count, words) for words, count in counts.items() if count]
    if parts:
        message = f"All rows are tried against the target's {listed(parts)} once they are staged, before they go in."
        yield Problem("note", catalog.label, message)
