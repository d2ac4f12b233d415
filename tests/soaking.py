"""Writers that know for themselves what they have committed: the long live tests' processes.

A writer keeps a journal: the number of each committed transaction. One that was killed, or cannot tell whether its last
commit arrived, finds in the table ``progress`` where it stands, and must find there what its journal says, or the one
transaction after: else a database has lost or doubled one. Writers go where they are sent: whoever is refused with
"this database moved" goes on in the other database.
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg

from soaking_model import Statement, replayed

_MOVED = "this database moved"
_PATIENCE = 180.0


def journal_of(path: Path, writer: int) -> Path:
    """Return where a writer keeps its journal."""
    return path.with_name(f"journal-{writer}")


def committed(path: Path, writer: int) -> int:
    """Return the last transaction that a writer knows to be committed."""
    journal = journal_of(path, writer)
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return int(lines[-1]) if lines else 0


class Refused(Exception):  # noqa: N818 - not an error: the database says where to go
    """The database has moved."""


class Lost(AssertionError):  # noqa: N818
    """A database does not stand where the journal says."""


class SqliteSide:
    """The application's connection to the file."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        self._connection.close()

    def progress(self, writer: int) -> int:
        found = self._connection.execute("SELECT n FROM progress WHERE writer = ?", (writer,)).fetchone()
        return int(found[0]) if found else 0

    def write(self, statements: Sequence[Statement]) -> None:
        """Run a transaction."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for statement in statements:
                self._connection.execute(statement.sqlite, statement.values)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise _explained(error) from error


class PostgresqlSide:
    """The application's connection to the target."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, connect_timeout=5)

    def close(self) -> None:
        self._connection.close()

    def progress(self, writer: int) -> int:
        with self._connection.transaction():
            found = self._connection.execute("SELECT n FROM progress WHERE writer = %s", (writer,)).fetchone()
        return int(found[0]) if found else 0

    def write(self, statements: Sequence[Statement]) -> None:
        """Run a transaction."""
        try:
            with self._connection.transaction():
                for statement in statements:
                    for sql in statement.postgresql or (statement.sqlite,):
                        self._connection.execute(re.sub(r":(\w+)", r"%(\1)s", sql).encode(), statement.values)
        except psycopg.Error as error:
            raise _explained(error) from error


def _explained(error: Exception) -> Exception:
    return Refused(str(error)) if _MOVED in str(error) else error


class Writer:
    """One writer, for ever.

    Args:
        path: The file.
        url: The target.
        number: The writer's number.
    """

    def __init__(self, path: Path, url: str, number: int) -> None:
        self._path, self._url, self._number = path, url, number
        self._journal = os.open(journal_of(path, number), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._side: SqliteSide | PostgresqlSide = SqliteSide(path)
        self._last_sign = time.monotonic()

    def run(self, rate: float) -> None:
        """Write about ``rate`` transactions a second."""
        model = replayed(self._number, self._found())
        due = time.monotonic()
        while True:
            statements = model.next()
            while not self._try(statements, model.n):
                self._give_up_late()
            self._note(model.n)
            due = max(due + 1 / rate, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))

    def _try(self, statements: Sequence[Statement], n: int) -> bool:
        """Run a transaction; tell whether it is committed, here or where this database has moved to."""
        try:
            self._side.write(statements)
        except Refused:
            return self._change_sides(n)
        except psycopg.Error as error:
            if not _is_away(error):
                raise
            return self._change_sides(n, stay=True)
        return True

    def _change_sides(self, n: int, *, stay: bool = False) -> bool:
        """Connect to the other database, or to this one again; tell whether the transaction is committed there."""
        to_postgresql = isinstance(self._side, PostgresqlSide) == stay
        try:
            other = PostgresqlSide(self._url) if to_postgresql else SqliteSide(self._path)
        except psycopg.OperationalError:
            time.sleep(0.1)
            return False
        try:
            done = other.progress(self._number)
        except (psycopg.errors.UndefinedTable, psycopg.OperationalError):  # the cut-over's other half is still to come
            other.close()
            time.sleep(0.05)
            return False
        if done not in (n - 1, n) or (done == n and not stay):
            raise Lost(f"writer {self._number}: {n - 1} transactions are committed, {done} are in {other}")
        self._side.close()
        self._side = other
        return done == n

    def _found(self) -> int:
        """Find the database that is written now, and return where it stands, which must be where the journal says."""
        known = committed(self._path, self._number)
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                done = self._current()
            except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
                time.sleep(0.1)
                continue
            if done not in (known, known + 1):
                raise Lost(f"writer {self._number}: {known} transactions are committed, {done} are found")
            return done
        raise Lost(f"writer {self._number}: neither database can be written")

    def _current(self) -> int:
        self._side.close()
        self._side = SqliteSide(self._path)
        try:
            self._side.write([Statement("UPDATE progress SET n = n WHERE writer = :w", {"w": self._number})])
        except Refused:
            self._side.close()
            self._side = PostgresqlSide(self._url)
        return self._side.progress(self._number)

    def _note(self, n: int) -> None:
        os.write(self._journal, b"%d\n" % n)
        self._last_sign = time.monotonic()

    def _give_up_late(self) -> None:
        if time.monotonic() - self._last_sign > _PATIENCE:
            raise Lost(f"writer {self._number}: neither database can be written")


def _is_away(error: psycopg.Error) -> bool:
    return isinstance(error, psycopg.OperationalError) and (
        error.sqlstate is None or error.sqlstate.startswith(("08", "57P", "40"))
    )


def main() -> None:
    """A writer's process: ``soaking.py FILE URL NUMBER RATE``."""
    path, url, number, rate = sys.argv[1:]
    Writer(Path(path), url, int(number)).run(float(rate))


if __name__ == "__main__":
    main()
