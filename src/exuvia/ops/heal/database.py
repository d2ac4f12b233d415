"""What the stages of healing ask of a database, alike on both engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from exuvia.errors import CancelledError
from exuvia.guard.policy import Level, Policy
from exuvia.guard.result import Json, Result
from exuvia.guard.verdict import Verdict
from exuvia.ops.heal.model import Complaint, Engine
from exuvia.ops.heal.plans import Plan, Timing
from exuvia.ops.heal.schema import Schema

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a change may take of everybody else's time.

    Args:
        lock_s: Seconds to wait for a lock at most.
        statement_s: Seconds for one of the statements of a change that blocks others.
        build_s: Seconds for what blocks nobody: an index that is built concurrently, VACUUM.
        look_s: Seconds for one query of an examination.
        small_bytes: Up to this size a table's index is built in a transaction, which keeps writers waiting meanwhile.
        slow_ms: Milliseconds from which on a check-up finds a statement slow, on average.
    """

    lock_s: float = 2.0
    statement_s: float = 30.0
    build_s: float = 3600.0
    look_s: float = 5.0
    small_bytes: int = 32_000_000
    slow_ms: float = 100.0


class NotAnsweredError(Exception):
    """A query of an examination was not answered: it takes too long, or a right is missing."""


class Database(ABC):
    """A database that is being healed. Used by one thread; ``cancel`` may come from another."""

    engine: ClassVar[Engine]
    work_name: ClassVar[str]
    policy: Policy
    limits: Limits
    is_limited: bool = False
    is_cancelled: bool = False
    is_tidying: bool = False

    def schema(self) -> Schema:
        """Read the schema anew: the tables that the policy lets be read."""
        whole = self.read_schema()
        seen = tuple(table for table in whole.tables if self.allows("read", table.schema, table.name))
        return Schema(seen, whole.path)

    def allows(self, level: Level, schema: str, table: str) -> bool:
        """Whether the policy lets a table be read, written or altered."""
        return not self.is_limited or self.policy.allows(level, schema, table)

    @abstractmethod
    def read_schema(self) -> Schema:
        """Read all of the schema."""

    @abstractmethod
    def rows(self, sql: str, values: Sequence[Any] = (), *, seconds: float | None = None) -> list[Row]:
        """Run a query that was made here, with ``%s`` (PostgreSQL) or ``?`` (SQLite) for its values.

        Args:
            sql: The query.
            values: Its values.
            seconds: How long it may take; None for ``limits.look_s``.

        Raises:
            NotAnsweredError: It takes longer, or a right is missing.
        """

    @abstractmethod
    def attempt(self, text: str, values: Sequence[Json]) -> Result:
        """Run somebody else's statement by way of the guard, and take back what it does.

        In a transaction it sees what was done there.

        Raises:
            DeniedError: The guard does not allow it.
            FailedError: The engine refuses it.
        """

    @abstractmethod
    def plan(self, text: str, values: Sequence[Json], *, own: bool = False) -> Plan:
        """Return the plan of a statement, which is not run; otherwise as ``attempt``.

        In PostgreSQL it is the generic plan where the statement has parameters and no values are given.
        """

    @abstractmethod
    def time(self, text: str, values: Sequence[Json], *, own: bool = False, runs: int = 3) -> Timing:
        """Run a statement that only reads a few times, and return the best; otherwise as ``attempt``."""

    @abstractmethod
    def execute(self, sql: str, *, seconds: float) -> None:
        """Run a statement of a proposal, in the open transaction or else alone.

        Raises:
            FailedError: The engine refuses it, or a lock was not to be had.
        """

    @contextmanager
    @abstractmethod
    def transaction(self) -> Iterator[None]:
        """Open a transaction that ends with ``commit``; what leaves it otherwise takes everything back.

        Raises:
            FailedError: The lock for writing was not to be had.
        """

    @abstractmethod
    def commit(self) -> None:
        """Keep what the transaction has done."""

    @abstractmethod
    def cancel(self) -> None:
        """Stop what is running, from any thread; what was half done is taken back."""

    @property
    @abstractmethod
    def is_lost(self) -> bool:
        """Whether the connection is no more."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    def imagine(self, indexes: Sequence[str], text: str, values: Sequence[Json]) -> Plan | None:
        """Return the plan of a statement as if there were some more indexes; None where that cannot be imagined.

        Args:
            indexes: Their CREATE INDEX statements.
            text: The statement.
            values: Its values.
        """

    @abstractmethod
    def only_reads(self, text: str) -> bool:
        """Whether somebody else's statement only reads, as far as the guard can tell."""

    @contextmanager
    def tidying(self) -> Iterator[None]:
        """Let nobody cancel what takes back something that is half done."""
        before, self.is_tidying = self.is_tidying, True
        try:
            yield
        finally:
            self.is_tidying = before

    def number(self, sql: str, *, seconds: float | None = None) -> int:
        """Return the number that a query made here answers; see ``rows``."""
        answered = self.rows(sql, seconds=seconds)
        return int(answered[0][0] or 0) if answered else 0

    def leftovers(self, schema: str, table: str, own: Sequence[str]) -> frozenset[str]:  # noqa: ARG002 - none in SQLite
        """Return the names, as SQL, of a table's indexes that a build may have left behind.

        Args:
            schema: The table's schema.
            table: The table.
            own: The names of indexes that are being built here; besides those that no query can use.
        """
        return frozenset()

    def is_hidden(self, schema: str, index: str) -> bool:  # noqa: ARG002 - SQLite hides nothing
        """Whether an index that is new cannot be used yet by the transaction that has built it."""
        return False

    def wait_for_others(self, schema: str, table: str) -> None:  # noqa: B027 - SQLite has one writer
        """Wait until no transaction that changes a table is open; as ``execute`` where they take too long."""

    def raise_if_cancelled(self) -> None:
        """Raise if somebody has cancelled.

        Raises:
            CancelledError: Somebody has.
        """
        if self.is_cancelled and not self.is_tidying:
            raise CancelledError("Healing was cancelled.", hint="Nothing was left half done.", code="heal")


class FailedError(Exception):
    """The engine refused a statement.

    Args:
        message: What it said.
        complaint: The same as somebody would complain of it, with the code.
        hint: What to do.
        is_timeout: Whether it only took too long.
    """

    def __init__(self, message: str, complaint: Complaint, *, hint: str = "", is_timeout: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.complaint = complaint
        self.hint = hint
        self.is_timeout = is_timeout


def require(verdict: Verdict) -> None:
    """Raise unless the guard allows a statement; what the engine cannot understand has failed, and was not denied.

    Raises:
        DeniedError: The policy does not allow it.
        FailedError: It is not SQL, or names what is not there.
    """
    syntax = next((denial for denial in verdict.denials if denial.code == "syntax"), None)
    if syntax is not None:
        raise FailedError(syntax.reason, Complaint(syntax.reason))
    verdict.require()
