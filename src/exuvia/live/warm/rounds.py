"""Rounds: what changed in PostgreSQL since the last one is brought to SQLite, in one transaction there.

The position in the log is written in the same transaction, so a follower that is killed neither skips nor doubles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import apsw
import orjson
import psycopg

from exuvia.engines.postgres.capture import log
from exuvia.engines.postgres.capture.install import installed
from exuvia.engines.postgres.capture.log import ChangeReader, Changes
from exuvia.engines.postgres.capture.plan import CapturedTable
from exuvia.engines.postgres.capture.state import Installed
from exuvia.engines.postgres.catalog_read import inspect as inspect_schema
from exuvia.engines.postgres.connect import connect
from exuvia.engines.postgres.ddl import literal
from exuvia.engines.postgres.failures import explain_error
from exuvia.engines.sqlite.capture import state
from exuvia.engines.sqlite.capture.fence import inside_fence, is_fenced
from exuvia.engines.sqlite.capture.own import STATE
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.engines.sqlite.errors import source_error
from exuvia.engines.sqlite.fulltext import FullText
from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.kept import KeptTable
from exuvia.engines.sqlite.refresh import refresh_search, searches_over
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import SourceError, TargetError
from exuvia.live.warm.bags import BagRound
from exuvia.live.warm.keys import KeyedRound, TableRound, is_as_spelled
from exuvia.live.warm.plan import ASKING, Cold, WarmPlan, WarmTable, plan_warm
from exuvia.location import PostgresLocation
from exuvia.move.back.comparison import SIDES, Comparison
from exuvia.move.back.plan import BackOptions, BackTable, build
from exuvia.move.events import Listener, ignore
from exuvia.move.results import Proof, TableProof

_KEY = "warm"


@dataclass(frozen=True, slots=True)
class Inexact:
    """A column that got a value which SQLite's declared type changes: it is not what PostgreSQL holds."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did.

    Args:
        position: Up to where the log has been applied.
        changes: How many changes the log held.
        rows: How many rows were written.
        seconds: How long it took.
        inexact: Where SQLite could not hold a value as it is.
    """

    position: str
    changes: int
    rows: int
    seconds: float
    inexact: tuple[Inexact, ...] = ()


class Warm:
    """Keeps a fenced SQLite file equal to the PostgreSQL tables that it moved to. For one thread; used with ``with``.

    Args:
        location: The server.
        schema: The schema of the tables, under capture since the moment when both sides were equal.
        path: The file, fenced at that moment.
        timeout: Seconds to wait for whoever writes the file, though behind the fence nobody should.

    Attributes:
        wrong: By table, the columns whose values the last comparison found to differ.

    Raises:
        TargetError: ``not_captured``: PostgreSQL's changes are not logged, or for another move; or no connection.
        SourceError: ``not_fenced``: the file is not behind a fence; or it cannot be read.
    """

    def __init__(self, location: PostgresLocation, schema: str, path: Path, *, timeout: float = 5.0) -> None:
        self._location, self._schema, self._path = location, schema, path
        with ExitStack() as stack:
            self._server = stack.enter_context(connect(location, autocommit=True))
            self._reader = ChangeReader(location, schema)
            stack.callback(self._reader.close)
            self._writer = stack.enter_context(SourceWriter(path, timeout))
            self._installed = self._checked_move()
            self._plan = self._planned()
            self._position, self._as_spelled, self._missed = _stored(self._writer.connection)
            self._applied = self._position
            self._stale: set[str] | None = None  # tables changed since full-text indexes were built anew; None: all
            self.wrong: Mapping[str, frozenset[str]] = {}
            self._closing = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; what was not committed is undone."""
        self._closing.close()

    @property
    def plan(self) -> WarmPlan:
        """Which tables are kept up to date, and which are not."""
        return self._plan

    @property
    def missed(self) -> tuple[Cold, ...]:
        """The tables that are not kept up to date although they have changed since the cut-over."""
        return tuple(cold for cold in self._plan.cold if cold.table in self._missed)

    @property
    def names(self) -> tuple[str, ...]:
        """The tables in PostgreSQL whose changes are logged."""
        return tuple(table.name for table in self._installed.tables)

    def pending(self) -> int:
        """Return how many changes have been logged and not applied.

        Raises:
            SourceError: As ``round``.
        """
        with self._reader.snapshot(self._installed, self._position) as changes:
            return changes.rows

    def round(self) -> Round:
        """Apply what has been committed in PostgreSQL since the last round: then SQLite equals a snapshot of it.

        Raises:
            SourceError: ``log_gap``, ``schema_changed`` (``ChangeReader.snapshot``), or one of the sides cannot be read
                or written.
            TargetError: ``refused``: SQLite does not take a row, such as one that a UNIQUE constraint of its own
                forbids. Nothing of the round is kept.
            VerifyError: ``round``: the file is not what the rounds before have left.
        """
        with self._reader.snapshot(self._installed, self._position) as changes:
            return self._round(changes)

    def verify(
        self,
        listener: Listener = ignore,
        aside: Mapping[str, int] = MappingProxyType({}),
        held: Callable[[], None] = lambda: None,
    ) -> tuple[Round, Proof]:
        """Apply a round and compare every value of the tables that are kept, while PostgreSQL is written further.

        Args:
            listener: Hears of progress.
            aside: How many rows of a table SQLite alone may have, since they are in quarantine in PostgreSQL.
            held: Called when the moments of both sides are held: from then on others may make rounds.

        Raises:
            ExuviaError: As ``round``.
        """
        with self._reader.snapshot(self._installed, self._position) as changes:
            done = self._round(changes)
            started = time.perf_counter()
            with Snapshot.open(self._path, readers=SIDES) as snapshot:
                held()
                comparison = Comparison(self._reader, snapshot, False, listener)
                ways = [replace(table.way, columns=table.compared) for table in self._plan.tables]
                proofs = tuple(_without(aside, comparison, way) for way in ways)
                self.wrong = comparison.wrong
        values = sum(proof.values_compared for proof in proofs)
        proof = Proof(proofs, values, all(proof.equal for proof in proofs), time.perf_counter() - started)
        return done, proof

    def prune(self) -> int:
        """Delete from PostgreSQL's log what SQLite holds for good; return how many rows.

        Raises:
            TargetError: The server refuses.
        """
        try:
            return log.prune(self._server, self._schema, self._installed, self._applied)
        except psycopg.Error as error:
            raise explain_error(error, location=self._location, doing="pruning the log of changes") from error

    def take_whole(self, names: Collection[str]) -> None:
        """Let the next round write every row of some tables, whatever was logged of them.

        Raises:
            TargetError: The server refuses.
        """
        try:
            for table in self._installed.tables:
                if table.name in names:
                    log.name_all(self._server, table)
        except psycopg.Error as error:
            raise explain_error(error, location=self._location, doing="logging a change") from error

    def refresh_search(self) -> tuple[tuple[str, str], ...]:
        """Build full-text indexes anew that the application's triggers would have kept: before it goes back.

        From then on rounds keep them up to date where they can; the next time only the others are built.

        Returns:
            Each one's name, and why it could not be built, empty where it was.

        Raises:
            SourceError: SQLite cannot write.
        """
        try:
            with inside_fence(self._writer.connection) as connection:
                told = tuple(refresh_search(connection, self._catalog, self._stale))
        except apsw.Error as error:
            raise source_error(error, self._writer.label) from error
        self._stale = set()
        return told

    def _checked_move(self) -> Installed:
        try:
            found = installed(self._server, self._schema)
        except psycopg.Error as error:
            raise explain_error(error, location=self._location, doing="reading the state") from error
        here = state.read(self._writer.connection)
        if here is None or is_fenced(self._writer.connection) is None:
            raise SourceError(
                f"{self._writer.label} is not behind a fence: applications may be writing it.",
                hint="Only a file that has moved is kept up to date.",
                code="not_fenced",
            )
        if found is None or found.fence is not None or found.move_id != here.move_id:
            raise TargetError(
                f"The changes of schema {self._schema!r} at {self._location} are not logged for {self._writer.label}.",
                hint="Name the schema that the file was moved to.",
                code="not_captured",
            )
        return found

    def _planned(self) -> WarmPlan:
        try:
            schema = inspect_schema(self._server, self._schema)
        except psycopg.Error as error:
            raise explain_error(error, location=self._location, doing="reading the schema") from error
        with Snapshot.open(self._path, readers=1) as snapshot:
            self._catalog = inspect(snapshot.connection, snapshot.label)
        back = build(schema, BackOptions(schema=self._schema), ASKING)
        with inside_fence(self._writer.connection) as connection:
            return plan_warm(connection, self._catalog, self._installed.tables, back)

    def _round(self, changes: Changes) -> Round:
        started = time.perf_counter()
        done = self._apply(changes) if changes.tables else []
        self._position = changes.up_to
        if changes.tables:
            self._applied = changes.up_to
        inexact = tuple(Inexact(one.table, column) for one in done for column in one.inexact)
        rows = sum(one.rows for one in done)
        return Round(changes.up_to, changes.rows, rows, time.perf_counter() - started, inexact)

    def _apply(self, changes: Changes) -> list[TableRound]:
        spelled = dict(self._as_spelled)
        try:
            with inside_fence(self._writer.connection) as connection:
                connection.execute("PRAGMA ignore_check_constraints = ON")
                done = [self._table(connection, table, changes, spelled) for table in self._changed(changes)]
                missed = self._missed | {table.name for table in self._unkept(changes)}
                document = {"position": changes.up_to, "as_spelled": spelled, "missed": sorted(missed)}
                state.put(connection, _KEY, orjson.dumps(document).decode())
        except apsw.Error as error:
            raise source_error(error, self._writer.label) from error
        self._as_spelled, self._missed = spelled, missed
        if self._stale is not None:
            indexed = {one.table for one in done if one.indexed}
            self._stale.update(one.target.name for one in self._changed(changes) if one.name not in indexed)
        return done

    def _changed(self, changes: Changes) -> Iterator[WarmTable]:
        return (table for table in self._plan.tables if table.captured.number in changes.tables)

    def _unkept(self, changes: Changes) -> Iterator[CapturedTable]:
        kept = {table.name for table in self._plan.tables}
        return (one for one in self._installed.tables if one.number in changes.tables and one.name not in kept)

    def _table(
        self, connection: apsw.Connection, table: WarmTable, changes: Changes, spelled: dict[str, bool]
    ) -> TableRound:
        kept = KeptTable(connection, table.target, [column.put.column for column in table.key], self._catalog.encoding)
        if table.captured.keyed and table.name not in spelled:
            spelled[table.name] = is_as_spelled(kept, self._reader, table, changes)
        if table.captured.keyed:
            done = KeyedRound(kept, self._reader, table, changes, spelled[table.name], self._searches(table)).run()
        else:
            done = BagRound(kept, self._reader, table, changes).run()
        if table.target.autoincrement:
            self._count_on(kept, table)
        kept.drop()
        return done

    def _searches(self, table: WarmTable) -> Sequence[FullText] | None:
        """Return the full-text indexes over a table that are up to date and can be kept so."""
        if self._stale is None or table.target.name in self._stale:
            return None
        return searches_over(self._catalog, table.target)

    def _count_on(self, kept: KeptTable, table: WarmTable) -> None:
        """Set AUTOINCREMENT's position to that of PostgreSQL's sequence: ids that were given and deleted count."""
        column = table.key[0].way.source.name
        owned = f"pg_get_serial_sequence({literal(table.captured.place)}, {literal(column)})"
        rows = self._reader.rows(f"SELECT pg_sequence_last_value({owned}::regclass) AS last", "a sequence")
        last = rows[0]["last"] if rows else None
        if isinstance(last, int):
            kept.count_on(last)


def applied(path: Path) -> str:
    """Return the position up to which PostgreSQL's log has been applied to a fenced file.

    Raises:
        SourceError: The file cannot be read.
    """
    with SourceWriter(path) as writer:
        try:
            return _stored(writer.connection)[0] if state.has(writer.connection, STATE) else log.START
        except apsw.Error as error:
            raise source_error(error, writer.label) from error


def _stored(connection: apsw.Connection) -> tuple[str, dict[str, bool], frozenset[str]]:
    """Return the position, by table whether SQLite spells keys as they are sent, and tables with missed changes."""
    value = state.get(connection, _KEY)
    document = orjson.loads(value) if isinstance(value, str) else {}
    return document.get("position", log.START), document.get("as_spelled", {}), frozenset(document.get("missed", ()))


def _without(aside: Mapping[str, int], comparison: Comparison, way: BackTable) -> TableProof:
    """Compare a table; rows that only SQLite has, as many as were put aside, are no difference."""
    proof = comparison.table(way)
    most = aside.get(way.source.name, 0)
    if proof.equal or not most:
        return proof
    missing, more = comparison.surplus(way)
    if missing or more > most:
        return proof
    return replace(proof, equal=True, rows_rejected=more, differences=())
