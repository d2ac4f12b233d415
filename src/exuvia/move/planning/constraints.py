"""The keys of a table: primary, unique and foreign, as far as PostgreSQL can hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from exuvia.catalog.model import ForeignKey, Key, Table
from exuvia.catalog.names import fit
from exuvia.catalog.target import TargetForeignKey, TargetKey
from exuvia.catalog.types import Base, SqlType
from exuvia.move.plan import Fate, ObjectPlan, Plan, Problem, TablePlan
from exuvia.move.planning.connected import comparable
from exuvia.move.planning.naming import Names
from exuvia.values.facts import Example
from exuvia.values.profile import TableProfile

MAX_KEY_COLUMNS = 32
_WITHOUT_EQUALITY = (Base.JSON,)


@dataclass(slots=True)
class Found:
    """What was found on the way: fates of objects, and problems."""

    objects: list[ObjectPlan] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Take over what was found elsewhere."""
        self.objects += other.objects
        self.problems += other.problems

    def moved(self, kind: str, name: str, table: str, sql: str = "", reason: str = "the same in PostgreSQL") -> None:
        """Note an object that exists in the target as it was."""
        self.objects.append(ObjectPlan(kind, name, table, Fate.MOVED, reason, sql))

    def translated(self, kind: str, name: str, table: str, sql: str, reason: str) -> None:
        """Note an object that is spelled otherwise in PostgreSQL and means the same."""
        self.objects.append(ObjectPlan(kind, name, table, Fate.TRANSLATED, reason, sql))

    def left_out(self, kind: str, name: str, table: str, reason: str, sql: str = "") -> None:
        """Note an object that does not exist in the target."""
        self.objects.append(ObjectPlan(kind, name, table, Fate.LEFT_OUT, reason, sql))


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as its constraints see it: names and types of its moved columns, by source name."""

    table: Table
    schema: str
    name: str
    columns: Mapping[str, str]
    types: Mapping[str, SqlType]
    profile: TableProfile

    def missing(self, columns: Sequence[str]) -> str:
        """Return the first of ``columns`` that is not moved, empty when all are."""
        return next((column for column in columns if column not in self.columns), "")

    def targets(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the target names of columns."""
        return tuple(self.columns[column] for column in columns)


@dataclass(frozen=True, slots=True)
class Keys:
    """A table's primary key and UNIQUE constraints in the target; ``sources`` are their source columns, as sets that
    foreign keys can refer to."""

    primary: TargetKey | None
    uniques: tuple[TargetKey, ...]
    sources: frozenset[frozenset[str]]


def keys(shape: Shape, names: Names, found: Found) -> Keys:
    """Plan the primary key and the UNIQUE constraints of a table.

    SQLite lets NULL into a primary key that is not the rowid; such a key becomes UNIQUE, which takes NULLs in both
    engines. A key over a type without equality, or over a column that is not moved, is left out.
    """
    table = shape.table
    primary: TargetKey | None = None
    uniques: list[TargetKey] = []
    sources: set[frozenset[str]] = set()
    for key in _distinct(table, found):
        kind = "primary key" if key is table.primary_key else "unique"
        suffix = "pkey" if kind == "primary key" else "_".join((*shape.targets(_present(shape, key)), "key"))
        wanted = names.legal(names.prefix + key.name) if key.name else f"{shape.name}_{suffix}"
        reason = _impossible(shape, key.columns)
        if reason:
            found.left_out(kind, key.name or wanted, table.name, reason, f"({', '.join(key.columns)})")
            found.problems.append(Problem("warning", f"{table.name}.{wanted}", f"The {kind} is left out: {reason}."))
            continue
        target = TargetKey(names.claim(shape.schema, wanted), shape.targets(key.columns))
        sources.add(frozenset(key.columns))
        nulls = _nulls(shape, key) if kind == "primary key" else ()
        if kind == "primary key" and not nulls:
            primary = target
            found.moved(kind, target.name, table.name)
        else:
            uniques.append(target)
            if nulls:
                _null_key(table, target, nulls, found)
            else:
                found.moved(kind, target.name, table.name)
    return Keys(primary, tuple(uniques), frozenset(sources))


def _distinct(table: Table, found: Found) -> Iterator[Key]:
    """The keys, without UNIQUE constraints over the columns of an earlier key."""
    seen: set[tuple[str, ...]] = set()
    for key in (table.primary_key, *table.uniques):
        if key is not None and key.columns in seen:
            columns = ", ".join(key.columns)
            reason = f"another key over ({columns}) does the same"
            found.objects.append(ObjectPlan("unique", key.name or columns, table.name, Fate.REPLACED, reason))
        elif key is not None:
            seen.add(key.columns)
            yield key


def _present(shape: Shape, key: Key) -> tuple[str, ...]:
    return tuple(column for column in key.columns if column in shape.columns)


def _impossible(shape: Shape, columns: Sequence[str]) -> str:
    missing = shape.missing(columns)
    if missing:
        return f"its column {missing} is excluded"
    if len(columns) > MAX_KEY_COLUMNS:
        return f"it has {len(columns)} columns, and PostgreSQL's keys have at most {MAX_KEY_COLUMNS}"
    bad = next((column for column in columns if shape.types[column].base in _WITHOUT_EQUALITY), "")
    return f"its column {bad} is {shape.types[bad]}, which PostgreSQL cannot compare" if bad else ""


