"""The columns of a table: a choice for each, what a person says about it, and the column of the target."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exuvia.catalog.model import Catalog, Table
from exuvia.catalog.names import fold
from exuvia.catalog.types import Base
from exuvia.errors import PlanError
from exuvia.move.plan import Misfit
from exuvia.move.planning.connected import ColumnId, Member, unify
from exuvia.move.planning.overrides import ColumnOverride, Overrides, at
from exuvia.move.planning.policy import Choice, Context, choose, judge
from exuvia.move.planning.proposals import epoch_of
from exuvia.values.cells import StorageClass
from exuvia.values.facts import ColumnFacts
from exuvia.values.profile import Profile
from exuvia.values.rules import NaiveTime, Rule, Style

_TEMPORAL = (Base.DATE, Base.TIME, Base.TIMESTAMP, Base.TIMESTAMPTZ)
_JSON_CHECK = re.compile(r'json_valid\s*\(\s*(["\[`]?)(.+?)["\]`]?\s*\)', re.IGNORECASE)
NO_FACTS = ColumnFacts()


@dataclass(frozen=True, slots=True)
class Decision:
    """A column's choice, and what becomes of values that do not fit it."""

    choice: Choice
    on_misfit: Misfit = "quarantine"


def decide(
    catalog: Catalog,
    tables: Sequence[Table],
    profile: Profile,
    overrides: Overrides,
    *,
    style: Style,
    naive_time: NaiveTime,
    pgvector: bool = True,
) -> dict[ColumnId, Decision]:
    """Decide the types of all columns of ``tables``, those that foreign keys connect together.

    Raises:
        PlanError: A person's words about a column contradict each other.
    """
    django = any(table.name == "django_migrations" for table in catalog.tables)
    keys = _key_columns(tables)
    unique = _unique_columns(tables)
    core_data = {"Z_PRIMARYKEY", "Z_METADATA"} <= {table.name for table in catalog.tables}
    automatic: dict[ColumnId, Choice] = {}
    rowids: set[ColumnId] = set()
    for table in tables:
        checked = _json_columns(table)
        for column in table.columns:
            is_rowid = column.name == table.rowid_column
            context = Context(
                f"{table.name}.{column.name}",
                rowid=is_rowid,
                key=(table.name, column.name) in keys,
                django=django,
                json_checked=fold(column.name) in checked,
                core_data=core_data,
                unique=(table.name, column.name) in unique,
                pgvector=pgvector,
            )
            facts = facts_of(profile, table.name, column.name)
            found = choose(column, facts, style=style, naive_time=naive_time, context=context)
            automatic[table.name, column.name] = found
            rowids |= {(table.name, column.name)} if is_rowid else set()
    automatic |= unify(tables, _members(automatic, profile, rowids, unique))
    return _overridden(
        tables, profile, overrides, automatic=automatic, rowids=rowids, unique=unique, naive_time=naive_time
    )


def _overridden(
    tables: Sequence[Table],
    profile: Profile,
    overrides: Overrides,
    *,
    automatic: Mapping[ColumnId, Choice],
    rowids: set[ColumnId],
    unique: set[ColumnId],
    naive_time: NaiveTime,
) -> dict[ColumnId, Decision]:
    """Put a person's rules in the place of automatic ones; columns that they say nothing about follow along."""
    choices = dict(automatic)
    misfits: dict[ColumnId, Misfit] = {}
    fixed = set(rowids)
    changed = False
    for (table, name), choice in automatic.items():
        said = overrides.table(table).column(name)
        where, facts = f"{table}.{name}", facts_of(profile, table, name)
        rule = _rule(said, choice.rule, facts, where, naive_time)
        misfits[table, name] = said.on_misfit or "quarantine"
        if said.type is not None:
            fixed.add((table, name))
        if rule != choice.rule:
            changed = True
            problems = judge(rule, facts, where, misfits[table, name])
            choices[table, name] = Choice(rule, "given by the plan file", choice.evidence, problems)
    if changed:
        choices |= unify(tables, _members(choices, profile, fixed, unique))
    return {column: Decision(choice, misfits[column]) for column, choice in choices.items()}


