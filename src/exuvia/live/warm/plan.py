"""Which tables of a file can be kept up to date from PostgreSQL, and how their values go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import apsw
import pyarrow as pa

from exuvia.catalog.model import Catalog, Table
from exuvia.catalog.names import fold
from exuvia.engines.postgres.capture.plan import CapturedTable
from exuvia.engines.sqlite.fulltext import MODULES
from exuvia.engines.sqlite.kept import Put, Value
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.utf16 import codec_of, value_from_utf8
from exuvia.move.back.copying import float32_blobs
from exuvia.move.back.plan import Asking, BackColumn, BackPlan, BackTable

ASKING = Asking(exact_decimals=lambda *_: True, constant=lambda *_: None)
"""Nothing is asked of the server: the columns are there, and were moved from SQLite."""


@dataclass(frozen=True, slots=True)
class Cold:
    """A table that is not kept up to date, and why."""

    table: str
    reason: str


@dataclass(frozen=True, slots=True)
class WarmColumn:
    """How one column's values are written: what PostgreSQL sends, and the SQL that puts it into SQLite.

    Args:
        way: The column's way back.
        put: The SQL of the value.
        codec: The encoding of the file's texts, empty for UTF-8.
    """

    way: BackColumn
    put: Put
    codec: str

    @property
    def item(self) -> tuple[str, str]:
        """The column, and what PostgreSQL sends of it."""
        return self.way.source.name, self.way.carriage.sent

    def values(self, array: pa.Array) -> list[Value]:
        """Return what PostgreSQL sent, as it is bound to ``put``."""
        values: list[Value] = (float32_blobs(array) if self.way.carriage.floats else array).to_pylist()
        change = self._change()
        return values if change is None else [change(one) if isinstance(one, str | bytes) else one for one in values]

    def _change(self) -> Callable[[str | bytes], bytes] | None:
        if self.put.sql == "CAST(? AS BLOB)":  # of a text in UTF-16, SQLite would take those bytes
            return lambda value: value.encode() if isinstance(value, str) else value
        if self.put.sql == "CAST(? AS TEXT)" and self.codec:
            codec = self.codec
            return lambda value: value_from_utf8(value.encode() if isinstance(value, str) else value, codec)
        return None


@dataclass(frozen=True, slots=True)
class WarmTable:
    """A table that is kept up to date.

    Args:
        captured: Whose changes PostgreSQL logs.
        way: Its way back.
        target: The table in the file.
        columns: What is written: the columns that are not generated.
        compared: What is compared: all columns, but for those that PostgreSQL generates for itself alone.
        key: The columns of its primary key.
    """

    captured: CapturedTable
    way: BackTable
    target: Table
    columns: tuple[WarmColumn, ...]
    compared: tuple[BackColumn, ...]
    key: tuple[WarmColumn, ...]

    @property
    def name(self) -> str:
        """Its name in PostgreSQL."""
        return self.captured.name


@dataclass(frozen=True, slots=True)
class WarmPlan:
    """What is kept up to date, and what is not."""

    tables: tuple[WarmTable, ...]
    cold: tuple[Cold, ...]


def plan_warm(
    connection: apsw.Connection, catalog: Catalog, captured: Sequence[CapturedTable], back: BackPlan
) -> WarmPlan:
    """Decide which tables are kept up to date.

    Args:
        connection: A connection to the file on which triggers are off.
        catalog: The file.
        captured: The tables whose changes PostgreSQL logs.
        back: The way back of every table of the schema.
    """
    ways = {table.source.name: table for table in back.tables}
    tables: list[WarmTable] = []
    cold: list[Cold] = []
    for one in captured:
        way = ways.get(one.name)
        target = _target(catalog, way.target.name) if way is not None else None
        if way is None or target is None:
            cold.append(Cold(one.name, "the file has no such table of rows"))
            continue
        table = _table(one, way, target, codec_of(catalog.encoding))
        reason = next(_obstacles(connection, table), "")
        if reason:
            cold.append(Cold(one.name, reason))
        else:
            tables.append(table)
    return WarmPlan(tuple(tables), tuple(cold))


def _target(catalog: Catalog, name: str) -> Table | None:
    """Find a table; of the virtual ones, only full-text tables can be written here."""
    searched = {fold(one.name) for one in catalog.virtual_tables if fold(one.module) in MODULES}
    derived = [table for table in catalog.derived if fold(table.name) in searched]
    return next((table for table in (*catalog.tables, *derived) if table.name == name), None)


def _table(captured: CapturedTable, way: BackTable, target: Table, codec: str) -> WarmTable:
    here = {column.name: column for column in target.columns}
    columns = tuple(
        _column(column, codec)
        for column in way.columns
        if column.source.generated is None
        and (column.target.name not in here or here[column.target.name].generated is None)
    )
    by_name = {column.way.source.name: column for column in columns}
    key = tuple(by_name[one.name] for one in captured.columns) if captured.keyed else ()
    compared = tuple(one for one in way.columns if one.source.generated is None or one.target.name in here)
    return WarmTable(captured, way, target, columns, compared, key)


def _column(column: BackColumn, codec: str) -> WarmColumn:
    put = column.carriage.put
    if codec and put == "?" and column.carriage.sent.endswith("::text"):
        put = "CAST(? AS TEXT)"  # SQLite's own conversion to UTF-16 replaces U+FFFE and U+FFFF
    return WarmColumn(column, Put(column.target.name, put), codec)


def _obstacles(connection: apsw.Connection, table: WarmTable) -> Iterator[str]:
    missing = {column.target.name for column in table.compared} - {one.name for one in table.target.columns}
    if missing:
        yield f"the file's table has no column {', '.join(sorted(missing))}"
    elif not table.captured.keyed and (table.target.rowid_name is None or table.target.rowid_column is not None):
        yield "PostgreSQL's table has no primary key, and nothing names the rows of SQLite's"
    names = ", ".join(quote(column.put.column) for column in table.columns)
    values = ", ".join(column.put.sql for column in table.columns)
    place = f"main.{quote(table.target.name)}"
    for sql in (f"INSERT INTO {place} ({names}) VALUES ({values})", f"DELETE FROM {place} WHERE 1"):
        try:
            connection.execute(f"EXPLAIN {sql}", (None,) * sql.count("?")).fetchall()
        except apsw.Error as error:
            yield f"SQLite cannot write it here: {error}"
