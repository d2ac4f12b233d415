"""Which tables and columns of the target the source's rows go to: by name, or as the plan file says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from exuvia.catalog.model import Catalog, Column, Table
from exuvia.catalog.names import fold
from exuvia.catalog.types import Base
from exuvia.engines.postgres.existing import ExistingColumn, ExistingTable
from exuvia.move.existing.bridges import Bridge, bridge
from exuvia.move.plan import Plan, Problem, TablePlan
from exuvia.move.planner import PlanOptions, build
from exuvia.move.planning.columns import facts_of
from exuvia.move.planning.overrides import ColumnOverride, Overrides, TableOverride, at, did_you_mean
from exuvia.move.planning.words import ROW, VALUE, counted
from exuvia.values.profile import Profile

T = TypeVar("T", ExistingTable, ExistingColumn)

_TEMPORAL = (Base.DATE, Base.TIMESTAMP, Base.TIMESTAMPTZ)

# What migration tools write down about the schema of their own database, which the target's own tool has done there.
BOOKKEEPING: Mapping[str, str] = {
    "alembic_version": "Alembic",
    "django_migrations": "Django",
    "_prisma_migrations": "Prisma",
    "schema_migrations": "Rails",
    "ar_internal_metadata": "Rails",
    "knex_migrations": "Knex",
    "knex_migrations_lock": "Knex",
    "sequelizemeta": "Sequelize",
    "__drizzle_migrations": "Drizzle",
    "__efmigrationshistory": "Entity Framework",
    "flyway_schema_history": "Flyway",
    "aerich": "Tortoise",
    "_sqlx_migrations": "SQLx",
    "__diesel_schema_migrations": "Diesel",
    "goose_db_version": "Goose",
}


@dataclass(frozen=True, slots=True)
class MatchedTable:
    """A source table and the table of the target that its rows go to.

    Args:
        source: The source's table.
        target: The target's.
        columns: By source column, the target's column and the way into its type.
    """

    source: Table
    target: ExistingTable
    columns: Mapping[str, tuple[ExistingColumn, Bridge]]


@dataclass(frozen=True, slots=True)
class Match:
    """What belongs together, and what a person should know about the rest.

    Args:
        tables: The matched tables by source name.
        options: How to plan so that names and types are the target's.
        problems: What of the source has no counterpart; of level 'error' where something would be lost.
        about_target: What only the target has; of level 'error' where a row could not be inserted without it.
    """

    tables: Mapping[str, MatchedTable]
    options: PlanOptions
    problems: tuple[Problem, ...]
    about_target: tuple[Problem, ...]


def match(catalog: Catalog, profile: Profile, options: PlanOptions, existing: Sequence[ExistingTable]) -> Match:
    """Find the tables and columns of the target for those of the source.

    A name that the plan file gives, or one with the prefix of the options, must be there. Else the source's own name
    is looked for, then the name that exuvia would have given, then the only one that is the same in lower case.

    Args:
        catalog: What the source declares.
        profile: What its tables hold.
        options: How a person wants to plan.
        existing: The tables of the target's schemas.

    Raises:
        PlanError: The options do not fit the source.
    """
    return _Matcher(catalog, profile, options, options.overrides or Overrides()).match(existing)


def schemas_of(options: PlanOptions) -> frozenset[str]:
    """Return the schemas in which the target's tables are looked for."""
    tables = options.overrides.tables.values() if options.overrides is not None else ()
    return frozenset({options.target_schema, *(table.schema for table in tables if table.schema is not None)})


