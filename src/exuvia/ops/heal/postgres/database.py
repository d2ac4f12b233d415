"""A PostgreSQL database that is being healed, on one connection of its own."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import psycopg
from psycopg import sql as composing
from psycopg.pq import TransactionStatus

from exuvia.catalog.names import qualify
from exuvia.engines.postgres.connect import resolve
from exuvia.engines.postgres.failures import explain_error
from exuvia.errors import DeniedError
from exuvia.guard.policy import Level, Policy, TablePattern
from exuvia.guard.postgres import facts as guard_facts
from exuvia.guard.postgres import judge
from exuvia.guard.postgres import run as guard_run
from exuvia.guard.postgres.failures import unreachable
from exuvia.guard.postgres.generic import explain_generic
from exuvia.guard.result import Json, Result
from exuvia.location import Location, PostgresLocation
from exuvia.ops.heal.database import Database, FailedError, Limits, NotAnsweredError, Row, require
from exuvia.ops.heal.model import Complaint, Engine
from exuvia.ops.heal.placeholders import lacks_values
from exuvia.ops.heal.plans import Plan, Timing, read_postgres, work_of
from exuvia.ops.heal.postgres import catalog, queries
from exuvia.ops.heal.postgres.failures import failed, said
from exuvia.ops.heal.schema import Schema

_Answer = TypeVar("_Answer")
_CONNECT_SECONDS: Final = 10
_POLL_SECONDS: Final = 0.05


class PostgresDatabase(Database):
    """See ``Database``.

    Args:
        location: The server.
        policy: What an agent may do; None where a person decides, who may do what the role that connects may.
        limits: What a change may take.
        data_dir: Where the embedded server lives.
    """

    engine: ClassVar[Engine] = "postgresql"
    work_name: ClassVar[str] = "blocks"

    def __init__(
        self, location: Location, policy: Policy | None, limits: Limits, *, data_dir: Path | None = None
    ) -> None:
        self._location: PostgresLocation = resolve(location, data_dir=data_dir)
        self.limits = limits
        self.is_limited = policy is not None
        self._memory = guard_facts.Memory()
        self._connection = self._connect()
        if policy is not None:
            self._require_lesser_role(policy)
        self.policy = policy or self._of_a_person()
        self._role = None if policy is None else policy.role("ddl" if policy.is_on("ddl") else "read")
        self._prepare_session()

    def read_schema(self) -> Schema:
        if not self.is_limited:
            self.policy = self._of_a_person()  # schemas come and go
        return catalog.read_schema(self.rows, (self.policy.default_schema,))

    def rows(self, sql: str, values: Sequence[Any] = (), *, seconds: float | None = None) -> list[Row]:
        self.raise_if_cancelled()
        wait = queries.milliseconds(seconds or self.limits.look_s)
        try:
            with self._connection.transaction():
                self._connection.execute(queries.LOOKING, [wait, wait])
                cursor = self._connection.execute(f"{sql} {queries.OWN}".encode(), list(values) or None)
                return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            self.raise_if_cancelled()
            if self._connection.closed:
                raise explain_error(error, location=self._location) from None
            raise NotAnsweredError(said(error)) from error

    def attempt(self, text: str, values: Sequence[Json]) -> Result:
        return self._guarded(text, values, self._level(text))

    def plan(self, text: str, values: Sequence[Json], *, own: bool = False) -> Plan:
        if not own and lacks_values(text, values):
            require(judge.check(text, self.policy))
            answer = self._within(lambda facts: explain_generic(self._connection, text, self.policy, facts=facts))
            return self._read(answer)
        return self._read(self._explain("FORMAT JSON", text, values, own=own))

    def time(self, text: str, values: Sequence[Json], *, own: bool = False, runs: int = 3) -> Timing:
        best: Timing | None = None
        for _ in range(runs):
            try:
                document = self._explain("ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON", text, values, own=own)
            except NotAnsweredError:
                return Timing(None, None, self.plan(text, values, own=own))
            except FailedError as error:
                if not error.is_timeout:
                    raise
                return Timing(None, None, self.plan(text, values, own=own))
            taken = float(document[0]["Execution Time"])
            if best is None or best.ms is None or taken < best.ms:
                best = Timing(taken, work_of(document), self._read(document))
            if taken > 1000 * self.limits.look_s / runs:
                break
        assert best is not None
        return best

    def execute(self, sql: str, *, seconds: float) -> None:
        self.raise_if_cancelled()
        local = self._connection.info.transaction_status != TransactionStatus.IDLE
        limits = {"lock_timeout": self.limits.lock_s, "statement_timeout": seconds}
        settings = {name: queries.milliseconds(value) for name, value in limits.items()}
        if not local:
            settings["default_transaction_read_only"] = "off"  # as the role of agents has it
        try:
            for name, value in settings.items():
                self._connection.execute("SELECT set_config(%s, %s, %s)", [name, value, local])
            self._connection.execute(sql.encode())
        except psycopg.Error as error:
            self.raise_if_cancelled()
            raise failed(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.raise_if_cancelled()
        self._run("BEGIN READ WRITE")
        try:
            yield
        finally:
            if not self._connection.closed and self._connection.info.transaction_status != TransactionStatus.IDLE:
                with self.tidying():
                    self._run("ROLLBACK")

    def commit(self) -> None:
        self.raise_if_cancelled()
        self._run("COMMIT")

    def wait_for_others(self, schema: str, table: str) -> None:
        name = composing.Identifier(schema, table).as_string()
        deadline = clock.monotonic() + self.limits.lock_s
        waiting = set(self.rows(queries.OTHERS, [name]))
        while waiting:
            self.raise_if_cancelled()
            if clock.monotonic() > deadline:
                pids = ", ".join(str(pid) for pid, _ in sorted(waiting, key=str))
                raise FailedError(
                    f"Transactions that have changed {schema}.{table} stayed open for longer than "
                    f"{self.limits.lock_s:g} seconds (process {pids}).",
                    Complaint(sqlstate="55P03"),
                    hint="Wait until they have ended, or allow a longer wait.",
                )
            clock.sleep(_POLL_SECONDS)
            waiting &= set(self.rows(queries.OTHERS, [name]))

    def only_reads(self, text: str) -> bool:
        return self._level(text) == "read"

    def cancel(self) -> None:
        self.is_cancelled = True
        if not self.is_tidying:
            with suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=2.0)

    @property
    def is_lost(self) -> bool:
        return self._connection.closed

    def close(self) -> None:
        self._connection.close()

    def leftovers(self, schema: str, table: str, own: Sequence[str]) -> frozenset[str]:
        return frozenset(qualify(schema, name) for (name,) in self.rows(queries.LEFT, [schema, table, list(own)]))

    def is_hidden(self, schema: str, index: str) -> bool:
        return bool(self.rows(queries.HIDDEN, [schema, index]))

    def imagine(self, indexes: Sequence[str], text: str, values: Sequence[Json]) -> Plan | None:
        """Return the plan by hypopg (https://github.com/HypoPG/hypopg), where the database has it."""
        found = self.rows("SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'hypopg'")
        if not found:
            return None
        ((place,),) = found
        try:
            for create in indexes:
                self.rows(f"SELECT * FROM {place}.hypopg_create_index(%s)", [create])
            return self.plan(text, values)
        finally:
            self.rows(f"SELECT {place}.hypopg_reset()")

    def _explain(self, options: str, text: str, values: Sequence[Json], *, own: bool) -> Any:
        statement = f"EXPLAIN ({options}) {text}"
        if own:
            return self.rows(statement, values, seconds=self.limits.statement_s)[0][0]
        level = self._level(text)
        if level != "read":
            statement = f"EXPLAIN (FORMAT JSON) {text}"
        return self._guarded(statement, values, level).rows[0][0]

    def _read(self, document: Any) -> Plan:
        plan = read_postgres(document)
        above = self.rows(queries.ABOVE, [sorted(plan.indexes)]) if plan.indexes else []
        return replace(plan, indexes=plan.indexes | {name for (name,) in above})

    def _level(self, text: str) -> Level:
        verdict = judge.check(text, self.policy, None)
        require(verdict)
        return verdict.needs

    def _guarded(self, text: str, values: Sequence[Json], level: Level) -> Result:
        attempt = partial(guard_run.attempt, self._connection, text, self.policy, level=level, values=values)
        return self._within(lambda facts: attempt(facts=facts))

    def _within(self, work: Callable[[guard_facts.Facts], _Answer]) -> _Answer:
        """Do something with a guarded statement in the transaction that is open, or in one that is rolled back."""
        self.raise_if_cancelled()
        if self._connection.info.transaction_status == TransactionStatus.IDLE:
            facts = self._facts()
            with self.transaction():
                return self._attempted(work, facts)
        return self._attempted(work, self._memory.facts)

    def _attempted(self, work: Callable[[guard_facts.Facts], _Answer], facts: guard_facts.Facts) -> _Answer:
        try:
            return work(facts)
        except psycopg.Error as error:
            self.raise_if_cancelled()
            if error.sqlstate == "42501":
                raise DeniedError(f"A right is missing: {said(error)}.", hint="Grant it.", code="rights") from error
            raise failed(error) from error

    def _facts(self) -> guard_facts.Facts:
        if self._memory.is_fresh:
            return self._memory.facts
        asking, values = guard_facts.asking(self.policy), guard_facts.values(self.policy)
        found = guard_run.run(self._connection, guard_facts.QUERY, asking, values=values, judged=False)
        self._prepare_session()  # the guard leaves no settings behind
        return self._memory.keep(found)

    def _of_a_person(self) -> Policy:
        """Return a policy that stands in nobody's way but the guard's own: every schema may be touched."""
        try:
            found = self._connection.execute(queries.SCHEMAS).fetchall()
        except psycopg.Error as error:
            raise explain_error(error, location=self._location) from None
        every = tuple(TablePattern(schema, None) for schema, _ in found)
        first = next((str(path) for _, path in found if path), "public")
        return Policy(
            read=every,
            write=every,
            ddl=every,
            default_schema=first,
            allow_superuser=True,
            timeout_s=self.limits.statement_s,
            lock_timeout_s=self.limits.lock_s,
        )

    def _prepare_session(self) -> None:
        try:
            if self._role is not None:
                self._connection.execute(composing.SQL("SET ROLE {}").format(composing.Identifier(self._role)))
            self._connection.execute("SET standard_conforming_strings = on")
            path = composing.Identifier(self.policy.default_schema).as_string()
            self._connection.execute("SELECT set_config('search_path', %s, false)", [f"{path}, pg_temp"])
        except psycopg.Error as error:
            raise explain_error(error, location=self._location, doing="the session's settings") from error

    def _require_lesser_role(self, policy: Policy) -> None:
        """Refuse a role that could do anything, and one that is not there, as the guard does for each statement."""
        try:
            guard_run.run(self._connection, "SELECT 1", policy, judged=False)
        except BaseException:
            self._connection.close()
            raise

    def _connect(self) -> psycopg.Connection[Any]:
        named: dict[str, Any] = {"application_name": "exuvia heal", "connect_timeout": str(_CONNECT_SECONDS)}
        given = named | {"client_encoding": "utf8"} | self._location.connection_parameters()
        try:
            return psycopg.connect(**given, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            # The driver's error object holds the password, so it is not chained.
            raise unreachable(error, self._location) from None

    def _run(self, command: str) -> None:
        try:
            self._connection.execute(command.encode())
        except psycopg.Error as error:
            raise failed(error) from error
