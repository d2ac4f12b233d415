"""What is logged per table: its key, and the unique sets of columns by which REPLACE can delete other rows.

SQLite's REPLACE deletes conflicting rows without firing their delete triggers unless ``recursive_triggers`` is on
(https://sqlite.org/lang_conflict.html), so the keys of such rows are logged before the statement deletes them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from exuvia.catalog.model import Affinity, Catalog, Column, Index, IndexPart, Table
from exuvia.catalog.names import fold
from exuvia.engines.sqlite import fulltext
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.tokens import tokenize
from exuvia.values.cells import StorageClass

ROWID_NAMES = ("rowid", "oid", "_rowid_")
MAX_KEY_COLUMNS = 100
_BUILT_IN = frozenset({"BINARY", "NOCASE", "RTRIM"})
_COMPARISONS = frozenset({"=", "<", ">", "IS", "IN", "BETWEEN", "CASE"})
_ANY_CLASS = frozenset(StorageClass)


class Seek(StrEnum):
    """How the rows at logged keys are found."""

    ROWID = "rowid"  # the key is the rowid, or aliases it
    INDEX = "index"  # through the primary key's index
    CLUSTERED = "clustered"  # the table is its primary key's b-tree (WITHOUT ROWID)
    SCAN = "scan"  # every row is looked at: the key's collation is the application's, or nothing names the rowid


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """A column of the logged key.

    Args:
        name: The column, or a name of the rowid.
        collation: That of the primary key's index.
        exact: Whether two keys that SQLite takes for equal are the same value: not so under NOCASE, nor for 1 and
            1.0 in a column without affinity.
        nullable: Whether it can be NULL.
        integer: Whether every value is an INTEGER, as the rowid's are.
        stored: What the table with the triggers calls it, where that is another one.
    """

    name: str
    collation: str = "BINARY"
    exact: bool = True
    nullable: bool = False
    integer: bool = False
    stored: str = ""

    @property
    def logged(self) -> str:
        """The column by which triggers name it."""
        return self.stored or self.name

    @property
    def classes(self) -> frozenset[StorageClass]:
        """The storage classes that its values can have."""
        return frozenset({StorageClass.INTEGER}) if self.integer else _ANY_CLASS


@dataclass(frozen=True, slots=True)
class UniqueSet:
    """Values that no two rows may share.

    Args:
        name: The index or constraint, for people.
        terms: The parts: their SQL, and each one's collation.
        where: The condition of a partial index.
        where_of_new: Whether the condition can be asked of the new row in a trigger too.
        inputs: The columns that the parts and the condition read.
        assigned: The names by which an UPDATE must assign to change them; None when any UPDATE might.
    """

    name: str
    terms: tuple[tuple[str, str], ...]
    where: str | None
    where_of_new: bool
    inputs: tuple[str, ...]
    assigned: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class CapturedTable:
    """A table whose changes are logged.

    Args:
        number: By which the log names it, from 1.
        name: The table.
        key: Its logged key.
        hidden_rowid: Whether the key is a rowid that no column holds: VACUUM can renumber it.
        seek: How rows are found by key.
        rowid: A name of the rowid, None without one.
        uniques: The sets by which REPLACE can delete a row of another key.
        stored: The table that keeps its rows and has the triggers, where it is a full-text table.
    """

    number: int
    name: str
    key: tuple[KeyColumn, ...]
    hidden_rowid: bool
    seek: Seek
    rowid: str | None
    uniques: tuple[UniqueSet, ...] = ()
    stored: str = ""

    @property
    def place(self) -> str:
        """The table that has the triggers."""
        return self.stored or self.name


@dataclass(frozen=True, slots=True)
class Uncaptured:
    """A table, or a unique index, that triggers cannot cover, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class CapturePlan:
    """What is to be logged. ``refused`` are tables without a log; ``unwatched`` are unique indexes by which REPLACE
    can delete rows unseen, so that a comparison has to find them."""

    tables: tuple[CapturedTable, ...]
    refused: tuple[Uncaptured, ...] = ()
    unwatched: tuple[Uncaptured, ...] = ()

    @property
    def key_columns(self) -> int:
        """The number of columns of the widest key."""
        return max((len(table.key) for table in self.tables), default=1)


def plan_capture(catalog: Catalog, *, by_rowid: Collection[str] = ()) -> CapturePlan:
    """Decide what is logged of each table.

    The key is the primary key; of a table without one, the rowid. A primary key that may hold NULL is a key all the
    same: rows are re-read by it as a group, so it need not be unique. Virtual tables take no triggers, but the table
    where a full-text table keeps its own texts does: FTS writes it by SQL.

    Args:
        catalog: The database, as ``inspect`` describes it.
        by_rowid: Tables to log by rowid although they have a primary key, because the target will not have it.
    """
    captured: list[CapturedTable] = []
    refused: list[Uncaptured] = []
    rows = {table.name: table for table in catalog.derived}
    for virtual in catalog.virtual_tables:
        texts = fulltext.keeper(virtual) if fulltext.is_full_text(virtual) else None
        if texts is not None and virtual.name in rows:
            captured.append(_full_text(len(captured) + 1, rows[virtual.name], *texts))
        else:
            refused.append(Uncaptured(virtual.name, f"a virtual table ({virtual.module}) takes no triggers"))
    refused += [Uncaptured(item.name, item.reason) for item in catalog.unreadable if item.kind == "table"]
    for table in catalog.tables:
        try:
            captured.append(_captured(len(captured) + 1, table, rowid_only=table.name in by_rowid))
        except ValueError as error:
            refused.append(Uncaptured(table.name, str(error)))
    unwatched = [Uncaptured(item.name, item.reason) for item in catalog.unreadable if item.kind == "index"]
    unwatched += [
        Uncaptured(index.name, f"index of {table.name}: it compares values, which a trigger does in another way")
        for table in catalog.tables
        for index in table.indexes
        if index.unique and not _can_watch(index)
    ]
    return CapturePlan(tuple(captured), tuple(refused), tuple(unwatched))


