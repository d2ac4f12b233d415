"""Tables of a SQLite file, by its schema, as far as the policy lets them be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, cast

import apsw

from exuvia.catalog.model import Index as DeclaredIndex
from exuvia.catalog.model import IndexPart, Table
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.capture.own import is_own
from exuvia.engines.sqlite.inspect import Encoding
from exuvia.engines.sqlite.schema import Entry, SchemaReader
from exuvia.engines.sqlite.tables import TableReader
from exuvia.guard.policy import Policy
from exuvia.guard.sqlite.session import AsyncSqliteSession
from exuvia.tools.database.descriptions import Column, Description, ForeignKey, Index
from exuvia.tools.database.relations import SQLITE_SCHEMA, Measure, Relation, shown_in_sqlite

_RELATIONS: Final = """
SELECT l.name, l.type, coalesce(s.sql, '') FROM pragma_table_list l JOIN main.sqlite_schema s ON s.name = l.name
WHERE l.schema = 'main' AND l.type IN ('table', 'view', 'virtual') AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
ORDER BY lower(l.name)
"""
_BYTES: Final = """
SELECT lower(s.tbl_name), sum(d.pgsize) FROM dbstat d JOIN main.sqlite_schema s ON s.name = d.name
WHERE d.aggregate = TRUE GROUP BY 1
"""
_ANALYZED: Final = """
SELECT lower(tbl), CAST(max(CAST(stat AS INTEGER)) AS INTEGER) FROM main.sqlite_stat1 WHERE stat IS NOT NULL GROUP BY 1
"""
_XINFO: Final = """
SELECT name, type, "notnull", dflt_value FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1
"""
# Counting reads a whole table; up to this size of the file that takes no time worth saving.
_COUNTABLE: Final = 32 * 1024 * 1024


class SqliteInspector:
    """Reads the schema of a file.

    Args:
        session: The file.
        policy: What may be read.
    """

    def __init__(self, session: AsyncSqliteSession, policy: Policy) -> None:
        self._session = session
        self._policy = policy

    async def relations(self) -> Sequence[Relation]:
        """Return what may be read; a virtual table's own tables are not listed."""
        return await self._session.inspect(self._relations)

    def _relations(self, connection: apsw.Connection) -> list[Relation]:
        return [
            Relation(SQLITE_SCHEMA, name, "virtual table" if kind == "virtual" else kind, shown_in_sqlite(name))
            for name, kind, sql in connection.execute(_RELATIONS)
            if may_read(self._policy, name) and not is_own(name, sql)
        ]

    async def measures(self, relations: Sequence[Relation]) -> Sequence[Measure]:
        """Return rows that were counted, or in a large file those that ANALYZE or the rowids tell of."""
        return await self._session.inspect(lambda connection: _measured(connection, relations))

    async def columns(self, relations: Sequence[Relation]) -> dict[Relation, list[str]]:
        """Return the columns' names."""

        def read(connection: apsw.Connection) -> dict[Relation, list[str]]:
            return {one: [row[0] for row in connection.execute(_XINFO, (one.name,))] for one in relations}

        return await self._session.inspect(read)

    async def describe(self, relation: Relation) -> Description:
        """Return everything that the schema has of a relation."""

        def read(connection: apsw.Connection) -> Description:
            readable = {fold(one.name): one for one in self._relations(connection)}
            return _Reading(connection, readable).described(relation)

        return await self._session.inspect(read)


def may_read(policy: Policy, name: str) -> bool:
    """Whether a table may be read; SQLite's names are compared without regard to capitals."""
    about = [
        one
        for one in policy.read
        if fold(one.schema) == SQLITE_SCHEMA and (one.table is None or fold(one.table) == fold(name))
    ]
    return bool(about) and not any(one.excluded for one in about)


def _measured(connection: apsw.Connection, relations: Sequence[Relation]) -> list[Measure]:
    small = int(connection.pragma("page_count")) * int(connection.pragma("page_size")) <= _COUNTABLE
    sizes = dict(connection.execute(_BYTES)) if small else {}
    has_statistics = connection.execute("SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_stat1'").fetchall()
    analyzed = dict(connection.execute(_ANALYZED)) if has_statistics else {}

    def measured(one: Relation) -> Measure:
        rows: int | None
        if one.kind != "table":
            return Measure()
        if small:
            rows = cast("int", connection.execute(f"SELECT count(*) FROM {one.qualified}").get)
        else:
            rows = analyzed.get(fold(one.name)) or _by_rowids(connection, one)
        return Measure(rows, sizes.get(fold(one.name)))

    return [measured(one) for one in relations]


