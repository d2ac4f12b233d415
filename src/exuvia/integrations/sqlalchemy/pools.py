"""How much of an engine's pool is in use, and a warning when it is nearly all of it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, QueuePool, event
from sqlalchemy.ext.asyncio import AsyncEngine

from exuvia.errors import ConfigError

logger = logging.getLogger("exuvia.integrations.sqlalchemy")

WARN_ABOVE: Final = 0.9
_CALM_BELOW: Final = 0.8  # below what begins an episode: one connection more or less does not begin another


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """The connections of an engine at one moment.

    Args:
        in_use: Connections that are lent.
        idle: Connections that are open and free.
        size: Connections that are kept open.
        limit: Connections that there can be; None for no limit.
    """

    in_use: int
    idle: int
    size: int
    limit: int | None

    @property
    def use(self) -> float:
        """The part of the limit that is in use, from 0 to 1; 0 where there is no limit."""
        return self.in_use / self.limit if self.limit else 0.0


def pool_status(engine: Engine | AsyncEngine) -> PoolStatus:
    """Return how much of an engine's pool is in use.

    Raises:
        ConfigError: The engine's pool does not count its connections.
    """
    pool = (engine.sync_engine if isinstance(engine, AsyncEngine) else engine).pool
    if not isinstance(pool, QueuePool):
        raise ConfigError(
            f"A {type(pool).__name__} does not count its connections.",
            hint="Use the pool that the engine has by default.",
            code="pool",
        )
    overflow = pool._max_overflow  # it has no public name
    limit = None if overflow < 0 or pool.size() == 0 else pool.size() + overflow
    return PoolStatus(pool.checkedout(), pool.checkedin(), pool.size(), limit)


def warn_when_nearly_used_up(engine: Engine) -> None:
    """Log a warning when more than 90 % of an engine's pool are in use: once, until 80 % or less are again."""
    if not isinstance(engine.pool, QueuePool):
        return
    episode = _Episode()

    @event.listens_for(engine, "checkout")
    def checkout(_connection: Any, _record: Any, _proxy: Any) -> None:
        status = pool_status(engine)
        if episode.begins(status.use):
            logger.warning(
                "%d of the pool's %s connections to %s are in use: requests will wait. Shorten transactions, or raise "
                "pool_size and max_overflow.",
                status.in_use,
                status.limit,
                engine.url.render_as_string(),
            )


class _Episode:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_on = False

    def begins(self, use: float) -> bool:
        """Return whether this use begins an episode."""
        with self._lock:
            was_on = self._is_on
            self._is_on = use > WARN_ABOVE or (was_on and use > _CALM_BELOW)
            return self._is_on and not was_on
