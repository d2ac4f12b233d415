"""Connections to the target: opened with timeouts and TLS, checked, and set up for loading."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import psycopg

from exuvia.engines.postgres import embedded, extensions
from exuvia.engines.postgres.failures import explain_error
from exuvia.errors import ConfigError, TargetError
from exuvia.location import EmbeddedLocation, Location, PostgresLocation, SqliteLocation

__all__ = ["connect", "explain_error", "require_create", "resolve"]

OLDEST_VERSION: Final = 140000
CONNECT_SECONDS: Final = 10
_RETRY_SECONDS: Final = 0.25

_DEFAULTS: Final[dict[str, Any]] = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "client_encoding": "utf8",
}

# pg_catalog is searched first where it is not listed, and pg_temp last where it is: nothing in a schema can stand in
# for a built-in name. row_security = off makes hidden rows an error; with it on, they would be missing in silence.
_SESSION: Final[dict[str, str]] = {
    "synchronous_commit": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "search_path": "public, pg_temp",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "client_min_messages": "warning",
    "jit": "off",
}
# A location's own -c row_security=on wins, as where policies show the owner every row
ROW_SECURITY: Final = """
set_config('row_security', CASE
  WHEN (SELECT source FROM pg_settings WHERE name = 'row_security') = 'client' THEN current_setting('row_security')
  ELSE 'off'
END, false)
"""
_SESSION_17: Final = {"transaction_timeout": "0"}
# Compresses several times faster than pglz, where the server's owner has not chosen
_LZ4: Final = """
SELECT set_config(name, 'lz4', false) FROM pg_settings
WHERE name = 'default_toast_compression' AND source = 'default' AND 'lz4' = ANY (enumvals)
"""


def resolve(location: Location, *, data_dir: Path | None = None) -> PostgresLocation:
    """Return the location of a server, starting the pip-installed one (in ``data_dir``) for ``embedded:``.

    Raises:
        ConfigError: The location is a SQLite file or a portable copy.
        TargetError: The pip-installed server cannot be started.
    """
    if isinstance(location, PostgresLocation):
        return location
    if isinstance(location, EmbeddedLocation):
        return PostgresLocation.of(embedded.start(data_dir, database=location.database).url)
    raise ConfigError(
        f"The target {location} is a {'SQLite file' if isinstance(location, SqliteLocation) else 'portable copy'}.",
        hint="Name a PostgreSQL server: postgresql://user@host/database, or embedded: for the pip-installed one."
        " Portable copies are written by exuvia export.",
        code="target",
    )


def connect(
    location: Location,
    *,
    application_name: str = "exuvia",
    autocommit: bool = False,
    writable: bool = True,
    timeout: float = CONNECT_SECONDS,
    data_dir: Path | None = None,
) -> psycopg.Connection:
    """Open a connection for moving rows: UTF-8, UTC, no timeouts on statements, no wait for the disk at each commit.

    A server that is just starting is waited for. What the location itself sets (``connect_timeout``, ``keepalives``,
    ``application_name``) wins.

    Args:
        location: A PostgreSQL server, or the embedded one, which is started if need be.
        application_name: What the server's pg_stat_activity shows.
        autocommit: As in psycopg; without it the first statement opens a transaction.
        writable: Refuse a standby, or a database or role whose transactions are read only.
        timeout: Seconds to wait for each host, and for a server that is starting.
        data_dir: Where the embedded server lives; None for the default.

    Raises:
        ConfigError: The location is a SQLite file or a portable copy.
        TargetError: No connection, or the server is older than 14, is not in UTF-8, or is read only.
    """
    server = resolve(location, data_dir=data_dir)
    connection = _open(server, application_name, timeout)
    try:
        _check(connection, server, writable=writable)
        _set_up(connection)
        connection.autocommit = autocommit
    except psycopg.Error as error:
        connection.close()
        raise explain_error(error, location=server, doing="the session's settings") from error
    except BaseException:
        connection.close()
        raise
    return connection


def require_create(connection: psycopg.Connection, schema: str) -> None:
    """Make sure that tables can be made in ``schema``, which need not exist yet.

    Raises:
        TargetError: The user lacks the right to do so.
    """
    found = connection.execute(
        "SELECT current_user, current_database(), has_database_privilege(current_database(), 'CREATE'),"
        " (SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %s)",
        [schema],
    ).fetchone()
    user, database, in_database, in_schema = found or ("", "", False, None)
    if in_schema or (in_schema is None and in_database):
        return
    what = f"in the schema {schema!r}" if in_schema is not None else f"a schema {schema!r} in the database {database!r}"
    grant = f'SCHEMA "{schema}"' if in_schema is not None else f'DATABASE "{database}"'
    raise TargetError(
        f"The user {user!r} may not create {'tables ' if in_schema is not None else ''}{what}.",
        hint=f'Its owner can allow it: GRANT CREATE ON {grant} TO "{user}"; or name another schema with --schema.',
        code="rights",
    )


def _open(server: PostgresLocation, application_name: str, timeout: float) -> psycopg.Connection:
    named: dict[str, Any] = {"application_name": application_name, "connect_timeout": max(2, round(timeout))}
    parameters = _DEFAULTS | named | server.connection_parameters()
    deadline = time.monotonic() + timeout
    while True:
        try:
            return psycopg.connect(**parameters, autocommit=True)
        except psycopg.Error as error:
            explained = explain_error(error, location=server)
            if explained.code != "target.not_ready" or time.monotonic() > deadline:
                # The driver's error object holds the password, so it is not chained.
                raise explained from None
        time.sleep(_RETRY_SECONDS)


def _check(connection: psycopg.Connection, server: PostgresLocation, *, writable: bool) -> None:
    info = connection.info
    if info.server_version < OLDEST_VERSION:
        raise TargetError(
            f"The server at {server} is PostgreSQL {info.server_version // 10000}; exuvia needs 14 or newer.",
            hint="Upgrade it, or use the pip-installed PostgreSQL: embedded:",
            code="too_old",
        )
    encoding = info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise TargetError(
            f"The database {info.dbname!r} at {server} is encoded in {encoding}, which cannot hold every text.",
            hint="Make one in UTF-8: CREATE DATABASE name TEMPLATE template0 ENCODING 'UTF8';",
            code="encoding",
        )
    if not writable:
        return
    if info.parameter_status("in_hot_standby") == "on":
        raise TargetError(
            f"The server at {server} is a read-only standby.",
            hint="Name its primary; with a list of hosts, add target_session_attrs=read-write.",
            code="read_only",
        )
    if info.parameter_status("default_transaction_read_only") == "on":
        raise TargetError(
            f"Transactions of the user {info.user!r} at {server} are read only by default.",
            hint="Reset default_transaction_read_only for the role or the database, or connect as another user.",
            code="read_only",
        )


def _set_up(connection: psycopg.Connection) -> None:
    settings = _SESSION | (_SESSION_17 if connection.info.server_version >= 170000 else {})
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    connection.execute(f"SELECT {ROW_SECURITY}, {calls}".encode(), [part for pair in settings.items() for part in pair])
    connection.execute(_LZ4.encode())
    connection.execute(extensions.FIND.encode())
