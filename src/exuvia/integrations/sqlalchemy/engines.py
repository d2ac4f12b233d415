"""Engines from one URL: the right driver, pool, timeouts, pragmas and TLS for SQLite and for PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from exuvia.errors import ConfigError
from exuvia.integrations.sqlalchemy import postgres_sessions, sqlite_sessions
from exuvia.integrations.sqlalchemy.pools import warn_when_nearly_used_up
from exuvia.integrations.sqlalchemy.slow import SlowQueries
from exuvia.location import EmbeddedLocation, PostgresLocation, SqliteLocation, parse

_SQLITE_POOL: Final = (5, 10)
_POSTGRES_POOL: Final = (20, 40)


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine is made. What is None depends on the database.

    Args:
        pool_size: Connections kept open when idle; None for 20 on PostgreSQL and 5 on SQLite.
        max_overflow: Connections beyond those, closed when idle; None for 40 on PostgreSQL and 10 on SQLite.
        pool_timeout: Seconds to wait for a free connection.
        recycle: Seconds after which a connection to PostgreSQL is replaced by a new one.
        pre_ping: Try a connection to PostgreSQL before it is lent.
        statement_timeout: Seconds that a statement may take; 0 for no limit. On SQLite it is the time spent computing.
        lock_timeout: Seconds to wait for a lock, SQLite's write lock included.
        begin: How transactions on SQLite begin. ``IMMEDIATE`` takes the write lock at once, so that no transaction
            that reads and then writes meets another writer; readers wait for one another then, too. One connection or
            session differs by ``execution_options(sqlite_begin="IMMEDIATE")``.
        pgbouncer: PostgreSQL is reached through PgBouncer in transaction mode: no prepared statements, and the
            timeouts are set in each transaction.
        data_dir: Where the PostgreSQL that pip installed keeps its data, for ``embedded:``; None for the user's own.
    """

    pool_size: int | None = None
    max_overflow: int | None = None
    pool_timeout: float = 30
    recycle: int = 3600
    pre_ping: bool = True
    statement_timeout: float = 30
    lock_timeout: float = 10
    begin: Literal["DEFERRED", "IMMEDIATE"] = "DEFERRED"
    pgbouncer: bool = False
    data_dir: Path | None = None


def engine(
    url: str | Path, options: EngineOptions | None = None, *, slow: SlowQueries | None = None, **arguments: Any
) -> Engine:
    """Make an engine for synchronous code. Nothing is connected yet.

    Args:
        url: ``sqlite:///app.db``, ``postgresql://user@host/database``, ``embedded:`` or what else ``exuvia.location``
            reads. A remote PostgreSQL's certificate is verified unless the URL has an ``sslmode``.
        options: The pool, the timeouts and how transactions begin.
        slow: What is told of slow statements; None for one that logs those over a second.
        arguments: Anything that ``sqlalchemy.create_engine`` takes, instead of what is chosen here.

    Raises:
        ConfigError: The URL names something else, or a file in a directory that is not there.
        TargetError: The pip-installed server of ``embedded:`` cannot be started.
    """
    location, options = _resolve(url, options), options or EngineOptions()
    made = create_engine(_url(location, "sqlite"), **_arguments(location, options, arguments))
    _listen(made, location, options, slow, arguments.get("isolation_level"))
    return made


def async_engine(
    url: str | Path, options: EngineOptions | None = None, *, slow: SlowQueries | None = None, **arguments: Any
) -> AsyncEngine:
    """Make an engine for asyncio: psycopg's own asynchronous connections, aiosqlite for SQLite.

    Arguments and errors are those of ``engine``.
    """
    location, options = _resolve(url, options), options or EngineOptions()
    made = create_async_engine(_url(location, "sqlite+aiosqlite"), **_arguments(location, options, arguments))
    _listen(made.sync_engine, location, options, slow, arguments.get("isolation_level"))
    return made


def _resolve(url: str | Path, options: EngineOptions | None) -> SqliteLocation | PostgresLocation:
    location = parse(url)
    if isinstance(location, SqliteLocation):
        if not location.path.parent.is_dir():
            raise ConfigError(
                f"The directory of {location} does not exist.", hint="Make it, or correct the path.", code="location"
            )
        return location
    if isinstance(location, PostgresLocation | EmbeddedLocation):
        from exuvia.engines.postgres.connect import resolve

        return resolve(location, data_dir=options.data_dir if options else None)
    raise ConfigError(
        f"SQLAlchemy cannot open {location}.",
        hint="Name a SQLite file (sqlite:///app.db) or a PostgreSQL server (postgresql://user@host/database).",
        code="location",
    )


def _url(location: SqliteLocation | PostgresLocation, sqlite_driver: str) -> URL:
    """Return what the engine shows: where it goes, without a secret; the driver gets its parameters beside it."""
    if isinstance(location, SqliteLocation):
        return URL.create(sqlite_driver, database=str(location.path))
    given = location.as_dict()
    hosts, ports = given.get("host", ""), given.get("port", "")
    one = not set(hosts) & set("/,") and "," not in ports
    return URL.create(
        "postgresql+psycopg",
        username=given.get("user"),
        host=hosts or None if one else None,
        port=int(ports) if one and ports else None,
        database=given.get("dbname"),
    )


def _arguments(
    location: SqliteLocation | PostgresLocation, options: EngineOptions, given: Mapping[str, Any]
) -> dict[str, Any]:
    is_sqlite = isinstance(location, SqliteLocation)
    size, overflow = _SQLITE_POOL if is_sqlite else _POSTGRES_POOL
    chosen: dict[str, Any] = {"hide_parameters": True}
    if "poolclass" not in given and "pool" not in given:
        chosen |= {
            "pool_size": size if options.pool_size is None else options.pool_size,
            "max_overflow": overflow if options.max_overflow is None else options.max_overflow,
            "pool_timeout": options.pool_timeout,
        }
    if isinstance(location, SqliteLocation):
        connect = {"timeout": options.lock_timeout}
    else:
        chosen |= {"pool_pre_ping": options.pre_ping, "pool_recycle": options.recycle}
        connect = postgres_sessions.parameters(
            location,
            statement_timeout=options.statement_timeout,
            lock_timeout=options.lock_timeout,
            pgbouncer=options.pgbouncer,
        )
    return chosen | dict(given) | {"connect_args": {**connect, **given.get("connect_args", {})}}


def _listen(
    made: Engine,
    location: SqliteLocation | PostgresLocation,
    options: EngineOptions,
    slow: SlowQueries | None,
    isolation: str | None,
) -> None:
    if isinstance(location, SqliteLocation):
        sqlite_sessions.set_up(
            made,
            begin=options.begin,
            statement_timeout=options.statement_timeout,
            lock_timeout=options.lock_timeout,
            isolation=isolation,
        )
    elif options.pgbouncer:
        postgres_sessions.set_in_transactions(
            made, statement_timeout=options.statement_timeout, lock_timeout=options.lock_timeout
        )
    warn_when_nearly_used_up(made)
    (SlowQueries() if slow is None else slow).watch(made)
