"""What is followed: the plan of a live move, its staged tables, and how a table's rows are found by logged keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from pydantic import TypeAdapter

from exuvia.catalog.model import Affinity, Catalog, Column
from exuvia.catalog.names import fit, quote
from exuvia.catalog.target import TargetColumn, TargetIndex, TargetIndexPart
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres.live.keys import KeyedTable
from exuvia.engines.sqlite.capture.plan import CapturedTable, Seek
from exuvia.errors import PlanError
from exuvia.move.plan import ColumnPlan, ObjectPlan, Plan, TablePlan
from exuvia.move.planner import PlanOptions, TargetAbilities
from exuvia.move.planning.overrides import Overrides
from exuvia.move.rows import Rejected, Rows, convert_rows, without
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.profile import Chunk, TableProfile
from exuvia.values.rules import Rule

HIDDEN = "exuvia_rowid"

_INTEGERS = (Base.SMALLINT, Base.INTEGER, Base.BIGINT)
_CLASS_OF = {
    **dict.fromkeys(_INTEGERS, frozenset({StorageClass.INTEGER})),
    **dict.fromkeys((Base.DOUBLE, Base.NUMERIC), frozenset({StorageClass.INTEGER, StorageClass.REAL})),
    Base.BYTEA: frozenset({StorageClass.BLOB}),
    Base.BIT: frozenset({StorageClass.BLOB}),
    Base.BOOLEAN: frozenset({StorageClass.INTEGER}),
}
_TEXT = frozenset({StorageClass.TEXT})
_EVERY = frozenset(StorageClass)
# Types in which different keys of the one class are different values
_EXACT = frozenset({*_INTEGERS, Base.TEXT, Base.VARCHAR, Base.BYTEA})


@dataclass(frozen=True, slots=True)
class Following:
    """What a live move was begun with; kept in the target, so that following can go on after anything.

    Args:
        plan: The plan as it was made, profiles and problems apart: what is published in the end.
        staged: The tables as they are in their staging schemas: without foreign keys and checks, and with a hidden
            column where rows are followed by rowid.
        objects: What had to be left out while the tables were made and finished.
        wishes: The options of the plan, as text, to tell other ones.
    """

    plan: Plan
    staged: tuple[TablePlan, ...]
    objects: tuple[ObjectPlan, ...]
    wishes: str

    def to_json(self) -> str:
        """Return it as JSON."""
        return _ADAPTER.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Following:
        """Read what ``to_json`` wrote."""
        return _ADAPTER.validate_json(text)


_ADAPTER = TypeAdapter(Following)


@dataclass(frozen=True, slots=True)
class FollowedTable:
    """A table that is followed.

    Args:
        captured: What the change log says of it.
        plan: The staged table's plan, in which every column is read whatever its values are.
        key: The positions of the logged key among the plan's columns.
        classes: By source column, the storage classes of values that fit.
    """

    captured: CapturedTable
    plan: TablePlan
    key: tuple[int, ...]
    classes: Mapping[str, frozenset[StorageClass]]

    @property
    def name(self) -> str:
        """The source table."""
        return self.plan.source.name

    @property
    def unlogged(self) -> bool:
        """Whether it takes no triggers, so that it can only be copied as a whole."""
        return not self.captured.key

    @property
    def key_columns(self) -> tuple[ColumnPlan, ...]:
        """The columns of the key."""
        return tuple(self.plan.columns[one] for one in self.key)

    @property
    def keyed(self) -> KeyedTable:
        """How its rows are found in the target."""
        target = self.plan.target
        columns = tuple(column.target for column in self.key_columns)
        nullable = any(column.nullable for column in self.captured.key)
        return KeyedTable(target.schema, target.name, columns, self.captured.number, nullable)

    def keys(self, cells: Mapping[str, Cells]) -> list[pa.Array]:
        """Convert logged keys to the target's; those that do not fit are in no row of the target and are left out."""
        return list(self._converted(self.key_columns, cells, 0).arrays)

    def rows(self, cells: Mapping[str, Cells], start: int) -> Rows:
        """Convert rows by the plan; one with a value of a storage class that the plan does not know is rejected.

        Args:
            cells: The values by source column.
            start: The position of the first row.
        """
        return self._converted(self.plan.columns, cells, start)

    def _converted(self, columns: Sequence[ColumnPlan], cells: Mapping[str, Cells], start: int) -> Rows:
        rows = convert_rows(columns, cells, start)
        known = {one.position for one in rows.rejected}
        foreign = {
            start + position: Rejected(start + position, column.source.name, _reason(kind, column))
            for column in columns
            if column.on_misfit != "null"
            for kind, part in cells[column.source.name].parts().items()
            if kind not in self.classes[column.source.name] and part.null_count < len(part)
            for position in part.is_valid().to_numpy(zero_copy_only=False).nonzero()[0].tolist()
        }
        more = tuple(one for position, one in foreign.items() if position not in known)
        return replace(without(rows, more), rejected=(*rows.rejected, *more)) if more else rows


