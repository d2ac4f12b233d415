"""What a database opened under a policy can do: statements go in, verdicts and answers come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from exuvia.guard.policy import Level
from exuvia.guard.result import WHOLE, Bounds, Json, Result
from exuvia.guard.verdict import Verdict


class Session(ABC):
    """A database under a policy, for one caller at a time. It connects when it is first asked for something."""

    @abstractmethod
    def check(self, text: str, level: Level | None = None) -> Verdict:
        """Judge a statement and do not run it.

        Args:
            text: Any text.
            level: What the caller meant to do; None for whatever the statement takes.

        Raises:
            TargetError: The database cannot be asked what names mean; ``target.unreachable`` when it is not there.
        """

    @abstractmethod
    def run(self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE) -> Result:
        """Judge one statement and run it.

        Args:
            text: The statement.
            level: What the caller means to do; reading is always possible, and runs as reading.
            values: Of its parameters: ``$1`` and so on in PostgreSQL, ``?1`` and so on in SQLite.
            bounds: Which part of the answer is wanted, and how many rows have to be changed.

        Raises:
            DeniedError: The policy does not allow it.
            TargetError: The database refuses it, it takes too long, or it changes another number of rows;
                ``target.unreachable`` when the server is not there, or went away. The next statement connects anew.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the database's connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncSession(ABC):
    """A database under a policy, for several callers at a time. Cancelling a caller stops its statement."""

    @abstractmethod
    async def check(self, text: str, level: Level | None = None) -> Verdict:
        """Judge a statement and do not run it; see ``Session.check``."""

    @abstractmethod
    async def run(
        self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE
    ) -> Result:
        """Judge one statement and run it; see ``Session.run``."""

    @abstractmethod
    async def close(self) -> None:
        """Close the database's connections."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
