"""Carrying a live move on over one connection: following it, in turns with other processes, until its end."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from exuvia.engines.postgres.failures import explain_error, is_lost
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import Phase, Request, State, Warmth
from exuvia.errors import ExuviaError, SourceError, TargetError, VerifyError
from exuvia.live.adapting import Adaptation
from exuvia.live.beginning import discard
from exuvia.live.ending import forget
from exuvia.live.follower import PASSING, Follower, Round
from exuvia.live.handover import DONE, hand_over, is_over, settle
from exuvia.live.interrupts import held
from exuvia.live.keeping import Keeper
from exuvia.live.options import Hear, LiveEvent, LiveOptions
from exuvia.live.source import LiveSource
from exuvia.live.warm import Warm
from exuvia.move.clock import Clock
from exuvia.move.ends import Reached
from exuvia.move.events import Listener

_POLL = 0.05
_HEARTBEAT = 1.0
_LASTING = frozenset(
    {"source.schema_changed", "source.log_gap", "source.not_captured", "source.replaced", "verify.round"}
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a session ended.

    Args:
        stopped: Whether the move was ended and its traces removed; else it can go on.
        last: What was told last.
        moved: Whether another process has cut over and SQLite is not kept up to date: the target is the one that is
            written now.
        returned: Whether another process has rolled back: SQLite is the one that is written now.
    """

    stopped: bool
    last: LiveEvent
    moved: bool = False
    returned: bool = False


@dataclass(slots=True)
class Told:
    """What a listener was told last, of which the next event says what has changed.

    Args:
        hear: The listener.
        last: The last event.
    """

    hear: Hear
    last: LiveEvent = field(default_factory=lambda: LiveEvent(Phase.COPYING))

    def tell(self, **changed: object) -> None:
        """Tell that fields of ``LiveEvent`` have changed."""
        self.last = replace(self.last, **{"message": "", **changed})  # type: ignore[arg-type]
        self.hear(self.last)