def _by_rowids(connection: apsw.Connection, relation: Relation) -> int | None:
    """Return how many rows there are if no rowid between the first and the last was deleted; None without rowids."""
    try:
        ((span,),) = connection.execute(f"SELECT max(rowid) - min(rowid) + 1 FROM {relation.qualified}").fetchall()
    except apsw.SQLError:
        return None
    return cast("int | None", span)


@dataclass(slots=True)
class _Reading:
    """One relation's description, from one snapshot."""

    connection: apsw.Connection
    readable: dict[str, Relation]

    def described(self, relation: Relation) -> Description:
        schema = SchemaReader(self.connection, cast("Encoding", self.connection.pragma("encoding")))
        entries = schema.entries()
        about = [entry for entry in entries if fold(entry.table) == fold(relation.name)]
        triggers = [entry.name for entry in about if entry.kind == "trigger" and not is_own(entry.name, entry.sql)]
        tables = [entry for entry in about if entry.kind == "table"]
        found = []
        if relation.kind == "table":
            indexes = [entry for entry in about if entry.kind == "index"]
            found = TableReader(self.connection, schema, tables, indexes).tables()
        if not found:
            return Description(
                table=relation.shown, kind=relation.kind, columns=self._plain_columns(relation), triggers=triggers
            )
        table = found[0]
        return Description(
            table=relation.shown,
            kind=relation.kind,
            columns=[_column(table, place) for place in range(len(table.columns))],
            primary_key=list(table.primary_key.columns) if table.primary_key else [],
            unique=[list(key.columns) for key in table.uniques],
            foreign_keys=self._outward(schema, table),
            referenced_by=self._inward(schema, relation, entries),
            indexes=[_index(index) for index in table.indexes],
            checks=[check.expression for check in table.checks],
            triggers=triggers,
        )

    def _plain_columns(self, relation: Relation) -> list[Column]:
        return [
            Column(name=name, type=declared or "", not_null=bool(strict), default=default)
            for name, declared, strict, default in self.connection.execute(_XINFO, (relation.name,))
        ]

    def _outward(self, schema: SchemaReader, table: Table) -> list[ForeignKey]:
        targets = [fold(key.target_table) for key in table.foreign_keys]
        keys = schema.columns([one.name for name, one in self.readable.items() if name in targets])
        return [
            ForeignKey(
                columns=list(key.columns),
                table=target.shown,
                to=list(key.target_columns)
                or [row.name for row in sorted(keys.get(target.name, ()), key=_position) if row.key_position],
                on_delete=key.on_delete.replace("NO ACTION", ""),
                on_update=key.on_update.replace("NO ACTION", ""),
            )
            if (target := self.readable.get(fold(key.target_table)))
            else ForeignKey(columns=list(key.columns))
            for key in table.foreign_keys
        ]

    def _inward(self, schema: SchemaReader, relation: Relation, entries: Sequence[Entry]) -> list[ForeignKey]:
        names = [entry.name for entry in entries if entry.kind == "table" and fold(entry.name) in self.readable]
        found = []
        for name, rows in schema.references(names).items():
            for _, group in groupby(rows, key=lambda row: row.number):
                parts = list(group)
                if fold(parts[0].target_table) == fold(relation.name) and fold(name) != fold(relation.name):
                    found.append(
                        ForeignKey(
                            columns=[part.column for part in parts],
                            table=self.readable[fold(name)].shown,
                            to=[part.target_column for part in parts if part.target_column is not None],
                            on_delete=parts[0].on_delete.replace("NO ACTION", ""),
                        )
                    )
        return found


def _position(row: object) -> int:
    return int(getattr(row, "key_position", 0))


def _column(table: Table, place: int) -> Column:
    column = table.columns[place]
    return Column(
        name=column.name,
        type=column.declared_type,
        not_null=column.not_null,
        default=column.default,
        generated=column.generated.expression if column.generated else None,
    )


def _index(index: DeclaredIndex) -> Index:
    parts = ", ".join(map(_part, index.parts))
    return Index(
        name=index.name, on=f"({parts})" + (f" WHERE {index.where}" if index.where else ""), unique=index.unique
    )


def _part(part: IndexPart) -> str:
    what = part.column if part.column is not None else part.expression
    collation = f" COLLATE {part.collation}" if part.collation != "BINARY" else ""
    return f"{what}{collation}{' DESC' if part.descending else ''}"