def _reason(kind: StorageClass, column: ColumnPlan) -> str:
    return f"{kind.value} value, which the planned type {column.target.type} does not hold"


def wishes_of(options: PlanOptions) -> str:
    """Return the options of a plan as text that is the same for options that mean the same."""
    said = options.overrides or Overrides()
    style, naive_time = options.style or said.style or "faithful", options.naive_time or said.naive_time or "utc"
    fold = options.fold if options.fold is not None else bool(said.fold)
    return repr(
        replace(
            options,
            style=style,
            naive_time=naive_time,
            fold=fold,
            schema=options.target_schema,
            overrides=said,
            abilities=TargetAbilities(),
        )
    )


def keyless(plan: Plan, captured: Sequence[CapturedTable]) -> frozenset[str]:
    """Return the tables whose rows have to be followed by rowid, because their logged keys are not keys in the target:
    left out of the plan, or of a type in which two keys can be one value.

    Raises:
        PlanError: ``live_key``: such a table has no rowid.
    """
    logged = {table.name: table for table in captured}
    found = set()
    for table in plan.tables:
        name = table.source.name
        if name in logged and not logged[name].hidden_rowid and not _is_usable(table, logged[name]):
            if logged[name].rowid is None:
                raise _unusable(table, logged[name])
            found.add(name)
    return frozenset(found)


def shaped(plan: Plan, captured: Sequence[CapturedTable]) -> Plan:
    """Return the plan of the tables to be staged: no foreign keys and checks, which hold again when all changes are
    in; a hidden column for rowids; and an index on each logged key that has none.

    Args:
        plan: The plan.
        captured: What is logged.
    """
    logged = {table.name: table for table in captured}
    return replace(plan, tables=tuple(_shaped(table, logged.get(table.source.name)) for table in plan.tables))


def followed(staged: Sequence[TablePlan], captured: Sequence[CapturedTable]) -> tuple[FollowedTable, ...]:
    """Return the followed tables, from the staged ones and what the change log says of them."""
    logged = {table.name: table for table in captured}
    return tuple(_followed(table, logged.get(table.source.name) or _unlogged(table.source.name)) for table in staged)


def stripped(plan: Plan) -> Plan:
    """Return a plan without what was only good for making it: profiles, problems, and the catalog's tables."""
    catalog = Catalog(plan.catalog.label, triggers=plan.catalog.triggers, views=plan.catalog.views)
    return replace(plan, catalog=catalog, tables=tuple(map(without_profile, plan.tables)), problems=())


def without_profile(table: TablePlan) -> TablePlan:
    """Return a table's plan with no more of its profile than its size."""
    profile = TableProfile(table.profile.table, table.profile.rows, table.profile.bytes, (), {})
    return replace(table, profile=profile)


