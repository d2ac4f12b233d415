"""Engines for applications that keep their own models: sessions, pools, slow statements, retries, on both engines."""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from sqlalchemy import Connection, Engine, NullPool, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from exuvia.errors import ConfigError
from exuvia.integrations.sqlalchemy import (
    EngineOptions,
    SlowQueries,
    SlowQuery,
    async_engine,
    engine,
    fingerprint,
    pool_status,
    retry,
)
from exuvia.location import PostgresLocation

SPIN = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT max(i) FROM n"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'app.db'}"
    return str(request.getfixturevalue("any_url"))


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'app.db'}"


def scalar(connection: Connection, sql: str) -> Any:
    return connection.execute(text(sql)).scalar()


def test_a_file_has_its_pragmas_on_every_connection(file_url: str) -> None:
    made = engine(file_url, EngineOptions(lock_timeout=3))
    with made.connect() as one, made.connect() as two:
        for connection in (one, two):
            assert scalar(connection, "PRAGMA journal_mode") == "wal"
            assert scalar(connection, "PRAGMA foreign_keys") == 1
            assert scalar(connection, "PRAGMA synchronous") == 1
            assert scalar(connection, "PRAGMA busy_timeout") == 3000
    made.dispose()


def test_a_server_has_its_timeouts_and_the_urls_own_options_go_before_them(any_url: str) -> None:
    made = engine(f"{any_url}{'&' if '?' in any_url else '?'}options=-c%20work_mem%3D8MB%20-c%20lock_timeout%3D7s")
    with made.connect() as connection:
        shown = [scalar(connection, f"SHOW {name}") for name in ("statement_timeout", "lock_timeout", "work_mem")]
    made.dispose()
    assert shown == ["30s", "7s", "8MB"]


def test_a_bouncer_has_the_timeouts_in_each_transaction(bouncer_url: str) -> None:
    made = engine(bouncer_url, EngineOptions(pgbouncer=True, statement_timeout=5))
    for _ in range(8):
        with made.connect() as connection:
            assert scalar(connection, "SHOW statement_timeout") == "5s"
            assert scalar(connection, "SELECT 41 + 1") == 42
    made.dispose()


@pytest.mark.parametrize("made_by", [engine, async_engine])
def test_pools_are_large_on_a_server_and_small_on_a_file(made_by: Any, file_url: str, any_url: str) -> None:
    assert (pool_status(made_by(any_url)).size, pool_status(made_by(any_url)).limit) == (20, 60)
    assert (pool_status(made_by(file_url)).size, pool_status(made_by(file_url)).limit) == (5, 15)
    assert pool_status(made_by(file_url, EngineOptions(pool_size=2, max_overflow=-1))).limit is None


def test_a_statement_that_takes_too_long_is_stopped(url: str) -> None:
    made = engine(url, EngineOptions(statement_timeout=0.3))
    with made.connect() as connection, pytest.raises(OperationalError, match=r"interrupted|statement timeout"):
        scalar(connection, SPIN)
    with made.connect() as connection:
        assert scalar(connection, "SELECT 1") == 1
    made.dispose()


def test_asyncio_has_the_same_sessions(url: str) -> None:
    async def run() -> None:
        made = async_engine(url, EngineOptions(statement_timeout=0.3))
        async with made.begin() as connection:
            await connection.execute(text("CREATE TABLE t (id INTEGER PRIMARY KEY)"))
            await connection.execute(text("INSERT INTO t VALUES (1)"))
            assert pool_status(made).in_use == 1
        async with made.connect() as connection:
            with pytest.raises(OperationalError, match=r"interrupted|statement timeout"):
                await connection.execute(text(SPIN))
        async with made.connect() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM t"))).scalar() == 1
        assert pool_status(made).in_use == 0
        await made.dispose()

    asyncio.run(run())


def test_schema_changes_and_savepoints_belong_to_their_transaction(url: str) -> None:
    made = engine(url)
    with made.connect() as connection:
        connection.execute(text("CREATE TABLE gone (id INTEGER)"))
        connection.rollback()
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE kept (id INTEGER)"))
        undone = connection.begin_nested()
        connection.execute(text("INSERT INTO kept VALUES (1)"))
        undone.rollback()
        with connection.begin_nested():
            connection.execute(text("INSERT INTO kept VALUES (2)"))
    with made.connect() as connection:
        assert connection.execute(text("SELECT id FROM kept")).scalars().all() == [2]
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT * FROM gone"))
    made.dispose()


