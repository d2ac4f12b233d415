"""What PostgreSQL says against a judged statement, in words that help who wrote it."""

from __future__ import annotations

from typing import Final

import psycopg

from exuvia.engines.postgres.failures import explain_error
from exuvia.errors import DeniedError, ExuviaError, TargetError
from exuvia.guard.policy import Level, Policy
from exuvia.location import PostgresLocation

_LOST: Final = {
    f"target.{reason}"
    for reason in ("refused", "host_unknown", "host_unreachable", "timeout", "not_ready", "connection_lost")
}
_LOST_HINT: Final = "The server or the network went away. A read can be run again; of a write look first what it did."


def explain(error: psycopg.Error, policy: Policy, level: Level, *, is_lost: bool = False) -> ExuviaError:
    """Return the error to raise instead of one of the driver's.

    Args:
        error: What psycopg raised while the statement ran.
        policy: What is allowed.
        level: The level that it ran at.
        is_lost: Whether the connection broke meanwhile.
    """
    said = error.diag.message_primary or ""
    if error.sqlstate == "57014" and "statement timeout" in said:
        return TargetError(
            f"The statement took longer than {policy.timeout_s:g} seconds and was stopped.",
            hint="Ask for less: a condition on an indexed column, a smaller range, or EXPLAIN to see why it is slow.",
            code="timeout",
        )
    if error.sqlstate == "25006":
        return DeniedError(
            f"PostgreSQL refused to change anything in a transaction that only reads: {said}.",
            hint="Use the tool for writing, if it is switched on.",
            code="read_only",
        )
    if error.sqlstate == "42501":
        who = policy.role(level)
        return DeniedError(
            f"{f'The role {who}' if who else 'The role that connects'} lacks the right: {said}.",
            hint="Who runs the guard can grant it: exuvia guard role prints the script.",
            code="rights",
        )
    if error.sqlstate in ("22023", "42704") and policy.roles and f'role "{policy.role(level)}"' in said:
        return DeniedError(
            f"The role {policy.role(level)} does not exist.",
            hint="Make the roles: exuvia guard role --apply URL.",
            code="role_missing",
        )
    return _refused(error, is_lost=is_lost)


def _refused(error: psycopg.Error, *, is_lost: bool) -> TargetError:
    explained = explain_error(error, doing="the statement")
    if explained.code in _LOST:
        return _lost(explained.message, _LOST_HINT)
    if is_lost and isinstance(error, psycopg.OperationalError):
        return _lost("The connection to PostgreSQL was lost.", _LOST_HINT)
    return explained


def unreachable(error: psycopg.Error, location: PostgresLocation) -> TargetError:
    """Return the error to raise when no connection could be made: ``target.unreachable`` when no server answers."""
    explained = explain_error(error, location=location)
    return _lost(explained.message, explained.hint) if explained.code in _LOST else explained


def _lost(message: str, hint: str) -> TargetError:
    return TargetError(message, hint=hint, code="unreachable")


def superuser(policy: Policy) -> DeniedError:
    """Return the error for a connection whose role may do anything, so that nothing stands behind the verdict."""
    return DeniedError(
        "The role that connects is a superuser, or may reach the server's files and programs.",
        hint="Make roles with few rights (exuvia guard role --apply URL) and set guard_roles = "
        f'"{policy.roles or "exuvia"}"; or allow it by name: guard_allow_superuser = true.',
        code="superuser",
    )