def _captured(number: int, table: Table, *, rowid_only: bool) -> CapturedTable:
    primary = table.primary_key.columns if table.primary_key else ()
    rowid = table.rowid_column or table.rowid_name
    key: tuple[KeyColumn, ...]
    if table.rowid_column is not None:
        key = (KeyColumn(table.rowid_column, integer=True),)
        return CapturedTable(number, table.name, key, False, Seek.ROWID, rowid, _uniques(table, key))
    by_primary = bool(primary) and len(primary) <= MAX_KEY_COLUMNS and not (rowid_only and rowid)
    if by_primary:
        key = tuple(_key_column(table, name, collation) for name, collation in _primary_parts(table))
        return CapturedTable(number, table.name, key, False, _seek(table, key), rowid, _uniques(table, key))
    if rowid is None:
        if table.without_rowid:
            raise ValueError(f"its primary key has more than {MAX_KEY_COLUMNS} columns")
        raise ValueError("it has no primary key, and its columns take every name of the rowid")
    key = (KeyColumn(rowid, integer=True),)
    return CapturedTable(number, table.name, key, True, Seek.ROWID, rowid, _uniques(table, key))


def _full_text(number: int, table: Table, kept_in: str, stored: str) -> CapturedTable:
    key = KeyColumn(table.rowid_column or "", integer=True, stored=stored)
    return CapturedTable(number, table.name, (key,), False, Seek.ROWID, None, stored=kept_in)


def _key_column(table: Table, name: str, collation: str) -> KeyColumn:
    column = table.column(name)
    exact = collation == "BINARY" and column.affinity is not Affinity.BLOB
    return KeyColumn(name, collation, exact, nullable=not (column.not_null or table.without_rowid))


def _primary_parts(table: Table) -> list[tuple[str, str]]:
    """The primary key's columns with the collations of its index, which the catalog tells apart where they are not
    the columns' own."""
    primary = table.primary_key.columns if table.primary_key else ()
    for index in table.indexes:
        if not index.sql and tuple(part.column for part in index.parts) == primary:
            return [(name, part.collation) for name, part in zip(primary, index.parts, strict=True)]
    return [(name, table.column(name).collation) for name in primary]


def _seek(table: Table, key: tuple[KeyColumn, ...]) -> Seek:
    if any(column.collation not in _BUILT_IN for column in key):
        return Seek.SCAN
    if table.without_rowid:
        return Seek.CLUSTERED
    return Seek.INDEX if table.rowid_name else Seek.SCAN


def _uniques(table: Table, key: tuple[KeyColumn, ...]) -> tuple[UniqueSet, ...]:
    """Every unique set besides an exact key: when REPLACE deletes by that, the new row has the key of the old."""
    names = tuple(column.name for column in key)
    primary = table.primary_key.columns if table.primary_key else ()
    sets = [_of_columns(table, f"unique ({', '.join(unique.columns)})", unique.columns) for unique in table.uniques]
    sets += [_of_index(table, index) for index in table.indexes if index.unique and _can_watch(index)]
    if primary and (primary != names or not all(column.exact for column in key)):
        sets.append(_of_columns(table, "primary key", primary))
    if table.rowid_name is not None and table.rowid_column is None and names != (table.rowid_name,):
        terms = ((table.rowid_name, "BINARY"),)
        sets.append(UniqueSet("rowid", terms, None, False, (), ROWID_NAMES))
    return tuple(sets)


def _of_columns(table: Table, name: str, columns: tuple[str, ...]) -> UniqueSet:
    parts = tuple(IndexPart(column, collation=table.column(column).collation) for column in columns)
    return _of_index(table, Index(name, parts, unique=True))


def _of_index(table: Table, index: Index) -> UniqueSet:
    terms = tuple(
        (quote(part.column) if part.column is not None else f"({part.expression})", part.collation)
        for part in index.parts
    )
    named = {part.column for part in index.parts if part.column is not None}
    texts = [part.expression for part in index.parts if part.expression is not None]
    texts += [index.where] if index.where is not None else []
    inputs = tuple(column for column in table.columns if column.name in named or _is_mentioned(column, texts))
    return UniqueSet(
        index.name,
        terms,
        index.where,
        index.where is not None and not _compares(index.where),
        tuple(column.name for column in inputs),
        None if any(column.generated for column in inputs) else tuple(_assigned_names(table, inputs)),
    )


def _can_watch(index: Index) -> bool:
    return not any(part.expression is not None and _compares(part.expression) for part in index.parts)


def _compares(sql: str) -> bool:
    """Whether an expression can differ for NEW.column and the column: SQLite gives the former no affinity, which
    matters to comparisons alone. IS NULL is none."""
    tokens = list(tokenize(sql))
    for position, token in enumerate(tokens):
        after = [following.word for following in tokens[position + 1 : position + 3]]
        if token.word == "IS" and (after[:1] == ["NULL"] or after == ["NOT", "NULL"]):
            continue
        if token.text in _COMPARISONS or token.word in _COMPARISONS:
            return True
    return False


def _is_mentioned(column: Column, texts: list[str]) -> bool:
    name = fold(column.name)
    return any(token.names and fold(token.value) == name for text in texts for token in tokenize(text))


def _assigned_names(table: Table, columns: tuple[Column, ...]) -> Iterator[str]:
    """The names of columns; the rowid's column can also be assigned by the rowid's names."""
    for column in columns:
        yield column.name
        if column.name == table.rowid_column:
            yield from (name for name in ROWID_NAMES if fold(column.name) != name)
