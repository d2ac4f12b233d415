"""The beginning of a live move: the change log in the source, then a copy of one moment in the staging schema."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from exuvia.catalog.model import Catalog
from exuvia.catalog.names import quote
from exuvia.engines.postgres import ddl, extensions, ledger, staging
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.aside import Aside
from exuvia.engines.postgres.live.state import Phase
from exuvia.engines.postgres.staging import staging_name
from exuvia.engines.sqlite.capture import log, schema
from exuvia.engines.sqlite.capture.durable import put_on_disk
from exuvia.engines.sqlite.capture.install import install, installed, remove, set_wal
from exuvia.engines.sqlite.capture.plan import CapturedTable, CapturePlan, plan_capture
from exuvia.engines.sqlite.inspect import inspect
from exuvia.errors import PlanError, SourceError, TargetError
from exuvia.live.follower import declared_to
from exuvia.live.following import (
    FollowedTable,
    Following,
    followed,
    keyless,
    shaped,
    stripped,
    wishes_of,
    with_chunks,
    without_profile,
)
from exuvia.live.options import LiveOptions
from exuvia.live.rounds import key_of
from exuvia.move.back import origin
from exuvia.move.clock import Clock
from exuvia.move.conflicts import refuse_conflicts
from exuvia.move.copying import CopyOptions
from exuvia.move.creating import Staged, begin
from exuvia.move.ends import Reached, for_server, make_plan, opened
from exuvia.move.finishing import staged as staged_plan
from exuvia.move.lending import Lender
from exuvia.move.plan import Plan
from exuvia.move.planner import PlanOptions, is_excluded
from exuvia.move.quarantine import Quarantine
from exuvia.move.shipment import Connections, Means, Outcome, Shipment

_MARK = "exuvia: tables of a live move; see exuvia live status"
_ATTEMPTS = 3
PATIENCE = 30.0
"""Seconds to wait for a writer's transaction to end."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Begins a live move.

    Args:
        path: The database file.
        server: The target.
        connection: A connection to it in autocommit mode, which holds the lock of the target schema.
        options: How to move.
        clock: Times the stages.
    """

    path: Path
    server: Reached
    connection: psycopg.Connection
    options: LiveOptions
    clock: Clock

    @property
    def schema(self) -> str:
        """The target schema."""
        return self.options.move.plan.target_schema

    def run(self) -> Outcome:
        """Begin, and return what the copy gave, its proof included.

        An error leaves nothing behind, on neither side; a process that is killed leaves what ``discard`` removes.

        Raises:
            SourceError: The source cannot be read, or takes no change log.
            PlanError: The plan has an error, or a table cannot be followed.
            TargetError: The target refuses, or has tables of the same names.
        """
        refuse_other_move(self.connection, self.schema)
        self._refuse_captured()
        move_id = str(uuid.uuid4())
        source = str(self.path.resolve())
        state.create(
            self.connection, self.schema, move_id=move_id, source=source, host=socket.gethostname(), pid=os.getpid()
        )
        try:
            return self._begin(move_id)
        except BaseException as error:
            if isinstance(error, Exception) and not self.connection.closed:
                discard(self.connection, self.schema, self.path, move_id)
            raise

    def _begin(self, move_id: str) -> Outcome:
        if self.options.set_wal:
            set_wal(self.path)
        by_rowid: frozenset[str] = frozenset()
        for _ in range(_ATTEMPTS):
            captured = self._install(move_id, by_rowid)
            with opened(self.path, self.options.move.jobs) as snapshot:
                options = for_server(self.server, self.options.move.plan)
                plan = make_plan(snapshot, self.path, options, self.options.move.jobs, self.clock)
                refuse(plan)
                more = keyless(plan, captured)
                if not more:
                    shipment = Shipment(shaped(plan, captured), snapshot, Quarantine(self._quarantine_file), self.clock)
                    return self._copy(shipment, plan, captured)
            by_rowid |= more
            remove(self.path, timeout=PATIENCE)
        raise SourceError(
            f"{self.path} changes its schema faster than it can be looked at.",
            hint="Begin when its schema stays as it is for a while.",
            code="changed",
        )

    @property
    def _quarantine_file(self) -> Path:
        return self.options.move.quarantine_file or Path(f"{self.path.stem}.quarantine.jsonl")

    def _install(self, move_id: str, by_rowid: Collection[str]) -> tuple[CapturedTable, ...]:
        with opened(self.path, 1) as snapshot:
            catalog = inspect(snapshot.connection, str(self.path))
        planned = plan_capture(wanted(catalog, self.options.move.plan), by_rowid=by_rowid)
        plan = CapturePlan(planned.tables, (), planned.unwatched)
        return install(self.path, plan, move_id, timeout=PATIENCE).tables

    def _copy(self, shipment: Shipment, plan: Plan, captured: tuple[CapturedTable, ...]) -> Outcome:
        """Copy the moment of the shipment's snapshot; the log is followed from its end in that moment."""
        connections: Connections = Lender(self.server.connect)
        read = shipment.snapshot.connection
        position, declared = log.position(read), schema.declared(read)
        put_on_disk(self.path)
        refuse_conflicts(self.connection, [plan], replace_existing=False)
        move = self.options.move
        copy_options = CopyOptions(move.jobs, move.batch_rows, move.on_error == "stop")
        wishes = wishes_of(move.plan)
        try:
            with self.clock.stage("create"):
                staged = self._create(shipment.plan, plan)
            begun = Following(stripped(plan), tuple(map(with_chunks, staged.tables)), staged.objects, wishes)
            known = {"position": position, "declared": declared_to(declared), "plan": begun.to_json()}
            state.change(self.connection, self.schema, **known)
            means = Means(connections, self.server.url, copy_options, resumed=False, verify=True)
            outcome = shipment.carry(staged, self.connection, means)
        finally:
            connections.close()
        if outcome.proof is not None and not outcome.proof.equal:
            raise TargetError(
                f"The copy of {self.path} differs from it. Nothing was kept.",
                hint="Compare where: exuvia migrate with --report, into another schema.",
                code="copy",
            )
        following = replace(begun, staged=tuple(map(without_profile, staged.tables)), objects=outcome.objects)
        with self.connection.transaction():
            for table in followed(following.staged, captured):
                adopted(self.connection, table)
            rejected = sum(table.rows_rejected for table in outcome.tables)
            keep(self.connection, self.schema, following, rejected, staged.begun.header.name)
        return outcome

    def _create(self, shaped_plan: Plan, plan: Plan) -> Staged:
        extensions.ensure(self.connection, extensions.needed(table.target for table in plan.tables))
        (staged,) = begin(self.connection, [shaped_plan], [self.schema])
        for table in plan.tables:  # the way back must not hear of hidden columns
            target = staged_plan(table, staging_name).target
            self.connection.execute(ddl.comment(target, origin.comment(table)).encode())
        return staged

    def _refuse_captured(self) -> None:
        found = installed(self.path)
        if found is not None:
            what = "is fenced" if found.fence is not None else "is followed already"
            raise SourceError(
                f"{self.path} {what}, by move {found.move_id}, unknown to schema {self.schema!r} of this target.",
                hint="Go on with that move, or take its change log out: exuvia live stop --source-only.",
                code="captured",
            )


