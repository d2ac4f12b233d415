"""A SQLite file that is being healed, on one connection of its own."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import apsw

from exuvia.catalog.names import fold
from exuvia.errors import TargetError
from exuvia.guard.policy import SQLITE_MAIN, Level, Policy, TablePattern
from exuvia.guard.result import Json, Result
from exuvia.guard.sqlite import run as guard_run
from exuvia.ops.heal.database import Database, FailedError, Limits, NotAnsweredError, Row, require
from exuvia.ops.heal.model import Complaint, Engine
from exuvia.ops.heal.plans import Plan, Timing, read_sqlite
from exuvia.ops.heal.schema import Schema
from exuvia.ops.heal.sqlite import catalog

_STEPS: Final = 2_000  # virtual machine instructions between two looks at the clock


class SqliteDatabase(Database):
    """See ``Database``.

    Args:
        path: The file.
        policy: What an agent may do; None where a person decides.
        limits: What a change may take.
    """

    engine: ClassVar[Engine] = "sqlite"
    work_name: ClassVar[str] = "steps of SQLite's machine"

    def __init__(self, path: Path, policy: Policy | None, limits: Limits) -> None:
        everything = (SQLITE_MAIN,)
        person = Policy(everything, everything, everything, timeout_s=limits.statement_s, lock_timeout_s=limits.lock_s)
        self.policy = policy or person
        self.is_limited = policy is not None
        self._folded = Policy(_fold(self.policy.read), _fold(self.policy.write), _fold(self.policy.ddl))
        self.limits = limits
        self._path = path
        self._deadline = clock.monotonic()
        self._steps = 0
        self._connection = self._connect()

    def read_schema(self) -> Schema:
        return catalog.read_schema(self.rows)

    def allows(self, level: Level, schema: str, table: str) -> bool:
        return not self.is_limited or self._folded.allows(level, fold(schema), fold(table))

    def rows(self, sql: str, values: Sequence[Any] = (), *, seconds: float | None = None) -> list[Row]:
        try:
            with self._within(seconds or self.limits.look_s):
                return self._connection.execute(sql, tuple(values)).fetchall()
        except apsw.Error as error:
            self.raise_if_cancelled()
            raise NotAnsweredError(str(error)) from error

    def attempt(self, text: str, values: Sequence[Json]) -> Result:
        return self._guarded(text, values, self._level(text))

    def plan(self, text: str, values: Sequence[Json], *, own: bool = False) -> Plan:
        statement = f"EXPLAIN QUERY PLAN {text}"
        found = self.rows(statement, values) if own else self._guarded(statement, values, self._level(text)).rows
        return read_sqlite([str(row[3]) for row in found])

    def time(self, text: str, values: Sequence[Json], *, own: bool = False, runs: int = 3) -> Timing:
        plan = self.plan(text, values, own=own)
        best: float | None = None
        for _ in range(runs):
            self._steps = 0
            try:
                taken = 1000 * self._run_once(text, values, own=own)
            except NotAnsweredError:
                return Timing(None, None, plan)
            except FailedError as error:
                if not error.is_timeout:
                    raise
                return Timing(None, None, plan)
            best = taken if best is None else min(best, taken)
            if taken > 1000 * self.limits.look_s / runs:
                break
        return Timing(best, float(self._steps), plan)

    def _run_once(self, text: str, values: Sequence[Json], *, own: bool) -> float:
        if not own:
            return self.attempt(text, values).duration_s
        started = clock.perf_counter()
        self.rows(text, values, seconds=self.limits.statement_s)
        return clock.perf_counter() - started

    def execute(self, sql: str, *, seconds: float) -> None:
        try:
            with self._within(seconds):
                self._connection.execute(sql).fetchall()
        except apsw.Error as error:
            self.raise_if_cancelled()
            raise self._failed(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN IMMEDIATE", seconds=self.limits.statement_s)
        try:
            yield
        finally:
            if self._connection.in_transaction:
                with self.tidying():
                    self.execute("ROLLBACK", seconds=self.limits.statement_s)

    def commit(self) -> None:
        self.execute("COMMIT", seconds=self.limits.statement_s)

    def imagine(self, indexes: Sequence[str], text: str, values: Sequence[Json]) -> None:
        """Return None: SQLite has no hypothetical indexes."""

    def only_reads(self, text: str) -> bool:
        return self._level(text) == "read"

    def cancel(self) -> None:
        self.is_cancelled = True
        if not self.is_tidying:
            self._connection.interrupt()

    @property
    def is_lost(self) -> bool:
        return False

    def close(self) -> None:
        self._connection.close()

    def _level(self, text: str) -> Level:
        verdict = guard_run.check(self._connection, text, self.policy, None)
        require(verdict)
        return verdict.needs

    def _guarded(self, text: str, values: Sequence[Json], level: Level) -> Result:
        """Run a statement in the transaction that is open, or in one that is rolled back."""
        if self._connection.in_transaction:
            return self._attempted(text, values, level)
        return self._taken_back(text, values, level)

    def _taken_back(self, text: str, values: Sequence[Json], level: Level) -> Result:
        self.execute("BEGIN" if level == "read" else "BEGIN IMMEDIATE", seconds=self.limits.statement_s)
        try:
            return self._attempted(text, values, level)
        finally:
            if self._connection.in_transaction:
                with self.tidying():
                    self.execute("ROLLBACK", seconds=self.limits.statement_s)

    def _attempted(self, text: str, values: Sequence[Json], level: Level) -> Result:
        try:
            with self._within(self.policy.timeout_s):
                return guard_run.attempt(self._connection, text, self.policy, level=level, values=values)
        except (apsw.Error, ValueError, TypeError, OverflowError) as error:
            self.raise_if_cancelled()
            raise self._failed(error) from error

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        self.raise_if_cancelled()
        self._deadline = clock.monotonic() + seconds
        self._connection.set_progress_handler(self._is_over, _STEPS)
        try:
            yield
        finally:
            self._connection.set_progress_handler(None)

    def _is_over(self) -> bool:
        return clock.monotonic() > self._deadline or (self.is_cancelled and not self.is_tidying)

    def _connect(self) -> apsw.Connection:
        try:
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
            connection.set_busy_timeout(round(self.limits.lock_s * 1000))
            connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
            connection.pragma("foreign_keys", True)
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        except apsw.Error as error:
            raise TargetError(
                f"{self._path} cannot be opened: {error}.",
                hint="Name a SQLite database that exists.",
                code="unreadable",
            ) from error
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._profile)
        return connection

    def _profile(self, event: dict[str, Any]) -> None:
        self._steps = max(self._steps, int(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]))

    def _failed(self, error: Exception) -> FailedError:
        if isinstance(error, apsw.BusyError | apsw.LockedError):
            return FailedError(
                f"Another program has held {self._path} locked for longer than {self.limits.lock_s:g} seconds.",
                Complaint(str(error)),
                hint="Wait until it has finished, or allow a longer wait.",
            )
        is_timeout = isinstance(error, apsw.InterruptError)
        said = "it took too long" if is_timeout else str(error)
        return FailedError(f"SQLite refused the statement: {said}.", Complaint(said), is_timeout=is_timeout)


def _fold(patterns: Sequence[TablePattern]) -> tuple[TablePattern, ...]:
    """Return patterns whose names SQLite's, which are compared without regard to case, are compared with."""
    return tuple(TablePattern(fold(one.schema), one.table and fold(one.table), one.excluded) for one in patterns)
