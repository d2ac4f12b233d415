"""One cut-over for several files: the writers of all wait at once, and all are published in one transaction.

The write locks are taken in the order of the files' paths. Each file is fenced by a transaction of its own, and no
transaction holds over several: killed between two of them, the files that are fenced are published by whoever takes
them up next, the others go on in SQLite, and the same call moves the rest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import apsw
import psycopg

from exuvia.engines.postgres.failures import explain_error
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.vacuum import keep_off, let_on
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.errors import ConfigError, HookError, SourceError, TargetError
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
from exuvia.move.ends import Reached, reach, source_of
from exuvia.move.events import Listener, ignore, one_at_a_time
from exuvia.move.lending import Lender
from exuvia.move.options import DEFAULT_TARGET, MoveOptions, Source, Target


def cutover_together(
    sources: Sequence[Source],
    target: Target = DEFAULT_TARGET,
    *,
    options: CutoverOptions | None = None,
    listener: Listener = ignore,
    tell: Tell = untold,
) -> tuple[CutoverReport, ...]:
    """Make the target the database that is written, for several files that are moved live into schemas of their own.

    Args:
        sources: The SQLite files.
        target: The PostgreSQL database.
        options: How to cut over; the pause is that of all, each hook is called once, and the schemas are those that the
            files are moved into.
        listener: Hears of the comparison's progress.
        tell: Is told what is being done.

    Returns:
        What was done, by file, in their order.

    Raises:
        ConfigError: A file comes twice.
        SourceError, TargetError, VerifyError, HookError: As for one file; ``cutover_part`` when only some have moved.
    """
    options = options or CutoverOptions()
    paths = [source_of(source).path.resolve() for source in sources]
    if len(set(paths)) < len(paths):
        raise ConfigError("A file is named twice.", hint="Name each file once.", code="source")
    server = reach(target, MoveOptions(data_dir=options.data_dir))
    try:
        with ExitStack() as stack:
            work = _Together(server, options, one_at_a_time(listener), tell, stack)
            done = work.run(sorted(paths))
    except psycopg.Error as error:
        raise explain_error(error) from error
    return tuple(done[path] for path in paths)


@dataclass(slots=True)
class _Leg:
    """One file on its way, which no other process follows."""

    work: FileCutover
    follower: Follower
    ready: Ready

    @property
    def connection(self) -> psycopg.Connection:
        return self.follower.connection


@dataclass(slots=True)
class _Together:
    server: Reached
    options: CutoverOptions
    listener: Listener
    tell: Tell
    stack: ExitStack
    _facts: dict[str, str] = field(default_factory=dict)

    def run(self, paths: Sequence[Path]) -> Mapping[Path, CutoverReport]:
        connections = Lender(self.server.connect)
        self.stack.callback(connections.close)
        main, witness = self._connect(), self._connect()
        main.execute("SET synchronous_commit = on")
        schemas = _schemas(main, paths)
        legs: dict[Path, _Leg] = {}
        done: dict[Path, CutoverReport] = {}
        for path in paths:
            self.tell(f"preparing {path}")
            options = replace(self.options, schema=schemas[path], before="", switch="", after="")
            work = FileCutover(path, self.server, options, self.listener, self.tell)
            connection = self._connect()
            found = work.take(connection)
            if found.phase in DONE:
                done[path] = work.complete(connection, found)
                continue
            follower = Follower(connection, self.stack.enter_context(LiveSource(path, found.move_id)), found)
            preparation = Preparation(follower, self.server.url, connections, options, self.listener, self.tell)
            legs[path] = _Leg(work, follower, preparation.run())
        return done | (self._cut_over(legs, main, witness, connections) if legs else {})

    def _connect(self) -> psycopg.Connection:
        return self.stack.enter_context(self.server.connect())

    def _cut_over(
        self,
        legs: Mapping[Path, _Leg],
        main: psycopg.Connection,
        witness: psycopg.Connection,
        connections: Lender[psycopg.Connection],
    ) -> dict[Path, CutoverReport]:
        facts = [leg.work.facts() for leg in legs.values()]
        self._facts = {name: ", ".join(dict.fromkeys(one[name] for one in facts)) for name in facts[0]}
        call(self.options.before, "before", self._facts)
        switched = self._switch(list(legs.values()), main, witness)
        counts = [leg.work.count(leg.follower, witness, one) for leg, one in zip(legs.values(), switched, strict=True)]
        done = {}
        for (path, leg), one, counted in zip(legs.items(), switched, counts, strict=True):
            report = leg.work.report(leg.ready, one, counted)
            done[path] = leg.work.afterwards(leg.connection, connections, leg.follower.following, report)
        try:
            call(self.options.after, "after", self._facts)
        except HookError as error:
            path = next(reversed(done))
            done[path] = replace(done[path], warnings=(*done[path].warnings, error.message))
        return done

    def _switch(
        self, legs: Sequence[_Leg], main: psycopg.Connection, witness: psycopg.Connection
    ) -> tuple[Switched, ...]:
        """Try until all write locks are there while little is left to be brought over."""
        deadline = time.monotonic() + self.options.patience
        self.tell("waiting for the write locks of the sources")
        while True:
            let_on(witness)
            for leg in legs:
                leg.work.catch_up(leg.follower)
            keep_off(witness, (place for leg in legs for place in leg.follower.places))
            try:
                with held():
                    return self._pause(legs, main, witness)
            except SourceError as error:
                if time.monotonic() > deadline:
                    raise
                if error.code == f"source.{CHANGED}":
                    for leg in legs:
                        catalog, cookie = look(leg.follower)
                        leg.ready = replace(leg.ready, catalog=catalog, cookie=cookie)
                elif error.code not in ("source.locked", "source.busy"):
                    raise

    def _pause(
        self, legs: Sequence[_Leg], main: psycopg.Connection, witness: psycopg.Connection
    ) -> tuple[Switched, ...]:
        """Hold the writers of all files, switch, and let them go on."""
        with ExitStack() as opened:
            writers = [opened.enter_context(SourceWriter(leg.work.path, LOCK_WAIT)) for leg in legs]
            watch, changed = Stopwatch(self.options.max_pause), list[Held]()
            try:
                with ExitStack() as locks:
                    locked = [locks.enter_context(writers[0].transaction())]
                    watch = Stopwatch(self.options.max_pause)
                    with watch.step("locks"):
                        locked += [locks.enter_context(writer.transaction()) for writer in writers[1:]]
                    changed = self._change(legs, locked, main, witness, watch)
                main.execute("COMMIT")
            except BaseException as error:
                is_switched = self._is_switched(legs, main, watch, error)
                if not is_switched or not changed or not isinstance(error, Exception):
                    raise
            pause = watch.seconds
        watch.steps["commit"] = pause - sum(watch.steps.values())
        return tuple(Switched(watch, pause, one) for one in changed)

    def _change(
        self,
        legs: Sequence[_Leg],
        locked: Sequence[apsw.Connection],
        main: psycopg.Connection,
        witness: psycopg.Connection,
        watch: Stopwatch,
    ) -> list[Held]:
        """Bring all sides to where only their commits are left to be done."""
        let_on(witness)  # what is done now may have to lock tables itself
        drained = [leg.work.drain(leg.follower, leg.ready, one, watch) for leg, one in zip(legs, locked, strict=True)]
        begin_reading(witness)
        with watch.step("publish"):
            for leg in legs:
                leg.work.intend(leg.follower)
                leg.connection.execute("RESET statement_timeout")
            main.execute(f"SET statement_timeout = {max(round(watch.left * 1000), 1)}".encode())
            main.execute("BEGIN")
            objects = [leg.work.publish(main, leg.follower, one) for leg, one in zip(legs, drained, strict=True)]
            main.execute("RESET statement_timeout")
        with watch.step("fence"):
            for leg, one in zip(legs, locked, strict=True):
                leg.work.fence(leg.follower, leg.ready, one)
        with watch.step("switch"):
            call(self.options.switch, "switch", self._facts, max(watch.left, 0.001))
        return [Held(one.changes, made, one.rejected) for one, made in zip(drained, objects, strict=True)]

    def _is_switched(
        self, legs: Sequence[_Leg], main: psycopg.Connection, watch: Stopwatch, error: BaseException
    ) -> bool:
        """Undo what an error has left, or finish it for the files that are fenced already; tell whether all are."""
        if not main.closed:
            if not is_idle(main):
                main.execute("ROLLBACK")
            main.execute("RESET statement_timeout")
        fenced = [is_fenced(leg.work.path, leg.follower.source.installed.move_id) for leg in legs]
        if any(fenced) and any(leg.connection.closed for leg in legs):
            raise TargetError(
                "The connection was lost in the last moment of the cut-over: sources are fenced, and perhaps the target"
                " is not published yet.",
                hint="Run exuvia live cutover again as soon as the server answers: it finishes this.",
                code="cutover_lost",
            ) from error
        moved = [leg for leg in legs if not leg.connection.closed and _is_settled(leg)]
        if moved and len(moved) < len(legs):
            names = ", ".join(str(leg.work.path) for leg in moved)
            raise TargetError(
                f"Only some files have moved, {names}; the others go on in SQLite: {error}",
                hint="The same command moves the rest.",
                code="cutover_part",
            ) from error
        if not moved and self.options.switch and "switch" in watch.steps and not isinstance(error, HookError):
            raise TargetError(
                f"The cut-over was rolled back after its switch hook had run: {error}",
                hint="Switch the application back to the sources.",
                code="cutover_switched",
            ) from error
        return bool(moved)


def _is_settled(leg: _Leg) -> bool:
    leg.connection.execute("RESET statement_timeout")
    found = state.find(leg.connection, leg.work.options.schema)
    return found is not None and settle(leg.connection, leg.work.path, found).phase in DONE


def _schemas(connection: psycopg.Connection, paths: Sequence[Path]) -> Mapping[Path, str]:
    """Return the schema that each file is moved into."""
    moves = [one for name in state.every(connection) if (one := state.find(connection, name)) is not None]
    found = {}
    for path in paths:
        schemas = [one.schema for one in moves if one.source == str(path)]
        if len(schemas) != 1:
            where = f"into {' and '.join(schemas)}" if schemas else "into no schema of this database"
            raise TargetError(
                f"{path} is moved live {where}; for several files it has to be one schema for each.",
                hint="Begin with: exuvia live start FILE --schema NAME, for each file.",
                code="live_none",
            )
        found[path] = schemas[0]
    return found
