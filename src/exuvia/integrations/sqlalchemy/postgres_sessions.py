"""Sessions of PostgreSQL: timeouts, keep-alives, TLS, and what PgBouncer's transaction mode needs instead."""

from __future__ import annotations

import os
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

from exuvia.location import PostgresLocation

# A peer that vanishes in silence is noticed within a minute.
_NETWORK: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


def parameters(
    location: PostgresLocation, *, statement_timeout: float, lock_timeout: float, pgbouncer: bool
) -> dict[str, Any]:
    """Return what the driver connects with; what the location says goes before what is chosen here.

    Args:
        location: The server.
        statement_timeout: Seconds that a statement may take; 0 for no limit.
        lock_timeout: Seconds to wait for a lock; 0 for no limit.
        pgbouncer: No prepared statements and no start-up settings, which PgBouncer refuses.
    """
    given: dict[str, Any] = _NETWORK | location.connection_parameters()
    if pgbouncer:
        return given | {"prepare_threshold": None}
    settings = f"-c statement_timeout={_ms(statement_timeout)} -c lock_timeout={_ms(lock_timeout)}"
    own = given.get("options", os.environ.get("PGOPTIONS", ""))
    return given | {"options": f"{settings} {own}".strip()}


def set_in_transactions(engine: Engine, *, statement_timeout: float, lock_timeout: float) -> None:
    """Set the timeouts at the beginning of each transaction: behind PgBouncer a session lasts no longer."""
    settings = (("statement_timeout", statement_timeout), ("lock_timeout", lock_timeout))
    setting = "SELECT " + ", ".join(f"set_config('{name}', '{_ms(seconds)}', true)" for name, seconds in settings)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(setting)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
