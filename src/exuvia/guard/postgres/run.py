"""Running one judged statement, so that it could not do more if the verdict were wrong.

It is sent alone, by the extended protocol, which takes no second statement; in a transaction that is READ ONLY unless
it is to write; as the role of its level; with time limits, and the caps on what comes back kept row by row. A
connection is used by one statement at a time and comes back as it was: a read is always rolled back.

All this is one pipeline of commands and costs one round trip; a write takes a second one to be committed. What a
command fails of, the rest up to the next synchronization point is skipped for, by the server.

The steps are generators that psycopg's connections wait for, blocking or not, so that both faces share them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.generators import send

from exuvia.guard.policy import Level, Policy
from exuvia.guard.postgres import commands
from exuvia.guard.postgres.facts import Facts
from exuvia.guard.postgres.failures import explain, superuser
from exuvia.guard.postgres.inbox import Inbox
from exuvia.guard.postgres.judge import NOTHING, check
from exuvia.guard.postgres.values import CONTEXT, has_list, parameters, plain
from exuvia.guard.result import WHOLE, Bounds, Harvest, Json, Result, unexpected

_DONE: Final = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
_COPY: Final = (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH)
_GRACE_SECONDS: Final = 5.0  # for the server to end a statement whose time is over


def run(
    connection: psycopg.Connection[Any],
    text: str,
    policy: Policy,
    *,
    level: Level = "read",
    values: Sequence[Json] = (),
    bounds: Bounds = WHOLE,
    facts: Facts = NOTHING,
    judged: bool = True,
) -> Result:
    """Judge one statement and run it.

    Args:
        connection: A connection outside of a transaction, which nobody else uses meanwhile, without prepared
            statements of its own (``prepare_threshold=None``): afterwards its session is as it was at the beginning.
        text: The statement.
        policy: What is allowed.
        level: What the statement is meant to do; reading is always possible.
        values: Of its parameters ``$1``, ``$2`` and so on.
        bounds: Which part of the answer is wanted.
        facts: What the server's catalog told of views and functions.
        judged: False leaves the verdict out, and only the transaction, the role and the caps limit the statement.

    Raises:
        DeniedError: The statement, or the role that connects, is not what the policy allows.
        TargetError: PostgreSQL refuses it, or it takes too long.
    """
    if judged:
        check(text, policy, level, facts).require()
    work = _Work(connection.pgconn, text, policy, level, values, bounds)
    try:
        _perform(connection, work)
    except psycopg.Error as error:
        raise explain(error, policy, level, is_lost=work.is_lost) from error
    return work.result()


def attempt(
    connection: psycopg.Connection[Any],
    text: str,
    policy: Policy,
    *,
    level: Level = "read",
    values: Sequence[Json] = (),
    facts: Facts = NOTHING,
) -> Result:
    """Judge one statement, run it inside of the connection's open transaction, and take back whatever it did.

    It sees what the transaction has done so far, which stays as it was, also when the statement fails.

    Args:
        connection: A connection in a transaction that has not failed; otherwise as for ``run``.
        text: The statement.
        policy: What is allowed.
        level: What the statement is meant to do; reading is always possible.
        values: Of its parameters ``$1``, ``$2`` and so on.
        facts: What the server's catalog told of views and functions.

    Raises:
        DeniedError: The statement, or the role that connects, is not what the policy allows.
        psycopg.Error: PostgreSQL refuses it, or it takes too long.
    """
    verdict = check(text, policy, level, facts)
    verdict.require()
    work = _Work(connection.pgconn, text, policy, verdict.needs, values, WHOLE, nested=True)
    _perform(connection, work)
    return work.result()


async def run_async(
    connection: psycopg.AsyncConnection[Any],
    text: str,
    policy: Policy,
    *,
    level: Level = "read",
    values: Sequence[Json] = (),
    bounds: Bounds = WHOLE,
    facts: Facts = NOTHING,
    judged: bool = True,
) -> Result:
    """Judge one statement and run it, as ``run`` does. Cancelling the task cancels the statement on the server."""
    if judged:
        check(text, policy, level, facts).require()
    work = _Work(connection.pgconn, text, policy, level, values, bounds)
    try:
        async with connection.lock:
            with work.pipeline():
                await connection.wait(work.statement())
                if work.is_cut:
                    await connection.cancel_safe()
                await connection.wait(work.end())
    except psycopg.Error as error:
        raise explain(error, policy, level, is_lost=work.is_lost) from error
    return work.result()


def _perform(connection: psycopg.Connection[Any], work: _Work) -> None:
    with connection.lock, work.pipeline():
        connection.wait(work.statement())
        if work.is_cut:
            connection.cancel_safe()
        connection.wait(work.end())


@dataclass(slots=True)
class _Work:
    """One statement on its way."""

    pgconn: pq.abc.PGconn
    text: str
    policy: Policy
    level: Level
    values: Sequence[Json]
    bounds: Bounds
    nested: bool = False
    started: float = field(default_factory=time.perf_counter)
    is_early: bool = False  # nothing that ends the transaction has been sent yet
    columns: tuple[str, ...] = ()
    affected: int | None = None
    harvest: Harvest = field(init=False)
    inbox: Inbox = field(init=False)

    def __post_init__(self) -> None:
        self.harvest = Harvest(self.policy, plain, self.bounds)
        self.inbox = Inbox(self.pgconn, self.started + self.policy.timeout_s + _GRACE_SECONDS)

    @contextmanager
    def pipeline(self) -> Iterator[None]:
        """Send commands without waiting for their answers. A connection whose answers were left is closed."""
        self.pgconn.enter_pipeline_mode()
        try:
            yield
        finally:
            try:
                self.pgconn.exit_pipeline_mode()
            except psycopg.Error:
                self.pgconn.finish()

    @property
    def is_cut(self) -> bool:
        """Whether the server is still sending what nobody wants: a read can be cancelled, a write has to go on."""
        return bool(self.harvest.full) and self.level == "read"

    @property
    def is_lost(self) -> bool:
        """Whether the connection is of no more use."""
        return self.pgconn.status != pq.ConnStatus.OK

    def statement(self) -> PQGen[None]:
        """Send everything, and take the statement's rows, until there are enough of a read."""
        opening = commands.opening(self.policy, self.level, nested=self.nested)
        for command in opening:
            self.pgconn.send_query_params(command, None)
        if has_list(self.values):
            types = yield from self._parameter_types(len(opening))
            self.pgconn.send_query_prepared(b"", parameters(self.values, types))
        else:
            self.pgconn.send_query_params(self.text.encode(), parameters(self.values))
        self.pgconn.pipeline_sync()
        if self.level == "read":
            self._send_end()
        yield from send(self.pgconn)
        if not has_list(self.values):
            yield from self._opened(len(opening))
        self.pgconn.set_single_row_mode()
        yield from self._take()

    def end(self) -> PQGen[None]:
        """Take what is still coming, and end the transaction: a read is rolled back, whatever it was."""
        if self.is_cut:
            while (yield from self.inbox.fetch()) is not None:
                pass
        yield from self._synchronized()
        wrong = unexpected(self.bounds, self.affected)
        if self.level != "read":
            self._send_end(is_wanted=wrong is None)
            yield from send(self.pgconn)
        yield from self._ended()
        if wrong is not None:
            raise wrong

    def result(self) -> Result:
        """Return what was taken."""
        seconds = time.perf_counter() - self.started
        rows, notice = tuple(self.harvest.rows), self.harvest.notice
        return Result(self.columns, rows, bool(notice), notice, self.affected, seconds, self.harvest.skipped)

    def _closing(self, *, is_wanted: bool) -> tuple[bytes, ...]:
        return commands.closing(self.level, is_wanted=is_wanted, nested=self.nested)

    def _send_end(self, *, is_wanted: bool = True) -> None:
        for command in self._closing(is_wanted=is_wanted):
            self.pgconn.send_query_params(command, None)
            self.pgconn.pipeline_sync()

    def _opened(self, opening: int) -> PQGen[None]:
        """Take the answers to the commands that open the transaction, of which the last refuses mighty roles."""
        for place in range(opening):
            result = yield from self.inbox.only()
            if result.status in _DONE:
                continue
            error = error_from_result(result)
            yield from self._skip()
            raise superuser(self.policy) if place == opening - 1 and error.sqlstate == "22P02" else error

    def _parameter_types(self, opening: int) -> PQGen[list[int]]:
        """Let PostgreSQL find the types of the parameters: a list is an array for one, and JSON for another."""
        self.pgconn.send_prepare(b"", self.text.encode())
        self.pgconn.send_describe_prepared(b"")
        self.pgconn.pipeline_sync()
        if self.level == "read":
            self.is_early = True
        yield from send(self.pgconn)
        yield from self._opened(opening)
        prepared = yield from self.inbox.only()
        if prepared.status not in _DONE:
            yield from self._fail(prepared)
        described = yield from self.inbox.only()
        yield from self._synchronized()
        self.is_early = False
        return [described.param_type(number) for number in range(described.nparams)]

    def _take(self) -> PQGen[None]:
        transformer = Transformer(CONTEXT)
        first = True
        while (result := (yield from self.inbox.fetch())) is not None:
            if result.status not in (*_DONE, pq.ExecStatus.SINGLE_TUPLE):
                yield from self._fail(result)
            if first:
                self.columns = tuple(
                    (result.fname(place) or b"").decode("utf-8", "replace") for place in range(result.nfields)
                )
            transformer.set_pgresult(result, set_loaders=first)
            first = False
            if result.status == pq.ExecStatus.SINGLE_TUPLE:
                if self.harvest.skip():
                    continue
                if not self.harvest.add(transformer.load_row(0, tuple)) and self.level == "read":
                    return
            elif self.level != "read":
                self.affected = result.command_tuples

    def _fail(self, result: pq.abc.PGresult) -> PQGen[None]:
        if result.status in _COPY:
            self.pgconn.finish()
            raise psycopg.ProgrammingError("COPY cannot be run here")
        error = error_from_result(result)
        yield from self._skip()
        raise error

    def _skip(self) -> PQGen[None]:
        """Take the answers up to the point where the pipeline goes on after an error, and end the transaction."""
        yield from self._synchronized()
        if self.level != "read" or self.is_early:
            self._send_end(is_wanted=False)
            yield from send(self.pgconn)
        yield from self._ended()

    def _synchronized(self) -> PQGen[None]:
        while True:
            result = yield from self.inbox.fetch()
            if result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC:
                return

    def _ended(self) -> PQGen[None]:
        """Take the answers to the end of the transaction and to what tidies the session."""
        errors = []
        for _ in self._closing(is_wanted=True):
            result = yield from self.inbox.only()
            if result.status not in _DONE:
                errors.append(error_from_result(result))
            yield from self._synchronized()
        late = self.level == "read" and bool(errors) and errors[0].sqlstate == "57014"
        if late:  # the cancellation of a statement whose answer was cut met what came after it
            self._send_end()
            yield from send(self.pgconn)
            yield from self._ended()
        elif errors:
            raise errors[0]
