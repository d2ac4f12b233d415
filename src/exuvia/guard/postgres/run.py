"""Running one judged statement, so that it could not do more if the verdict were wrong.

It is sent alone, by the extended protocol, which takes no second statement; in a transaction that is READ ONLY unless
it is to write; as the role of its level; with time limits, and the caps on what comes back kept row by row. A
connection is used by one statement at a time and comes back as it was: a read is always rolled back.

The steps are generators that psycopg's connections wait for, blocking or not, so that both faces share them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg import pq, sql
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.generators import execute, fetch, send

from exuvia.guard.policy import Level, Policy
from exuvia.guard.postgres.facts import Facts
from exuvia.guard.postgres.failures import explain, superuser
from exuvia.guard.postgres.judge import NOTHING, check
from exuvia.guard.postgres.values import CONTEXT, has_list, parameters, plain
from exuvia.guard.result import WHOLE, Bounds, Harvest, Json, Result, unexpected

# The parser reads strings as with standard_conforming_strings = on; a server that did not would see another statement.
_SESSION: Final = {
    "standard_conforming_strings": "on",
    "client_encoding": "UTF8",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "row_security": "on",
    "jit": "off",
    "check_function_bodies": "on",
}
# One statement sets everything and tells whether the role could do anything, so that it costs one message.
_OPEN: Final = """
SELECT rolsuper OR pg_has_role(oid, 'pg_read_server_files', 'USAGE')
       OR pg_has_role(oid, 'pg_write_server_files', 'USAGE') OR pg_has_role(oid, 'pg_execute_server_program', 'USAGE'),
       {settings}
