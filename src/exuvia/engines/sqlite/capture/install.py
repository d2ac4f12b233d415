"""Putting capture into a file and taking it out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import apsw

from exuvia.engines.sqlite.capture import schema, state
from exuvia.engines.sqlite.capture.own import LIKE_OWN, PREFIX, is_own
from exuvia.engines.sqlite.capture.plan import CapturedTable, CapturePlan, Uncaptured
from exuvia.engines.sqlite.capture.state import Installed
from exuvia.engines.sqlite.capture.triggers import log_definitions, log_triggers, log_widening, watch_triggers
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.engines.sqlite.errors import source_error
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.rows import stand_in
from exuvia.errors import SourceError


def install(path: Path, plan: CapturePlan, move_id: str, *, timeout: float = 5.0) -> Installed:
    """Make the log and its triggers, all in one transaction; writers go on.

    Every table is tried by EXPLAIN before and after: one that could be written before can be written afterwards. A
    full-text table that takes no trigger is left alone, and not among the installed ones.

    Args:
        path: The database, in WAL mode: in the others a reader makes writers wait.
        plan: What to log.
        move_id: The move that the log is for; it does not matter what it looks like.
        timeout: Seconds to wait for another writer.

    Raises:
        SourceError: ``not_wal``; ``captured``: the file is under capture or fenced already; ``name_taken``: the
            application has a table of the log's name; ``capture``: a table takes no trigger; ``locked``; ``changed``:
            a table of the plan is gone.
    """
    with SourceWriter(path, timeout) as writer, writer.transaction() as connection:
        _check_ready(connection, writer.label)
        stand_in(connection)  # nothing but EXPLAIN needs a collation of the application's here
        for statement in log_definitions(plan.key_columns):
            connection.execute(statement)
        installed = _add_all(connection, plan, move_id, writer.label)
        state.write(connection, installed)
        state.put(connection, "pruned", 0)
        return installed


@dataclass(frozen=True, slots=True)
class Reinstalled:
    """What capture is after it was put into a file anew.

    Args:
        installed: What the file says now.
        lost: Tables that had lost triggers before, so that changes of theirs may not have been logged.
        cookie: The schema's cookie; while it stays, this holds.
    """

    installed: Installed
    lost: frozenset[str]
    cookie: int


def reinstall(
    path: Path, plan: Callable[[apsw.Connection], CapturePlan], move_id: str, *, timeout: float = 5.0
) -> Reinstalled:
    """Make the triggers anew, for the tables as they are now; the log stays. All in one transaction, as ``install``.

    Args:
        path: The database, which is under capture.
        plan: Says what to log from now on, from a connection that sees the tables; table numbers do not matter: a table
            keeps the one that the log knows it by.
        move_id: The move that the log is for.
        timeout: Seconds to wait for another writer.

    Raises:
        SourceError: ``not_captured``: the file has no log of that move; ``capture``: a table takes no trigger;
            ``locked``.
    """
    with SourceWriter(path, timeout) as writer, writer.transaction() as connection:
        found = state.read(connection)
        if found is None or found.move_id != move_id or found.fence is not None:
            raise SourceError(f"{writer.label} has no change log of move {move_id}.", code="not_captured")
        lost = frozenset(missing_triggers(connection, found))
        drop_triggers(connection)
        stand_in(connection)
        wanted = plan(connection)
        wanted = replace(wanted, tables=_numbered(wanted.tables, found.tables))
        for statement in log_widening(max((len(table.key) for table in found.tables), default=1), wanted.key_columns):
            connection.execute(statement)
        installed = _add_all(connection, wanted, move_id, writer.label)
        state.write(connection, installed)
        return Reinstalled(installed, lost, schema.cookie(connection))


def remove(path: Path, *, timeout: float = 5.0) -> bool:
    """Take out everything that capture or the fence made; the schema is as it was. Return whether there was any.

    Args:
        path: The database.
        timeout: Seconds to wait for another writer.

    Raises:
        SourceError: The file cannot be written.
    """
    with SourceWriter(path, timeout) as writer:
        if not state.names(writer.connection):
            return False
        with writer.transaction() as connection:
            drop_everything(connection)
    return True


def installed(path: Path) -> Installed | None:
    """Return what a file says of its capture or fence, None without one.

    Raises:
        SourceError: The file cannot be read.
    """
    with SourceWriter(path) as writer:
        try:
            return state.read(writer.connection)
        except apsw.Error as error:
            raise source_error(error, writer.label) from error


def set_wal(path: Path, *, timeout: float = 5.0) -> None:
    """Switch a file to WAL mode, where readers and writers do not wait for each other. The setting stays.

    Raises:
        SourceError: ``not_wal``: SQLite refused, because another program has the file open.
    """
    with SourceWriter(path, timeout) as writer:
        try:
            mode = writer.connection.pragma("journal_mode", "wal")
        except apsw.Error as error:
            raise source_error(error, writer.label) from error
        if mode != "wal":
            raise _not_wal(writer.label, str(mode))


def drop_triggers(connection: apsw.Connection) -> None:
    """Drop capture's and the fence's triggers, inside the caller's transaction; the log and the state stay."""
    for kind, name in state.names(connection):
        if kind == "trigger":
            connection.execute(f"DROP TRIGGER main.{quote(name)}")


