"""What a cut-over does to each of its files, be it one or several: all but taking the locks and committing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import apsw
import psycopg
from psycopg.pq import TransactionStatus

from exuvia.catalog.names import qualify
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import Phase, State, Warmth
from exuvia.engines.postgres.read import BEGIN_READING
from exuvia.engines.sqlite.capture import schema as declarations
from exuvia.engines.sqlite.capture.fence import fence
from exuvia.engines.sqlite.capture.state import was_vacuumed
from exuvia.engines.sqlite.order import from_clause
from exuvia.engines.sqlite.sequences import largest
from exuvia.errors import HookError, SourceError
from exuvia.live.cutover_report import Counted, CutoverReport
from exuvia.live.follower import Follower
from exuvia.live.following import Following
from exuvia.live.handover import take_whole
from exuvia.live.hooks import address, call, facts
from exuvia.live.options import CutoverOptions, Tell
from exuvia.live.preparing import Ready, refuse_quarantine
from exuvia.live.publication import Largest, Publication, finish, identities
from exuvia.live.stopwatch import Stopwatch
from exuvia.move.ends import Reached
from exuvia.move.events import Listener
from exuvia.move.lending import Lender
from exuvia.move.plan import ObjectPlan

LOCK_WAIT = 1.0
CHANGED = "cutover_again"
_SMALL = 0.25  # how much of the pause a round may take before it is begun
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Drained:
    """What the last round gave: its changes, rows in quarantine by table, and where sequences go on."""

    changes: int
    rejected: Mapping[str, int]
    numbers: Largest


@dataclass(frozen=True, slots=True)
class Held:
    """What was found and done while writers waited: changes that came over, the objects, and rows in quarantine."""

    changes: int
    objects: tuple[ObjectPlan, ...]
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Switched:
    """What the pause gave."""

    watch: Stopwatch
    pause: float
    held: Held


@dataclass(slots=True)
class FileCutover:
    """The parts of a cut-over that are done for each file.

    Args:
        path: The source.
        server: The target.
        options: How to cut over.
        listener: Hears of the comparison's progress.
        tell: Is told what is being done.
    """

    path: Path
    server: Reached
    options: CutoverOptions
    listener: Listener
    tell: Tell
    _began: float = field(default_factory=time.monotonic)

    def take(self, connection: psycopg.Connection) -> State:
        """Take the live move over from its follower, and settle what a killed cut-over has left.

        Args:
            connection: A connection in autocommit mode, which holds the right to carry the move on from then on.
        """
        connection.execute("SET synchronous_commit = on")
        return take_whole(connection, self.path, self._schema)

    def complete(self, connection: psycopg.Connection, found: State) -> CutoverReport:
        """Do what an earlier cut-over has left to be done."""
        report = CutoverReport(
            source=found.source,
            target=self.server.described.url,
            schema=self._schema,
            at=found.heartbeat,
            pause=0.0,
            steps={},
            changes=0,
            seconds=0.0,
            earlier=True,
            warm=found.warm is not Warmth.NONE,
        )
        if found.phase is Phase.MOVED:
            return report
        connections = Lender(self.server.connect)
        try:
            return self.afterwards(connection, connections, Following.from_json(found.plan), report)
        finally:
            connections.close()

    def catch_up(self, follower: Follower) -> None:
        """Make rounds until one takes little of the pause that is allowed; at the latest after some, try."""
        for _ in range(_ROUNDS):
            began = time.monotonic()
            follower.round()
            if time.monotonic() - began < self.options.max_pause * _SMALL:
                return

    def drain(self, follower: Follower, ready: Ready, locked: apsw.Connection, watch: Stopwatch) -> Drained:
        """Bring the last changes over, while nobody can write to the source.

        Raises:
            SourceError: ``cutover_again``: the schema's cookie is new.
            TargetError: ``quarantine``, ``max_pause``.
        """
        if declarations.cookie(locked) != ready.cookie or was_vacuumed(locked):
            raise _look_again(self.path)
        follower.connection.execute(f"SET statement_timeout = {max(round(watch.left * 1000), 1)}".encode())
        with watch.step("drain"):
            last = follower.last_round()
            rejected = follower.rejected()
            refuse_quarantine(rejected, self.options)
            with follower.source.moment() as snapshot:
                numbers = largest(snapshot.connection, identities(follower.following))
        return Drained(last.changes if last else 0, rejected, numbers)

    def intend(self, follower: Follower) -> None:
        """Say in the state that the source may be fenced any moment."""
        warm = Warmth.PAUSED if self.options.warm else Warmth.NONE
        state.change(follower.connection, self._schema, phase=Phase.CUTTING, warm=warm, message="")

    def publish(self, connection: psycopg.Connection, follower: Follower, drained: Drained) -> tuple[ObjectPlan, ...]:
        """Publish the staged tables, inside the caller's transaction."""
        move_id = follower.source.installed.move_id if self.options.warm else ""
        return Publication(connection, self._schema, follower.following, move_id).run(drained.numbers)

    def fence(self, follower: Follower, ready: Ready, locked: apsw.Connection) -> None:
        """Fence the source, inside the transaction that holds its write lock."""
        fence(locked, ready.catalog, self._message, follower.source.installed.move_id)

    def count(self, follower: Follower, witness: psycopg.Connection, switched: Switched) -> tuple[Counted, ...]:
        """Count both sides as they were in the pause: the source is fenced, and the witness sees that moment still."""
        self.tell("counting")
        counts = []
        with follower.source.moment() as snapshot:
            for table in follower.following.plan.tables:
                name, target = table.source.name, table.target
                here = snapshot.connection.execute(f"SELECT count(*) {from_clause(table.source)}").fetchone()
                there = witness.execute(f"SELECT count(*) FROM {qualify(target.schema, target.name)}".encode())
                row = there.fetchone()
                rejected = switched.held.rejected.get(name, 0)
                rows = int(str(here[0])) if here else 0
                counts.append(Counted(name, target.name, rows, int(row[0]) if row else 0, rejected))
        return tuple(counts)

    def report(self, ready: Ready, switched: Switched, counts: tuple[Counted, ...]) -> CutoverReport:
        """Return what was done up to the end of the pause."""
        return CutoverReport(
            source=str(self.path.resolve()),
            target=self.server.described.url,
            schema=self._schema,
            at=datetime.now(UTC),
            pause=switched.pause,
            steps=switched.watch.steps,
            changes=switched.held.changes,
            seconds=0.0,
            counts=counts,
            proof=ready.proof,
            repaired=ready.repaired,
            objects=switched.held.objects,
            warm=self.options.warm,
        )

    def afterwards(
        self,
        connection: psycopg.Connection,
        connections: Lender[psycopg.Connection],
        following: Following,
        report: CutoverReport,
    ) -> CutoverReport:
        """Do what had to wait until writers could go on, and call the hook."""
        self.tell("validating constraints")
        finished = finish(connection, self._schema, following, connections, self.listener)
        warnings = []
        try:
            call(self.options.after, "after", self.facts())
        except HookError as error:
            warnings.append(error.message)
        return replace(
            report,
            objects=report.objects + finished.objects,
            problems=finished.problems,
            warnings=tuple(warnings),
            seconds=time.monotonic() - self._began,
        )

    def facts(self) -> dict[str, str]:
        """Return what hooks are told."""
        return facts("postgresql", self.path, self.server, self._schema)

    @property
    def _schema(self) -> str:
        return self.options.schema

    @property
    def _message(self) -> str:
        when = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        return f"this database moved to {address(self.server)} on {when} UTC: write there"


def is_idle(connection: psycopg.Connection) -> bool:
    """Tell whether a connection is open and in no transaction."""
    return not connection.closed and connection.info.transaction_status is TransactionStatus.IDLE


def begin_reading(witness: psycopg.Connection) -> None:
    """Keep the moment of now, before anybody else writes to the published tables."""
    if not is_idle(witness):
        witness.execute("ROLLBACK")
    witness.execute(BEGIN_READING)
    witness.execute("SELECT pg_current_snapshot()")


def _look_again(path: Path) -> SourceError:
    return SourceError(f"The schema of {path} has changed, or VACUUM has run.", code=CHANGED)
