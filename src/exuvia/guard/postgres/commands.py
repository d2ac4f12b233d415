"""The commands around a judged statement: a transaction that cannot do more, and a session left as it was."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from psycopg import sql

from exuvia.guard.policy import Level, Policy

# The parser reads strings as with standard_conforming_strings = on; a server that did not would see another statement.
_SESSION: Final = {
    "standard_conforming_strings": "on",
    "client_encoding": "UTF8",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "row_security": "on",
    "jit": "off",
    "check_function_bodies": "on",
}
# It raises an error for a role that could do anything, so that what follows in the pipeline is skipped.
_MIGHTY: Final = """
CASE WHEN pg_catalog.current_setting('is_superuser') = 'on'
  OR pg_catalog.pg_has_role('pg_read_server_files', 'USAGE')
  OR pg_catalog.pg_has_role('pg_write_server_files', 'USAGE')
  OR pg_catalog.pg_has_role('pg_execute_server_program', 'USAGE')
THEN (pg_catalog.current_setting('is_superuser') || ' superuser')::pg_catalog.int4 END"""

# The server looks whether its client is still there while a statement runs: from 14 on, and not on every system.
_WATCHFUL: Final = """
CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 140000
  AND pg_catalog.version() OPERATOR(pg_catalog.~~) '%linux%'
THEN pg_catalog.set_config('client_connection_check_interval', '1000', true) END"""

# What outlasts a transaction, should a statement that nobody judged have left it in the session.
_TIDY: Final = b"DISCARD ALL"
_SAVEPOINT: Final = "exuvia_guard"


@lru_cache(maxsize=64)
def opening(policy: Policy, level: Level, *, nested: bool = False) -> tuple[bytes, ...]:
    """Return the commands that open the transaction in which a statement of a level runs, with its role and limits.

    The last one fails with ``invalid_text_representation`` for a role that could do anything, unless that is allowed.

    Args:
        policy: Its limits and roles.
        level: The statement's.
        nested: Open a subtransaction of the one that is open, with whose end settings and the role end, too.
    """
    milliseconds = {
        "statement_timeout": policy.timeout_s,
        "lock_timeout": policy.lock_timeout_s,
        "idle_in_transaction_session_timeout": policy.timeout_s + 5,
    }
    settings = _SESSION | {name: str(max(1, round(seconds * 1000))) for name, seconds in milliseconds.items()}
    # pg_catalog is searched first where it is not listed, and tables are made in the first that is listed
    settings["search_path"] = f"{sql.Identifier(policy.default_schema).as_string()}, pg_temp"
    calls: list[sql.Composable] = [
        sql.SQL("pg_catalog.set_config({}, {}, true)").format(*setting) for setting in settings.items()
    ]
    calls.append(sql.SQL(_WATCHFUL))
    if not policy.allow_superuser:
        calls.append(sql.SQL(_MIGHTY))
    role = policy.role(level)
    commands = [
        *(_subtransaction(level) if nested else _transaction(level)),
        *([sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role))] if role is not None else ()),
        sql.SQL("SELECT {}").format(sql.SQL(", ").join(calls)),
    ]
    return tuple(command.as_bytes() for command in commands)


def closing(level: Level, *, is_wanted: bool, nested: bool) -> tuple[bytes, ...]:
    """Return the commands that end the transaction, each of which is run even when the one before it fails.

    Args:
        level: The statement's: a read is rolled back, whatever it was.
        is_wanted: Whether what was written is kept.
        nested: End a subtransaction, whatever it did, and leave the session alone.
    """
    if nested:
        return f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}".encode(), f"RELEASE SAVEPOINT {_SAVEPOINT}".encode()
    return b"COMMIT" if is_wanted and level != "read" else b"ROLLBACK", _TIDY


def _transaction(level: Level) -> tuple[sql.SQL, ...]:
    return (sql.SQL("BEGIN READ ONLY" if level == "read" else "BEGIN READ WRITE"),)


def _subtransaction(level: Level) -> tuple[sql.SQL, ...]:
    only = "on" if level == "read" else "off"
    return sql.SQL(f"SAVEPOINT {_SAVEPOINT}"), sql.SQL(f"SET LOCAL transaction_read_only = {only}")
