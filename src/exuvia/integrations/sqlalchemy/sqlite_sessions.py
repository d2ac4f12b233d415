"""Connections to SQLite: pragmas, transactions that begin and nest as they should, and a limit of time.

Python's ``sqlite3`` begins a transaction before the first INSERT, UPDATE or DELETE only: reads before it do not belong
to it, schema changes and savepoints are committed by themselves. So its own control is switched off and SQLAlchemy's
"begin" event sends BEGIN (SQLAlchemy's documentation, "Serializable isolation / Savepoints / Transactional DDL").
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

from exuvia.errors import ConfigError
from exuvia.integrations.sqlalchemy.vectors import cosine_distance, l2_distance

BEGIN_OPTION: Final = "sqlite_begin"
_BEGIN: Final = {"DEFERRED": "BEGIN", "IMMEDIATE": "BEGIN IMMEDIATE"}
_LOOK_EVERY: Final = 20_000  # instructions of SQLite's virtual machine, some milliseconds
_LONGEST_STEP: Final = 1.0  # seconds; what is longer between two looks was the reader's time, not the statement's
_CLOCK: Final = "exuvia_clock"


def set_up(
    engine: Engine, *, begin: str, statement_timeout: float, lock_timeout: float, isolation: str | None = None
) -> None:
    """Set up every connection of an engine.

    Args:
        engine: An engine of ``sqlite3`` or, through its ``sync_engine``, of ``aiosqlite``.
        begin: ``DEFERRED`` or ``IMMEDIATE``.
        statement_timeout: Seconds that a statement may compute; 0 for no limit.
        lock_timeout: Seconds to wait for another writer.
        isolation: The isolation level of connections that name none.

    Raises:
        ConfigError: There is no such way to begin.
    """
    opening = _opening(begin)

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        # Not inside of what sqlite3 would begin by itself: the journal's mode cannot be changed there.
        connection.isolation_level = None
        _pragmas(connection, lock_timeout)
        connection.create_function("exuvia_cosine_distance", 2, cosine_distance, deterministic=True)
        connection.create_function("exuvia_l2_distance", 2, l2_distance, deterministic=True)
        if statement_timeout:
            record.info[_CLOCK] = _Clock(statement_timeout)
            _interrupt_by(record.info[_CLOCK], connection)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        given = connection.get_execution_options()
        if given.get("isolation_level", isolation) == "AUTOCOMMIT":
            return
        _take_over(connection)
        chosen = given.get(BEGIN_OPTION)
        connection.exec_driver_sql(_opening(chosen) if chosen else opening)

    @event.listens_for(engine, "before_cursor_execute")
    def execute(
        connection: Connection, _cursor: Any, _statement: str, _parameters: Any, _context: Any, _many: bool
    ) -> None:
        clock = connection.info.get(_CLOCK)
        if clock is not None:
            clock.start()


class _Clock:
    """Counts the time that a statement computes, a slow reader's and other connections' time left out."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.start()

    def start(self) -> None:
        """A statement begins."""
        self._spent = 0.0
        self._seen = time.monotonic()

    def is_late(self) -> bool:
        """SQLite asks whether to stop."""
        now = time.monotonic()
        self._spent += min(now - self._seen, _LONGEST_STEP)
        self._seen = now
        return self._spent > self._limit


def _opening(begin: str) -> str:
    if begin not in _BEGIN:
        raise ConfigError(
            f"A transaction on SQLite cannot begin as {begin!r}.",
            hint="DEFERRED takes the write lock at the first write, IMMEDIATE at once.",
            code="sqlite_begin",
        )
    return _BEGIN[begin]


def _take_over(connection: Connection) -> None:
    """Switch sqlite3's own control off again, which a change of the isolation level switches on."""
    dbapi = connection.connection.dbapi_connection
    if dbapi is not None and dbapi.isolation_level is not None:
        dbapi.isolation_level = None


def _interrupt_by(clock: _Clock, connection: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.set_progress_handler(clock.is_late, _LOOK_EVERY)
    else:
        connection.run_async(lambda driver: driver.set_progress_handler(clock.is_late, _LOOK_EVERY))


def _pragmas(connection: Any, patience: float) -> None:
    cursor = connection.cursor()
    _use_wal(cursor, patience)
    for pragma in ("foreign_keys = ON", "synchronous = NORMAL", f"busy_timeout = {round(patience * 1000)}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _use_wal(cursor: Any, patience: float) -> None:
    """Switch to the write-ahead log; SQLite's own patience does not cover several processes that do it at once."""
    deadline = time.monotonic() + patience
    while True:
        try:
            cursor.execute("PRAGMA journal_mode")
            if cursor.fetchone()[0] == "wal":
                return
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.fetchone()
        except sqlite3.OperationalError as error:
            code = error.sqlite_errorcode & 0xFF
            if code == sqlite3.SQLITE_READONLY:
                return
            if code != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
