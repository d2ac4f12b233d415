"""Running one judged statement on SQLite, on a connection that could not do more if the verdict were wrong.

For reading the file is opened read-only, with query_only on; nothing can be attached or loaded; the schema is not
trusted; the authorizer stays in place while the statement runs, and a progress handler ends what takes too long.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
from apsw.ext import query_info

from exuvia.errors import CancelledError, DeniedError, ExuviaError, TargetError
from exuvia.guard.policy import Level, Policy
from exuvia.guard.result import WHOLE, Bounds, Harvest, Json, Result, number, unexpected
from exuvia.guard.sqlite.bounded import TooMuchError, bound
from exuvia.guard.sqlite.watch import Facts, Watch
from exuvia.guard.verdict import Denial, Verdict, unknown

T = TypeVar("T")

_LIMITS: Final = {
    apsw.SQLITE_LIMIT_ATTACHED: 0,
    apsw.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
    apsw.SQLITE_LIMIT_TRIGGER_DEPTH: 32,
    apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
}
_SWITCHES: Final = {
    apsw.SQLITE_DBCONFIG_DEFENSIVE: 1,
    apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA: 0,
    apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA: 0,
    apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION: 0,
    apsw.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER: 0,
}
_LONGEST: Final = 4  # times the bytes of an answer: no value may be longer, not even on the way
_STEPS: Final = 500  # virtual machine instructions between two looks at the clock and at the memory
_MOST_MEMORY: Final = 512 * 1024 * 1024  # that one statement may add to what SQLite has in this process


def connect(path: Path, policy: Policy, level: Level = "read") -> apsw.Connection:
    """Open a file for statements of a level: read-only for reading, and never made.

    Raises:
        TargetError: It cannot be opened, or is no SQLite database.
    """
    flags = apsw.SQLITE_OPEN_READONLY if level == "read" else apsw.SQLITE_OPEN_READWRITE
    try:
        connection = apsw.Connection(str(path), flags=flags)
        connection.set_busy_timeout(round(policy.lock_timeout_s * 1000))
        for switch, value in _SWITCHES.items():
            connection.config(switch, value)
        longest = max(1_000_000, _LONGEST * policy.max_bytes)
        for limit, value in (_LIMITS | {apsw.SQLITE_LIMIT_LENGTH: longest}).items():
            connection.limit(limit, value)
        bound(connection, longest)
        if level == "read":
            connection.pragma("query_only", True)
        else:
            connection.pragma("foreign_keys", True)
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
    except apsw.Error as error:
        raise TargetError(
            f"{path} cannot be opened: {error}.", hint="Name a SQLite database that exists.", code="unreadable"
        ) from error
    return connection


def check(connection: apsw.Connection, text: str, policy: Policy, level: Level | None = None) -> Verdict:
    """Judge one statement, which is compiled and not run.

    Args:
        connection: Of ``connect``; the statement's tables are looked up in it.
        text: Any text.
        policy: What is allowed.
        level: What the statement is meant to do; None for whatever it takes. Reading is always possible.
    """
    watch = Watch(policy, Facts.known(connection), level)
    with _watched(connection, watch):
        return _compile(connection, text, watch)


def run(
    connection: apsw.Connection,
    text: str,
    policy: Policy,
    *,
    level: Level = "read",
    values: Sequence[Json] = (),
    bounds: Bounds = WHOLE,
    stop: threading.Event | None = None,
    judged: bool = True,
) -> Result:
    """Judge one statement and run it.

    Args:
        connection: Of ``connect`` for this level; nobody else uses it meanwhile.
        text: The statement.
        policy: What is allowed.
        level: What the statement is meant to do.
        values: Of its parameters ``?1``, ``?2`` and so on; lists and objects are passed as JSON.
        bounds: Which part of the answer is wanted.
        stop: Ends the statement when it is set.
        judged: False leaves the verdict and the authorizer out, and only the connection limits the statement.

    Raises:
        DeniedError: The statement is not what the policy allows.
        TargetError: SQLite refuses it, or it takes too long.
        CancelledError: It was stopped.
    """
    watch = Watch(policy, Facts.known(connection), level) if judged else None
    if watch is not None:
        with _watched(connection, watch):
            _compile(connection, text, watch).require()
    return _Work(connection, text, policy, level, values, bounds, stop or threading.Event()).run(watch)


def attempt(
    connection: apsw.Connection,
    text: str,
    policy: Policy,
    *,
    level: Level = "read",
    values: Sequence[Json] = (),
) -> Result:
    """Judge one statement, run it inside of the connection's open transaction, and take back whatever it did.

    It sees what the transaction has done so far, which stays as it was, also when the statement fails.

    Args:
        connection: A connection in a transaction, with a progress handler of its owner's.
        text: The statement.
        policy: What is allowed.
        level: What the statement is meant to do; reading is always possible.
        values: Of its parameters ``?1``, ``?2`` and so on.

    Raises:
        DeniedError: The statement is not what the policy allows.
        apsw.Error: SQLite refuses it, or it was interrupted.
    """
    watch = Watch(policy, Facts.of(connection), level)
    with _watched(connection, watch):
        verdict = _compile(connection, text, watch)
    verdict.require()
    work = _Work(connection, text, policy, verdict.needs, values, WHOLE, threading.Event())
    watch = Watch(policy, Facts.of(connection), level)
    connection.execute("SAVEPOINT exuvia_guard")
    try:
        if verdict.needs == "read":
            connection.pragma("query_only", True)
        started = time.perf_counter()
        harvest = work.rows(watch)
        seconds = time.perf_counter() - started
        affected = None if verdict.needs == "read" else connection.changes()
    finally:
        connection.pragma("query_only", False)
        # A statement that fails may have ended the transaction, as ON CONFLICT ROLLBACK does
        if connection.in_transaction:
            connection.execute("ROLLBACK TO exuvia_guard; RELEASE exuvia_guard")
    return Result(work.columns, tuple(harvest.rows), bool(harvest.full), harvest.notice, affected, seconds)


def inspect(
    connection: apsw.Connection, policy: Policy, work: Callable[[apsw.Connection], T], stop: threading.Event
) -> T:
    """Let a piece of the program's own read a file, from one snapshot and within the policy's limits.

    Args:
        connection: Of ``connect`` for reading.
        policy: Its time limit.
        work: Reads, and keeps nothing of the connection.
        stop: Ends it when it is set.

    Raises:
        TargetError: SQLite refuses it, or it takes too long.
        CancelledError: It was stopped.
    """
    with _limited(connection, policy, stop):
        connection.execute("BEGIN")
        return work(connection)


@contextmanager
def _watched(connection: apsw.Connection, watch: Watch | None) -> Iterator[None]:
    connection.authorizer = watch
    try:
        yield
    finally:
        connection.authorizer = None


def _compile(connection: apsw.Connection, text: str, watch: Watch) -> Verdict:
    try:
        first = query_info(connection, text)
    except (apsw.Error, ValueError, TypeError, AssertionError) as error:
        if not watch.denials:
            reason = f"SQLite cannot compile this: {error}."
            return unknown(Denial("syntax", reason, "Correct the statement.", _position(text, error)))
        return watch.verdict()
    if not first.has_vdbe:
        watch.deny("empty", "There is no statement before the first semicolon.", "Write one, such as SELECT 1.")
    elif _is_statement(connection, first.query_remaining or ""):
        watch.deny("several", "These are several statements.", "Send them one by one.")
    elif not watch.statements or (not first.is_readonly and not watch.levels - {"read"}):
        watch.deny("statement", "This is not among the statements that are allowed here.", "Leave it out.")
    return watch.verdict()


def _position(text: str, error: Exception) -> int | None:
    """Return the character that an error is about: SQLite counts the bytes before it."""
    offset = getattr(error, "error_offset", -1)
    return None if offset < 0 else len(text.encode("utf-8", "replace")[:offset].decode("utf-8", "ignore")) + 1


def _is_statement(connection: apsw.Connection, rest: str) -> bool:
    """Whether what follows a statement is more than comments and semicolons."""
    try:
        while rest.strip():
            found = query_info(connection, rest)
            if found.has_vdbe:
                return True
            rest = found.query_remaining or ""
    except (apsw.Error, ValueError, TypeError, AssertionError):
        return True
    return False


@dataclass(slots=True)
class _Watchdog:
    """SQLite's progress handler: ends a statement, and remembers what for."""

    deadline: float
    most_memory: int
    stop: threading.Event
    stopped: str = ""

    def __call__(self) -> bool:
        if self.stop.is_set():
            self.stopped = "caller"
        elif time.perf_counter() > self.deadline:
            self.stopped = "time"
        elif apsw.memory_used() > self.most_memory:
            self.stopped = "memory"
        return bool(self.stopped)