def _members(
    choices: Mapping[ColumnId, Choice], profile: Profile, fixed: set[ColumnId], unique: set[ColumnId]
) -> dict[ColumnId, Member]:
    return {
        column: Member(choice, facts_of(profile, *column), column in fixed, column in unique)
        for column, choice in choices.items()
    }


def _rule(said: ColumnOverride, automatic: Rule, facts: ColumnFacts, where: str, naive_time: NaiveTime) -> Rule:
    """The rule that a person's words make of the automatic one."""
    type_ = said.type or automatic.type
    if said.epoch is not None and type_.base not in (Base.DATE, Base.TIMESTAMP, Base.TIMESTAMPTZ):
        raise PlanError(
            f"{at(said.line)}{where} has an epoch, but its type is {type_}.",
            hint='An epoch goes with type = "timestamptz", "timestamp" or "date".',
            code="epoch",
        )
    if said.separator is not None and type_.base is not Base.TEXT_ARRAY:
        raise PlanError(
            f"{at(said.line)}{where} has a separator, but its type is {type_}.",
            hint='A separator goes with type = "text[]".',
            code="separator",
        )
    rule = automatic if said.type is None or said.type == automatic.type else Rule(type_)
    if rule is not automatic and type_.base in (Base.DATE, Base.TIMESTAMP, Base.TIMESTAMPTZ):
        rule = replace(rule, epoch=epoch_of(facts.integers, facts.reals))
    if said.epoch is not None:
        rule = replace(rule, epoch=said.epoch)
    if said.separator is not None:
        rule = replace(rule, separator=said.separator)
    if type_.base is Base.TIMESTAMPTZ and (said.naive_time is not None or rule is not automatic):
        default = rule.naive_time if said.type == automatic.type else naive_time
        rule = replace(rule, naive_time=said.naive_time or default)
    return rule


def facts_of(profile: Profile, table: str, column: str) -> ColumnFacts:
    """Return a column's facts, those of no values where the profile has none."""
    found = profile.tables.get(table)
    return found.columns.get(column, NO_FACTS) if found is not None else NO_FACTS


def classes_of(facts: ColumnFacts) -> frozenset[StorageClass]:
    """Return the storage classes that occur in a column."""
    parts = {
        StorageClass.INTEGER: facts.integers,
        StorageClass.REAL: facts.reals,
        StorageClass.TEXT: facts.texts,
        StorageClass.BLOB: facts.blobs,
    }
    return frozenset(kind for kind, part in parts.items() if part is not None)


def _key_columns(tables: Sequence[Table]) -> set[ColumnId]:
    """Columns that are part of a key, or of either end of a foreign key."""
    found: set[ColumnId] = set()
    for table in tables:
        for key in (table.primary_key, *table.uniques, *table.foreign_keys):
            found.update((table.name, column) for column in (key.columns if key else ()))
        for reference in table.foreign_keys:
            found.update((reference.target_table, column) for column in reference.target_columns)
    return found


def _unique_columns(tables: Sequence[Table]) -> set[ColumnId]:
    """Columns that are part of a primary key, a UNIQUE constraint or a unique index."""
    found: set[ColumnId] = set()
    for table in tables:
        keys = [key.columns for key in (table.primary_key, *table.uniques) if key is not None]
        indexes = [[part.column for part in index.parts] for index in table.indexes if index.unique]
        found.update((table.name, column) for columns in (*keys, *indexes) for column in columns if column is not None)
    return found


def _json_columns(table: Table) -> set[str]:
    """Columns of which a CHECK demands that they are valid JSON, folded."""
    found = (_JSON_CHECK.search(check.expression) for check in table.checks)
    return {fold(match[2]) for match in found if match is not None}
