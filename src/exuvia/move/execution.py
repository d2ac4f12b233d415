"""Carrying out a plan: create, copy, finish, verify, publish. All or nothing, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import psycopg

from exuvia.engines.postgres import extensions, staging
from exuvia.engines.postgres.failures import explain_error, is_lost
from exuvia.engines.postgres.staging import REPLACEABLE, Relation, staging_name
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import TargetError
from exuvia.move.clock import Clock
from exuvia.move.copying import Copier, CopyOptions
from exuvia.move.creating import Staged, begin, go_on
from exuvia.move.existing.publish import IntoExisting
from exuvia.move.finishing import Finished, Finisher
from exuvia.move.lending import Lender
from exuvia.move.plan import ObjectPlan, Plan, Problem, TablePlan
from exuvia.move.publishing import publish_all
from exuvia.move.quarantine import Collected, Quarantine
from exuvia.move.results import Proof, TableResult
from exuvia.move.resuming import unfinished
from exuvia.move.verify import ChunkId, Taken, Verifier
from exuvia.move.workers import run


@dataclass(frozen=True, slots=True)
class Outcome:
    """What carrying out a plan gave."""

    tables: tuple[TableResult, ...]
    objects: tuple[ObjectPlan, ...]
    problems: tuple[Problem, ...]
    rejected: Collected
    proof: Proof | None
    published: bool


@dataclass(frozen=True, slots=True)
class Execution:
    """One plan on its way into one target.

    Args:
        plan: The plan; it has no error.
        snapshot: The source.
        connect: Opens a connection to the target, in autocommit mode.
        target_url: The target for ADBC, with its secrets.
        quarantine: Where rejected rows go.
        copy_options: How to copy.
        replace_existing: Whether relations of the same names give way.
        verify: Whether to compare every value before publishing.
        restart: Whether to begin anew where an interrupted move could be continued.
        clock: Times the stages.
        into: Puts the rows into tables that the target has; None to publish the tables themselves.
    """

    plan: Plan
    snapshot: Snapshot
    connect: Callable[[], psycopg.Connection]
    target_url: str
    quarantine: Quarantine
    copy_options: CopyOptions
    replace_existing: bool
    verify: bool
    restart: bool
    clock: Clock
    into: IntoExisting | None = None

    def run(self) -> Outcome:
        """Carry out the plan.

        Raises:
            TargetError: The target refuses, is busy, or already has relations of these names; nothing was changed.
            RejectedError: A value could not go and the options say to stop; nothing was changed.
        """
        schemas = sorted({table.target.schema for table in self.plan.tables} or {self.plan.schema})
        connections = Lender(self.connect)
        try:
            with connections.lend() as main, staging.lock(main, schemas):
                try:
                    outcome = self._carry_out(main, connections, schemas)
                except BaseException as error:
                    if is_lost(error):
                        raise _to_be_continued(error) from error
                    _abandon(main, self.connect, schemas)
                    raise
                _discard(main, schemas)
                return outcome
        except psycopg.Error as error:
            raise explain_error(error) from error
        finally:
            connections.close()

    def _carry_out(
        self, main: psycopg.Connection, connections: Lender[psycopg.Connection], schemas: Sequence[str]
    ) -> Outcome:
        with self.clock.stage("create"):
            if self.into is None:
                refuse_conflicts(main, self.plan, replace_existing=self.replace_existing)
            extensions.ensure(main, extensions.needed(table.target for table in self.plan.tables))
            begun = unfinished(main, self.plan, schemas, restart=self.restart)
            staging_tables = begin(main, self.plan, schemas) if begun is None else go_on(self.plan, begun)
        tables = staging_tables.tables
        if begun is not None:
            self.quarantine.adopt(main, tables)
        results, taken_down = self._copy(connections, staging_tables)
        collected = self.quarantine.collect(main, tables, self._quarantine_place)
        finished = self._finish(connections, tables, resumed=begun is not None)
        proof = self._verify(connections, tables, taken_down) if self.verify else None
        objects, published = self.plan.objects, proof is None or proof.equal
        told: tuple[Problem, ...] = ()
        if published and self.into is not None:
            with self.clock.stage("finish"):
                told = self.into.publish(main, self._quarantines(tables))
        elif published:
            with self.clock.stage("finish"):
                staging.drop_table(main, schemas[0], staging_tables.begun.header.name)
                objects = publish_all(main, self.plan, self._published(tables), conflicts(main, self.plan))
        left_out = staging_tables.objects + finished.objects
        return Outcome(results, objects + left_out, finished.problems + told, collected, proof, published)

    def _copy(
        self, connections: Lender[psycopg.Connection], staged_tables: Staged
    ) -> tuple[tuple[TableResult, ...], Mapping[ChunkId, Taken]]:
        taken_down: dict[ChunkId, Taken] = {}
        with self.clock.stage("copy"):
            copier = Copier(
                self.snapshot,
                connections,
                self.quarantine,
                self.copy_options,
                self.clock.listener,
                staged_tables.begun,
            )
            stop = _stopper(self.snapshot, connections)
            for result in run(copier.tasks(staged_tables.tables), jobs=self.copy_options.jobs, stop=stop):
                copier.done(result)
                entry = result.entry
                taken_down[entry.table, entry.chunk] = Taken(entry.digest, entry.rejected)
            results = copier.results(staged_tables.tables)
        schemas = {table.source.name: table.target.schema for table in self.plan.tables}
        return tuple(replace(one, schema=schemas[one.source]) for one in results), taken_down

    def _finish(
        self, connections: Lender[psycopg.Connection], tables: Sequence[TablePlan], *, resumed: bool
    ) -> Finished:
        jobs, stop = self.copy_options.jobs, _stopper(self.snapshot, connections)
        with self.clock.stage("finish"):
            finisher = Finisher(connections, self.clock.listener, resumed)
            found = list(run(finisher.table_tasks(tables), jobs=jobs, stop=stop))
            found += finisher.add_foreign_keys(tables)
            found += run(finisher.validation_tasks(tables), jobs=jobs, stop=stop)
        return Finished(
            tuple(one for part in found for one in part.objects), tuple(one for part in found for one in part.problems)
        )

    def _verify(
        self,
        connections: Lender[psycopg.Connection],
        tables: Sequence[TablePlan],
        taken_down: Mapping[ChunkId, Taken],
    ) -> Proof:
        with self.clock.stage("verify"):
            verifier = Verifier(
                self.snapshot, self.target_url, connections, self.copy_options.jobs, self.clock.listener
            )
            proof = verifier.verify(tables, _stopper(self.snapshot, connections), taken_down)
        schemas = {table.source.name: table.target.schema for table in self.plan.tables}
        return replace(proof, tables=tuple(replace(one, schema=schemas[one.table]) for one in proof.tables))

    def _quarantines(self, tables: Sequence[TablePlan]) -> Iterator[tuple[str, str]]:
        """Yield target schema and name of each quarantine that was made."""
        for final, table in zip(self.plan.tables, tables, strict=True):
            if (table.target.schema, table.quarantine) in self.quarantine.made:
                yield final.target.schema, table.quarantine

    def _published(self, tables: Sequence[TablePlan]) -> Mapping[str, Sequence[str]]:
        """Return what was staged, by target schema: tables, and the quarantines that were made."""
        found: dict[str, list[str]] = {} if self.plan.tables else {self.plan.schema: []}
        for final, table in zip(self.plan.tables, tables, strict=True):
            names = found.setdefault(final.target.schema, [])
            names.append(table.target.name)
            if (table.target.schema, table.quarantine) in self.quarantine.made:
                names.append(table.quarantine)
        return found

    def _quarantine_place(self, table: TablePlan) -> str:
        schemas = {staging_name(one.target.schema): one.target.schema for one in self.plan.tables}
        return f"{schemas[table.target.schema]}.{table.quarantine}"


def conflicts(connection: psycopg.Connection, plan: Plan) -> tuple[Relation, ...]:
    """Return the relations of the target whose names the plan needs."""
    names: dict[str, list[str]] = {}
    for table in plan.tables:
        target = table.target
        keys = [key.name for key in (target.primary_key, *target.uniques, *target.indexes) if key is not None]
        names.setdefault(target.schema, []).extend([target.name, table.quarantine, *keys])
    for one in plan.objects:
        if one.target is not None:
            names.setdefault(one.target[0], []).append(one.target[1])
    found = staging.existing(connection, names)
    tables = {(relation.schema, relation.name) for relation in found if relation.kind == "table"}
    return tuple(relation for relation in found if (relation.schema, relation.owner) not in tables)


def refuse_conflicts(connection: psycopg.Connection, plan: Plan, *, replace_existing: bool) -> None:
    """Refuse a plan whose names are taken in the target.

    Raises:
        TargetError: They are, and those relations are not to give way, or cannot.
    """
    found = conflicts(connection, plan)
    refused = [one for one in found if not (replace_existing and one.kind in REPLACEABLE)]
    if refused:
        raise taken(refused)


def taken(relations: Sequence[Relation]) -> TargetError:
    """Return the error for names that are taken in the target."""
    shown = ", ".join(str(relation) for relation in relations[:5])
    more = f" and {len(relations) - 5} more" if len(relations) > 5 else ""
    return TargetError(
        f"The target already has {shown}{more}. Nothing was changed.",
        hint="Choose another schema with --schema NAME, or replace what is there with --drop-existing.",
        code="exists",
    )


def _stopper(snapshot: Snapshot, connections: Lender[psycopg.Connection]) -> Callable[[], None]:
    def stop() -> None:
        snapshot.interrupt()
        for connection in connections.each():
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=5)

    return stop


def _abandon(main: psycopg.Connection, connect: Callable[[], psycopg.Connection], schemas: Sequence[str]) -> None:
    """Leave no staging schema behind, through a new connection where the main one is lost.

    Where that fails too, the next move into the same schema sweeps it.
    """
    try:
        _discard(main, schemas)
    except psycopg.Error:
        with suppress(psycopg.Error, TargetError), connect() as connection:
            _discard(connection, schemas)


def _to_be_continued(error: BaseException) -> TargetError:
    explained = explain_error(error) if isinstance(error, psycopg.Error) else None
    message = explained.message if explained else "The connection to the target was lost."
    return TargetError(
        message, hint="What was copied is kept: run the same command again, and it goes on from there.", code="lost"
    )


def _discard(connection: psycopg.Connection, schemas: Sequence[str]) -> None:
    for schema in schemas:
        staging.discard(connection, schema)