def drop_everything(connection: apsw.Connection) -> None:
    """Drop all that capture and the fence made, inside the caller's transaction."""
    for kind, name in state.names(connection):
        connection.execute(f"DROP {kind} main.{quote(name)}")


def missing_triggers(connection: apsw.Connection, found: Installed) -> list[str]:
    """Return the tables of ``found`` that have lost a trigger: by DROP TABLE, or by somebody's hand.

    Args:
        connection: A connection to the file.
        found: What the file says of its capture.
    """
    present = {quote(name) for kind, name in state.names(connection) if kind == "trigger"}
    return [table.name for table in found.tables if not present.issuperset(log_triggers(table))]


def _check_ready(connection: apsw.Connection, label: str) -> None:
    mode = str(connection.pragma("journal_mode"))
    if mode != "wal":
        raise _not_wal(label, mode)
    found = state.read(connection)
    if found is not None:
        what = "is fenced" if found.fence is not None else "is followed already"
        raise SourceError(
            f"{label} {what}, by move {found.move_id}.", hint="End that move first: exuvia live stop.", code="captured"
        )
    query = f"SELECT name, ifnull(sql, '') FROM main.sqlite_schema WHERE {LIKE_OWN}"
    foreign = [str(name) for name, sql in connection.execute(query) if not is_own(str(name), str(sql))]
    if foreign:
        raise SourceError(
            f"{label} has objects of its own whose names begin with {PREFIX}: {', '.join(foreign)}.",
            hint="Rename them, or move the file while nobody writes it: exuvia migrate.",
            code="name_taken",
        )


def _not_wal(label: str, mode: str) -> SourceError:
    return SourceError(
        f"{label} has journal mode {mode}: whoever reads it makes its writers wait.",
        hint=f"Switch it to WAL once, which stays: sqlite3 {label} 'PRAGMA journal_mode = WAL'",
        code="not_wal",
    )


def _numbered(tables: Sequence[CapturedTable], before: Sequence[CapturedTable]) -> tuple[CapturedTable, ...]:
    known = {table.name: table.number for table in before}
    free = count(max(known.values(), default=0) + 1)
    return tuple(replace(table, number=known.get(table.name) or next(free)) for table in tables)


def _add_all(connection: apsw.Connection, plan: CapturePlan, move_id: str, label: str) -> Installed:
    """Give all tables their triggers; a full-text table that takes none is left alone."""
    before = {table.name: _refusals(connection, table) for table in plan.tables}
    tables, unwatched = [], [*plan.unwatched]
    for table in plan.tables:
        try:
            unwatched += _add(connection, table, before[table.name], label)
        except SourceError as error:
            if not table.stored:
                raise
            unwatched.append(Uncaptured(table.name, error.message))
        else:
            tables.append(table)
    return Installed(move_id, tuple(tables), tuple(unwatched))


def _add(connection: apsw.Connection, table: CapturedTable, before: Sequence[str], label: str) -> list[Uncaptured]:
    """Give a table its triggers; without those that watch REPLACE where only these do not work."""
    problem = _attempt(connection, table, {**log_triggers(table), **watch_triggers(table)}, before)
    if not problem:
        return []
    without = _attempt(connection, table, log_triggers(table), before) if table.uniques else problem
    if without:
        raise SourceError(
            f"Table {table.name!r} of {label} takes no trigger: {without}.",
            hint="Move the file while nobody writes it: exuvia migrate.",
            code="capture",
        )
    return [Uncaptured(unique.name, f"unique set of {table.name}: {problem}") for unique in table.uniques]


def _attempt(connection: apsw.Connection, table: CapturedTable, triggers: dict[str, str], before: Sequence[str]) -> str:
    """Make triggers; return why a write that worked before does not any more, and undo, else return ``""``."""
    connection.execute("SAVEPOINT attempt")
    try:
        for sql in triggers.values():
            connection.execute(sql)
        problem = next((refusal for refusal in _refusals(connection, table) if refusal not in before), "")
    except apsw.SQLError as error:
        problem = str(error)
    if problem:
        connection.execute("ROLLBACK TO attempt")
    connection.execute("RELEASE attempt")
    return problem


@dataclass(frozen=True, slots=True)
class _Writes:
    """One statement of each kind for a table."""

    table: str
    column: str

    def statements(self) -> Iterator[str]:
        for clause in ("", " OR REPLACE"):
            yield f"INSERT{clause} INTO {self.table} DEFAULT VALUES"
            yield f"UPDATE{clause} {self.table} SET {self.column} = {self.column}"
        yield f"DELETE FROM {self.table}"


def _refusals(connection: apsw.Connection, table: CapturedTable) -> list[str]:
    """Why SQLite cannot compile writes to a table."""
    found = []
    writes = _Writes(f"main.{quote(table.place)}", quote(table.key[0].logged))
    for statement in writes.statements():
        try:
            connection.execute(f"EXPLAIN {statement}").fetchall()
        except apsw.SQLError as error:
            found.append(str(error))
    return found
