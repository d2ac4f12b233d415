"""The cut-over: writers wait for a moment, the last changes come over, and from then on the target is written.

The source's write lock is held while the last round is made, the staged tables are published, the source is fenced and
the application's configuration is switched. The intent is recorded before; then the source's transaction is committed,
then the target's. ``handover.settle`` finishes or undoes what a killed process leaves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import apsw
import psycopg
from psycopg.pq import TransactionStatus

from exuvia.catalog.names import qualify
from exuvia.engines.postgres.failures import explain_error
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import Phase, State, Warmth
from exuvia.engines.postgres.live.vacuum import keep_off, let_on
from exuvia.engines.postgres.read import BEGIN_READING
from exuvia.engines.sqlite.capture import schema as declarations
from exuvia.engines.sqlite.capture.fence import fence
from exuvia.engines.sqlite.capture.state import was_vacuumed
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.engines.sqlite.order import from_clause
from exuvia.engines.sqlite.sequences import largest
from exuvia.errors import HookError, SourceError, TargetError
from exuvia.live.cutover_report import Counted, CutoverReport
from exuvia.live.follower import Follower
from exuvia.live.following import Following
from exuvia.live.handover import DONE, is_fenced, returned_already, settle, take_over
from exuvia.live.hooks import address, call, facts
from exuvia.live.interrupts import held
from exuvia.live.options import CutoverOptions
from exuvia.live.preparing import Preparation, Ready, look, refuse_quarantine
from exuvia.live.publication import Largest, Publication, finish, identities
from exuvia.live.source import LiveSource
from exuvia.live.stopwatch import Stopwatch
from exuvia.move.ends import Reached, reach, source_of
from exuvia.move.events import Listener, ignore, one_at_a_time
from exuvia.move.lending import Lender
from exuvia.move.options import DEFAULT_TARGET, MoveOptions, Source, Target
from exuvia.move.plan import ObjectPlan

LOCK_WAIT = 1.0
_SMALL = 0.25  # how much of the pause a round may take before it is begun
_ROUNDS = 20
CHANGED = "cutover_again"


def _nobody(_: str) -> None:
    """The listener that nobody is behind."""


def cutover(
    source: Source,
    target: Target = DEFAULT_TARGET,
    *,
    options: CutoverOptions | None = None,
    listener: Listener = ignore,
    tell: Callable[[str], None] = _nobody,
) -> CutoverReport:
    """Make the target of a live move the database that is written.

    A running follower hands over for the time of it: it ends when the cut-over is done, and follows on when not.
    What a cut-over that was killed has left is finished or undone first.

    Args:
        source: The SQLite file; its writers are told afterwards where it has moved to.
        target: The PostgreSQL database.
        options: How to cut over.
        listener: Hears of the comparison's progress.
        tell: Is told what is being done.

    Raises:
        SourceError: The file cannot be read or written, or its schema has changed.
        TargetError: Nothing is moved live, rows are in quarantine, names are taken, the pause would be too long.
        VerifyError: The two sides differ.
        HookError: The hook before or in the pause has failed; nothing was switched.
    """
    options = options or CutoverOptions()
    server = reach(target, MoveOptions(data_dir=options.data_dir))
    work = Cutover(source_of(source).path, server, options, one_at_a_time(listener), tell)
    try:
        return work.run()
    except psycopg.Error as error:
        raise explain_error(error) from error


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
class Cutover:
    """The cut-over of one file; its parts are also those of one for several files.

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
    tell: Callable[[str], None]
    _began: float = field(default_factory=time.monotonic)

    def run(self) -> CutoverReport:
        """Cut over, or do what an earlier cut-over has left to be done."""
        with self.server.connect() as connection:
            found = self.take(connection)
            return self.complete(connection, found) if found.phase in DONE else self._cut_over(connection, found)

    def take(self, connection: psycopg.Connection) -> State:
        """Take the live move over from its follower, and settle what a killed cut-over has left.

        Args:
            connection: A connection in autocommit mode, which holds the right to carry the move on from then on.
        """
        connection.execute("SET synchronous_commit = on")
        found = take_over(connection, self._schema)
        self._refuse_another(found)
        found = settle(connection, self.path, found)
        if found.phase is Phase.RETURNED:
            raise returned_already(found)
        if found.phase is Phase.STOPPED:
            raise SourceError(found.message, hint="Begin the move anew: exuvia live start --restart.", code="live")
        return found

    @property
    def _schema(self) -> str:
        return self.options.schema

    def _refuse_another(self, found: State) -> None:
        if found.source != str(self.path.resolve()):
            raise TargetError(
                f"What is moved live into schema {self._schema!r} is {found.source}, not {self.path}.",
                hint="Name that file, on the machine where it is.",
                code="live",
            )

    def _cut_over(self, connection: psycopg.Connection, found: State) -> CutoverReport:
        connections = Lender(self.server.connect)
        try:
            with LiveSource(self.path, found.move_id) as source:
                follower = Follower(connection, source, found)
                prepared = Preparation(follower, self.server.url, connections, self.options, self.listener, self.tell)
                ready = prepared.run()
                call(self.options.before, "before", self.facts())
                with self.server.connect() as witness:
                    switched = self._switch(follower, ready, witness)
                    counts = self.count(follower, witness, switched)
            report = self.report(ready, switched, counts)
            return self.afterwards(connection, connections, follower.following, report)
        finally:
            connections.close()

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

    def _switch(self, follower: Follower, ready: Ready, witness: psycopg.Connection) -> Switched:
        """Try until the source's write lock is there while little is left to be brought over."""
        deadline = time.monotonic() + self.options.patience
        self.tell("waiting for the source's write lock")
        while True:
            let_on(witness)
            self.catch_up(follower)
            keep_off(witness, follower.places)
            try:
                with held():
                    return self._pause(follower, ready, witness)
            except SourceError as error:
                if time.monotonic() > deadline:
                    raise
                if error.code == f"source.{CHANGED}":
                    catalog, cookie = look(follower)
                    ready = replace(ready, catalog=catalog, cookie=cookie)
                elif error.code not in ("source.locked", "source.busy"):
                    raise

    def catch_up(self, follower: Follower) -> None:
        """Make rounds until one takes little of the pause that is allowed; at the latest after some, try."""
        for _ in range(_ROUNDS):
            began = time.monotonic()
            follower.round()
            if time.monotonic() - began < self.options.max_pause * _SMALL:
                return

    def _pause(self, follower: Follower, ready: Ready, witness: psycopg.Connection) -> Switched:
        """Hold the writers, switch, and let them go on.

        Raises:
            SourceError: ``locked``: the write lock was not to be had; ``cutover_again``: the schema's cookie is new.
        """
        connection = follower.connection
        with SourceWriter(self.path, timeout=LOCK_WAIT) as writer:
            watch, held = Stopwatch(self.options.max_pause), None
            try:
                with writer.transaction() as locked:
                    watch = Stopwatch(self.options.max_pause)
                    held = self._change(follower, ready, witness, locked, watch)
                connection.execute("COMMIT")
            except BaseException as error:
                is_switched = self._is_switched(follower, watch, error)
                if not is_switched or held is None or not isinstance(error, Exception):
                    raise
            pause = watch.seconds
        watch.steps["commit"] = pause - sum(watch.steps.values())
        return Switched(watch, pause, held)

    def _change(
        self,
        follower: Follower,
        ready: Ready,
        witness: psycopg.Connection,
        locked: apsw.Connection,
        watch: Stopwatch,
    ) -> Held:
        """Bring both sides to where only their commits are left to be done."""
        let_on(witness)  # what is done now may have to lock tables itself
        drained = self.drain(follower, ready, locked, watch)
        begin_reading(witness)
        with watch.step("publish"):
            self.intend(follower)
            follower.connection.execute("BEGIN")
            objects = self.publish(follower.connection, follower, drained)
            follower.connection.execute("RESET statement_timeout")
        with watch.step("fence"):
            self.fence(follower, ready, locked)
        with watch.step("switch"):
            call(self.options.switch, "switch", self.facts(), max(watch.left, 0.001))
        return Held(drained.changes, objects, drained.rejected)

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

    def _is_switched(self, follower: Follower, watch: Stopwatch, error: BaseException) -> bool:
        """Undo what an error has left, or finish it where the source is fenced already; tell which it was."""
        connection = follower.connection
        if connection.closed:
            if is_fenced(self.path, follower.source.installed.move_id):
                raise TargetError(
                    "The connection was lost in the last moment of the cut-over: the source is fenced, and perhaps"
                    " the target is not published yet.",
                    hint="Run exuvia live cutover again as soon as the server answers: it finishes this.",
                    code="cutover_lost",
                ) from error
            return False
        if not is_idle(connection):
            connection.execute("ROLLBACK")
        connection.execute("RESET statement_timeout")
        found = state.find(connection, self._schema)
        if found is not None and settle(connection, self.path, found).phase in DONE:
            return True
        if self.options.switch and "switch" in watch.steps and not isinstance(error, HookError):
            raise TargetError(
                f"The cut-over was rolled back after its switch hook had run: {error}",
                hint="Switch the application back to the source.",
                code="cutover_switched",
            ) from error
        return False

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

    @property
    def _message(self) -> str:
        when = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        return f"this database moved to {address(self.server)} on {when} UTC: write there"

    def facts(self) -> dict[str, str]:
        """Return what hooks are told."""
        return facts("postgresql", self.path, self.server, self._schema)


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
