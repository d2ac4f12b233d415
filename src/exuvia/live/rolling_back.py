"""The roll-back: the cut-over in the other direction, after which SQLite is written again.

PostgreSQL's tables are locked while the last round is made, the fence is put up there, SQLite's is taken away and the
application's configuration is switched. The intent is recorded before; then PostgreSQL's transaction is committed,
then SQLite's. ``handover.settle`` finishes or undoes what a killed process leaves.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import apsw
import psycopg
from psycopg.pq import TransactionStatus

from exuvia.catalog.names import qualify
from exuvia.engines.postgres.capture.fence import fence
from exuvia.engines.postgres.capture.locks import LockedError, lock_tables
from exuvia.engines.postgres.failures import explain_error
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import Phase, State, Warmth
from exuvia.engines.postgres.live.vacuum import keep_off, let_on
from exuvia.engines.sqlite.capture.install import drop_everything
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.errors import HookError, SourceError, TargetError
from exuvia.live.counting import Moments
from exuvia.live.cutover_report import Counted, RollbackReport
from exuvia.live.handover import DONE, settle, take_over
from exuvia.live.hooks import call, facts
from exuvia.live.interrupts import held
from exuvia.live.options import RollbackOptions, Tell, untold
from exuvia.live.returning import Ready, Return, named, refuse_inexact
from exuvia.live.stopwatch import Stopwatch
from exuvia.live.warm import Round, Warm
from exuvia.move.ends import Reached, reach, source_of
from exuvia.move.events import Listener, ignore, one_at_a_time
from exuvia.move.options import DEFAULT_TARGET, MoveOptions, Source, Target

_LOCK_WAIT = 0.8  # less than PostgreSQL's deadlock_timeout, so that no writer is ended for the sake of this
_LOCK_SHARE = 0.5  # how much of the pause may be spent waiting for the locks
_SMALL = 0.25  # how much of the pause a round may take before it is begun
_ROUNDS = 20
_BETWEEN = 0.2  # seconds for which writers are let through between two attempts


def rollback(
    source: Source,
    target: Target = DEFAULT_TARGET,
    *,
    options: RollbackOptions | None = None,
    listener: Listener = ignore,
    tell: Tell = untold,
) -> RollbackReport:
    """Make the SQLite file of a live move the database that is written again, with all that PostgreSQL holds.

    A process that keeps the file up to date hands over for the time of it: it ends when the roll-back is done, and goes
    on when not. What a roll-back that was killed has left is finished or undone first.

    Args:
        source: The SQLite file.
        target: The PostgreSQL database; its writers are told afterwards where it has moved back to.
        options: How to roll back.
        listener: Hears of the comparison's progress.
        tell: Is told what is being done.

    Raises:
        SourceError: The file cannot be read or written, or PostgreSQL's schema has changed since the cut-over.
        TargetError: Nothing was cut over, or without keeping the file up to date; a table cannot be locked, SQLite does
            not take a row, or the pause would be too long.
        VerifyError: The two sides differ.
        HookError: The hook before or in the pause has failed; nothing was switched.
    """
    options = options or RollbackOptions()
    server = reach(target, MoveOptions(data_dir=options.data_dir))
    work = _Rollback(source_of(source).path, server, options, one_at_a_time(listener), tell)
    try:
        return work.run()
    except psycopg.Error as error:
        raise explain_error(error) from error


@dataclass(frozen=True, slots=True)
class _Switched:
    """What the pause gave: its parts, how long it was and until when, the last round, and the moment of both sides."""

    steps: Mapping[str, float]
    pause: float
    at: datetime
    last: Round
    moments: Moments
    held: ExitStack


@dataclass(slots=True)
class _Rollback:
    path: Path
    server: Reached
    options: RollbackOptions
    listener: Listener
    tell: Tell
    _began: float = field(default_factory=time.monotonic)
    _search: dict[str, str] = field(default_factory=dict)

    def run(self) -> RollbackReport:
        with self.server.connect() as connection, self.server.connect() as observer:
            connection.execute("SET synchronous_commit = on")
            observer.execute("SET synchronous_commit = on")
            found = settle(observer, self.path, self._taken_over(connection))
            if found.phase is Phase.RETURNED:
                return self._complete(found)
            self._refuse(found)
            with Warm(self.server.location, self._schema, self.path) as warm:
                return self._roll_back(connection, observer, warm, found)

    @property
    def _schema(self) -> str:
        return self.options.schema

    def _taken_over(self, connection: psycopg.Connection) -> State:
        found = take_over(connection, self._schema)
        if found.source != str(self.path.resolve()):
            raise TargetError(
                f"What was moved live into schema {self._schema!r} is {found.source}, not {self.path}.",
                hint="Name that file, on the machine where it is.",
                code="live",
            )
        return found

    def _refuse(self, found: State) -> None:
        if found.phase not in DONE:
            raise TargetError(
                f"{found.source} has not been cut over: it is {found.phase.value}, and written still.",
                hint="To end the move: exuvia live stop.",
                code="live_not_moved",
            )
        if found.warm is Warmth.NONE:
            raise TargetError(
                f"{found.source} was not kept up to date after the cut-over (--no-warm): it lacks what has been written"
                " in PostgreSQL since.",
                hint="Move the database back as a whole, while nobody writes it: exuvia migrate postgresql://… sqlite:///back.db",
                code="live_cold",
            )

    def _complete(self, found: State) -> RollbackReport:
        return RollbackReport(
            source=found.source,
            target=self.server.described.url,
            schema=self._schema,
            at=found.heartbeat,
            pause=0.0,
            steps={},
            changes=0,
            seconds=0.0,
            earlier=True,
        )

    def _roll_back(
        self, connection: psycopg.Connection, observer: psycopg.Connection, warm: Warm, found: State
    ) -> RollbackReport:
        ready = Return(observer, warm, found, self.options, self.listener, self.tell).run()
        call(self.options.before, "before", self._facts())
        switched = self._switch(connection, observer, warm, found)
        with switched.held:
            self.tell("counting")
            counts = switched.moments.count(warm.plan.tables, ready.aside)
        return self._afterwards(found, ready, switched, counts)

    def _switch(
        self, connection: psycopg.Connection, observer: psycopg.Connection, warm: Warm, found: State
    ) -> _Switched:
        """Try until the tables' locks are there while little is left to be brought over."""
        deadline = time.monotonic() + self.options.patience
        self.tell("waiting for the locks of PostgreSQL's tables")
        while True:
            self._catch_up(warm)
            keep_off(connection, (qualify(self._schema, name) for name in warm.names))
            let_on(connection)  # autovacuum has ended, and does not begin again within the moment that follows
            try:
                with held():
                    return self._pause(connection, observer, warm, found)
            except (LockedError, SourceError) as error:
                passes = isinstance(error, LockedError) or error.code in ("source.locked", "source.busy")
                if not passes or time.monotonic() > deadline:
                    raise
            time.sleep(_BETWEEN)

    def _catch_up(self, warm: Warm) -> None:
        """Make rounds until one takes little of the pause that is allowed; at the latest after some, try."""
        for _ in range(_ROUNDS):
            done = warm.round()
            if done.seconds < self.options.max_pause * _SMALL:
                return

    def _pause(
        self, connection: psycopg.Connection, observer: psycopg.Connection, warm: Warm, found: State
    ) -> _Switched:
        """Hold the writers, switch, and let them go on.

        Raises:
            LockedError: The locks were not to be had.
            SourceError: ``locked``: somebody holds the file's write lock.
        """
        with ExitStack() as stack:
            moments = stack.enter_context(closing(Moments(self.server, self.path)))
            timeout = self.options.max_pause * _LOCK_SHARE
            writer = stack.enter_context(SourceWriter(self.path, timeout=timeout))
            watch, last = Stopwatch(self.options.max_pause, back=True), None
            try:
                connection.execute("BEGIN")
                with watch.step("lock"):
                    self._lock(connection, observer, warm)
                last = self._bring(connection, warm, moments, watch)
                state.change(observer, self._schema, warm=Warmth.RETURNING, message="")
                with writer.transaction() as file:
                    self._change(connection, file, warm, found, watch)
                    connection.execute("COMMIT")
            except BaseException as error:
                is_switched = self._is_switched(connection, observer, watch, error)
                if not is_switched or last is None or not isinstance(error, Exception):
                    raise
            pause = watch.seconds
            state.change(observer, self._schema, phase=Phase.RETURNED, warm=Warmth.NONE, message="")
            watch.steps["commit"] = pause - sum(watch.steps.values())
            return _Switched(watch.steps, pause, datetime.now(UTC), last, moments, stack.pop_all())

    def _lock(self, connection: psycopg.Connection, observer: psycopg.Connection, warm: Warm) -> None:
        timeout = min(_LOCK_WAIT, self.options.max_pause * _LOCK_SHARE)
        lock_tables(connection, observer, self._schema, warm.names, timeout)

    def _bring(self, connection: psycopg.Connection, warm: Warm, moments: Moments, watch: Stopwatch) -> Round:
        """Bring the last changes over, and keep the moment of both sides."""
        connection.execute(f"SET LOCAL statement_timeout = {max(round(watch.left * 1000), 1)}".encode())
        with watch.step("drain"):
            last = warm.round()
            refuse_inexact(named(last), self.options)
        with watch.step("search"):
            self._search.update(warm.refresh_search())
        with watch.step("keep"):
            moments.take()
        return last

    def _change(
        self, connection: psycopg.Connection, file: apsw.Connection, warm: Warm, found: State, watch: Stopwatch
    ) -> None:
        """Bring both sides to where only their commits are left to be done."""
        with watch.step("fence"):
            fence(connection, self._schema, warm.names, self._message, found.move_id)
            drop_everything(file)
        with watch.step("switch"):
            call(self.options.switch, "switch", self._facts(), max(watch.left, 0.001))

    def _is_switched(
        self, connection: psycopg.Connection, observer: psycopg.Connection, watch: Stopwatch, error: BaseException
    ) -> bool:
        """Undo what an error has left, or finish it where PostgreSQL is fenced already; tell which it was."""
        if not connection.closed and connection.info.transaction_status is not TransactionStatus.IDLE:
            connection.execute("ROLLBACK")
        if observer.closed or connection.closed:
            raise TargetError(
                "The connection was lost in the pause of the roll-back: perhaps PostgreSQL is fenced already.",
                hint="Run exuvia live rollback again as soon as the server answers: it finishes this, or undoes it.",
                code="rollback_lost",
            ) from error
        now = state.find(observer, self._schema)
        if now is not None and self._settle(observer, now).phase is Phase.RETURNED:
            return True
        if self.options.switch and "switch" in watch.steps and not isinstance(error, HookError):
            raise TargetError(
                f"The roll-back was undone after its switch hook had run: {error}",
                hint="Switch the application back to PostgreSQL.",
                code="rollback_switched",
            ) from error
        return False

    def _settle(self, observer: psycopg.Connection, found: State) -> State:
        try:
            return settle(observer, self.path, found)
        except SourceError as error:
            raise TargetError(
                f"PostgreSQL is fenced and {self.path} has everything, but its fence could not be taken away:"
                f" {error.message}",
                hint="Run exuvia live rollback again as soon as the file can be written: it finishes this.",
                code="rollback_unfinished",
            ) from error

    def _afterwards(
        self, found: State, ready: Ready, switched: _Switched, counts: tuple[Counted, ...]
    ) -> RollbackReport:
        search = {**ready.search, **self._search}
        warnings = [f"Full-text index {name} is not up to date: {why}" for name, why in search.items() if why]
        try:
            call(self.options.after, "after", self._facts())
        except HookError as error:
            warnings.append(error.message)
        return RollbackReport(
            source=found.source,
            target=self.server.described.url,
            schema=self._schema,
            at=switched.at,
            pause=switched.pause,
            steps=switched.steps,
            changes=switched.last.changes,
            seconds=time.monotonic() - self._began,
            counts=counts,
            proof=ready.proof,
            repaired=ready.repaired,
            inexact=tuple(sorted({*ready.inexact, *named(switched.last)})),
            left=ready.left,
            warnings=tuple(warnings),
        )

    @property
    def _message(self) -> str:
        where, when = self.path.resolve().as_posix(), f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        return f"this database moved back to sqlite:///{where} on {when} UTC: write there"

    def _facts(self) -> dict[str, str]:
        return facts("sqlite", self.path, self.server, self._schema)
