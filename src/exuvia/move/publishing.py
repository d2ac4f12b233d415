"""The last step of a move: staged tables, views and triggers appear together, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import psycopg

from exuvia.engines.postgres.staging import Relation, publish
from exuvia.move.plan import Fate, ObjectPlan


def publish_all(
    connection: psycopg.Connection,
    objects: Sequence[Sequence[ObjectPlan]],
    tables: Mapping[str, Sequence[str]],
    replaced: Sequence[Relation],
) -> list[tuple[ObjectPlan, ...]]:
    """Publish staged tables and make the plans' views and triggers.

    Args:
        connection: A connection in autocommit mode.
        objects: The objects of each plan; those with a ``target_sql`` are made here.
        tables: Names of the staged tables by target schema.
        replaced: Relations of the target that give way.

    Returns:
        The objects of each plan with their final fates.

    Raises:
        TargetError: Something depends on a relation that was to give way; nothing was published.
    """
    with connection.transaction():
        publish(connection, tables, replaced)
        made = dict(_make(connection, [one for group in objects for one in group if one.target_sql]))
    return [tuple(made.get(id(one), one) for one in group) for group in objects]


def _make(connection: psycopg.Connection, objects: list[ObjectPlan]) -> Iterator[tuple[int, ObjectPlan]]:
    """Make views and triggers; what fails is tried again as long as others succeed, since views stand on views."""
    waiting = objects
    while waiting:
        failed: list[tuple[ObjectPlan, str]] = []
        for one in waiting:
            reason = _try(connection, one.target_sql)
            if reason:
                failed.append((one, reason))
        if len(failed) == len(waiting):
            for one, reason in failed:
                refused = f"PostgreSQL refused its translation: {reason}"
                yield id(one), replace(one, fate=Fate.LEFT_OUT, reason=refused)
            return
        waiting = [one for one, _ in failed]


def _try(connection: psycopg.Connection, sql: str) -> str:
    """Run a statement in a savepoint and return why the server refused it, empty if it did not."""
    try:
        with connection.transaction():
            connection.execute(sql.encode())
    except psycopg.DatabaseError as error:
        if connection.closed:
            raise
        return error.diag.message_primary or str(error)
    return ""
