"""What a cut-over does before its pause: all that takes long, and all that could stop it later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import psycopg

from exuvia.catalog.model import Catalog
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.vacuum import keep_off, let_on
from exuvia.engines.sqlite.capture import schema as declarations
from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.sequences import largest
from exuvia.errors import TargetError, VerifyError
from exuvia.live.follower import Follower
from exuvia.live.options import CutoverOptions, Tell
from exuvia.live.publication import Publication, identities
from exuvia.live.stopwatch import Stopwatch
from exuvia.move.conflicts import refuse_conflicts
from exuvia.move.events import Listener
from exuvia.move.lending import Lender
from exuvia.move.results import Proof

_REPAIRS = 3


@dataclass(frozen=True, slots=True)
class Ready:
    """What is known when the pause can begin."""

    catalog: Catalog
    cookie: int
    proof: Proof | None
    repaired: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preparation:
    """Prepares a cut-over.

    Args:
        follower: The live move, which no other process follows.
        target_url: The target for ADBC, with its secrets.
        connections: Connections to the target, in autocommit mode.
        options: How to cut over.
        listener: Hears of the comparison's progress.
        tell: Is told what is being done.
    """

    follower: Follower
    target_url: str
    connections: Lender[psycopg.Connection]
    options: CutoverOptions
    listener: Listener
    tell: Tell

    def run(self) -> Ready:
        """Catch up, rehearse and compare.

        Raises:
            SourceError: The source's schema has changed.
            TargetError: Names are taken, rows are in quarantine, or publishing takes longer than the pause may.
            VerifyError: The two sides differ.
        """
        follower = self.follower
        refuse_conflicts(follower.connection, [follower.following.plan], replace_existing=False)
        self.tell("catching up")
        follower.last_round()
        if follower.unlogged:
            self.tell(f"{', '.join(follower.unlogged)}: no trigger can watch it, so it is read as a whole in the pause")
        refuse_quarantine(follower.rejected(), self.options)
        self._rehearse()
        proof, repaired = self._prove() if self.options.proof else (None, ())
        return Ready(*look(follower), proof, repaired)

    def _rehearse(self) -> None:
        """Publish in a transaction that is rolled back: whether it works, and takes too long, is known before."""
        follower = self.follower
        with follower.source.moment() as snapshot:
            numbers = largest(snapshot.connection, identities(follower.following))
        keep_off(follower.connection, follower.places)
        let_on(follower.connection)
        watch = Stopwatch(self.options.max_pause)
        with follower.connection.transaction(force_rollback=True), watch.step("publish"):
            move_id = follower.source.installed.move_id if self.options.warm else ""
            Publication(follower.connection, self.options.schema, follower.following, move_id).run(numbers)
        watch.check()

    def _prove(self) -> tuple[Proof, tuple[str, ...]]:
        """Compare every value; tables with differences that no trigger has seen are copied anew and compared again."""
        proof = self.follower.verify(self.target_url, self.connections, self.listener)
        repaired: set[str] = set()
        for _ in range(_REPAIRS):
            differing = [table.table for table in proof.tables if not table.equal]
            if not differing:
                state.set_proved(self.follower.connection, self.options.schema)
                return proof, tuple(sorted(repaired))
            repaired.update(differing)
            self.tell(f"copying {', '.join(differing)} anew: changes came in that no trigger saw")
            self.follower.round(anew=differing)
            again = self.follower.verify(self.target_url, self.connections, self.listener, only=differing)
            proof = _merged(proof, again)
        raise VerifyError(
            f"{', '.join(sorted(repaired))}: rows differ from the source, also when they are copied anew.",
            hint="Is something writing to the staging schema, or to the source with triggers switched off?",
            code="different",
        )


def look(follower: Follower) -> tuple[Catalog, int]:
    """Return what the source declares now, and its schema's cookie."""
    with follower.source.moment() as snapshot:
        catalog = inspect(snapshot.connection, follower.source.label)
        return catalog, declarations.cookie(snapshot.connection)


def refuse_quarantine(rejected: Mapping[str, int], options: CutoverOptions) -> None:
    """Refuse a cut-over that would leave rows behind, unless that is wanted.

    Args:
        rejected: Rows in quarantine by source table.
        options: How to cut over.

    Raises:
        TargetError: ``quarantine``.
    """
    held = {name: rows for name, rows in rejected.items() if rows}
    if held and not options.allow_quarantine:
        told = ", ".join(f"{name}: {rows:,}" for name, rows in held.items())
        raise TargetError(
            f"Rows are in quarantine, they would be missing in the target ({told}).",
            hint="Mend them in the source, where exuvia live status tells columns that need a wider type;"
            " or go on without them: --allow-quarantine.",
            code="quarantine",
        )


def _merged(proof: Proof, again: Proof) -> Proof:
    newer = {table.table: table for table in again.tables}
    tables = tuple(newer.get(table.table, table) for table in proof.tables)
    return replace(
        proof,
        tables=tables,
        values_compared=sum(table.values_compared for table in tables),
        equal=all(table.equal for table in tables),
        seconds=proof.seconds + again.seconds,
    )
