"""The names of everything in the target: a person's own first, then the source's, made legal and unique."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from exuvia.catalog.model import Table, View
from exuvia.catalog.names import MAX_BYTES, NameKind, assign, fit
from exuvia.errors import PlanError
from exuvia.move.plan import Problem
from exuvia.move.planning.overrides import Overrides, at

Place = Callable[[str], str]


@dataclass(slots=True)
class Names:
    """Target names. In PostgreSQL the tables, views, indexes and keys of one schema share one space of names.

    Args:
        schema: The schema for everything that is not told otherwise.
        fold: Whether names are turned to lower case.
        prefix: What the names of tables, views and indexes begin with, unless a person gives another name.
        tables: Schema and name by source table.
        columns: By source table, target name by source column.
        views: Name by source view.
        quarantines: Name of the table for its rejected rows, by source table.
        problems: What a person should know about names.
    """

    schema: str
    fold: bool
    prefix: str = ""
    tables: dict[str, tuple[str, str]] = field(default_factory=dict)
    columns: dict[str, Mapping[str, str]] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)
    quarantines: dict[str, str] = field(default_factory=dict)
    indexes: dict[tuple[str, str], str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _taken: dict[str, set[str]] = field(default_factory=dict)

    def claim(self, schema: str, wanted: str) -> str:
        """Return ``wanted`` or the nearest name that is free in the schema, and take it."""
        taken = self._taken.setdefault(schema, set())
        name = assign([wanted], fold=False, taken=taken, kind="other")[wanted]
        taken.add(name)
        return name

    def take(self, schema: str, name: str) -> None:
        """Keep a name of the schema from being given to anything else."""
        self._taken.setdefault(schema, set()).add(name)

    def legal(self, name: str) -> str:
        """Return a name of its own space (a constraint's), folded and cut where need be."""
        return assign([name], fold=self.fold, kind="other")[name]

    def assign_all(
        self, names: Sequence[str], kind: NameKind, *, what: str, schema: str, given: Mapping[str, str], place: Place
    ) -> dict[str, str]:
        """Return a name for each of ``names``: the given one, or its own made legal.

        Args:
            names: The source's names.
            kind: What they name; the columns of each table have a space of names of their own.
            what: The word for it.
            schema: The schema whose space of names the others share.
            given: Names that a person gave.
            place: The place of a name, for problems.
        """
        taken = self._taken.setdefault(schema, set()) if kind != "column" else set()
        prefix = self.prefix if kind != "column" else ""
        rest = [prefix + name for name in names if name not in given]
        found = assign(rest, fold=self.fold, taken=taken | set(given.values()), kind=kind)
        result = {name: given.get(name) or found[prefix + name] for name in names}
        taken.update(result.values())
        choices = ('name = "…"',) if what in ("table", "column") else ()
        for rename in found.renamed:
            source = rename.source.removeprefix(prefix)
            message = f"The {what} {source!r} becomes {rename.target!r}: {rename.reason}."
            self.problems.append(Problem("note", place(source), message, choices=choices))
        sources = {target: source for source, target in result.items()}
        for note in found.notes:
            self.problems.append(Problem("note", place(sources[note.name]), f"{note.message}."))
        return result


def build_names(
    tables: Sequence[Table], views: Sequence[View], overrides: Overrides, *, schema: str, fold: bool, prefix: str = ""
) -> Names:
    """Name tables, columns, views and indexes.

    A name that a person gives and that is what the source's name becomes anyway counts as not given, so that a plan
    file that was written and read back changes nothing.

    Raises:
        PlanError: A person gives one name twice, or one that PostgreSQL cannot have.
    """
    names = Names(schema, fold, prefix)
    by_schema: dict[str, list[Table]] = {}
    for table in tables:
        by_schema.setdefault(overrides.table(table.name).schema or schema, []).append(table)
    for place, members in by_schema.items():
        _name_tables(names, place, members, overrides)
    for table in tables:
        names.columns[table.name] = _name_columns(names, table, overrides)
    _reserve_sequences(names, tables)
    names.views = names.assign_all(
        [view.name for view in views], "table", what="view", schema=schema, given={}, place=str
    )
    for place, members in by_schema.items():
        indexes = [(table.name, index.name) for table in members for index in table.indexes]
        owners = {index: table for table, index in indexes}
        assigned = names.assign_all(list(owners), "other", what="index", schema=place, given={}, place=_within(owners))
        names.indexes.update({(table, index): assigned[index] for table, index in indexes})
    for table in tables:
        place, target = names.tables[table.name]
        names.quarantines[table.name] = names.claim(place, fit(f"{target}_quarantine"))
    return names


def _within(owners: Mapping[str, str]) -> Place:
    return lambda name: f"{owners[name]}.{name}"


def _name_tables(names: Names, schema: str, tables: Sequence[Table], overrides: Overrides) -> None:
    wanted = [table.name for table in tables]
    prefixed = assign([names.prefix + name for name in wanted], fold=names.fold, kind="table")
    automatic = {name: prefixed[names.prefix + name] for name in wanted}
    said = {name: (overrides.table(name).name, overrides.table(name).line) for name in wanted}
    given = _given(said, automatic, "table")
    assigned = names.assign_all(wanted, "table", what="table", schema=schema, given=given, place=str)
    names.tables.update({source: (schema, target) for source, target in assigned.items()})


def _name_columns(names: Names, table: Table, overrides: Overrides) -> Mapping[str, str]:
    override = overrides.table(table.name)
    wanted = [column.name for column in table.columns if not override.column(column.name).exclude]
    automatic = assign(wanted, fold=names.fold, kind="column")
    said = {name: (override.column(name).name, override.column(name).line) for name in wanted}
    given = _given(said, automatic, f"column of table {table.name}")
    return names.assign_all(
        wanted, "column", what="column", schema="", given=given, place=lambda name: f"{table.name}.{name}"
    )


def _reserve_sequences(names: Names, tables: Sequence[Table]) -> None:
    """Keep views and indexes off the names of the sequences that PostgreSQL makes for identity columns."""
    for table in tables:
        column = names.columns[table.name].get(table.rowid_column or "")
        if column is not None:
            schema, target = names.tables[table.name]
            names.take(schema, sequence_name(target, column))


def sequence_name(table: str, column: str) -> str:
    """Return the name that PostgreSQL gives to the sequence of an identity column where it is free
    (makeObjectName, src/backend/commands/indexcmds.c): the longer of both names is cut until all fits."""
    parts = [table.encode(), column.encode()]
    while len(parts[0]) + len(parts[1]) + len("__seq") > MAX_BYTES:
        longer = 0 if len(parts[0]) > len(parts[1]) else 1
        parts[longer] = parts[longer][:-1]
    return "_".join([*(part.decode("utf-8", "ignore") for part in parts), "seq"])


def _given(said: Mapping[str, tuple[str | None, int]], automatic: Mapping[str, str], kind: str) -> dict[str, str]:
    """The names that a person gives and that differ from the automatic ones."""
    given: dict[str, str] = {}
    for source, (name, line) in said.items():
        if name is None or name == automatic[source]:
            continue
        if not name or "\0" in name or fit(name) != name:
            raise PlanError(
                f"{at(line)}{name!r} cannot be the name of a {kind}.",
                hint=f"Names in PostgreSQL have 1 to {MAX_BYTES} bytes and no NUL character.",
                code="name",
            )
        if name in given.values():
            first = next(other for other, theirs in given.items() if theirs == name)
            raise PlanError(
                f"{at(line)}{first!r} and {source!r} would both be the {kind} {name!r}.",
                hint="Give one of them another name.",
                code="name",
            )
        given[source] = name
    kept = {target: source for source, target in automatic.items() if source not in given}
    for source, name in given.items():
        if name in kept:
            raise PlanError(
                f"{at(said[source][1])}{kept[name]!r} and {source!r} would both be the {kind} {name!r}.",
                hint="Give one of them another name.",
                code="name",
            )
    return given
