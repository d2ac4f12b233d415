"""One process of a live move: begins it or goes on with it, and carries it on, reconnecting where that is needed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from exuvia.engines.postgres.failures import explain_error, is_lost
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import Phase, Request, State, Warmth
from exuvia.errors import TargetError
from exuvia.live.beginning import Beginning, discard
from exuvia.live.carrying import Carrying, Ended, Told
from exuvia.live.ending import forget
from exuvia.live.following import Following, wishes_of
from exuvia.live.handover import DONE, moved_already, returned_already, right_to_carry_on, settle, stopped_already
from exuvia.live.options import Hear, LiveOptions, nobody
from exuvia.live.resumption import Resumption
from exuvia.move.clock import Clock
from exuvia.move.ends import Reached, reach, source_of
from exuvia.move.events import Listener, ignore, one_at_a_time
from exuvia.move.options import DEFAULT_TARGET, Source, Target

_RETRY = (0.5, 1.0, 2.0, 5.0)
_BUSY_ATTEMPTS = 20  # a server needs a while to notice that the session before is dead
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
    session = _Session(source_of(source).path, server, options, one_at_a_time(listener), Told(hear))
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
    told: Told

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
                    carrying = Carrying(self.path, self.server, connection, self.options, self.listener, self.told)
                    return carrying.run()
            except (psycopg.Error, TargetError) as error:
                if not (is_lost(error) or (attempt and _may_pass(error, attempt))):
                    raise
                self.told.tell(message=f"The target is away, trying again. {_first_line(error)}")
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
            self.told.tell(phase=Phase.COPYING)
            Beginning(self.path, self.server, connection, self.options, Clock(self.listener)).run()

    def _resumed(self, connection: psycopg.Connection, found: State) -> bool:
        """Go on with a copy that was cut short, and tell whether that could be done."""
        self.told.tell(phase=Phase.COPYING)
        clock = Clock(self.listener)
        return Resumption(self.path, self.server, connection, self.options, clock).run(found)

    def _refuse_ended(self, found: State) -> None:
        if found.phase in DONE and (found.warm is Warmth.NONE or self.options.restart):
            raise moved_already(found)
        if found.phase is Phase.RETURNED and not self.options.restart:
            raise returned_already(found)
        if found.phase is Phase.STOPPED and not self.options.restart:
            raise stopped_already(found)

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


def _may_pass(error: BaseException, attempt: int) -> bool:
    """Tell whether it is worth to try to reconnect again."""
    code = error.code if isinstance(error, TargetError) else ""
    return code in _AWAY or (code == "target.busy" and attempt < _BUSY_ATTEMPTS)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".") + "."