@contextmanager
def _limited(connection: apsw.Connection, policy: Policy, stop: threading.Event) -> Iterator[None]:
    """End what takes too long or is stopped, tell failures as the guard does, and leave no transaction behind."""
    watchdog = _Watchdog(time.perf_counter() + policy.timeout_s, apsw.memory_used() + _MOST_MEMORY, stop)
    connection.set_progress_handler(watchdog, _STEPS)
    try:
        yield
    except (apsw.Error, TooMuchError, ValueError, TypeError, OverflowError) as error:
        raise _explain(error, policy, watchdog.stopped) from error
    finally:
        connection.set_progress_handler(None)
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@dataclass(slots=True)
class _Work:
    """One statement on its way."""

    connection: apsw.Connection
    text: str
    policy: Policy
    level: Level
    values: Sequence[Json]
    bounds: Bounds
    stop: threading.Event
    columns: tuple[str, ...] = ()
    changes: int = 0

    def run(self, watch: Watch | None) -> Result:
        """Run it, alone in a transaction."""
        started = time.perf_counter()
        self.changes = self.connection.total_changes()
        with _limited(self.connection, self.policy, self.stop):
            harvest, affected = self._in_transaction(watch)
        seconds = time.perf_counter() - started
        rows, notice = tuple(harvest.rows), harvest.notice
        return Result(self.columns, rows, bool(notice), notice, affected, seconds, harvest.skipped)

    def _in_transaction(self, watch: Watch | None) -> tuple[Harvest, int | None]:
        if self.level == "read":
            return self.rows(watch), None
        self.connection.execute("BEGIN IMMEDIATE")
        harvest = self.rows(watch)
        affected = self.connection.changes() if self.connection.total_changes() > self.changes else 0
        wrong = unexpected(self.bounds, affected)
        if wrong is not None:
            raise wrong
        if watch is not None:
            watch.require_allowed(Facts.of(self.connection))
        self.connection.execute("COMMIT")
        return harvest, affected

    def rows(self, watch: Watch | None) -> Harvest:
        """Run the statement and take its rows."""
        harvest = Harvest(self.policy, _plain, self.bounds)
        cursor = self.connection.cursor()
        cursor.exec_trace = self._describe
        with _watched(self.connection, watch):
            for row in cursor.execute(self.text, tuple(map(_bound, self.values)) or None, can_cache=False):
                if not harvest.skip() and not harvest.add(row) and self.level == "read":
                    break
            cursor.close(True)
        return harvest

    def _describe(self, cursor: apsw.Cursor, _: str, __: object) -> bool:
        if cursor.has_vdbe:
            self.columns = tuple(str(column[0]) for column in cursor.get_description())
        return True


