"""The SQLite side, read with Python's own sqlite3 from a private copy."""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from oracle.vectors import vector_columns, vector_rows


class Text(bytes):
    """A TEXT value's raw bytes, so that it can be told from a BLOB."""


Value = int | float | Text | bytes | None


def quoted(name: str) -> str:
    """Return a name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def folded(name: str) -> str:
    """Return a name as SQLite compares it: only ASCII letters fold."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)


def fingerprint(path: Path) -> str:
    """Return a digest of a database file and of its write-ahead log."""
    digest = hashlib.sha256()
    for part in (path, path.with_name(path.name + "-wal")):
        content = part.read_bytes() if part.exists() else b""
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of sqlite_schema."""

    kind: str
    name: str
    table: str
    sql: str


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as PRAGMA table_xinfo shows it; ``hidden`` is 2 or 3 for virtual and stored generated columns."""

    name: str
    declared: str
    not_null: bool
    default: str | None
    key_position: int
    hidden: int


@dataclass(frozen=True, slots=True)
class SourceKey:
    """A foreign key as PRAGMA foreign_key_list shows it; a column of the parent is None where the SQL names none."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str | None, ...]
    on_update: str
    on_delete: str


@dataclass(frozen=True, slots=True)
class SourceIndex:
    """An index as the pragmas show it; a column is None where it is an expression. ``origin`` is c, u or pk."""

    name: str
    unique: bool
    origin: str
    partial: bool
    columns: tuple[str | None, ...]


class Source:
    """One SQLite database, opened on a private copy so that reading cannot touch the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript("PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = OFF")
        connection.text_factory = Text
        self._encoding = str(connection.execute("PRAGMA encoding").fetchone()[0], "ascii")
        self.entries = tuple(
            Entry(*(str(part or b"", "utf-8", "replace") for part in row))
            for row in connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema")
        )
        for name in {*re.findall(r"COLLATE\s+[\"'`\[]?(\w+)", " ".join(e.sql for e in self.entries), re.IGNORECASE)}:
            if name.upper() not in ("BINARY", "NOCASE", "RTRIM"):
                connection.create_collation(name, lambda a, b: (a > b) - (a < b))

    def columns(self, table: str) -> tuple[SourceColumn, ...]:
        """Return a table's columns, generated ones included."""
        content = self._content(table)
        if content is not None:
            return tuple(SourceColumn(name, "", False, None, 0, 0) for name in content)
        found = self._connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
        return tuple(
            SourceColumn(
                str(name, "utf-8"), str(kind, "utf-8"), bool(nn), None if d is None else str(d, "utf-8"), pk, hidden
            )
            for _, name, kind, nn, d, pk, hidden in found
            if hidden != 1
        )

    def foreign_keys(self, table: str) -> tuple[SourceKey, ...]:
        """Return a table's foreign keys."""
        rows = self._connection.execute(f"PRAGMA foreign_key_list({quoted(table)})").fetchall()
        grouped: dict[int, list[tuple[object, ...]]] = {}
        for row in sorted(rows):
            grouped.setdefault(row[0], []).append(row)
        return tuple(
            SourceKey(
                tuple(_str(r[3]) for r in rows),
                _str(rows[0][2]),
                tuple(None if r[4] is None else _str(r[4]) for r in rows),
                _str(rows[0][5]),
                _str(rows[0][6]),
            )
            for rows in grouped.values()
        )

    def indexes(self, table: str) -> tuple[SourceIndex, ...]:
        """Return a table's indexes, those that SQLite made for keys included."""
        found = []
        for _, name, unique, origin, partial in self._connection.execute(
            f"PRAGMA index_list({quoted(table)})"
        ).fetchall():
            parts = self._connection.execute(f"PRAGMA index_info({quoted(_str(name))})").fetchall()
            columns = tuple(None if part[2] is None else _str(part[2]) for part in parts)
            found.append(SourceIndex(_str(name), bool(unique), _str(origin), bool(partial), columns))
        return tuple(found)

    def rows(self, table: str, columns: tuple[str, ...]) -> list[tuple[int | None, tuple[Value, ...]]]:
        """Return every row of a table: its rowid (None where it has none that can be read) and its values."""
        vectors = vector_columns(self._declaration(table))
        if vectors is not None:
            return self._vector_rows(table, columns, vectors)
        content = self._content(table)
        if content is not None:
            return self.rows(f"{table}_content", tuple(content.get(column, column) for column in columns))
        wanted = ", ".join(self._exact(quoted(column)) for column in columns)
        taken = {folded(column.name) for column in self.columns(table)}
        rowid = next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), "NULL")
        try:
            found = self._connection.execute(f"SELECT {rowid}, {wanted} FROM {quoted(table)} NOT INDEXED")
        except sqlite3.OperationalError:
            found = self._connection.execute(f"SELECT NULL, {wanted} FROM {quoted(table)}")
        return [(row[0], self._values(row[1:])) for row in found]

    def _content(self, table: str) -> dict[str, str] | None:
        """Return where the texts of an FTS3 or FTS4 table are whose tokenizer is not installed, by column: the shadow
        table ``<name>_content`` has ``c0title`` for ``title``. None for tables that can be opened."""
        try:
            self._connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
        except sqlite3.OperationalError as error:
            if "unknown tokenizer" not in str(error):
                raise
        else:
            return None
        names = self._connection.execute(f"PRAGMA table_info({quoted(table + '_content')})").fetchall()
        return {re.sub(r"^c\d+", "", _str(row[1])): _str(row[1]) for row in names[1:]}

    def is_vectors(self, table: str) -> bool:
        """Tell whether a table is one of sqlite-vec's, which only its shadow tables show."""
        return vector_columns(self._declaration(table)) is not None

    def _declaration(self, table: str) -> str:
        return next((entry.sql for entry in self.entries if entry.kind == "table" and entry.name == table), "")

    def _vector_rows(
        self, table: str, columns: tuple[str, ...], vectors: list[tuple[str, int]]
    ) -> list[tuple[int | None, tuple[Value, ...]]]:
        found = vector_rows(lambda query: self._connection.execute(query).fetchall(), table, vectors)
        rows: list[Any] = [(row["rowid"], tuple(row[column] for column in columns)) for row in found]
        return rows

    def _exact(self, column: str) -> str:
        """Return what to select: a UTF-16 database's text is taken raw, since SQLite garbles lone surrogates."""
        if self._encoding == "UTF-8":
            return column
        return f"typeof({column}), CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END"

    def _values(self, row: tuple[Value, ...]) -> tuple[Value, ...]:
        if self._encoding == "UTF-8":
            return row
        codec = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}[self._encoding]
        return tuple(
            Text(value.decode(codec, "surrogatepass").encode("utf-8", "surrogatepass"))
            if kind == b"text" and isinstance(value, bytes)
            else value
            for kind, value in zip(row[::2], row[1::2], strict=True)
        )

    def select(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Value, ...]]]:
        """Run a query; return its column names and rows. Raises sqlite3.Error where SQLite itself refuses."""
        cursor = self._connection.execute(sql)
        return tuple(part[0] for part in cursor.description or ()), cursor.fetchall()

    def change(self, statement: str) -> None:
        """Run a statement that changes rows of the copy. Raises sqlite3.Error where SQLite refuses it."""
        with self._connection:
            self._connection.execute(statement)

    def rowid_alias(self, table: str) -> str | None:
        """Return the column that is another name for the rowid (INTEGER PRIMARY KEY), if a table has one.

        Such a key is the only kind for which SQLite makes no index; WITHOUT ROWID tables list theirs as ``pk``.
        """
        keys = [column for column in self.columns(table) if column.key_position]
        if len(keys) != 1 or any(index.origin == "pk" for index in self.indexes(table)):
            return None
        return keys[0].name

    def greatest(self, table: str, column: str) -> int:
        """Return the greatest integer of a column, 0 when the table is empty."""
        row = self._connection.execute(f"SELECT max({quoted(column)}) FROM {quoted(table)}").fetchone()
        return row[0] or 0

    def holds(self, table: str, column: str, value: int) -> bool:
        """Tell whether a value occurs in a column."""
        query = f"SELECT 1 FROM {quoted(table)} WHERE {quoted(column)} = ?"
        return self._connection.execute(query, (value,)).fetchone() is not None

    def sequence(self, table: str) -> int | None:
        """Return sqlite_sequence's position for a table."""
        if not any(entry.name == "sqlite_sequence" for entry in self.entries):
            return None
        row = self._connection.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        return row[0] if row else None


def _str(value: object) -> str:
    return str(value, "utf-8") if isinstance(value, bytes) else str(value)


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open a copy of a database with its write-ahead log, and remove the copy afterwards."""
    with TemporaryDirectory() as directory:
        copy = Path(directory) / "copy.sqlite"
        for suffix in ("", "-wal"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                shutil.copyfile(part, f"{copy}{suffix}")
        connection = sqlite3.connect(copy)
        try:
            yield Source(connection)
        finally:
            connection.close()
