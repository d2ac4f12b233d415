"""A first copy that was cut short goes on: chunks that are committed stay, though the source has changed since.

The triggers were there before the first chunk was read, so whatever has changed since then is in the log: the missing
chunks are read as they are now, and one round brings all of it to one moment. Only then can keys and unique indexes be
made, since rows that were moved between two chunks may be in the target twice until then.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from exuvia.engines.postgres import ledger
from exuvia.engines.postgres.ledger import Entry, Header
from exuvia.engines.postgres.live.state import State
from exuvia.engines.sqlite.capture import schema
from exuvia.engines.sqlite.capture.install import installed, missing_triggers
from exuvia.engines.sqlite.capture.log import Changes
from exuvia.engines.sqlite.read import Reader
from exuvia.errors import TargetError
from exuvia.live.beginning import adopted, keep
from exuvia.live.follower import Follower, declared_from
from exuvia.live.following import FollowedTable, Following, followed, wishes_of, without_profile
from exuvia.live.options import LiveOptions
from exuvia.live.rounds import TableRound
from exuvia.live.source import LiveSource
from exuvia.move.clock import Clock
from exuvia.move.ends import Reached
from exuvia.move.events import Progress
from exuvia.move.finishing import Finisher
from exuvia.move.lending import Lender
from exuvia.move.plan import ObjectPlan
from exuvia.move.workers import run
from exuvia.values.profile import Chunk


@dataclass(frozen=True, slots=True)
class Resumption:
    """Goes on with a copy.

    Args:
        path: The source.
        server: The target.
        connection: A connection to it in autocommit mode, which holds the lock of the target schema.
        options: How to move.
        clock: Times the stages.
    """

    path: Path
    server: Reached
    connection: psycopg.Connection
    options: LiveOptions
    clock: Clock

    def run(self, found: State) -> bool:
        """Copy what is missing and return whether that could be done: else the copy has to begin anew.

        Raises:
            SourceError: The source cannot be read.
            TargetError: ``copy``: the copy differs from the source.
            psycopg.Error: The target refuses, or is gone.
        """
        header, captured = ledger.find(self.connection, found.schema), installed(self.path)
        if not found.plan or header is None or captured is None or captured.move_id != found.move_id:
            return False
        following = Following.from_json(found.plan)
        if following.wishes != wishes_of(self.options.move.plan):
            return False
        with LiveSource(self.path, found.move_id) as source:
            if not _is_as_it_was(source, found):
                return False
            self._copy(source, following, header)
            self._finish(source, found, following, header)
        return True

    def _copy(self, source: LiveSource, following: Following, header: Header) -> None:
        done = {(entry.table, entry.chunk) for entry in ledger.entries(self.connection, header)}
        with self.clock.stage("copy"), source.moment() as snapshot, snapshot.reader() as reader:
            for table in followed(following.staged, source.installed.tables):
                chunks = [chunk for chunk in table.plan.profile.chunks if chunk.rows]
                for chunk in chunks:
                    if (table.name, chunk.number) not in done:
                        self._load(reader, table, chunk, header)
                        self._tell(table, chunk.rows)

    def _load(self, reader: Reader, table: FollowedTable, chunk: Chunk, header: Header) -> None:
        with self.connection.transaction():
            aside, nothing = adopted(self.connection, table), Changes(0, 0, {})
            if chunk.number < 0:
                written = TableRound(self.connection, reader, table, aside, nothing, whole=True).run()
            else:
                measured = replace(chunk, max_row_bytes=0)  # rows may have grown
                written = TableRound(self.connection, reader, table, aside, nothing, chunk=measured).load()
            digest, source = written.rows, header.sources[0].source
            entry = Entry(source, table.name, chunk.number, digest.rows, written.rejected, 0, digest)
            ledger.record(self.connection, header, entry)

    def _finish(self, source: LiveSource, found: State, following: Following, header: Header) -> None:
        connections = Lender(self.server.connect)
        try:
            with self.connection.transaction():
                for table in followed(following.staged, source.installed.tables):
                    adopted(self.connection, table)
            follower = Follower(self.connection, source, found)
            follower.round()
            objects = following.objects + self._made(following, connections)
            with self.clock.stage("verify"):
                proof = follower.verify(self.server.url, connections, self.clock.listener)
        finally:
            connections.close()
        if not proof.equal:
            raise TargetError(
                f"The copy of {self.path} differs from it.",
                hint="Begin the move anew: exuvia live start --restart.",
                code="copy",
            )
        kept = replace(following, staged=tuple(map(without_profile, following.staged)), objects=objects)
        with self.connection.transaction():
            keep(self.connection, found.schema, kept, sum(follower.rejected().values()), header.name)

    def _made(self, following: Following, connections: Lender[psycopg.Connection]) -> tuple[ObjectPlan, ...]:
        """Make keys and indexes; those that are there already are taken as they are."""

        def stop() -> None:
            for one in connections.each():
                with suppress(psycopg.Error):
                    one.cancel_safe(timeout=5)

        with self.clock.stage("finish"):
            finisher = Finisher(connections, self.clock.listener, resumed=True)
            found = run(finisher.table_tasks(following.staged), jobs=self.options.move.jobs, stop=stop)
            return tuple(one for part in found for one in part.objects)

    def _tell(self, table: FollowedTable, rows: int) -> None:
        self.clock.listener(Progress("copy", table.name, rows, table.plan.profile.rows))


def _is_as_it_was(source: LiveSource, found: State) -> bool:
    """Tell whether the source declares what it did when the copy began."""
    with source.moment() as snapshot:
        declared = schema.declared(snapshot.connection)
        lost = missing_triggers(snapshot.connection, source.installed)
    return not lost and not schema.differences(declared_from(found.declared), declared)