def with_chunks(table: TablePlan) -> TablePlan:
    """Return a table's plan with no more of its profile than its size and its chunks, so that a copy can be resumed.

    Chunks that are not bounded by integers become a single one with the number -1: JSON would not keep their bounds.
    """
    chunks = table.profile.chunks
    bounds = [value for chunk in chunks for bound in (chunk.lower, chunk.upper) if bound is not None for value in bound]
    if not all(isinstance(value, int) for value in bounds):
        chunks = (Chunk(-1, None, None, table.profile.rows),)
    return replace(table, profile=replace(without_profile(table).profile, chunks=chunks))


def _followed(table: TablePlan, logged: CapturedTable) -> FollowedTable:
    by_name = {column.source.name: number for number, column in enumerate(table.columns)}
    classes = {column.source.name: _fitting(column) for column in table.columns}
    columns = tuple(replace(column, classes=_EVERY) for column in table.columns)
    key = tuple(by_name[column.name] for column in logged.key)
    return FollowedTable(logged, replace(table, columns=columns), key, classes)


def _unlogged(name: str) -> CapturedTable:
    return CapturedTable(0, name, (), False, Seek.SCAN, None)


def _shaped(table: TablePlan, logged: CapturedTable | None) -> TablePlan:
    target = replace(table.target, foreign_keys=(), checks=())
    table = replace(table, target=target)
    if logged is None:
        return table
    if logged.hidden_rowid:
        return _with_rowid(table, logged.key[0].name)
    names = {column.source.name: column.target.name for column in table.columns}
    key = tuple(names[column.name] for column in logged.key)
    keys = [one.columns for one in (target.primary_key, *target.uniques) if one is not None]
    if any(one[: len(key)] == key for one in keys):
        return table
    return _with_index(table, tuple(key), unique=False)


def _with_rowid(table: TablePlan, rowid: str) -> TablePlan:
    name = _free(HIDDEN, [column.name for column in table.target.columns])
    column = ColumnPlan(
        Column(rowid, "INTEGER", Affinity.INTEGER),
        TargetColumn(name, SqlType(Base.BIGINT), not_null=True),
        Rule(SqlType(Base.BIGINT)),
        frozenset({StorageClass.INTEGER}),
        "the rowid, by which changed rows are found; it is not published",
        "",
    )
    target = replace(table.target, columns=(*table.target.columns, column.target))
    table = replace(table, columns=(*table.columns, column), target=target)
    return _with_index(table, (name,), unique=True)


def _with_index(table: TablePlan, columns: tuple[str, ...], *, unique: bool) -> TablePlan:
    name = fit(f"exuvia_key_{table.target.name}")
    index = TargetIndex(name, tuple(TargetIndexPart(quote(column)) for column in columns), unique=unique)
    return replace(table, target=replace(table.target, indexes=(*table.target.indexes, index)))


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _fitting(column: ColumnPlan) -> frozenset[StorageClass]:
    return column.classes | _CLASS_OF.get(column.rule.type.base, _TEXT)


def _is_usable(table: TablePlan, logged: CapturedTable) -> bool:
    columns = {column.source.name: column for column in table.columns}
    return all(part.name in columns and _is_exact(columns[part.name]) for part in logged.key)


def _is_exact(column: ColumnPlan) -> bool:
    base = column.rule.type.base
    return base in _EXACT and _fitting(column) == _CLASS_OF.get(base, _TEXT) and column.on_misfit == "quarantine"


def _unusable(table: TablePlan, logged: CapturedTable) -> PlanError:
    key = ", ".join(column.name for column in logged.key)
    return PlanError(
        f"The changes of {table.source.name!r} cannot be followed: it has no rowid, and two values of its key ({key})"
        " can be one value of the planned type.",
        hint="Give the key's columns the type text in the plan file, or move the file while nobody writes it.",
        code="live_key",
    )
