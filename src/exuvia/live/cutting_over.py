"""The cut-over: writers wait for a moment, the last changes come over, and from then on the target is written.

The source's write lock is held while the last round is made, the staged tables are published, the source is fenced and
the application's configuration is switched. The intent is recorded before; then the source's transaction is committed,
then the target's. ``handover.settle`` finishes or undoes what a killed process leaves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import apsw
import psycopg

from exuvia.engines.postgres.failures import explain_error
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import State
from exuvia.engines.postgres.live.vacuum import keep_off, let_on
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.errors import HookError, SourceError, TargetError
from exuvia.live.cutover_report import CutoverReport
from exuvia.live.file_cutover import CHANGED, LOCK_WAIT, FileCutover, Held, Switched, begin_reading, is_idle
from exuvia.live.follower import Follower
from exuvia.live.handover import DONE, is_fenced, settle
from exuvia.live.hooks import call
from exuvia.live.interrupts import held
from exuvia.live.options import CutoverOptions, Tell, untold
from exuvia.live.preparing import Preparation, Ready, look
from exuvia.live.source import LiveSource
from exuvia.live.stopwatch import Stopwatch
from exuvia.move.ends import reach, source_of
from exuvia.move.events import Listener, ignore, one_at_a_time
from exuvia.move.lending import Lender
from exuvia.move.options import DEFAULT_TARGET, MoveOptions, Source, Target


def cutover(
    source: Source,
    target: Target = DEFAULT_TARGET,
    *,
    options: CutoverOptions | None = None,
    listener: Listener = ignore,
    tell: Tell = untold,
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
    work = _Cutover(source_of(source).path, server, options, one_at_a_time(listener), tell)
    try:
        return work.run()
    except psycopg.Error as error:
        raise explain_error(error) from error


@dataclass(slots=True)
class _Cutover(FileCutover):
    def run(self) -> CutoverReport:
        """Cut over, or do what an earlier cut-over has left to be done."""
        with self.server.connect() as connection:
            found = self.take(connection)
            return self.complete(connection, found) if found.phase in DONE else self._cut_over(connection, found)

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
