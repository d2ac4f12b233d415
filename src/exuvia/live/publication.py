"""Publishing what was followed: staged tables become the target's, with everything that had to wait for the end.

Nothing here depends on the size of the tables, so that it fits into the pause of a cut-over: constraints are added NOT
VALID, and validated afterwards by ``finish``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg

from exuvia.catalog.model import Table
from exuvia.catalog.target import TargetTable
from exuvia.engines.postgres import ddl
from exuvia.engines.postgres.capture.install import install
from exuvia.engines.postgres.capture.plan import plan_capture
from exuvia.engines.postgres.live import publish, state
from exuvia.engines.postgres.live.state import Phase
from exuvia.live.following import Following
from exuvia.move.events import Listener
from exuvia.move.finishing import Finished, Finisher
from exuvia.move.lending import Lender
from exuvia.move.plan import Fate, ObjectPlan, TablePlan
from exuvia.move.publishing import publish_all
from exuvia.move.workers import run

_MAXIMUM = 2**63 - 1
_COUNTERS = {"pending": 0, "lag": 0.0, "rate": 0.0, "rounds": 0, "changes": 0, "rows": 0, "misfits": []}

Largest = Mapping[tuple[str, str], int]
"""The largest number that was given to a row, by source table and column."""


@dataclass(frozen=True, slots=True)
class _Addition:
    """A constraint, and the statement that adds it."""

    kind: str
    name: str
    table: TablePlan
    sql: str


@dataclass(frozen=True, slots=True)
class Publication:
    """Staged tables on their way to being published.

    Args:
        connection: A connection inside a transaction.
        schema: The target schema.
        following: What was followed.
        reverse: The move for which changes are logged in the target from then on; empty where they are not.
    """

    connection: psycopg.Connection
    schema: str
    following: Following
    reverse: str = ""

    def run(self, largest: Largest) -> tuple[ObjectPlan, ...]:
        """Publish, inside the caller's transaction, and say so in the state.

        Args:
            largest: Where sequences go on, for ``identities``.

        Returns:
            The plan's objects with their final fates, and what the server refused.

        Raises:
            TargetError: ``name_taken``: somebody else has a schema of the log's name.
            psycopg.Error: The server refuses a table; the caller rolls back.
        """
        tables = self.following.plan.tables
        staged = {table.source.name: table.target for table in self.following.staged}
        for table in tables:
            publish.strip(self.connection, staged[table.source.name], table.target)
        names = [table.target.name for table in tables]
        names += publish.keep_quarantines(self.connection, self.schema, {table.quarantine for table in tables})
        publish.drop_others(self.connection, self.schema, names)
        (objects,) = publish_all(self.connection, [self.following.plan.objects], {self.schema: names}, ())
        refused = self._add(_additions(tables))
        self._set_sequences(largest)
        self._log_changes()
        state.change(self.connection, self.schema, phase=Phase.PUBLISHED, message="", **_COUNTERS)
        return objects + self.following.objects + refused

    def _log_changes(self) -> None:
        """Log what is changed from now on, in the transaction in which it can be changed for the first time."""
        if self.reverse:
            names = [table.target.name for table in self.following.plan.tables]
            install(self.connection, plan_capture(self.connection, self.schema, names), self.reverse)

    def _add(self, additions: Sequence[_Addition]) -> tuple[ObjectPlan, ...]:
        """Add constraints: all in one round trip, or one by one where the server refuses some."""
        if not additions or self._take("; ".join(one.sql for one in additions)) is None:
            return ()
        tried = [(one, self._take(one.sql)) for one in additions]
        return tuple(
            ObjectPlan(one.kind, one.name, one.table.source.name, Fate.LEFT_OUT, f"PostgreSQL refused it: {reason}")
            for one, reason in tried
            if reason is not None
        )

    def _take(self, sql: str) -> str | None:
        """Run statements in a savepoint; return why the server refused them, None if it did not."""
        try:
            with self.connection.transaction():
                self.connection.execute(sql.encode())
        except psycopg.errors.QueryCanceled:
            raise
        except psycopg.DatabaseError as error:
            if self.connection.closed:
                raise
            return error.diag.message_primary or str(error)
        return None

    def _set_sequences(self, largest: Largest) -> None:
        statements = [
            ddl.set_identity_position(table.target, column.target, largest[table.source.name, column.source.name] + 1)
            for table in self.following.plan.tables
            for column in table.columns
            if column.target.identity and largest[table.source.name, column.source.name] < _MAXIMUM
        ]
        if statements:
            self.connection.execute("; ".join(statements).encode())


def identities(following: Following) -> list[tuple[Table, str]]:
    """Return source table and column of the columns whose numbers a sequence goes on with."""
    return [
        (table.source, column.source.name)
        for table in following.plan.tables
        for column in table.columns
        if column.target.identity
    ]


def finish(
    connection: psycopg.Connection,
    schema: str,
    following: Following,
    connections: Lender[psycopg.Connection],
    listener: Listener,
) -> Finished:
    """Do what had to wait until writers could go on: validate constraints and gather the planner's statistics.

    Args:
        connection: A connection in autocommit mode.
        schema: The target schema.
        following: What was published.
        connections: Connections to the target, in autocommit mode.
        listener: Hears of progress.

    Returns:
        The constraints that rows break, as problems; they stay NOT VALID, in force for new rows.
    """
    waiting = publish.unvalidated(connection, schema)
    tables = [replace(table, target=_only(table.target, waiting)) for table in following.plan.tables]
    finisher = Finisher(connections, listener, resumed=True)
    found = list(run(finisher.validation_tasks(tables, checks=True), jobs=1, stop=lambda: None))
    for table in tables:
        connection.execute(ddl.analyze(table.target).encode())
    state.change(connection, schema, phase=Phase.MOVED)
    return Finished(
        tuple(one for part in found for one in part.objects), tuple(one for part in found for one in part.problems)
    )


def _additions(tables: Sequence[TablePlan]) -> list[_Addition]:
    found = [
        _Addition("check", check.name, table, ddl.add_check(table.target, check))
        for table in tables
        for check in table.target.checks
    ]
    return found + [
        _Addition("foreign key", key.name, table, ddl.add_foreign_key(table.target, key))
        for table in tables
        for key in table.target.foreign_keys
    ]


def _only(table: TargetTable, waiting: frozenset[tuple[str, str]]) -> TargetTable:
    keys = tuple(replace(key, validate=True) for key in table.foreign_keys if (table.name, key.name) in waiting)
    checks = tuple(check for check in table.checks if (table.name, check.name) in waiting)
    return replace(table, foreign_keys=keys, checks=checks)