def _nulls(shape: Shape, key: Key) -> tuple[tuple[str, int, tuple[Example, ...]], ...]:
    facts = ((column, shape.profile.columns.get(column)) for column in key.columns)
    return tuple((column, fact.nulls, fact.null_examples) for column, fact in facts if fact and fact.nulls)


def _null_key(
    table: Table, target: TargetKey, nulls: Sequence[tuple[str, int, tuple[Example, ...]]], found: Found
) -> None:
    column, count, examples = nulls[0]
    reason = f"{column} is NULL in {count:,} rows, which PostgreSQL's primary keys cannot hold: it becomes UNIQUE"
    found.translated("primary key", target.name, table.name, f"({', '.join(target.columns)})", reason)
    message = f"The primary key holds NULL in {column}: it becomes a UNIQUE constraint."
    found.problems.append(Problem("warning", f"{table.name}.{column}", message, examples, count))


def foreign_keys(
    shape: Shape,
    shapes: Mapping[str, Shape],
    unique: Mapping[str, frozenset[frozenset[str]]],
    names: Names,
    found: Found,
) -> tuple[TargetForeignKey, ...]:
    """Plan the foreign keys of a table; those that PostgreSQL cannot have are left out with the reason.

    Args:
        shape: The table.
        shapes: All moved tables by source name.
        unique: By source table, the sets of source columns that have a unique key in the target.
        names: The target's names.
        found: Takes fates and problems.
    """
    result: list[TargetForeignKey] = []
    used: set[str] = set()
    for key in shape.table.foreign_keys:
        columns = ", ".join(key.columns)
        text = f"({columns}) REFERENCES {key.target_table} ({', '.join(key.target_columns)})"
        reason, choices = _unreachable(shape, key, shapes, unique)
        here = shape.targets([column for column in key.columns if column in shape.columns])
        wanted = names.legal(key.name or "_".join((shape.name, *here, "fkey")))
        name = _free(wanted, used)
        if reason:
            found.left_out("foreign key", name, shape.table.name, reason, text)
            message = f"The foreign key to {key.target_table} is left out: {reason}."
            found.problems.append(Problem("warning", f"{shape.table.name}.{columns}", message, choices=choices))
            continue
        used.add(name)
        target = shapes[key.target_table]
        result.append(
            TargetForeignKey(
                name,
                here,
                target.schema,
                target.name,
                target.targets(key.target_columns),
                key.on_update,
                key.on_delete,
                key.deferrable,
                key.initially_deferred,
            )
        )
        found.moved("foreign key", name, shape.table.name, text)
    return tuple(result)


def _free(wanted: str, used: set[str]) -> str:
    name, number = wanted, 2
    while name in used:
        name, number = fit(f"{wanted}_{number}"), number + 1
    return name


def _unreachable(
    shape: Shape, key: ForeignKey, shapes: Mapping[str, Shape], unique: Mapping[str, frozenset[frozenset[str]]]
) -> tuple[str, tuple[str, ...]]:
    """Why a foreign key cannot be, and what a person can do about it; empty when it can."""
    target = shapes.get(key.target_table)
    reason = ""
    if target is None:
        reason = f"table {key.target_table} is not moved, or does not exist"
    elif not key.target_columns:
        reason = f"what it refers to in {key.target_table} is no key"
    elif shape.missing(key.columns):
        reason = f"its column {shape.missing(key.columns)} is excluded"
    elif target.missing(key.target_columns):
        reason = f"column {target.missing(key.target_columns)} of {key.target_table} is excluded"
    elif frozenset(key.target_columns) not in unique[key.target_table]:
        reason = f"{key.target_table} ({', '.join(key.target_columns)}) has no unique key in PostgreSQL"
    if reason or target is None:
        return reason, ()
    for here, there in zip(key.columns, key.target_columns, strict=True):
        mine, theirs = shape.types[here], target.types[there]
        if not comparable(mine, theirs):
            choices = (f'{shape.table.name}.{here}: type = "{theirs}"', f'{key.target_table}.{there}: type = "{mine}"')
            return f"{here} is {mine} and {key.target_table}.{there} is {theirs}", choices
    return "", ()


def with_orphans(plan: Plan, orphans: Mapping[tuple[str, str], tuple[int, tuple[Example, ...]]]) -> Plan:
    """Return the plan with foreign keys that rows of the source break: kept, but NOT VALID.

    Args:
        plan: The plan.
        orphans: By source table and name of the target's foreign key, how many rows refer to a row that does not
            exist, and the first of them.
    """
    problems = list(plan.problems)
    tables: list[TablePlan] = []
    for table in plan.tables:
        changed: list[TargetForeignKey] = []
        for key in table.target.foreign_keys:
            count, rows = orphans.get((table.source.name, key.name), (0, ()))
            changed.append(replace(key, validate=False) if count else key)
            if count:
                message = (
                    f"{count:,} rows refer to a row of {key.table} that does not exist: {key.name} stays NOT VALID."
                )
                problems.append(Problem("warning", f"{table.source.name}.{key.name}", message, rows, count))
        tables.append(replace(table, target=replace(table.target, foreign_keys=tuple(changed))))
    return replace(plan, tables=tuple(tables), problems=tuple(problems))