@dataclass(slots=True)
class _Matcher:
    catalog: Catalog
    profile: Profile
    options: PlanOptions
    overrides: Overrides
    problems: list[Problem] = field(default_factory=list)
    about_target: list[Problem] = field(default_factory=list)
    tables: dict[str, MatchedTable] = field(default_factory=dict)
    said: dict[str, TableOverride] = field(default_factory=dict)

    def match(self, existing: Sequence[ExistingTable]) -> Match:
        automatic = build(self.catalog, self.profile, self.options)
        self.said = dict(self.overrides.tables)
        targets = self._tables(automatic, existing)
        for table in automatic.tables:
            name = table.source.name
            if name in targets:
                self._columns(table, targets[name])
            else:
                self.said[name] = TableOverride(exclude=True)
        self._unfilled(existing, targets)
        options = replace(self.options, overrides=replace(self.overrides, tables=self.said))
        return Match(self.tables, options, tuple(self.problems), tuple(self.about_target))

    def _tables(self, automatic: Plan, existing: Sequence[ExistingTable]) -> dict[str, ExistingTable]:
        found: dict[str, ExistingTable] = {}
        for schema, tables in _by_schema(automatic.tables).items():
            wanted = [table for table in tables if not self._is_bookkeeping(table)]
            names = {one.source.name: one.target.name for one in wanted}
            # A prefix is there to tell files apart, so that the bare name of a table may be another file's.
            given = dict(names) if self.options.prefix else {}
            given |= {name: said for name in names if (said := self.overrides.table(name).name) is not None}
            candidates = {one.name: one for one in existing if one.schema == schema}
            pairs = _pairs(names, given, candidates, self._clash)
            found.update(pairs)
            for one in wanted:
                if one.source.name not in pairs:
                    self._no_table(one, schema, candidates, existing)
        return found

    def _is_bookkeeping(self, table: TablePlan) -> bool:
        tool = BOOKKEEPING.get(fold(table.source.name))
        if tool is None or self.overrides.table(table.source.name).name is not None:
            return False
        message = f"{tool} keeps its migrations here; the target's own are left as they are."
        self.problems.append(Problem("note", table.source.name, message))
        return True

    def _clash(self, name: str, target: str, other: str) -> None:
        message = f"It matches {target} of the target, and so does {other}."
        self.problems.append(Problem("error", name, message, choices=('name = "…"', "exclude = true")))

    def _no_table(
        self, table: TablePlan, schema: str, candidates: Mapping[str, ExistingTable], existing: Sequence[ExistingTable]
    ) -> None:
        name, rows = table.source.name, table.profile.rows
        if any(problem.where == name and problem.level == "error" for problem in self.problems):
            return
        said = self.overrides.table(name)
        own = table.target.name if self.options.prefix else name
        wanted = f"{at(said.line)}{said.name}" if said.name is not None else own
        near = did_you_mean(said.name or own, list(candidates)) if candidates else ""
        elsewhere = "" if existing else f" (The schema {schema} has no tables: did the application's migrations run?)"
        lost = f"its {counted(rows, ROW)} would be left behind" if rows else "it has no rows"
        message = f"The target has no table {wanted} in the schema {schema}, and {lost}.{elsewhere} {near}".rstrip()
        choices = (f"--exclude '{name}'", f'[tables.{name}] name = "…"', f"[tables.{name}] exclude = true")
        self.problems.append(
            Problem("error" if rows or said.name else "warning", name, message, choices=choices if rows else ())
        )

    def _columns(self, table: TablePlan, target: ExistingTable) -> None:
        name = table.source.name
        override = self.overrides.table(name)
        names = {column.source.name: column.target.name for column in table.columns}
        given = {column: said for column in names if (said := override.column(column).name) is not None}

        def clash(column: str, taken: str, other: str) -> None:
            self._clash(f"{name}.{column}", f"{target.place}.{taken}", other)

        candidates = {column.name: column for column in target.columns}
        pairs = _pairs(names, given, candidates, clash)
        matched: dict[str, tuple[ExistingColumn, Bridge]] = {}
        columns: dict[str, ColumnOverride] = dict(override.columns)
        for column in table.columns:
            source = column.source
            if source.name in pairs:
                way = bridge(pairs[source.name].type, source, facts_of(self.profile, name, source.name))
                matched[source.name] = (pairs[source.name], way)
                columns[source.name] = _typed(override.column(source.name), pairs[source.name].name, way)
            else:
                self._no_column(table, source, target)
                columns[source.name] = ColumnOverride(exclude=True)
        if not matched:
            message = f"It and {target.place} have no column in common."
            self.problems.append(Problem("error", name, message, choices=("exclude = true",)))
        self._filled_by_itself(name, target, {column.name for column, _ in matched.values()})
        self.tables[name] = MatchedTable(table.source, target, matched)
        self.said[name] = TableOverride(target.name, target.schema, columns=columns, line=override.line)

    def _no_column(self, table: TablePlan, column: Column, target: ExistingTable) -> None:
        where = f"{table.source.name}.{column.name}"
        if any(problem.where == where and problem.level == "error" for problem in self.problems):
            return
        said = self.overrides.table(table.source.name).column(column.name)
        facts = facts_of(self.profile, table.source.name, column.name)
        values = table.profile.rows - facts.nulls
        near = did_you_mean(said.name or column.name, [one.name for one in target.columns])
        lost = f"its {counted(values, VALUE)} would be left behind" if values else "it holds nothing but NULL"
        wanted = f"{at(said.line)}{said.name}" if said.name is not None else column.name
        message = f"{target.place} has no column {wanted}, and {lost}. {near}".rstrip()
        choices = (f'{column.name} = {{ name = "…" }}', f"{column.name} = {{ exclude = true }}")
        self.problems.append(
            Problem("error" if values or said.name else "warning", where, message, choices=choices if values else ())
        )

    def _filled_by_itself(self, name: str, target: ExistingTable, matched: set[str]) -> None:
        for column in target.columns:
            if column.name in matched:
                continue
            where = f"{name}.{column.name}"
            if not column.fills_itself:
                message = (
                    f"{target.place}.{column.name} is NOT NULL without a default, and the source has no such column."
                )
                choices = (
                    f'{name}.<column>: name = "{column.name}"',
                    f"ALTER TABLE {target.place} ALTER COLUMN … SET DEFAULT …",
                )
                self.about_target.append(Problem("error", where, message, choices=choices))
            elif column.generated is None:
                value = f"its default ({column.default})" if column.default is not None else "NULL"
                value = "the next number of its sequence" if column.identity else value
                message = f"Only the target has {target.place}.{column.name}: it gets {value}."
                self.about_target.append(Problem("note", where, message))

    def _unfilled(self, existing: Sequence[ExistingTable], targets: Mapping[str, ExistingTable]) -> None:
        taken = {(table.schema, table.name) for table in targets.values()}
        rest = [
            one.place for one in existing if (one.schema, one.name) not in taken and fold(one.name) not in BOOKKEEPING
        ]
        if rest:
            shown = ", ".join(rest[:10]) + (f" and {len(rest) - 10} more" if len(rest) > 10 else "")
            what = "table" if len(rest) == 1 else "tables"
            message = f"Only the target has the {what} {shown}, which stay as they are."
            self.about_target.append(Problem("note", self.catalog.label, message))


