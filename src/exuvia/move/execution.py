"""Carrying out plans: create, copy, finish, verify, publish. All or nothing, and nothing left behind.

Several sources are carried one after the other, and published together once the last is proved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import psycopg

from exuvia.engines.postgres import extensions, staging
from exuvia.engines.postgres.failures import explain_error, is_lost
from exuvia.engines.postgres.live import state
from exuvia.errors import ExuviaError, TargetError
from exuvia.move.clock import Clock
from exuvia.move.conflicts import conflicts, refuse_conflicts
from exuvia.move.copying import CopyOptions
from exuvia.move.creating import Staged, begin, go_on
from exuvia.move.existing.publish import publish_into
from exuvia.move.lending import Lender
from exuvia.move.plan import Plan, Problem
from exuvia.move.publishing import publish_all
from exuvia.move.resuming import Begun, unfinished
from exuvia.move.shipment import Connections, Means, Outcome, Shipment


@dataclass(frozen=True, slots=True)
class Execution:
    """The plans of one or more sources on their way into one target.

    Args:
        shipments: The sources with their plans, which want no name twice; all go into existing tables, or none.
        connect: Opens a connection to the target, in autocommit mode.
        target_url: The target for ADBC, with its secrets.
        copy_options: How to copy.
        replace_existing: Whether relations of the same names give way.
        verify: Whether to compare every value before publishing.
        restart: Whether to begin anew where an interrupted move could be continued.
        clock: Times the stages that all sources have in common.
    """

    shipments: Sequence[Shipment]
    connect: Callable[[], psycopg.Connection]
    target_url: str
    copy_options: CopyOptions
    replace_existing: bool
    verify: bool
    restart: bool
    clock: Clock

    def run(self) -> tuple[Outcome, ...]:
        """Carry out the plans.

        Returns:
            What each gave. None is published when the values of one differ.

        Raises:
            TargetError: The target refuses, is busy, or already has relations of these names; nothing was changed.
            RejectedError: A value could not go and the options say to stop; nothing was changed.
        """
        schemas = sorted(frozenset().union(*(one.schemas for one in self.shipments)))
        connections = Lender(self.connect)
        try:
            with connections.lend() as main, staging.lock(main, schemas):
                begun = self._begun(main, schemas)
                try:
                    outcomes = self._carry_out(main, connections, schemas, begun)
                except BaseException as error:
                    if is_lost(error):
                        raise _to_be_continued(error) from error
                    _abandon(main, self.connect, schemas)
                    raise
                _discard(main, schemas)
                return outcomes
        except psycopg.Error as error:
            raise explain_error(error) from error
        finally:
            connections.close()

    @property
    def _plans(self) -> list[Plan]:
        return [one.plan for one in self.shipments]

    def _begun(self, main: psycopg.Connection, schemas: Sequence[str]) -> tuple[Begun, ...] | None:
        """Return the interrupted move that this one continues; a refusal here leaves it as it is."""
        for schema in schemas:
            state.refuse(main, schema)
        if all(one.into is None for one in self.shipments):
            refuse_conflicts(main, self._plans, replace_existing=self.replace_existing)
        return unfinished(main, self._plans, schemas, restart=self.restart)

    def _carry_out(
        self,
        main: psycopg.Connection,
        connections: Connections,
        schemas: Sequence[str],
        begun: Sequence[Begun] | None,
    ) -> tuple[Outcome, ...]:
        made = self._create(main, schemas, begun)
        means = Means(connections, self.target_url, self.copy_options, begun is not None, self.verify)
        outcomes: list[Outcome] = []
        for shipment, tables in zip(self.shipments, made, strict=True):
            with self._naming(shipment):
                outcomes.append(shipment.carry(tables, main, means))
        if all(one.proof is None or one.proof.equal for one in outcomes):
            with self.clock.stage("finish"):
                return self._publish(main, schemas, made, outcomes)
        return tuple(
            replace(outcome, objects=shipment.plan.objects + outcome.objects)
            for shipment, outcome in zip(self.shipments, outcomes, strict=True)
        )

    def _create(
        self, main: psycopg.Connection, schemas: Sequence[str], begun: Sequence[Begun] | None
    ) -> tuple[Staged, ...]:
        with self.clock.stage("create"):
            extensions.ensure(main, extensions.needed(table.target for plan in self._plans for table in plan.tables))
            if begun is None:
                return begin(main, self._plans, schemas)
            return tuple(go_on(plan, one) for plan, one in zip(self._plans, begun, strict=True))

    def _publish(
        self, main: psycopg.Connection, schemas: Sequence[str], made: Sequence[Staged], outcomes: Sequence[Outcome]
    ) -> tuple[Outcome, ...]:
        pairs = list(zip(self.shipments, made, strict=True))
        objects = [plan.objects for plan in self._plans]
        told: list[tuple[Problem, ...]] = [()] * len(pairs)
        intos = [one.into for one in self.shipments if one.into is not None]
        if intos:
            quarantines = [place for shipment, tables in pairs for place in shipment.quarantines(tables.tables)]
            told = publish_into(main, intos, quarantines)
        else:
            places = [place for shipment, tables in pairs for place in shipment.published(tables.tables)]
            names = {schema: [name for other, name in places if other == schema] for schema in schemas}
            with main.transaction():
                staging.drop_table(main, schemas[0], made[0].begun.header.name)
                objects = publish_all(main, objects, names, conflicts(main, self._plans))
        return tuple(
            replace(outcome, objects=final + outcome.objects, problems=outcome.problems + more, published=True)
            for outcome, final, more in zip(outcomes, objects, told, strict=True)
        )

    @contextmanager
    def _naming(self, shipment: Shipment) -> Iterator[None]:
        """Say in an error which of several sources it is about."""
        try:
            yield
        except ExuviaError as error:
            if len(self.shipments) == 1:
                raise
            raise about(shipment.plan.catalog.label, error) from error


def about(source: str, error: ExuviaError) -> ExuviaError:
    """Return an error that names the source which it is about."""
    code = error.code.removeprefix(error.family).removeprefix(".")
    return type(error)(f"{source}: {error.message}", hint=error.hint, code=code)


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
