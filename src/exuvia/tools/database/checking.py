"""How the database and the store are: an answer also when they are away."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Final

from pydantic import Field

from exuvia.errors import ExuviaError
from exuvia.guard.policy import LEVELS
from exuvia.guard.postgres.session import AsyncPostgresSession
from exuvia.guard.sqlite.session import AsyncSqliteSession
from exuvia.location import SqliteLocation
from exuvia.tools.database.conditions import DatabaseHealth, Health, StoreHealth, state_of
from exuvia.tools.database.postgres import health as postgres_health
from exuvia.tools.database.sqlite import health as sqlite_health
from exuvia.tools.frame import Arguments, Call, tool

_SECONDS: Final = 15.0
_LATE: Final = f"It did not answer within {_SECONDS:g} seconds."
_LATE_HINT: Final = "Try again; if that stays so, look at the server and the network."


class Check(Arguments):
    """What to look at."""

    quick_check: bool = Field(False, description="SQLite: also check every page of the file.")


@tool(
    toolset="server",
    summary="Tell how the database and the store are: reachable, latency, sizes, connections, locks, what needs care.",
    example={},
)
async def health_check(call: Call, given: Check) -> Health:
    database, store = await asyncio.gather(_database(call, given), _store(call))
    return Health(database=database, store=store)


async def _database(call: Call, given: Check) -> DatabaseHealth | None:
    if call.desk.location is None or "sql" not in call.scopes:
        return None
    seconds = None if given.quick_check else _SECONDS
    try:
        found = await asyncio.wait_for(_examined(call, given), seconds)
    except TimeoutError:
        return DatabaseHealth(state="unreachable", reason=_LATE, hint=_LATE_HINT)
    except ExuviaError as error:
        return DatabaseHealth(state=state_of(error), reason=error.message, hint=error.hint)
    on = [level for level in LEVELS if call.desk.policy.is_on(level) and level in call.scopes]
    return found.model_copy(update={"levels": on})


async def _examined(call: Call, given: Check) -> DatabaseHealth:
    session = await call.desk.database()
    location = call.desk.location
    if isinstance(session, AsyncSqliteSession) and isinstance(location, SqliteLocation):
        return await sqlite_health.examine(session, call.desk.policy, location.path, check=given.quick_check)
    if isinstance(session, AsyncPostgresSession):
        return await postgres_health.examine(session, call.desk.policy)
    return DatabaseHealth(state="ok")


async def _store(call: Call) -> StoreHealth | None:
    if not call.desk.has_store:
        return None
    try:
        return await asyncio.wait_for(_pinged(call), _SECONDS)
    except TimeoutError:
        return StoreHealth(state="unreachable", reason=_LATE, hint=_LATE_HINT)
    except ExuviaError as error:
        return StoreHealth(state=state_of(error), reason=error.message, hint=error.hint)


async def _pinged(call: Call) -> StoreHealth:
    store = await call.everywhere()
    began = perf_counter()
    await store.projects.list(limit=1)
    has = store.capabilities
    return StoreHealth(
        state="ok",
        engine=f"{'PostgreSQL' if store.dialect.is_postgres else 'SQLite'} {has.version}",
        ms=round((perf_counter() - began) * 1000, 2),
        read_only=has.read_only,
    )
