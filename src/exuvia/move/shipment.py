"""One source on its way into the target: its staged tables filled, finished and proved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import psycopg

from exuvia.engines.postgres.staging import staging_name
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.move.clock import Clock
from exuvia.move.copying import Copier, CopyOptions
from exuvia.move.creating import Staged
from exuvia.move.existing.publish import IntoExisting
from exuvia.move.finishing import Finished, Finisher
from exuvia.move.lending import Lender
from exuvia.move.plan import ObjectPlan, Plan, Problem, TablePlan
from exuvia.move.quarantine import Collected, Quarantine
from exuvia.move.results import Proof, TableResult
from exuvia.move.verify import ChunkId, Taken, Verifier
from exuvia.move.workers import run

Connections = Lender[psycopg.Connection]


@dataclass(frozen=True, slots=True)
class Means:
    """What all sources of a move have in common.

    Args:
        connections: Connections to the target, in autocommit mode.
        target_url: The target for ADBC, with its secrets.
        copy_options: How to copy.
        resumed: Whether the move was interrupted before.
        verify: Whether to compare every value.
    """

    connections: Connections
    target_url: str
    copy_options: CopyOptions
    resumed: bool
    verify: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What carrying out a plan gave."""

    tables: tuple[TableResult, ...]
    objects: tuple[ObjectPlan, ...]
    problems: tuple[Problem, ...]
    rejected: Collected
    proof: Proof | None
    published: bool = False


@dataclass(frozen=True, slots=True)
class Shipment:
    """One source's plan.

    Args:
        plan: The plan; it has no error.
        snapshot: The source.
        quarantine: Where its rejected rows go.
        clock: Times its stages.
        into: Puts the rows into tables that the target has; None to publish the tables themselves.
    """

    plan: Plan
    snapshot: Snapshot
    quarantine: Quarantine
    clock: Clock
    into: IntoExisting | None = None

    @property
    def schemas(self) -> frozenset[str]:
        """The target's schemas that it goes to."""
        return frozenset(table.target.schema for table in self.plan.tables) or frozenset({self.plan.schema})

    def carry(self, staged: Staged, main: psycopg.Connection, means: Means) -> Outcome:
        """Copy, finish and compare the staged tables; nothing is published.

        Args:
            staged: The tables, as they were made.
            main: A connection in autocommit mode.
            means: What to work with.
        """
        tables = staged.tables
        if means.resumed:
            self.quarantine.adopt(main, tables)
        results, taken_down = self._copy(staged, means)
        collected = self.quarantine.collect(main, tables, self._quarantine_place)
        finished = self._finish(tables, means)
        proof = self._verify(tables, taken_down, means) if means.verify else None
        return Outcome(results, staged.objects + finished.objects, finished.problems, collected, proof)

    def quarantines(self, tables: Sequence[TablePlan]) -> Iterator[tuple[str, str]]:
        """Yield target schema and name of each quarantine that was made beside these staged tables."""
        for final, table in zip(self.plan.tables, tables, strict=True):
            if (table.target.schema, table.quarantine) in self.quarantine.made:
                yield final.target.schema, table.quarantine

    def published(self, tables: Sequence[TablePlan]) -> Iterator[tuple[str, str]]:
        """Yield target schema and name of everything that was staged: tables, and quarantines that were made."""
        for final, table in zip(self.plan.tables, tables, strict=True):
            yield final.target.schema, table.target.name
        yield from self.quarantines(tables)

    def _copy(self, staged: Staged, means: Means) -> tuple[tuple[TableResult, ...], Mapping[ChunkId, Taken]]:
        taken_down: dict[ChunkId, Taken] = {}
        with self.clock.stage("copy"):
            copier = Copier(
                self.snapshot,
                means.connections,
                self.quarantine,
                means.copy_options,
                self.clock.listener,
                staged.begun,
            )
            stop = self._stopper(means.connections)
            for result in run(copier.tasks(staged.tables), jobs=means.copy_options.jobs, stop=stop):
                copier.done(result)
                entry = result.entry
                taken_down[entry.table, entry.chunk] = Taken(entry.digest, entry.rejected)
            results = copier.results(staged.tables)
        schemas = self._final_schemas()
        return tuple(replace(one, schema=schemas[one.source]) for one in results), taken_down

    def _finish(self, tables: Sequence[TablePlan], means: Means) -> Finished:
        jobs, stop = means.copy_options.jobs, self._stopper(means.connections)
        with self.clock.stage("finish"):
            finisher = Finisher(means.connections, self.clock.listener, means.resumed)
            found = list(run(finisher.table_tasks(tables), jobs=jobs, stop=stop))
            found += finisher.add_foreign_keys(tables)
            found += run(finisher.validation_tasks(tables), jobs=jobs, stop=stop)
        return Finished(
            tuple(one for part in found for one in part.objects), tuple(one for part in found for one in part.problems)
        )

    def _verify(self, tables: Sequence[TablePlan], taken_down: Mapping[ChunkId, Taken], means: Means) -> Proof:
        with self.clock.stage("verify"):
            verifier = Verifier(
                self.snapshot, means.target_url, means.connections, means.copy_options.jobs, self.clock.listener
            )
            proof = verifier.verify(tables, self._stopper(means.connections), taken_down)
        schemas = self._final_schemas()
        return replace(proof, tables=tuple(replace(one, schema=schemas[one.table]) for one in proof.tables))

    def _final_schemas(self) -> Mapping[str, str]:
        return {table.source.name: table.target.schema for table in self.plan.tables}

    def _quarantine_place(self, table: TablePlan) -> str:
        schemas = {staging_name(one.target.schema): one.target.schema for one in self.plan.tables}
        return f"{schemas[table.target.schema]}.{table.quarantine}"

    def _stopper(self, connections: Connections) -> Callable[[], None]:
        def stop() -> None:
            self.snapshot.interrupt()
            for connection in connections.each():
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=5)

        return stop