FROM pg_catalog.pg_roles WHERE rolname = current_user
"""
# What outlasts a transaction, should a statement that nobody judged have left it in the session.
_TIDY: Final = (
    "SELECT pg_catalog.pg_advisory_unlock_all(); UNLISTEN *; DEALLOCATE ALL; CLOSE ALL; RESET ALL; RESET ROLE"
)
# Settings and the role of a subtransaction end with it.
_TRY: Final = "SAVEPOINT exuvia_guard; SET LOCAL transaction_read_only = {}"
_TAKE_BACK: Final = "ROLLBACK TO SAVEPOINT exuvia_guard; RELEASE SAVEPOINT exuvia_guard"
_DONE: Final = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)


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
        with connection.lock:
            connection.wait(work.begin())
            connection.wait(work.statement())
            if work.is_cut:
                connection.cancel_safe()
            connection.wait(work.end())
    except psycopg.Error as error:
        raise explain(error, policy, level) from error
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
    with connection.lock:
        connection.wait(work.begin())
        connection.wait(work.statement())
        if work.is_cut:
            connection.cancel_safe()
        connection.wait(work.end())
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
            await connection.wait(work.begin())
            await connection.wait(work.statement())
            if work.is_cut:
                await connection.cancel_safe()
            await connection.wait(work.end())
    except psycopg.Error as error:
        raise explain(error, policy, level) from error
    return work.result()


@lru_cache(maxsize=64)
def transaction(policy: Policy, level: Level, *, nested: bool = False) -> str:
    """Return the SQL that opens the transaction in which a statement of a level runs, with its role and its limits.

    Its last statement answers with one row, whose first column is true for a role that could do anything.
    ``nested`` opens a transaction within another.
    """
    milliseconds = {
        "statement_timeout": policy.timeout_s,
        "lock_timeout": policy.lock_timeout_s,
        "idle_in_transaction_session_timeout": policy.timeout_s + 5,
    }
    settings = _SESSION | {name: str(max(1, round(seconds * 1000))) for name, seconds in milliseconds.items()}
    calls = [sql.SQL("set_config({}, {}, true)").format(name, value) for name, value in settings.items()]
    lines: list[sql.Composable] = [
        _opening(level, nested=nested),
        # pg_catalog is searched first where it is not listed, and tables are made in the first that is listed
        sql.SQL("SET LOCAL search_path = {}, pg_temp").format(sql.Identifier(policy.default_schema)),
    ]
    role = policy.role(level)
    if role is not None:
        lines.append(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
    lines.append(sql.SQL(_OPEN).format(settings=sql.SQL(", ").join(calls)))
    return sql.SQL(";\n").join(lines).as_string()


def _opening(level: Level, *, nested: bool) -> sql.SQL:
    if nested:
        return sql.SQL(_TRY.format("on" if level == "read" else "off"))
    return sql.SQL("BEGIN READ ONLY" if level == "read" else "BEGIN READ WRITE")


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
    columns: tuple[str, ...] = ()
    affected: int | None = None
    harvest: Harvest = field(init=False)

    def __post_init__(self) -> None:
        self.harvest = Harvest(self.policy, plain, self.bounds)

    @property
    def is_cut(self) -> bool:
        """Whether the server is still sending what nobody wants: a read can be cancelled, a write has to go on."""
        return bool(self.harvest.full) and self.level == "read"

    def begin(self) -> PQGen[None]:
        """Open the transaction, and refuse a role that could do anything."""
        self.pgconn.send_query(transaction(self.policy, self.level, nested=self.nested).encode())
        results = yield from execute(self.pgconn)
        error = next((result for result in results if result.status not in _DONE), None)
        mighty = error is None and results[-1].get_value(0, 0) != b"f"
        if error is not None or (mighty and not self.policy.allow_superuser):
            yield from self._finish("ROLLBACK")
            raise error_from_result(error) if error is not None else superuser(self.policy)

    def statement(self) -> PQGen[None]:
        """Send the statement and take its rows, until there are enough of a read."""
        if has_list(self.values):
            types = yield from self._parameter_types()
            self.pgconn.send_query_prepared(b"", parameters(self.values, types))
        else:
            self.pgconn.send_query_params(self.text.encode(), parameters(self.values))
        self.pgconn.set_single_row_mode()
        yield from send(self.pgconn)
        yield from self._take()

    def end(self) -> PQGen[None]:
        """Take what is still coming, and end the transaction: a read is rolled back, whatever it was."""
        if self.is_cut:
            while (yield from fetch(self.pgconn)) is not None:
                pass
        wrong = unexpected(self.bounds, self.affected)
        yield from self._finish("ROLLBACK" if self.level == "read" or wrong is not None else "COMMIT")
        if wrong is not None:
            raise wrong

    def result(self) -> Result:
        """Return what was taken."""
        seconds = time.perf_counter() - self.started
        rows, notice = tuple(self.harvest.rows), self.harvest.notice
        return Result(self.columns, rows, bool(notice), notice, self.affected, seconds, self.harvest.skipped)

    def _parameter_types(self) -> PQGen[list[int]]:
        """Let PostgreSQL find the types of the parameters: a list is an array for one, and JSON for another."""
        self.pgconn.send_prepare(b"", self.text.encode())
        for result in (yield from execute(self.pgconn)):
            if result.status not in _DONE:
                yield from self._fail(result)
        self.pgconn.send_describe_prepared(b"")
        (described,) = yield from execute(self.pgconn)
        return [described.param_type(number) for number in range(described.nparams)]

    def _take(self) -> PQGen[None]:
        transformer = Transformer(CONTEXT)
        first = True
        while (result := (yield from fetch(self.pgconn))) is not None:
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
        if result.status in (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH):
            self.pgconn.finish()
            raise psycopg.ProgrammingError("COPY cannot be run here")
        error = error_from_result(result)
        while (yield from fetch(self.pgconn)) is not None:
            pass
        yield from self._finish("ROLLBACK")
        raise error

    def _finish(self, command: str) -> PQGen[None]:
        self.pgconn.send_query((_TAKE_BACK if self.nested else f"{command}; {_TIDY}").encode())
        results = yield from execute(self.pgconn)
        for result in results:
            if result.status not in _DONE:
                raise error_from_result(result)
