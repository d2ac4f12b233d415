"""One process that carries a live move on: begins it or goes on with it, and follows until it is told to end."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from exuvia.engines.postgres.failures import explain_error, is_lost
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import Phase, Request, State, Warmth
from exuvia.errors import ExuviaError, SourceError, TargetError, VerifyError
from exuvia.live.adapting import Adaptation
from exuvia.live.beginning import Beginning, discard
from exuvia.live.ending import forget
from exuvia.live.follower import PASSING, Follower, Round
from exuvia.live.following import Following, wishes_of
from exuvia.live.handover import (
    DONE,
    hand_over,
    is_over,
    moved_already,
    returned_already,
    right_to_carry_on,
    settle,
)
from exuvia.live.interrupts import held
from exuvia.live.keeping import Keeper
from exuvia.live.options import Hear, LiveEvent, LiveOptions, nobody
from exuvia.live.resumption import Resumption
from exuvia.live.source import LiveSource
from exuvia.live.warm import Warm
from exuvia.move.clock import Clock
from exuvia.move.ends import Reached, reach, source_of
from exuvia.move.events import Listener, ignore, one_at_a_time
from exuvia.move.options import DEFAULT_TARGET, Source, Target

_POLL = 0.05
_HEARTBEAT = 1.0
_RETRY = (0.5, 1.0, 2.0, 5.0)

_BUSY_ATTEMPTS = 20  # a server needs a while to notice that the session before is dead
_LASTING = frozenset(
    {"source.schema_changed", "source.log_gap", "source.not_captured", "source.replaced", "verify.round"}
)
_AWAY = frozenset(
    f"target.{code}"
    for code in (
        "not_ready",
        "refused",
        "connection_lost",
        "connections",
        "timeout",
        "host_unknown",
        "host_unreachable",
    )
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


def start(
    source: Source,
    target: Target = DEFAULT_TARGET,
    *,
    options: LiveOptions | None = None,
    listener: Listener = ignore,
    hear: Hear = nobody,
) -> Ended:
    """Begin to move a database that is being written, or go on with it, and follow its changes.

    The source gets a change log and triggers; its rows are copied into staged tables, which are then brought up to
    date round by round. Returns when another process asks to stop, or with ``catch_up``; a KeyboardInterrupt passes
    through, and leaves a move that the same call goes on with.

    Args:
        source: The SQLite file, in WAL mode.
        target: The PostgreSQL database.
        options: How to move.
        listener: Hears of the copy's progress.
        hear: Hears of following.

    Raises:
        SourceError: The file cannot be read or followed, or its schema has changed.
        PlanError: The plan has an error, or a table cannot be followed.
        TargetError: The target refuses, or another process is following into the same schema.
        VerifyError: What the target holds is not what was written.
    """
    options = options or LiveOptions()
    server = reach(target, options.move)
    session = _Session(source_of(source).path, server, options, one_at_a_time(listener), hear)
    try:
        return session.run()
    except psycopg.Error as error:
        raise explain_error(error) from error


@dataclass(slots=True)
class _Session:
    path: Path
    server: Reached
    options: LiveOptions
    listener: Listener
    hear: Hear
    _last: LiveEvent = field(default_factory=lambda: LiveEvent(Phase.COPYING))
    _beat: float = 0.0

    @property
    def _schema(self) -> str:
        return self.options.move.plan.target_schema

    def run(self) -> Ended:
        with self._connected() as connection:
            self._begin(connection)
        attempt = 0
        while True:
            try:
                with self._connected() as connection:
                    attempt = 0
                    return self._carry_on(connection)
            except (psycopg.Error, TargetError) as error:
                if not (is_lost(error) or (attempt and _may_pass(error, attempt))):
                    raise
                self._tell(message=f"The target is away, trying again. {_first_line(error)}")
            time.sleep(_RETRY[min(attempt, len(_RETRY) - 1)])
            attempt += 1

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        """A connection that holds the right to move into the schema, and whose commits are on disk when they return:
        the source's log is pruned by them."""
        with self.server.connect() as connection:
            connection.execute("SET synchronous_commit = on")
            with right_to_carry_on(connection, self._schema):
                yield connection

    def _begin(self, connection: psycopg.Connection) -> None:
        found = state.find(connection, self._schema)
        if found is not None:
            self._refuse_another(found)
            found = settle(connection, self.path, found)
            self._refuse_ended(found)
            if found.phase is Phase.RETURNED:
                forget(connection, found, drop_tables=True)
                found = None
            elif self.options.restart or (found.phase is Phase.COPYING and not self._resumed(connection, found)):
                discard(connection, self._schema, self.path, found.move_id)
                found = None
        if found is not None:
            state.ask(connection, self._schema, Request.NOTHING)
        else:
            self._tell(phase=Phase.COPYING)
            Beginning(self.path, self.server, connection, self.options, Clock(self.listener)).run()

    def _resumed(self, connection: psycopg.Connection, found: State) -> bool:
        """Go on with a copy that was cut short, and tell whether that could be done."""
        self._tell(phase=Phase.COPYING)
        clock = Clock(self.listener)
        return Resumption(self.path, self.server, connection, self.options, clock).run(found)

    def _refuse_ended(self, found: State) -> None:
        if found.phase in DONE and (found.warm is Warmth.NONE or self.options.restart):
            raise moved_already(found)
        if found.phase is Phase.RETURNED and not self.options.restart:
            raise returned_already(found)
        if found.phase is Phase.STOPPED and not self.options.restart:
            raise SourceError(found.message, hint="Begin the move anew: exuvia live start --restart.", code="live")

    def _refuse_another(self, found: State) -> None:
        if found.source != str(self.path.resolve()):
            raise TargetError(
                f"Schema {self._schema!r} is where {found.source} is moved to live.",
                hint="Choose another schema with --schema, or end that move: exuvia live stop.",
                code="live",
            )
        ends = {Phase.COPYING, Phase.STOPPED, Phase.RETURNED, *DONE}
        begun = found.phase not in ends and not self.options.restart
        if begun and Following.from_json(found.plan).wishes != wishes_of(self.options.move.plan):
            raise TargetError(
                "The live move was begun with other options of its plan.",
                hint="Go on with the same options, or begin anew with these: --restart.",
                code="live_options",
            )

    def _carry_on(self, connection: psycopg.Connection) -> Ended:
        """Follow, or rest while paused, until the end."""
        try:
            return self._follow_and_rest(connection)
        except KeyboardInterrupt:
            self._pause_at_last(connection)
            raise
        except (SourceError, VerifyError) as error:
            self._record(connection, error)
            raise
        except psycopg.Error as error:
            if is_lost(error):
                raise
            explained = explain_error(error)
            self._record(connection, explained)
            raise explained from error

    def _follow_and_rest(self, connection: psycopg.Connection) -> Ended:
        """Follow in turns with other processes. Who rested goes on resting after a cut-over that failed."""
        rests = False
        while True:
            found = self._taken_up(connection)
            if is_over(found):
                self._tell(phase=found.phase, pending=0, lag=0.0)
                return Ended(False, self._last, moved=found.phase in DONE, returned=found.phase is Phase.RETURNED)
            follow = self._keep_warm if found.phase in DONE else self._follow_through
            request = Request.PAUSE if rests else follow(connection, found)
            rests = request is Request.PAUSE
            if rests:
                request = self._rest(connection)
                if request is Request.NOTHING:
                    rests = False
                    continue
            if request is Request.HAND_OVER:
                self._hand_over(connection, rests=rests)
            elif request is Request.STOP:
                self._end(connection, found)
                return Ended(True, self._last)
            else:
                self._pause(connection)
                return Ended(False, self._last)
            if state.find(connection, self._schema) is None:
                return Ended(True, self._last)

    def _end(self, connection: psycopg.Connection, found: State) -> None:
        if found.phase in DONE:
            forget(connection, found)
        else:
            discard(connection, self._schema, self.path, found.move_id)

    def _hand_over(self, connection: psycopg.Connection, *, rests: bool) -> None:
        self._tell(phase=Phase.PAUSED, rate=0.0, message="Handed over to another process.")
        hand_over(connection, self._schema)
        if rests:
            state.ask(connection, self._schema, Request.PAUSE)

    def _taken_up(self, connection: psycopg.Connection) -> State:
        """Say that this process follows now, unless there is nothing to follow any more, and return the state."""
        found = settle(connection, self.path, self._state(connection))
        if is_over(found):
            return found
        now: dict[str, object] = {"warm": Warmth.FOLLOWING} if found.phase in DONE else {"phase": Phase.FOLLOWING}
        state.change(connection, self._schema, message="", host=socket.gethostname(), pid=os.getpid(), **now)
        return self._state(connection)

    def _state(self, connection: psycopg.Connection) -> State:
        found = state.find(connection, self._schema)
        if found is None:
            raise TargetError(f"The live move into {self._schema!r} was ended by somebody else.", code="live_gone")
        return found

    def _follow_through(self, connection: psycopg.Connection, found: State) -> Request:
        """Follow, changes of the source's schema included; else as ``_follow``."""
        while True:
            try:
                return self._follow(connection, found)
            except SourceError as error:
                if error.code != "source.schema_changed":
                    raise
                work = Adaptation(self.path, self.server, connection, self.options, Clock(self.listener), self._say)
                work.run(self._state(connection), error)
                found = self._state(connection)

    def _follow(self, connection: psycopg.Connection, found: State) -> Request:
        """Make rounds until something else is asked for; ``NOTHING`` when all that was logged in the beginning is in
        the target and that was all that was wanted."""
        with LiveSource(self.path, found.move_id) as source:
            follower = Follower(connection, source, found)
            said = _unwatched(follower.unlogged)
            self._tell(phase=Phase.FOLLOWING, rejected=found.rejected, misfits=found.misfits, message=said)
            goal = follower.position + source.pending(follower.position)
            while True:
                try:
                    with held():
                        request, has_news = self._step(follower)
                    done = self.options.catch_up and follower.position >= goal
                except SourceError as error:
                    if error.code not in PASSING:
                        raise
                    self._tell(message=error.message)
                    request, has_news, done = Request.NOTHING, False, False
                    time.sleep(_POLL)
                if time.monotonic() - self._beat >= _HEARTBEAT:
                    request = self._heartbeat(connection, follower) or request
                source.prune(follower.position, at_once=done)
                if done or request is not Request.NOTHING:
                    return request
                if not has_news:
                    time.sleep(_POLL)

    def _keep_warm(self, connection: psycopg.Connection, found: State) -> Request:
        """Follow in the other direction."""
        self._tell(phase=found.phase, direction="sqlite", rejected=0, misfits=found.misfits)
        try:
            with Warm(self.server.location, self._schema, self.path) as warm:
                return Keeper(connection, warm, found, self._tell).run(catch_up=self.options.catch_up)
        except (SourceError, TargetError) as error:
            if is_lost(error):
                raise TargetError(error.message, hint=error.hint, code="connection_lost") from error
            self._record(connection, error)
            raise

    def _step(self, follower: Follower) -> tuple[Request, bool]:
        """Make a round if there is something to do; return what is asked, and whether there was."""
        if not follower.has_news():
            return Request.NOTHING, False
        made = follower.round()
        if made is None:
            return Request.NOTHING, True
        self._told(follower, made)
        return made.request, True

    def _told(self, follower: Follower, made: Round) -> None:
        message = f"Copied anew after VACUUM: {', '.join(made.copied)}." if made.copied else ""
        self._tell(
            phase=Phase.FOLLOWING,
            lag=made.lag,
            rate=made.rate,
            rounds=self._last.rounds + 1,
            changes=self._last.changes + made.changes,
            rows=self._last.rows + made.rows,
            rejected=made.rejected,
            misfits=tuple(sorted(follower.misfits)),
            message=message,
        )

    def _heartbeat(self, connection: psycopg.Connection, follower: Follower) -> Request:
        follower.source.refuse_replaced()
        pending = follower.source.pending(follower.position)
        self._beat = time.monotonic()
        self._tell(pending=pending, lag=self._last.lag if pending else 0.0, rate=follower.rate())
        return state.requested(connection, self._schema, pending, self._last.lag, self._last.rate)

    def _rest(self, connection: psycopg.Connection) -> Request:
        """Rest until another process asks for something else; the source is left alone meanwhile."""
        self._pause(connection)
        while (request := self._state(connection).request) is Request.PAUSE:
            time.sleep(_HEARTBEAT / 2)
            state.change(connection, self._schema)
        return request

    def _pause(self, connection: psycopg.Connection) -> None:
        state.end_following(connection, self._schema, Phase.PAUSED)
        self._tell(phase=Phase.PAUSED, rate=0.0)

    def _pause_at_last(self, connection: psycopg.Connection) -> None:
        """Record the pause, through another connection where the interruption has cost this one."""
        try:
            self._pause(connection)
        except psycopg.Error:
            with suppress(psycopg.Error, ExuviaError), self.server.connect() as other:
                self._pause(other)

    def _record(self, connection: psycopg.Connection, error: ExuviaError) -> None:
        """Say in the state why following cannot go on; what may pass by itself only pauses it."""
        phase = Phase.STOPPED if error.code in _LASTING else Phase.PAUSED
        with suppress(psycopg.Error):
            state.end_following(connection, self._schema, phase, error.message)

    def _say(self, message: str) -> None:
        self._tell(message=message)

    def _tell(self, **changed: object) -> None:
        self._last = replace(self._last, **{"message": "", **changed})  # type: ignore[arg-type]
        self.hear(self._last)


def _unwatched(tables: Sequence[str]) -> str:
    return f"No trigger can watch {', '.join(tables)}: copied anew before and in the cut-over." if tables else ""


def _may_pass(error: BaseException, attempt: int) -> bool:
    """Tell whether it is worth to try to reconnect again."""
    code = error.code if isinstance(error, TargetError) else ""
    return code in _AWAY or (code == "target.busy" and attempt < _BUSY_ATTEMPTS)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".") + "."