def test_savepoints_that_were_released_are_rolled_back_with_their_transaction(url: str) -> None:
    made = engine(url)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE t (id INTEGER)"))
    with made.connect() as connection:
        with connection.begin_nested():
            connection.execute(text("INSERT INTO t VALUES (1)"))
        connection.rollback()
        assert scalar(connection, "SELECT count(*) FROM t") == 0
    made.dispose()


def test_reads_of_a_transaction_on_a_file_see_one_moment(file_url: str) -> None:
    made = engine(file_url)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE t (id INTEGER)"))
    with made.connect() as reader:
        assert scalar(reader, "SELECT count(*) FROM t") == 0
        with made.begin() as writer:
            writer.execute(text("INSERT INTO t VALUES (1)"))
        assert scalar(reader, "SELECT count(*) FROM t") == 0
        reader.rollback()
        assert scalar(reader, "SELECT count(*) FROM t") == 1
    made.dispose()


@pytest.mark.parametrize("way", ["engine", "connection"])
def test_immediate_takes_the_write_lock_at_once(way: str, file_url: str) -> None:
    options = EngineOptions(lock_timeout=0.05, begin="IMMEDIATE" if way == "engine" else "DEFERRED")
    made = engine(file_url, options).execution_options(**{} if way == "engine" else {"sqlite_begin": "IMMEDIATE"})
    with made.connect() as one, made.connect() as two:
        scalar(one, "SELECT 1")
        with pytest.raises(OperationalError, match="locked"):
            scalar(two, "SELECT 1")
    made.dispose()


def test_autocommit_on_a_file_begins_nothing_and_leaves_the_next_transaction_whole(file_url: str) -> None:
    made = engine(file_url, EngineOptions(pool_size=1, max_overflow=0))
    with made.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE TABLE t (id INTEGER)"))
        connection.execute(text("VACUUM"))
    with made.connect() as connection:
        connection.execute(text("CREATE TABLE gone (id INTEGER)"))
        connection.rollback()
        tables = connection.execute(text("SELECT name FROM sqlite_schema")).scalars().all()
    made.dispose()
    assert tables == ["t"]


