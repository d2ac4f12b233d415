"""How a store is opened."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from exuvia.errors import ConfigError
from exuvia.store.core.driving import Retry

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What a store can be told beside its location.

    Args:
        schema: The schema of PostgreSQL that has the store's tables.
        create: Make the tables, or bring them up to date, when the store is opened.
        pool_size: Connections to PostgreSQL that are kept open when they are idle.
        pool_overflow: Connections beyond those, closed again when they are idle.
        pool_recycle: Seconds after which a connection is replaced by a new one.
        pool_wait: Seconds to wait for a free connection.
        readers: Connections that read a SQLite file beside the one that writes.
        statement_timeout: Seconds that a statement may take; 0 for no limit.
        lock_timeout: Seconds to wait for a lock, SQLite's write lock included.
        pgbouncer: PostgreSQL is reached through PgBouncer in transaction mode: no prepared statements, and settings
            are made in each transaction.
        retry: When and how often an operation is tried again.
        data_dir: Where the PostgreSQL that pip installed keeps its data, for ``embedded:``; None for the user's own.
        clock: Tells the time.

    Raises:
        ConfigError: The schema's name is not a plain one.
    """

    schema: str = "exuvia_store"
    create: bool = True
    pool_size: int = 20
    pool_overflow: int = 40
    pool_recycle: float = 3600
    pool_wait: float = 30
    readers: int = 4
    statement_timeout: float = 30
    lock_timeout: float = 30
    pgbouncer: bool = False
    retry: Retry = field(default_factory=Retry)
    data_dir: Path | None = None
    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        if not _PLAIN_NAME.fullmatch(self.schema):
            raise ConfigError(
                f"{self.schema!r} cannot be a store's schema.",
                hint="Its name is made of letters, digits and _: memory",
                code="schema",
            )
