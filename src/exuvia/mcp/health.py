"""Whether the databases behind a server answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import anyio

from exuvia.errors import ExuviaError
from exuvia.tools.database.conditions import state_of
from exuvia.tools.frame import Desk

State = Literal["ok", "refused", "unreachable"]
_SECONDS: Final = 5.0
_FRESH_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class States:
    """What answers.

    Args:
        database: The database's state; None when none is served.
        store: The store's; None when none is served.
    """

    database: State | None
    store: State | None

    @property
    def is_well(self) -> bool:
        """Whether all that is served answers."""
        return {self.database, self.store} <= {"ok", None}

    def as_dict(self) -> dict[str, str]:
        """Return the states, with that of the whole as ``status``."""
        told: dict[str, str | None] = {"database": self.database, "store": self.store}
        return {"status": "ok" if self.is_well else "degraded"} | {what: it for what, it in told.items() if it}


class Health:
    """Looks at the databases, at most once in two seconds, whoever asks.

    Args:
        desk: The databases.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen: tuple[float, States] | None = None
        self._looking = anyio.Lock()

    async def look(self) -> States:
        """Return what answers now, or did within the last two seconds."""
        async with self._looking:
            if self._seen is None or time.monotonic() - self._seen[0] > _FRESH_SECONDS:
                states = await self._look()
                self._seen = time.monotonic(), states
            return self._seen[1]

    async def _look(self) -> States:
        found: dict[str, State] = {}

        async def look_at(what: str, ask: Callable[[], Awaitable[Any]]) -> None:
            found[what] = await _state(ask)

        async with anyio.create_task_group() as group:
            if self._desk.location is not None:
                group.start_soon(look_at, "database", self._ask_database)
            if self._desk.has_store:
                group.start_soon(look_at, "store", self._ask_store)
        return States(found.get("database"), found.get("store"))

    async def _ask_database(self) -> None:
        await (await self._desk.database()).run("SELECT 1")

    async def _ask_store(self) -> None:
        await (await self._desk.store()).projects.list(limit=1)


async def _state(ask: Callable[[], Awaitable[Any]]) -> State:
    try:
        with anyio.fail_after(_SECONDS):
            await ask()
    except ExuviaError as error:
        return state_of(error)
    except TimeoutError:
        return "unreachable"
    return "ok"