def _bound(value: Json) -> Any:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, dict | list) else value


def _plain(value: Any) -> Json:
    """Return one of SQLite's values as JSON can hold it; bytes are spelled as PostgreSQL spells them."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return number(value) if isinstance(value, float) else value


def _explain(error: Exception, policy: Policy, stopped: str) -> ExuviaError:
    if isinstance(error, apsw.InterruptError):
        return _interrupted(policy, stopped)
    if isinstance(error, apsw.TooBigError | TooMuchError):
        return TargetError(
            f"A value is larger than the {_LONGEST * policy.max_bytes:,} bytes that one may have: {error}.",
            hint="Ask for parts of it, or leave it out: name the columns that are wanted.",
            code="too_large",
        )
    if isinstance(error, apsw.AuthError | apsw.ReadOnlyError):
        return DeniedError(
            f"SQLite refused to do that on a connection with few rights: {error}.",
            hint="Use the tool for writing, if it is switched on.",
            code="read_only",
        )
    if isinstance(error, apsw.BusyError):
        return TargetError(
            f"Another program has been writing for longer than {policy.lock_timeout_s:g} seconds.",
            hint="Try again.",
            code="lock",
        )
    return TargetError(f"SQLite refused the statement: {error}.", hint="Correct the statement.", code="sqlite")


def _interrupted(policy: Policy, stopped: str) -> ExuviaError:
    if stopped == "caller":
        return CancelledError("The statement was stopped.", hint="Nothing was changed.", code="statement")
    if stopped == "memory":
        return TargetError(
            f"The statement took more than {_MOST_MEMORY // 2**20} MB of memory and was stopped.",
            hint="Ask for less: fewer columns or rows, or shorter texts.",
            code="memory",
        )
    return TargetError(
        f"The statement took longer than {policy.timeout_s:g} seconds and was stopped.",
        hint="Ask for less: a condition on an indexed column, a smaller range, or EXPLAIN QUERY PLAN to see why.",
        code="timeout",
    )
