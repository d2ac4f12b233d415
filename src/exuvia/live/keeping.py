"""Keeping SQLite up to date after a cut-over: rounds from PostgreSQL until something else is asked for."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import Advance, Request, State
from exuvia.errors import SourceError
from exuvia.live.interrupts import held
from exuvia.live.warm import Round, Warm

_POLL = 0.05
_IDLE = 10  # how much longer to wait than to look, where nothing has changed
_HEARTBEAT = 1.0
_PRUNE_EVERY = 5.0
_PRUNE_FROM = 10_000
_WINDOW = 10.0
_PASSING = frozenset({"source.locked", "source.busy", "source.disk_full"})


@dataclass(slots=True)
class Keeper:
    """Makes rounds, says in the state that it lives, and prunes the log. For one thread.

    Args:
        connection: A connection to the target in autocommit mode, which holds the right to carry the move on.
        warm: Both sides.
        found: The move.
        tell: Is told what has changed: names of ``LiveEvent``'s fields and their values.
    """

    connection: psycopg.Connection
    warm: Warm
    found: State
    tell: Callable[..., None]
    _misfits: frozenset[str] = field(init=False)
    _changes: int = 0
    _rows: int = 0
    _rounds: int = 0
    _pace: deque[tuple[float, int]] = field(default_factory=deque)
    _beat: float = field(default_factory=time.monotonic)
    _pruned_at: float = field(default_factory=time.monotonic)
    _unpruned: int = 0

    def __post_init__(self) -> None:
        """Begin where the last process has ended."""
        self._misfits = frozenset(self.found.misfits)

    def run(self, *, catch_up: bool) -> Request:
        """Make rounds until something else is asked for; with ``catch_up`` one, which brings all that there is.

        Raises:
            ExuviaError: As ``Warm.round``.
            psycopg.Error: The server refuses, or is gone.
        """
        fresh = time.monotonic()
        while True:
            began = time.monotonic()
            done, request = self._step(fresh)
            if done is not None:
                fresh = began
            if time.monotonic() - self._beat >= _HEARTBEAT:
                request = self._heartbeat(0.0 if done is not None else time.monotonic() - fresh) or request
            ends = request is not Request.NOTHING or (catch_up and done is not None)
            self._prune(at_once=ends)
            if ends:
                return request
            if done is None:
                time.sleep(_HEARTBEAT)
            elif not done.changes:
                time.sleep(min(max(_IDLE * (time.monotonic() - began), _POLL), _HEARTBEAT))

    def _step(self, fresh: float) -> tuple[Round | None, Request]:
        try:
            with held():
                done = self.warm.round()
        except SourceError as error:
            if error.code not in _PASSING:
                raise
            self.tell(message=error.message)
            return None, Request.NOTHING
        if not done.changes:
            return done, Request.NOTHING
        return done, self._record(done, time.monotonic() - fresh)

    def _record(self, done: Round, lag: float) -> Request:
        self._misfits |= {f"{one.table}.{one.column}" for one in done.inexact}
        self._pace.append((time.monotonic(), done.changes))
        self._unpruned += done.changes
        self._rounds, self._changes, self._rows = self._rounds + 1, self._changes + done.changes, self._rows + done.rows
        misfits = tuple(sorted(self._misfits))
        self.tell(
            pending=0,
            lag=lag,
            rate=self._rate(),
            rounds=self._rounds,
            changes=self._changes,
            rows=self._rows,
            misfits=misfits,
        )
        made = Advance(0, lag, self._rate(), done.changes, done.rows, 0, misfits)
        return state.warmed(self.connection, self.found.schema, made)

    def _rate(self) -> float:
        now = time.monotonic()
        while self._pace and self._pace[0][0] < now - _WINDOW:
            self._pace.popleft()
        spent = max(now - self._pace[0][0], 1.0) if self._pace else 1.0
        return sum(count for _, count in self._pace) / spent

    def _heartbeat(self, lag: float) -> Request:
        self._beat = time.monotonic()
        pending, rate = self.warm.pending() if lag else 0, self._rate()
        self.tell(pending=pending, lag=lag, rate=rate)
        return state.requested(self.connection, self.found.schema, pending, lag, rate)

    def _prune(self, *, at_once: bool) -> None:
        now = time.monotonic()
        worth = self._unpruned >= _PRUNE_FROM or now - self._pruned_at >= _PRUNE_EVERY
        if self._unpruned and (worth or at_once):
            self.warm.prune()
            self._unpruned, self._pruned_at = 0, now
