"""The plan of a statement whose values nobody knows: the one that PostgreSQL would keep for any values.

It is prepared, and the plan of its execution with NULLs is asked for while ``plan_cache_mode`` forces the generic plan,
which does not look at them. (EXPLAIN (GENERIC_PLAN) is of PostgreSQL 16, and takes no statement alone, by the extended
protocol.) Nothing is executed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import psycopg

from exuvia.guard.policy import Level, Policy
from exuvia.guard.postgres import commands
from exuvia.guard.postgres.facts import Facts
from exuvia.guard.postgres.failures import superuser
from exuvia.guard.postgres.judge import NOTHING, check

_NAME: Final = "exuvia_generic"
_PARAMETERS: Final = (
    f"SELECT cardinality(parameter_types) FROM pg_catalog.pg_prepared_statements WHERE name = '{_NAME}'"
)


def explain_generic(connection: psycopg.Connection[Any], text: str, policy: Policy, *, facts: Facts = NOTHING) -> Any:
    """Judge one statement and return what EXPLAIN (FORMAT JSON) tells of its generic plan.

    Args:
        connection: A connection in a transaction that has not failed, without prepared statements of its own.
        text: The statement, with ``$1``, ``$2`` and so on for what is not known.
        policy: What is allowed.
        facts: What the server's catalog told of views and functions.

    Raises:
        DeniedError: The statement, or the role that connects, is not what the policy allows.
        psycopg.Error: PostgreSQL refuses it, or it takes too long.
    """
    verdict = check(text, policy, None, facts)
    verdict.require()
    try:
        with connection.transaction(force_rollback=True):
            _limit(connection, policy, verdict.needs)
            _run(connection, "SET LOCAL plan_cache_mode = force_generic_plan")
            # The NULLs would leave out every partition when the plan is opened
            _run(connection, "SET LOCAL enable_partition_pruning = off")
            _run(connection, f"PREPARE {_NAME} AS {text}")
            ((count,),) = _run(connection, _PARAMETERS).fetchall()
            nulls = f"({', '.join(['NULL'] * count)})" if count else ""
            return _run(connection, f"EXPLAIN (FORMAT JSON) EXECUTE {_NAME}{nulls}").fetchall()[0][0]
    finally:
        with suppress(psycopg.Error):
            connection.execute("DEALLOCATE ALL")


def _limit(connection: psycopg.Connection[Any], policy: Policy, level: Level) -> None:
    try:
        for command in commands.opening(policy, level, nested=True):
            connection.execute(command)
    except psycopg.errors.InvalidTextRepresentation as error:
        raise superuser(policy) from error


def _run(connection: psycopg.Connection[Any], command: str) -> psycopg.Cursor[Any]:
    """Send a command by the extended protocol, which takes no second one."""
    return connection.execute(command.encode(), binary=True)
