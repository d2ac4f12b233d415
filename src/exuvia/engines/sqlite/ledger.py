"""What an unfinished SQLite file holds already: written in the transaction of the rows, into a file of its own.

SQLite commits to attached files together as long as each has a rollback journal on the disk
(https://sqlite.org/atomiccommit.html, section 5), so that a process that is killed leaves both as one moment had them.
The file itself holds nothing but the tables that it is made for.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
import orjson
import xxhash

from exuvia.engines.sqlite.write import Writer

_TABLES = (
    "CREATE TABLE IF NOT EXISTS ledger.made (name TEXT PRIMARY KEY, signature TEXT NOT NULL, run TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS ledger.part (name TEXT, number INTEGER, rows INTEGER, bytes INTEGER, odd TEXT,"
    " PRIMARY KEY (name, number))",
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a table that was written whole.

    Args:
        number: Which one, from 0.
        rows: Its rows.
        bytes: What they took on their way.
        odd: By column, how many of its values could not go as they are.
    """

    number: int
    rows: int
    bytes: int
    odd: Mapping[str, int]


class Ledger:
    """The record of a file, kept through the connection that writes the file.

    Args:
        writer: The connection.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        for sql in _TABLES:
            writer.execute(sql)

    def tables(self) -> set[str]:
        """Return the tables that were begun."""
        return {str(name) for (name,) in self._writer.rows("SELECT name FROM ledger.made")}

    def parts(self, table: str, signature: str) -> dict[int, Part] | None:
        """Return the parts of a table that are there; None unless it was made in the same way.

        Args:
            table: The table.
            signature: Everything that its rows depend on but the source's rows.
        """
        made = self._writer.rows(f"SELECT signature FROM ledger.made WHERE name = {_text(table)}")
        if made != [(signature,)]:
            return None
        found = self._writer.rows(f"SELECT number, rows, bytes, odd FROM ledger.part WHERE name = {_text(table)}")
        return {number: Part(number, rows, size, orjson.loads(odd)) for number, rows, size, odd in found}

    def begin(self, table: str, signature: str) -> None:
        """Record that a table is made anew."""
        self.forget(table)
        values = ", ".join(map(_text, (table, signature, secrets.token_hex(8))))
        self._writer.execute(f"INSERT INTO ledger.made VALUES ({values})")

    def forget(self, table: str) -> None:
        """Drop a table's record."""
        self._writer.execute(f"DELETE FROM ledger.part WHERE name = {_text(table)}")
        self._writer.execute(f"DELETE FROM ledger.made WHERE name = {_text(table)}")

    def add(self, table: str, part: Part) -> None:
        """Record a part, in the transaction that wrote its rows."""
        odd = _text(orjson.dumps(part.odd).decode())
        values = f"{_text(table)}, {part.number}, {part.rows}, {part.bytes}, {odd}"
        self._writer.execute(f"INSERT INTO ledger.part VALUES ({values})")

    def fingerprint(self) -> str:
        """Return what changes whenever rows are written: the same one means the same rows in the same places."""
        made = self._writer.rows("SELECT name, run FROM ledger.made ORDER BY name")
        parts = self._writer.rows("SELECT name, number, rows FROM ledger.part ORDER BY name, number")
        return str(xxhash.xxh3_128_hexdigest(repr((made, parts)).encode("utf-8", "backslashreplace")))


def has_parts(path: Path) -> bool:
    """Return whether a ledger that nobody has open records any part of a table."""
    with suppress(apsw.Error), closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return bool(connection.execute("SELECT 1 FROM part LIMIT 1").fetchall())
    return False


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
