"""A change of the source's schema while it is followed: planned anew, and what its plan changes is copied anew.

The plan is the one that a move which begins now would have. Tables whose staged form stays the same are kept and
followed on; the others are dropped, made and copied, in one transaction with a round that brings the kept ones to the
same moment. So a process that is killed leaves the move as it was, and the next one does this again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import apsw
import psycopg

from exuvia.catalog.names import qualify, quote
from exuvia.catalog.target import TargetTable
from exuvia.engines.postgres import ddl, extensions
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import State
from exuvia.engines.postgres.staging import staging_name
from exuvia.engines.sqlite.capture import schema
from exuvia.engines.sqlite.capture.install import Reinstalled, installed, reinstall
from exuvia.engines.sqlite.capture.plan import CapturedTable, CapturePlan, plan_capture
from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import ExuviaError, PlanError, SourceError, TargetError
from exuvia.live.beginning import PATIENCE, refuse, wanted
from exuvia.live.follower import Follower, declared_to
from exuvia.live.following import Following, keyless, shaped, stripped, wishes_of, without_profile
from exuvia.live.options import LiveOptions, Tell
from exuvia.live.source import LiveSource
from exuvia.move.back import origin
from exuvia.move.clock import Clock
from exuvia.move.conflicts import refuse_conflicts
from exuvia.move.creating import create
from exuvia.move.ends import Reached, for_server, make_plan, opened
from exuvia.move.finishing import staged
from exuvia.move.plan import Fate, ObjectPlan, Plan, TablePlan

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Adaptation:
    """Follows a change of the schema.

    Args:
        path: The source.
        server: The target.
        connection: A connection to it in autocommit mode, which holds the lock of the target schema.
        options: How the move was begun.
        clock: Times the stages.
        tell: Is told what is being done.
    """

    path: Path
    server: Reached
    connection: psycopg.Connection
    options: LiveOptions
    clock: Clock
    tell: Tell

    def run(self, found: State, why: SourceError) -> None:
        """Bring the staged tables to the source's schema and rows as they are now.

        Args:
            found: The move, as the target knows it.
            why: What has changed.

        Raises:
            SourceError: ``schema_changed``: the move cannot go on with the schema as it is now; or the source cannot be
                read or written.
            psycopg.Error: The target refuses, or is gone; nothing was changed there.
        """
        try:
            self._adapt(found)
        except (PlanError, TargetError) as error:
            raise _stopped(why, error) from error
        except SourceError as error:
            if error.code not in ("source.capture", "source.changed"):
                raise
            raise _stopped(why, error) from error

    def _adapt(self, found: State) -> None:
        before = Following.from_json(found.plan)
        by_rowid: frozenset[str] = frozenset()
        for _ in range(_ATTEMPTS):
            captured = installed(self.path)
            was = captured.tables if captured else ()
            by_rowid |= {table.name for table in was if table.hidden_rowid}
            now = reinstall(self.path, self._logged(by_rowid), found.move_id, timeout=PATIENCE)
            with opened(self.path, self.options.move.jobs) as snapshot:
                if schema.cookie(snapshot.connection) != now.cookie:
                    continue
                self.tell("The schema has changed: planning anew.")
                plan = self._plan(snapshot)
                more = keyless(plan, now.installed.tables)
                if not more:
                    with LiveSource(self.path, found.move_id) as source:
                        _Rebuilding(self, found, source, before, was, now).run(plan, snapshot)
                    return
            by_rowid |= more
        raise SourceError(f"{self.path} changes its schema faster than it can be looked at.", code="changed")

    def _logged(self, by_rowid: Collection[str]) -> Callable[[apsw.Connection], CapturePlan]:
        def plan(connection: apsw.Connection) -> CapturePlan:
            catalog = wanted(inspect(connection, str(self.path)), self.options.move.plan)
            return replace(plan_capture(catalog, by_rowid=by_rowid), refused=())

        return plan

    def _plan(self, snapshot: Snapshot) -> Plan:
        move = self.options.move
        plan = make_plan(snapshot, self.path, for_server(self.server, move.plan), move.jobs, self.clock)
        refuse(plan)
        refuse_conflicts(self.connection, [plan], replace_existing=False)
        extensions.ensure(self.connection, extensions.needed(table.target for table in plan.tables))
        return plan


@dataclass(frozen=True, slots=True)
class _Rebuilding:
    """The target's part, at one moment of the source.

    Args:
        to: What is wanted.
        found: The move, as the target knows it.
        source: The source.
        before: The plan that the staged tables are made by.
        was: What was logged until now.
        now: What is logged from now on.
    """

    to: Adaptation
    found: State
    source: LiveSource
    before: Following
    was: Sequence[CapturedTable]
    now: Reinstalled

    def run(self, plan: Plan, snapshot: Snapshot) -> None:
        """Make and copy what has changed, in one transaction."""
        connection, old = self.to.connection, {table.source.name: table for table in self.before.staged}
        wanted = [staged(table, staging_name) for table in shaped(plan, self.now.installed.tables).tables]
        kept = {table.source.name for table in wanted if self._is_kept(old.get(table.source.name), table)}
        anew = [table for table in wanted if table.source.name not in kept]
        self._say([table.source.name for table in anew])
        with connection.transaction():
            for table in self.before.staged:
                if table.source.name not in kept:
                    self._drop(table)
            made = {table.source.name: create(connection, table) for table in anew}
            tables = tuple(
                made[table.source.name].table if table.source.name in made else _with_target(old, table)
                for table in wanted
            )
            objects = [one for one in self.before.objects if one.table in kept]
            objects += [one for table in made.values() for one in table.objects]
            follower = self._follow(plan, tables, tuple(objects), snapshot)
            follower.round_at(snapshot, list(made))
            for table in tables:
                self._comment(plan, table)
                earlier = old.get(table.source.name)
                done = earlier.target if earlier is not None and table.source.name in kept else None
                objects += self._finish(table, done)
            following = replace(follower.following, objects=tuple(objects))
            state.change(connection, self.found.schema, plan=following.to_json())

    def _is_kept(self, old: TablePlan | None, new: TablePlan) -> bool:
        """Whether the rows that are staged are those that the new plan wants, indexes and defaults apart."""
        name = new.source.name
        was, now = (
            [_way(table) for table in tables if table.name == name] for tables in (self.was, self.now.installed.tables)
        )
        return old is not None and name not in self.now.lost and was == now and _rows(old) == _rows(new)

    def _say(self, names: Sequence[str]) -> None:
        copied = f": copying {', '.join(names)} anew" if names else ""
        self.to.tell(f"The schema has changed{copied}.")

    def _drop(self, table: TablePlan) -> None:
        places = ", ".join(qualify(table.target.schema, name) for name in (table.target.name, table.quarantine))
        self.to.connection.execute(f"DROP TABLE IF EXISTS {places} CASCADE".encode())

    def _follow(
        self, plan: Plan, tables: tuple[TablePlan, ...], objects: tuple[ObjectPlan, ...], snapshot: Snapshot
    ) -> Follower:
        wishes = wishes_of(self.to.options.move.plan)
        following = Following(stripped(plan), tuple(map(without_profile, tables)), objects, wishes)
        declared = declared_to(schema.declared(snapshot.connection))
        text = following.to_json()
        state.change(self.to.connection, self.found.schema, plan=text, declared=declared)
        return Follower(self.to.connection, self.source, replace(self.found, plan=text, declared=declared))

    def _comment(self, plan: Plan, table: TablePlan) -> None:
        (final,) = (one for one in plan.tables if one.source.name == table.source.name)
        target = staged(final, staging_name).target
        self.to.connection.execute(ddl.comment(target, origin.comment(final)).encode())

    def _finish(self, table: TablePlan, done: TargetTable | None) -> Iterator[ObjectPlan]:
        """Take the steps that finish a table: all, or where it is kept those by which it differs from before."""
        connection, target = self.to.connection, table.target
        if done is not None:
            for index in done.indexes:
                if index not in target.indexes:
                    connection.execute(f"DROP INDEX IF EXISTS {qualify(target.schema, index.name)}".encode())
            for column in done.columns:
                statement = f"ALTER TABLE {qualify(target.schema, target.name)} ALTER {quote(column.name)} DROP DEFAULT"
                if column.default is not None and column not in target.columns:
                    connection.execute(statement.encode())
        before = {step.sql for step in ddl.finish_steps(done)} if done is not None else set()
        refused: set[str] = set()
        for step in ddl.finish_steps(target):
            if step.sql in before or (step.needs and step.needs in refused):
                continue
            try:
                with connection.transaction():
                    connection.execute(step.sql.encode())
            except psycopg.DatabaseError as error:
                if connection.closed:
                    raise
                refused.add(step.name)
                reason = f"PostgreSQL refused it: {error.diag.message_primary or error}"
                yield ObjectPlan(step.kind, step.name, table.source.name, Fate.LEFT_OUT, reason, step.sql)


def _way(table: CapturedTable) -> tuple[object, ...]:
    return table.number, table.name, table.key, table.hidden_rowid, table.stored


def _rows(table: TablePlan) -> tuple[object, ...]:
    """What decides which bytes the rows of a staged table are, and which of them can stand in it."""
    target = replace(
        table.target, indexes=(), columns=tuple(replace(column, default=None) for column in table.target.columns)
    )
    columns = [(column.source.name, column.rule, column.target.name, column.on_misfit) for column in table.columns]
    return target, columns, table.source.query, table.quarantine


def _with_target(old: Mapping[str, TablePlan], new: TablePlan) -> TablePlan:
    """Return the plan of a table that is kept: its values are read as they were, what it is is told as it is now."""
    kept = {column.source.name: column.classes for column in old[new.source.name].columns}
    columns = tuple(replace(column, classes=kept[column.source.name]) for column in new.columns)
    return replace(new, columns=columns)


def _stopped(why: SourceError, error: ExuviaError) -> SourceError:
    return SourceError(
        f"{why.message} That cannot be followed: {error.message}",
        hint=f"{error.hint} Or begin the move anew, with the schema as it is now: exuvia live start --restart.".strip(),
        code="schema_changed",
    )
