"""The follower: brings the staged tables up to the source, round by round, and proves it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace

import orjson
import psycopg
from psycopg.pq import TransactionStatus

from exuvia.catalog.names import qualify
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.aside import Aside
from exuvia.engines.postgres.live.state import Advance, Request, State
from exuvia.engines.sqlite.capture import log
from exuvia.engines.sqlite.capture.schema import Declared
from exuvia.engines.sqlite.capture.state import was_vacuumed
from exuvia.engines.sqlite.chunks import cut
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import SourceError
from exuvia.live.following import FollowedTable, Following, followed
from exuvia.live.rounds import TableRound, Written, source_digest
from exuvia.live.source import LiveSource
from exuvia.move.events import Listener
from exuvia.move.lending import Lender
from exuvia.move.plan import TablePlan
from exuvia.move.results import Proof
from exuvia.move.verify import Verifier, one_moment
from exuvia.values.digest import Digest
from exuvia.values.profile import Chunk

PASSING = frozenset({"source.locked", "source.busy"})
"""The codes of errors of the source that may be gone at the next attempt."""

_EVERY = Chunk(0, None, None, 0)
_POLL = 0.05
_WINDOW = 10.0


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did.

    Args:
        position: The position that the target is at.
        changes: Changes that were applied: rows of the log.
        rows: Rows that were written.
        rejected: Rows in quarantine after it.
        lag: Seconds by which the target was behind at most when the round was committed.
        rate: Changes applied per second, over the last seconds.
        copied: Tables that were copied anew.
        request: What another process asks of the follower.
    """

    position: int
    changes: int
    rows: int
    rejected: int
    lag: float
    rate: float
    copied: tuple[str, ...]
    request: Request