def test_a_foreign_key_holds_on_both_engines(url: str) -> None:
    made = engine(url)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE a (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE b (a INTEGER REFERENCES a (id))"))
    with pytest.raises(IntegrityError), made.begin() as connection:
        connection.execute(text("INSERT INTO b VALUES (1)"))
    made.dispose()


def test_no_secret_is_shown(debian_url: str, caplog: pytest.LogCaptureFixture) -> None:
    (secret,) = PostgresLocation.of(debian_url).secrets
    caplog.set_level(logging.DEBUG)
    made = engine(debian_url, echo="debug", echo_pool="debug")
    with pytest.raises(DBAPIError) as raised, made.connect() as connection:
        connection.execute(text("SELECT * FROM nowhere WHERE note = :note"), {"note": "private words"})
    shown = f"{made!r} {made.url} {made.url.render_as_string(hide_password=False)} {raised.value} {caplog.text}"
    made.dispose()
    assert secret not in shown
    assert "private words" not in shown


def test_a_remote_server_is_verified_unless_the_url_says_otherwise() -> None:
    for query, expected in (("", "verify-full"), ("?sslmode=require", "require")):
        made = engine(f"postgresql://me@db.example.com/app{query}")
        assert connect_arguments(made)["sslmode"] == expected


def connect_arguments(made: Engine) -> dict[str, Any]:
    """What the driver would be called with."""
    found: dict[str, Any] = {}

    def connect(*_args: Any, **given: Any) -> Any:
        found.update(given)
        raise psycopg.OperationalError

    made.dialect.loaded_dbapi.connect, kept = connect, made.dialect.loaded_dbapi.connect  # type: ignore[attr-defined]
    try:
        with pytest.raises(OperationalError):
            made.connect()
    finally:
        made.dialect.loaded_dbapi.connect = kept  # type: ignore[attr-defined]
    return found


def test_what_is_no_database_for_sqlalchemy_is_refused(tmp_path: Path) -> None:
    for wrong in ("sqlite://", "jsonl:copy", "mysql://host/app", f"sqlite:///{tmp_path}/nowhere/app.db"):
        with pytest.raises(ConfigError):
            engine(wrong)
    with pytest.raises(ConfigError, match="LATER"):
        engine(f"sqlite:///{tmp_path}/app.db", EngineOptions(begin=cast(Any, "LATER")))
    with pytest.raises(ConfigError, match="NullPool"):
        pool_status(engine(f"sqlite:///{tmp_path}/app.db", poolclass=NullPool))


def test_a_pool_that_is_nearly_used_up_is_told_once_per_episode(
    file_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = engine(file_url, EngineOptions(pool_size=4, max_overflow=6))
    for _ in range(2):
        lent = [made.connect() for _ in range(10)]
        lent.pop().close()
        lent.append(made.connect())
        assert (pool_status(made).in_use, pool_status(made).use) == (10, 1.0)
        for connection in lent:
            connection.close()
    told = [record for record in caplog.records if "are in use" in record.getMessage()]
    made.dispose()
    assert [record.getMessage()[:45] for record in told] == ["10 of the pool's 10 connections to sqlite:///"] * 2


def test_slow_statements_are_told_without_values_and_counted(url: str, caplog: pytest.LogCaptureFixture) -> None:
    told: list[SlowQuery] = []
    slow = SlowQueries(0.0, told.append)
    made = engine(url, slow=slow)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE people (id INTEGER, name TEXT)"))
        told.clear()
        slow.reset()
        for name in ("Ada Lovelace", "Grace Hopper"):
            connection.execute(
                text("INSERT INTO people VALUES (:id, :name) /* for 'x' */"), [{"id": 7, "name": name}] * 2
            )
        connection.execute(text("SELECT * FROM people WHERE name = 'Ada Lovelace' AND id = 7"))
    counts = slow.counts()
    made.dispose()
    inserts = [query for query in told if query.statement.startswith("INSERT")]
    assert {query.statement for query in told} >= {
        "INSERT INTO people VALUES (?)",
        "SELECT * FROM people WHERE name = ? AND id = ?",
    }
    assert {each.statement: each.count for each in counts}["INSERT INTO people VALUES (?)"] == 2
    assert "str(12)" in str(inserts[0].parameters)
    for words in ("Lovelace", "Hopper"):
        assert words not in caplog.text + str(told) + str(counts)
    assert inserts[0].fingerprint in caplog.text


def test_a_statement_that_was_stopped_for_its_time_is_slow_too(url: str) -> None:
    told: list[SlowQuery] = []
    made = engine(url, EngineOptions(statement_timeout=0.3), slow=SlowQueries(0.2, told.append))
    with made.connect() as connection, pytest.raises(OperationalError):
        scalar(connection, SPIN)
    made.dispose()
    assert [query.failed for query in told] == [True]


def test_a_callback_that_fails_harms_no_statement(file_url: str, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_query: SlowQuery) -> None:
        raise ZeroDivisionError

    made = engine(file_url, slow=SlowQueries(0.0, fail))
    with made.connect() as connection:
        assert scalar(connection, "SELECT 1") == 1
    made.dispose()
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "same",
    [
        ("SELECT * FROM t WHERE a = 1", "SELECT *  FROM t\nWHERE a = 22 -- why"),
        ("SELECT 'it''s' || a", "SELECT $x$it's$x$ || a"),
        ("SELECT * FROM t WHERE a IN (1, 2)", "SELECT * FROM t WHERE a IN (%(a_1)s, %(a_2)s, %(a_3)s)"),
        ("INSERT INTO t VALUES (?, ?)", "INSERT INTO t VALUES (1, 'x'), (2, 'y'), (-3e5, NULL)".replace("NULL", "4")),
        ("SELECT a FROM t WHERE b = :b", "SELECT a FROM t WHERE b = $1"),
        ("SELECT 'cut off", "SELECT 'somewhere else"),
    ],
)
def test_statements_that_differ_in_values_only_have_one_fingerprint(same: tuple[str, str]) -> None:
    assert fingerprint(same[0]) == fingerprint(same[1])


@pytest.mark.parametrize(
    "different",
    [
        ("SELECT a1 FROM t", "SELECT a2 FROM t"),
        ('SELECT "a 1" FROM t', 'SELECT "a 2" FROM t'),
        ("SELECT a::text FROM t", "SELECT a::int FROM t"),
    ],
)
def test_names_make_a_difference(different: tuple[str, str]) -> None:
    assert fingerprint(different[0]) != fingerprint(different[1])
    assert re.fullmatch(r"[0-9a-f]{16}", fingerprint(different[0]))


def test_a_serialization_failure_is_tried_again(any_url: str) -> None:
    made = engine(any_url, isolation_level="REPEATABLE READ")
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE t AS SELECT 0 AS n"))
    runs = 0

    @retry(base=0.001)
    def add() -> int:
        nonlocal runs
        runs += 1
        with made.begin() as connection:
            n = int(scalar(connection, "SELECT n FROM t"))
            if runs == 1:
                with made.begin() as other:
                    other.execute(text("UPDATE t SET n = n + 10"))
            connection.execute(text("UPDATE t SET n = :n"), {"n": n + 1})
            return n + 1

    assert add() == 11
    assert runs == 2
    made.dispose()


def test_a_file_that_is_busy_is_tried_again_by_coroutines_too(file_url: str) -> None:
    made = async_engine(file_url, EngineOptions(lock_timeout=0.02))
    blocker = sqlite3.connect(file_url.removeprefix("sqlite:///"), isolation_level=None)
    runs = 0

    @retry(base=0.001)
    async def add() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            blocker.execute("COMMIT")
        async with made.begin() as connection:
            await connection.execute(text("INSERT INTO t VALUES (1)"))

    async def run() -> None:
        async with made.begin() as connection:
            await connection.execute(text("CREATE TABLE t (id INTEGER)"))
        blocker.execute("BEGIN IMMEDIATE")
        await add()
        await made.dispose()

    asyncio.run(run())
    assert runs == 3
    assert blocker.execute("SELECT count(*) FROM t").fetchone() == (1,)
    blocker.close()


def kill(connection: Connection, url: str) -> None:
    """End a connection's session from outside."""
    pid = scalar(connection, "SELECT pg_backend_pid()")
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@pytest.mark.parametrize("moment", ["statement", "commit"])
@pytest.mark.parametrize("idempotent", [False, True])
def test_a_lost_connection_is_tried_again_unless_commit_leaves_the_outcome_open(
    moment: str, idempotent: bool, any_url: str
) -> None:
    made = engine(any_url)
    runs = 0

    @retry(base=0.001, idempotent=idempotent)
    def add() -> None:
        nonlocal runs
        runs += 1
        with made.begin() as connection:
            if runs == 1:
                kill(connection, any_url)
            if runs == 2 or moment == "statement":
                scalar(connection, "SELECT 1")

    if moment == "commit" and not idempotent:
        with pytest.raises(DBAPIError):
            add()
    else:
        add()
    assert runs == (1 if moment == "commit" and not idempotent else 2)
    made.dispose()


def test_other_errors_and_other_peoples_transactions_are_not_tried_again(file_url: str) -> None:
    made = engine(file_url, EngineOptions(lock_timeout=0.02))
    runs: list[str] = []

    @retry
    def wrong() -> None:
        runs.append("wrong")
        with made.begin() as connection:
            connection.execute(text("SELECT * FROM nowhere"))

    @retry(base=0.001)
    def within(connection: Connection) -> None:
        runs.append("within")
        connection.execute(text("CREATE TABLE t (id INTEGER)"))

    with pytest.raises(OperationalError, match="no such table"):
        wrong()
    blocker = sqlite3.connect(file_url.removeprefix("sqlite:///"), isolation_level=None)
    with made.connect() as connection:
        scalar(connection, "SELECT 1")
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            within(connection)
    blocker.close()
    made.dispose()
    assert runs == ["wrong", "within"]
    with pytest.raises(TypeError, match="generator"):

        @retry
        def rows() -> Any:
            yield 1


def test_a_function_that_never_succeeds_is_tried_as_often_as_said(file_url: str) -> None:
    made = engine(file_url, EngineOptions(lock_timeout=0.01, begin="IMMEDIATE"))
    blocker = sqlite3.connect(file_url.removeprefix("sqlite:///"), isolation_level=None)
    with made.begin():
        pass
    blocker.execute("BEGIN IMMEDIATE")
    runs = 0

    @retry(tries=3, base=0.001)
    def write() -> None:
        nonlocal runs
        runs += 1
        with made.begin():
            pass

    with pytest.raises(OperationalError):
        write()
    blocker.close()
    made.dispose()
    assert runs == 3