def _by_schema(tables: Iterable[TablePlan]) -> dict[str, list[TablePlan]]:
    found: dict[str, list[TablePlan]] = {}
    for table in tables:
        found.setdefault(table.target.schema, []).append(table)
    return found


def _pairs(
    names: Mapping[str, str],
    given: Mapping[str, str],
    candidates: Mapping[str, T],
    clash: Callable[[str, str, str], None],
) -> dict[str, T]:
    """Pair source names with candidates: what a person gave, then equal names, then names that fold to the same.

    Args:
        names: By source name, the name that exuvia would give.
        given: By source name, the name that a person gave.
        candidates: The target's by name.
        clash: Told of a source name, the target's name that it would have, and the source name that has it.
    """
    found: dict[str, str] = {}
    owner: dict[str, str] = {}

    def take(name: str, target: str) -> None:
        if target in owner:
            clash(name, target, owner[target])
        else:
            owner[target] = name
            found[name] = target

    for name, target in given.items():
        if target in candidates:
            take(name, target)
    rest = [name for name in names if name not in given]
    for name in rest:
        if name in candidates:
            take(name, name)
    for name in rest:
        if name not in found and names[name] in candidates and name not in candidates:
            take(name, names[name])
    folded: dict[str, list[str]] = {}
    for target in candidates:
        folded.setdefault(fold(target), []).append(target)
    for name in rest:
        same = folded.get(fold(name), ())
        if name not in found and name not in candidates and len(same) == 1:
            take(name, same[0])
    return {name: candidates[target] for name, target in found.items()}


def _typed(said: ColumnOverride, name: str, way: Bridge) -> ColumnOverride:
    """What a person says about a column, with the target's name and type in the place of theirs."""
    return replace(
        said,
        name=name,
        type=way.staged,
        epoch=said.epoch if way.staged.base in _TEMPORAL else None,
        separator=said.separator if way.staged.base is Base.TEXT_ARRAY else None,
    )