class Follower:
    """Applies the source's changes to the staged tables. For one thread.

    When a round fails, or the caller rolls back the transaction that it was a part of, make another one.

    Args:
        connection: A connection to the target in autocommit mode, or in a transaction of the caller's that the rounds
            then are a part of.
        source: The source.
        found: The live move as the target knows it; the position is taken from there.

    Raises:
        TargetError: The target cannot be read.
    """

    def __init__(self, connection: psycopg.Connection, source: LiveSource, found: State) -> None:
        self.connection = connection
        self.source = source
        self.schema = found.schema
        self.following = Following.from_json(found.plan)
        self.tables = followed(self.following.staged, source.installed.tables)
        self.position = found.position
        self.misfits = frozenset(found.misfits)
        self._declared = declared_from(found.declared)
        self._asides = {
            table.name: Aside.of(connection, table.plan.target.schema, table.plan.quarantine) for table in self.tables
        }
        self._copied: dict[str, Digest] = {}
        self._pace: deque[tuple[float, int]] = deque()
        self._fresh = time.monotonic()
        self._version = -1

    def has_news(self) -> bool:
        """Tell whether somebody has committed to the source since the last round began."""
        asked = time.monotonic()
        if self.source.version() != self._version:
            return True
        self._fresh = asked
        return False

    def round(self, anew: Collection[str] = ()) -> Round | None:
        """Apply everything that has changed up to now; None when nothing has.

        Inside ``source.transaction()`` nothing can change after it. What the caller itself writes there is not seen.

        Args:
            anew: Source tables to copy as a whole, whatever the log says of them.

        Raises:
            SourceError: ``schema_changed``: the source declares something else than when the move began; ``log_gap``:
                the change log does not fit the position; or the source cannot be read.
            VerifyError: ``round``: the target holds something else than what was written; nothing was committed.
            psycopg.Error: The target refuses, or is gone; nothing was committed, or all of it.
        """
        with self._advanced(anew) as (made, _):
            return made

    def round_at(self, snapshot: Snapshot, anew: Collection[str]) -> Round | None:
        """Apply everything that has changed up to a moment; else as ``round``.

        Args:
            snapshot: The moment.
            anew: Source tables to copy as a whole.
        """
        with self._advanced(anew, snapshot) as (made, _):
            return made

    def last_round(self) -> Round | None:
        """Make a round that also copies the tables anew which no trigger watches, where they hold something else now.

        To see that, they are read. Arguments and errors as in ``round``.
        """
        return self.round(anew=self._stale())

    @property
    def places(self) -> tuple[str, ...]:
        """The staged tables, as SQL names them."""
        return tuple(qualify(table.target.schema, table.target.name) for table in self.following.staged)

    @property
    def unlogged(self) -> tuple[str, ...]:
        """The tables that no trigger watches."""
        return tuple(table.name for table in self.tables if table.unlogged)

    def rate(self) -> float:
        """Return how many changes were applied per second, over the last ten."""
        now = time.monotonic()
        while self._pace and self._pace[0][0] < now - _WINDOW:
            self._pace.popleft()
        spent = max(now - self._pace[0][0], 1.0) if self._pace else 1.0
        return sum(count for _, count in self._pace) / spent

    def rejected(self) -> Mapping[str, int]:
        """Return how many rows each source table has in quarantine."""
        return {name: aside.count(self.connection) for name, aside in self._asides.items()}

    def verify(
        self,
        target_url: str,
        connections: Lender[psycopg.Connection],
        listener: Listener,
        only: Collection[str] | None = None,
    ) -> Proof:
        """Compare every value of the staged tables with the source, at the position of the last round.

        A round is made first, so that both sides are at one moment; those moments are held while rounds go on.

        Args:
            target_url: The target for ADBC, with its secrets.
            connections: Connections to the target, in autocommit mode.
            listener: Hears of progress.
            only: The source tables to compare; None for all.

        Raises:
            SourceError, VerifyError, psycopg.Error: As in ``round``.
        """
        with self.source.apart() as snapshot, connections.lend() as lent, ExitStack() as held:
            with self._advanced(apart=snapshot):
                moment = held.enter_context(one_moment(lent))
            tables = [_measured(snapshot, table.plan) for table in self.tables if only is None or table.name in only]
            verifier = Verifier(snapshot, target_url, connections, 1, listener)
            with ThreadPoolExecutor(1, thread_name_prefix="exuvia-verify") as pool:
                proof = pool.submit(verifier.verify_at, lent, moment, tables, snapshot.interrupt)
                try:
                    self._follow_until(proof)
                except BaseException:
                    snapshot.interrupt()
                    raise
            return proof.result()

    def _follow_until(self, done: Future[Proof]) -> None:
        while not wait([done], _POLL).done:
            try:
                if self.has_news():
                    self.round()
                    self.source.prune(self.position)
            except SourceError as error:
                if error.code not in PASSING:
                    raise

    def _stale(self) -> list[str]:
        tables = [table for table in self.tables if table.unlogged]
        if not tables:
            return []
        with self.source.moment() as snapshot, snapshot.reader() as reader:
            return [
                table.name for table in tables if self._copied.get(table.name) != source_digest(reader, table, _EVERY)
            ]

    @contextmanager
    def _advanced(
        self, anew: Collection[str] = (), apart: Snapshot | None = None
    ) -> Iterator[tuple[Round | None, Snapshot]]:
        """Make a round, and hold the moment that both sides are at then: a new one of the source, or the one given."""
        before, began = self._fresh, time.monotonic()
        self._version = self.source.version() if apart is None else -1  # what came after that moment is news
        with self.source.moment() if apart is None else nullcontext(apart) as snapshot:
            self._declared = self.source.refuse_change(snapshot.connection, self._declared)
            found = log.changes(snapshot.connection, self.position, self.source.label)
            vacuumed = was_vacuumed(snapshot.connection)
            whole = [table for table in self.tables if table.name in anew or (vacuumed and table.captured.hidden_rowid)]
            made = self._apply(snapshot, found, whole, before) if found.up_to > self.position or whole else None
            self._fresh = began
            yield made, snapshot
        if vacuumed and self.connection.info.transaction_status is TransactionStatus.IDLE:  # so it is committed
            self.source.forget_vacuum(self._declared.cookie)

    def _apply(self, snapshot: Snapshot, found: log.Changes, whole: Sequence[FollowedTable], fresh: float) -> Round:
        changed = [table for table in self.tables if table.captured.number in found.rows or table in whole]
        changes = sum(found.rows.values())
        with self.connection.transaction():
            with snapshot.reader() as reader:
                written = [
                    TableRound(
                        self.connection, reader, table, self._asides[table.name], found, whole=table in whole
                    ).run()
                    for table in changed
                ]
            rejected = sum(aside.count(self.connection) for aside in self._asides.values())
            misfits = self._misfits(written, rejected)
            now = time.monotonic()
            made = Advance(
                position=found.up_to,
                lag=now - fresh,
                rate=self._rate(changes),
                changes=changes,
                rows=sum(one.rows.rows for one in written),
                rejected=rejected,
                misfits=tuple(sorted(misfits)),
            )
            self.source.put_on_disk()
            request = state.advance(self.connection, self.schema, self.position, made)
        self.position, self.misfits = found.up_to, misfits
        self._copied |= {table.name: one.rows for table, one in zip(changed, written, strict=True) if table.unlogged}
        copied = tuple(table.name for table in whole)
        return Round(made.position, changes, made.rows, rejected, time.monotonic() - fresh, made.rate, copied, request)

    def _misfits(self, written: Sequence[Written], rejected: int) -> frozenset[str]:
        more = frozenset().union(*(one.misfits for one in written))
        return self.misfits | more if rejected else frozenset()

    def _rate(self, changes: int) -> float:
        self._pace.append((time.monotonic(), changes))
        return self.rate()


def declared_to(declared: Declared) -> str:
    """Return what a source declares as JSON."""
    objects = [[kind, name, digest] for (kind, name), digest in declared.objects.items()]
    return orjson.dumps({"cookie": declared.cookie, "objects": objects}).decode()


def declared_from(text: str) -> Declared:
    """Read what ``declared_to`` wrote."""
    found = orjson.loads(text)
    return Declared(found["cookie"], {(kind, name): digest for kind, name, digest in found["objects"]})


def _measured(snapshot: Snapshot, table: TablePlan) -> TablePlan:
    """Return a table's plan with the ranges that its rows are in now."""
    chunks = cut(snapshot.connection, table.source, size_bytes=snapshot.size_bytes)
    rows = sum(chunk.rows for chunk in chunks)
    return replace(table, profile=replace(table.profile, chunks=chunks, rows=rows))