@dataclass(slots=True)
class Carrying:
    """Carries a live move on.

    Args:
        path: The source.
        server: The target.
        connection: A connection to it in autocommit mode, which holds the right to carry the move on.
        options: How to move.
        listener: Hears of the progress of copies.
        told: What the listener of the move was told.
    """

    path: Path
    server: Reached
    connection: psycopg.Connection
    options: LiveOptions
    listener: Listener
    told: Told
    _beat: float = 0.0

    @property
    def _schema(self) -> str:
        return self.options.move.plan.target_schema

    def run(self) -> Ended:
        """Follow, or rest while paused, until the end."""
        try:
            return self._follow_and_rest()
        except KeyboardInterrupt:
            self._pause_at_last()
            raise
        except (SourceError, VerifyError) as error:
            self._record(error)
            raise
        except psycopg.Error as error:
            if is_lost(error):
                raise
            explained = explain_error(error)
            self._record(explained)
            raise explained from error

    def _follow_and_rest(self) -> Ended:
        """Follow in turns with other processes. Who rested goes on resting after a cut-over that failed."""
        rests = False
        while True:
            found = self._taken_up()
            if is_over(found):
                self.told.tell(phase=found.phase, pending=0, lag=0.0)
                return Ended(False, self.told.last, moved=found.phase in DONE, returned=found.phase is Phase.RETURNED)
            follow = self._keep_warm if found.phase in DONE else self._follow_through
            request = Request.PAUSE if rests else follow(found)
            rests = request is Request.PAUSE
            if rests:
                request = self._rest()
                if request is Request.NOTHING:
                    rests = False
                    continue
            if request is Request.HAND_OVER:
                self._hand_over(rests=rests)
            elif request is Request.STOP:
                self._end(found)
                return Ended(True, self.told.last)
            else:
                self._pause()
                return Ended(False, self.told.last)
            if state.find(self.connection, self._schema) is None:
                return Ended(True, self.told.last)

    def _end(self, found: State) -> None:
        if found.phase in DONE:
            forget(self.connection, found)
        else:
            discard(self.connection, self._schema, self.path, found.move_id)

    def _hand_over(self, *, rests: bool) -> None:
        self.told.tell(phase=Phase.PAUSED, rate=0.0, message="Handed over to another process.")
        hand_over(self.connection, self._schema)
        if rests:
            state.ask(self.connection, self._schema, Request.PAUSE)

    def _taken_up(self) -> State:
        """Say that this process follows now, unless there is nothing to follow any more, and return the state."""
        found = settle(self.connection, self.path, self._state())
        if is_over(found):
            return found
        now: dict[str, object] = {"warm": Warmth.FOLLOWING} if found.phase in DONE else {"phase": Phase.FOLLOWING}
        state.change(self.connection, self._schema, message="", host=socket.gethostname(), pid=os.getpid(), **now)
        return self._state()

    def _state(self) -> State:
        found = state.find(self.connection, self._schema)
        if found is None:
            raise TargetError(f"The live move into {self._schema!r} was ended by somebody else.", code="live_gone")
        return found

    def _follow_through(self, found: State) -> Request:
        """Follow, changes of the source's schema included; else as ``_follow``."""
        while True:
            try:
                return self._follow(found)
            except SourceError as error:
                if error.code != "source.schema_changed":
                    raise
                clock = Clock(self.listener)
                work = Adaptation(self.path, self.server, self.connection, self.options, clock, self._say)
                work.run(self._state(), error)
                found = self._state()

    def _follow(self, found: State) -> Request:
        """Make rounds until something else is asked for; ``NOTHING`` when all that was logged in the beginning is in
        the target and that was all that was wanted."""
        with LiveSource(self.path, found.move_id) as source:
            follower = Follower(self.connection, source, found)
            said = _unwatched(follower.unlogged)
            self.told.tell(phase=Phase.FOLLOWING, rejected=found.rejected, misfits=found.misfits, message=said)
            goal = follower.position + source.pending(follower.position)
            while True:
                try:
                    with held():
                        request, has_news = self._step(follower)
                    done = self.options.catch_up and follower.position >= goal
                except SourceError as error:
                    if error.code not in PASSING:
                        raise
                    self.told.tell(message=error.message)
                    request, has_news, done = Request.NOTHING, False, False
                    time.sleep(_POLL)
                if time.monotonic() - self._beat >= _HEARTBEAT:
                    request = self._heartbeat(follower) or request
                source.prune(follower.position, at_once=done)
                if done or request is not Request.NOTHING:
                    return request
                if not has_news:
                    time.sleep(_POLL)

    def _keep_warm(self, found: State) -> Request:
        """Follow in the other direction."""
        self.told.tell(phase=found.phase, direction="sqlite", rejected=0, misfits=found.misfits)
        try:
            with Warm(self.server.location, self._schema, self.path) as warm:
                return Keeper(self.connection, warm, found, self.told.tell).run(catch_up=self.options.catch_up)
        except (SourceError, TargetError) as error:
            if is_lost(error):
                raise TargetError(error.message, hint=error.hint, code="connection_lost") from error
            self._record(error)
            raise

    def _step(self, follower: Follower) -> tuple[Request, bool]:
        """Make a round if there is something to do; return what is asked, and whether there was."""
        if not follower.has_news():
            return Request.NOTHING, False
        made = follower.round()
        if made is None:
            return Request.NOTHING, True
        self._tell_of(follower, made)
        return made.request, True

    def _tell_of(self, follower: Follower, made: Round) -> None:
        message = f"Copied anew after VACUUM: {', '.join(made.copied)}." if made.copied else ""
        self.told.tell(
            phase=Phase.FOLLOWING,
            lag=made.lag,
            rate=made.rate,
            rounds=self.told.last.rounds + 1,
            changes=self.told.last.changes + made.changes,
            rows=self.told.last.rows + made.rows,
            rejected=made.rejected,
            misfits=tuple(sorted(follower.misfits)),
            message=message,
        )

    def _heartbeat(self, follower: Follower) -> Request:
        follower.source.refuse_replaced()
        pending = follower.source.pending(follower.position)
        self._beat = time.monotonic()
        self.told.tell(pending=pending, lag=self.told.last.lag if pending else 0.0, rate=follower.rate())
        return state.requested(self.connection, self._schema, pending, self.told.last.lag, self.told.last.rate)

    def _rest(self) -> Request:
        """Rest until another process asks for something else; the source is left alone meanwhile."""
        self._pause()
        while (request := self._state().request) is Request.PAUSE:
            time.sleep(_HEARTBEAT / 2)
            state.change(self.connection, self._schema)
        return request

    def _pause(self) -> None:
        state.end_following(self.connection, self._schema, Phase.PAUSED)
        self.told.tell(phase=Phase.PAUSED, rate=0.0)

    def _pause_at_last(self) -> None:
        """Record the pause, through another connection where the interruption has cost this one."""
        try:
            self._pause()
        except psycopg.Error:
            with suppress(psycopg.Error, ExuviaError), self.server.connect() as other:
                replace(self, connection=other)._pause()

    def _record(self, error: ExuviaError) -> None:
        """Say in the state why following cannot go on; what may pass by itself only pauses it."""
        phase = Phase.STOPPED if error.code in _LASTING else Phase.PAUSED
        with suppress(psycopg.Error):
            state.end_following(self.connection, self._schema, phase, error.message)

    def _say(self, message: str) -> None:
        self.told.tell(message=message)


def _unwatched(tables: Sequence[str]) -> str:
    return f"No trigger can watch {', '.join(tables)}: copied anew before and in the cut-over." if tables else ""
