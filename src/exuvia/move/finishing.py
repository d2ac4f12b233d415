"""The finish stage: keys, indexes, defaults, checks, sequences and foreign keys of filled tables.

Every step stands alone: one that the server refuses is reported with the server's reason and costs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import psycopg

from exuvia.engines.postgres.connect import explain_error
from exuvia.engines.postgres.ddl import Step, finish_steps, foreign_key_steps
from exuvia.engines.postgres.violations import check_violations, orphans
from exuvia.move.events import Listener, Progress
from exuvia.move.lending import Lender
from exuvia.move.plan import Fate, ObjectPlan, Problem, TablePlan
from exuvia.values.facts import Example

_SMALL = 20_000  # rows up to which doing a table's steps twice costs less than doing them one by one

_SEQUENCE_MAXIMUM = 2**63 - 1

_EXISTS = (
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject,
    psycopg.errors.DuplicateColumn,
    psycopg.errors.InvalidTableDefinition,  # a second primary key
)

_ABORTING = ("08", "53", "57", "58", "XX")  # connection, resources, operator, system, internal


@dataclass(frozen=True, slots=True)
class Finished:
    """What finishing one table found: objects that were left out, and problems worth a look."""

    objects: tuple[ObjectPlan, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class Finisher:
    """Finishes the tables of a plan.

    Args:
        connections: Connections to the target, in autocommit mode.
        listener: Hears of progress.
        resumed: Whether an interrupted move may have done some steps already.
    """

    connections: Lender[psycopg.Connection]
    listener: Listener
    resumed: bool
    _unmade: set[tuple[str, str]] = field(default_factory=set)

    def table_tasks(self, tables: Sequence[TablePlan]) -> Iterator[Callable[[], Finished]]:
        """Return one task per table: everything but foreign keys."""
        for table in tables:
            yield lambda table=table: self._run(table, finish_steps(table.target, next_values=_next_values(table)))  # type: ignore[misc]

    def add_foreign_keys(self, tables: Sequence[TablePlan]) -> Iterator[Finished]:
        """Add all foreign keys, not yet validated; one after the other, since each locks two tables."""
        for table in tables:
            steps = [step for step in foreign_key_steps(table.target) if step.kind == "foreign key"]
            yield self._run(table, steps)

    def validation_tasks(
        self, tables: Sequence[TablePlan], *, checks: bool = False
    ) -> Iterator[Callable[[], Finished]]:
        """Return one task per table with foreign keys: validate them; with ``checks`` its checks as well."""
        for table in tables:
            all_steps = (*(finish_steps(table.target) if checks else ()), *foreign_key_steps(table.target))
            steps = [step for step in all_steps if step.kind == "validate"]
            if steps:
                yield lambda table=table, steps=steps: self._run(table, steps)  # type: ignore[misc]

    def _run(self, table: TablePlan, steps: Sequence[Step]) -> Finished:
        found = Finished()
        with self.connections.lend() as connection:
            if table.profile.rows <= _SMALL and _all_at_once(connection, steps):
                steps = ()
            for step in steps:
                if step.needs and (table.target.name, step.needs) in self._unmade:
                    continue
                self.listener(Progress("finish", table.source.name, detail=f"{step.kind} {step.name}"))
                try:
                    connection.execute(step.sql.encode())
                except _EXISTS as error:
                    if not self.resumed:
                        found = _joined(found, self._refused(connection, table, step, error))
                except psycopg.Error as error:
                    if error.sqlstate is None or error.sqlstate[:2] in _ABORTING:
                        raise explain_error(error) from error
                    found = _joined(found, self._refused(connection, table, step, error))
        self.listener(Progress("finish", table.source.name, finished=True))
        return found

    def _refused(self, connection: psycopg.Connection, table: TablePlan, step: Step, error: psycopg.Error) -> Finished:
        where = f"{table.source.name}.{step.name}"
        reason = error.diag.message_primary or str(error)
        if step.kind == "validate":
            count, rows = _violations(connection, table, step.name)
            kept = f"{count:,} rows break it; it is kept NOT VALID, in force for new rows."
            return Finished(problems=(Problem("warning", where, kept, rows, count),))
        self._unmade.add((table.target.name, step.name))
        if error.diag.message_detail:
            reason = f"{reason}: {error.diag.message_detail}"
        left_out = ObjectPlan(
            step.kind, step.name, table.source.name, Fate.LEFT_OUT, f"PostgreSQL refused it: {reason}", step.sql
        )
        return Finished((left_out,), (Problem("warning", where, f"The {step.kind} was left out: {reason}"),))


def _all_at_once(connection: psycopg.Connection, steps: Sequence[Step]) -> bool:
    """Run the steps in one round trip, all or none, and tell whether the server took them."""
    try:
        connection.execute(";\n".join(step.sql for step in steps).encode())
    except psycopg.DatabaseError:
        return False
    return True


def _violations(connection: psycopg.Connection, table: TablePlan, name: str) -> tuple[int, tuple[Example, ...]]:
    for key in table.target.foreign_keys:
        if key.name == name:
            return orphans(connection, table.target, key)
    for check in table.target.checks:
        if check.name == name:
            return check_violations(connection, table.target, check)
    return 0, ()


def _joined(first: Finished, second: Finished) -> Finished:
    return Finished(first.objects + second.objects, first.problems + second.problems)


def _next_values(table: TablePlan) -> Iterator[tuple[str, int]]:
    """Yield each identity column and the value after the largest that was ever given out."""
    for column in table.columns:
        if column.target.identity:
            facts = table.profile.columns.get(column.source.name)
            largest = facts.integers.maximum if facts and facts.integers else 0
            largest = max(largest, table.source.sequence or 0, 0)
            if largest < _SEQUENCE_MAXIMUM:
                yield column.target.name, largest + 1


def staged(table: TablePlan, schema_of: Callable[[str], str]) -> TablePlan:
    """Return the plan of the same table in its staging schema, its foreign keys pointing to staged tables."""
    keys = tuple(replace(key, schema=schema_of(key.schema)) for key in table.target.foreign_keys)
    target = replace(table.target, schema=schema_of(table.target.schema), foreign_keys=keys)
    return replace(table, target=target)