def adopted(connection: psycopg.Connection, table: FollowedTable) -> Aside:
    """Return a table's quarantine, with the rows that a copy has put there under the keys that the log names.

    Args:
        connection: A connection inside a transaction.
        table: The table.
    """
    aside = Aside.of(connection, table.plan.target.schema, table.plan.quarantine)
    aside.adopt(connection, lambda name, values: key_of(table, name, values))
    return aside


def keep(connection: psycopg.Connection, schema_name: str, following: Following, rejected: int, ledger: str) -> None:
    """Take a copy that is complete and proved off the list of interrupted moves: it is followed from here on.

    Args:
        connection: A connection inside a transaction.
        schema_name: The target schema.
        following: What is followed.
        rejected: Rows in quarantine.
        ledger: The copy's ledger.
    """
    state.change(connection, schema_name, phase=Phase.FOLLOWING, plan=following.to_json(), rejected=rejected)
    state.set_proved(connection, schema_name)
    staging.drop_table(connection, schema_name, ledger)
    name = quote(staging_name(schema_name))
    connection.execute(f"COMMENT ON SCHEMA {name} IS {ddl.literal(_MARK)}".encode())


def discard(connection: psycopg.Connection, schema_name: str, path: Path, move_id: str) -> None:
    """Remove every trace of a live move: from the source first, so that it can be asked for again.

    Args:
        connection: A connection to the target in autocommit mode, which holds the lock of the schema.
        schema_name: The target schema.
        path: The source.
        move_id: The move; a change log of another one stays.
    """
    if path.exists():
        found = installed(path)
        if found is not None and found.move_id == move_id:
            remove(path, timeout=PATIENCE)
    staging.discard(connection, schema_name)
    state.drop(connection, schema_name)


def refuse_other_move(connection: psycopg.Connection, schema_name: str) -> None:
    """Raise where an interrupted move of another kind stands in the staging schema.

    Raises:
        TargetError: ``unfinished``.
    """
    header = ledger.find(connection, schema_name)
    if header is not None:
        raise TargetError(
            f"An unfinished move into schema {schema_name!r} began at {header.started}.",
            hint="Continue it with exuvia migrate, or remove it: exuvia abort.",
            code="unfinished",
        )


def wanted(catalog: Catalog, options: PlanOptions) -> Catalog:
    """Return what is in a source without the tables that a person leaves out."""
    tables, derived = (
        tuple(one for one in found if not is_excluded(one.name, options)) for found in (catalog.tables, catalog.derived)
    )
    return replace(catalog, tables=tables, derived=derived)


def refuse(plan: Plan) -> None:
    """Raise the first error of a plan.

    Raises:
        PlanError: ``refused``.
    """
    errors = [problem for problem in plan.problems if problem.level == "error"]
    if errors:
        first = errors[0]
        more = f" ({len(errors) - 1} more errors: see exuvia plan.)" if len(errors) > 1 else ""
        raise PlanError(f"{first.where}: {first.message}{more}", hint=" ".join(first.choices), code="refused")
