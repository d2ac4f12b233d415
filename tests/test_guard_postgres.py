"""Judged statements on real servers: what is allowed works, and what would not be harms nothing even unjudged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import servers
from exuvia.errors import DeniedError, ExuviaError, TargetError
from exuvia.guard import Policy, Result, open_async_session, open_session
from exuvia.guard.postgres.run import run
from exuvia.location import PostgresLocation, parse
from guard_corpus import ATTACKS, READS, TABLES, WRITES
from guard_queries import NEWER, QUERIES
from guarding import Guarded, digest, guarded, policy, session

pytestmark = pytest.mark.postgresql
# What only takes long is in tests of its own
UNJUDGED = [attack for attack in ATTACKS if attack.code not in ("too_long", "too_deep") and "\ud800" not in attack.sql]


@pytest.fixture(scope="module", params=servers.NAMES)
def database(request: pytest.FixtureRequest, server_url: Callable[[str], str]) -> Iterator[Guarded]:
    with servers.fresh_database(server_url(request.param)) as url, guarded(url) as made:
        yield made


@pytest.fixture
def owner(database: Guarded) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        yield connection


@pytest.fixture
def agent(database: Guarded) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.agent, autocommit=True, prepare_threshold=None) as connection:
        yield connection


def answer(database: Guarded, text: str, **changes: object) -> Result:
    """Run a statement that reads, under the tests' policy with changes."""
    with open_session(parse(database.agent), replace(database.policy, **changes)) as opened:  # type: ignore[arg-type]
        return opened.run(text)


def test_attacks_that_nobody_judges_change_nothing(database: Guarded, owner: psycopg.Connection) -> None:
    before = digest(owner)
    limits = replace(database.policy, timeout_s=0.1, lock_timeout_s=0.1)
    connection = psycopg.connect(database.agent, autocommit=True, prepare_threshold=None)
    kept = session(connection)
    for number, attack in enumerate(UNJUDGED):
        with suppress(ExuviaError):
            run(connection, attack.sql, limits, judged=False)
        if connection.closed:
            connection = psycopg.connect(database.agent, autocommit=True, prepare_threshold=None)
        assert session(connection) == kept, attack.sql
        if number % 10 == 9:
            assert digest(owner) == before, UNJUDGED[number - 9 : number + 1]
    connection.close()
    assert digest(owner) == before


def test_attacks_raise_before_anything_reaches_the_server(database: Guarded, agent: psycopg.Connection) -> None:
    for attack in ATTACKS:
        with pytest.raises(DeniedError):
            run(agent, attack.sql, database.policy, level=attack.level)


def test_ordinary_queries_answer(database: Guarded) -> None:
    with open_session(parse(database.agent), database.policy) as opened:
        for text in READS:
            assert opened.run(text).columns, text


def test_questions_of_people_and_of_benchmarks_answer(database: Guarded, owner: psycopg.Connection) -> None:
    version = owner.info.server_version
    newer = [text for oldest, texts in NEWER.items() if version >= oldest for text in texts]
    with open_session(parse(database.agent), database.policy) as opened:
        for text in QUERIES + newer:
            assert opened.run(text, values=[1, "x"] if "$2" in text else []).columns, text


def test_writes_and_changes_of_tables_work_where_they_are_switched_on(
    database: Guarded, owner: psycopg.Connection
) -> None:
    before = digest(owner)
    recent = owner.info.server_version >= 170000
    with open_session(parse(database.agent), database.policy) as opened:
        for text in WRITES:
            if "MERGE" not in text or recent:
                opened.run(text, level="write")
        for text in TABLES:
            opened.run(text, level="ddl")
    after = digest(owner)
    changed = {what for what in before if before[what] != after.get(what)}
    assert changed <= {"notes", "notes_id_seq", "class", "attribute"}
    assert "notes" in changed


def test_an_index_is_dropped_with_its_tables_level_alone(database: Guarded) -> None:
    with open_session(parse(database.agent), database.policy) as opened:
        opened.run("CREATE TABLE scratch (a int)", level="ddl")
        opened.run("CREATE INDEX scratch_a ON scratch (a)", level="ddl")
        opened.run("DROP INDEX scratch_a", level="ddl")
        opened.run("DROP TABLE scratch", level="ddl")
        for name in ("users_pkey", "notes_pkey", "public.orders_pkey", "nothing"):
            with pytest.raises(DeniedError):
                opened.run(f"DROP INDEX {name}", level="ddl")


def test_values_are_such_as_json_holds_and_exact_where_json_is_not(database: Guarded) -> None:
    text = (
        "SELECT 1 AS i, 9007199254740993 AS big, 1.10::numeric AS n, 0.5::float8 AS f, 'NaN'::float8 AS nan,"
        " true AS b, NULL AS nothing, timestamptz '2026-01-02 03:04:05Z' AS t, date 'infinity' AS d,"
        " '\\x00ff'::bytea AS x, ARRAY[[1, 2], [3, NULL]] AS a, '{\"k\": [1]}'::jsonb AS j, 'ü' AS u,"
        " '1 day'::interval AS v, 'good'::text::name AS name"
    )
    result = answer(database, text)
    assert dict(zip(result.columns, result.rows[0], strict=True)) == {
        "i": 1,
        "big": 9007199254740993,
        "n": "1.10",
        "f": 0.5,
        "nan": "NaN",
        "b": True,
        "nothing": None,
        "t": "2026-01-02 03:04:05+00",
        "d": "infinity",
        "x": "\\x00ff",
        "a": [[1, 2], [3, None]],
        "j": {"k": [1]},
        "u": "ü",
        "v": "1 day",
        "name": "good",
    }


@pytest.mark.parametrize(
    "text", ["SELECT * FROM wiping", "SELECT u.wiped FROM users u", "SELECT (u).wiped FROM users u"]
)
def test_functions_that_only_the_catalog_shows_are_denied_unless_they_are_listed(database: Guarded, text: str) -> None:
    with open_session(parse(database.agent), database.policy) as opened:
        verdict = opened.check(text)
        assert {denial.code for denial in verdict.denials} <= {"view", "function"}
        with pytest.raises(DeniedError, match="function"):
            opened.run(text)
    listed = frozenset({"public.wipe_as_owner", "public.wiped"})
    with open_session(parse(database.agent), replace(database.policy, functions=listed)) as opened:
        assert opened.check(text).allowed
        with pytest.raises(DeniedError, match="read-only transaction"):
            opened.run(text)


def test_a_statement_that_only_reads_runs_as_reading_whatever_was_asked_for(database: Guarded) -> None:
    with open_session(parse(database.agent), database.policy) as opened:
        assert opened.run("SHOW transaction_read_only", level="write").rows == (("on",),)
        assert opened.run("SELECT current_user", level="ddl").rows == ((f"{database.policy.roles}_read",),)


def test_columns_are_named_with_their_tables_where_no_function_has_the_name(database: Guarded) -> None:
    assert answer(database, "SELECT users.name, (users).age FROM users WHERE users.id = 1").rows == (("user 1", 11),)


def test_parameters_are_values_and_never_sql(database: Guarded) -> None:
    with open_session(parse(database.agent), database.policy) as opened:
        text = "SELECT name, $2::jsonb, $3::bool FROM users WHERE name = $1"
        assert opened.run(text, values=["x'; DROP TABLE users; --", {"a": [1]}, True]).rows == ()
        assert opened.run(text, values=["user 1", {"a": [1]}, None]).rows == (("user 1", {"a": [1]}, None),)


def test_an_answer_without_rows_has_columns_and_one_of_a_write_tells_how_many(database: Guarded) -> None:
    assert answer(database, "SELECT id, name FROM users WHERE false").columns == ("id", "name")
    with open_session(parse(database.agent), database.policy) as opened:
        assert opened.run("INSERT INTO notes (body) VALUES ('x'), ('y')", level="write").affected == 2


def test_rows_over_the_cap_are_left_out_with_a_notice_and_the_server_stops(database: Guarded) -> None:
    began = time.monotonic()
    result = answer(database, "SELECT i FROM generate_series(1, 3) i, generate_series(1, 100000) j", max_rows=7)
    assert len(result.rows) == 7
    assert result.truncated
    assert "first 7 rows" in result.notice
    assert "LIMIT" in result.notice
    assert time.monotonic() - began < 5


def test_an_answer_that_just_fits_is_whole(database: Guarded) -> None:
    result = answer(database, "SELECT * FROM generate_series(1, 7)", max_rows=7)
    assert len(result.rows) == 7
    assert not result.truncated
    assert result.notice == ""


def test_bytes_over_the_cap_are_left_out_with_a_notice(database: Guarded) -> None:
    result = answer(database, "SELECT lpad('x', 100) FROM generate_series(1, 100)", max_bytes=1_000)
    assert 5 <= len(result.rows) < 10
    assert "1,000 bytes" in result.notice


def test_a_write_goes_on_when_its_answer_is_cut(database: Guarded, owner: psycopg.Connection) -> None:
    limits = replace(database.policy, max_rows=2)
    with open_session(parse(database.agent), limits) as opened:
        result = opened.run(
            "INSERT INTO notes (body) SELECT 'cut' FROM generate_series(1, 50) RETURNING id", level="write"
        )
    assert (len(result.rows), result.truncated, result.affected) == (2, True, 50)
    assert owner.execute("SELECT count(*) FROM notes WHERE body = 'cut'").fetchone() == (50,)


@pytest.mark.parametrize(
    "bomb",
    [
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b",
        "SELECT sum(length(lpad('x', 10000) || i)) FROM generate_series(1, 1000000000) i",
    ],
)
def test_bombs_end_with_the_time(database: Guarded, bomb: str) -> None:
    began = time.monotonic()
    with pytest.raises(TargetError, match=r"longer than 0\.3 seconds") as raised:
        answer(database, bomb, timeout_s=0.3)
    assert raised.value.code == "target.timeout"
    assert time.monotonic() - began < 10


def test_a_statement_that_waits_for_a_lock_gives_up(database: Guarded, owner: psycopg.Connection) -> None:
    with owner.transaction():
        owner.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TargetError, match="lock timeout"):
            answer(database, "SELECT * FROM users", lock_timeout_s=0.1)


def test_cancelling_a_caller_cancels_its_statement_on_the_server(database: Guarded, owner: psycopg.Connection) -> None:
    slow = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = %s"

    async def go() -> None:
        limits = replace(database.policy, timeout_s=60.0)
        async with open_async_session(parse(database.agent), limits, size=1) as opened:
            await opened.run("SELECT 1")
            task = asyncio.create_task(opened.run(slow))
            await until(lambda: owner.execute(running, [slow]).fetchone() == (1,))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: owner.execute(running, [slow]).fetchone() == (0,))
            assert (await opened.run("SELECT 1")).rows == ((1,),)

    asyncio.run(go())


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_many_callers_share_a_few_connections(database: Guarded) -> None:
    async def go() -> list[Result]:
        async with open_async_session(parse(database.agent), database.policy, size=3) as opened:
            texts = (f"SELECT {n}, count(*) FROM users" for n in range(30))
            return await asyncio.gather(*(opened.run(text) for text in texts))

    assert [result.rows[0] for result in asyncio.run(go())] == [(n, 20) for n in range(30)]


def test_a_superuser_is_refused_unless_it_is_allowed_by_name_or_gives_way_to_a_role(database: Guarded) -> None:
    location = parse(database.owner)
    with open_session(location, policy()) as opened, pytest.raises(DeniedError, match="superuser"):
        opened.run("SELECT 1")
    with open_session(location, policy(allow_superuser=True)) as opened:
        assert opened.run("SELECT 1").rows == ((1,),)
    with open_session(location, database.policy) as opened:
        assert opened.run("SELECT current_user").rows == ((f"{database.policy.roles}_read",),)


def test_roles_that_were_never_made_are_told_with_the_command_that_makes_them(database: Guarded) -> None:
    location, limits = parse(database.owner), policy(roles="never_made")
    with open_session(location, limits) as opened, pytest.raises(DeniedError, match="never_made_read") as raised:
        opened.run("SELECT 1")
    assert "exuvia guard role --apply" in raised.value.hint


def test_roles_have_the_rights_of_their_levels_and_no_more(database: Guarded, agent: psycopg.Connection) -> None:
    prefix = database.policy.roles

    def may(level: str, text: str) -> bool:
        try:
            with agent.transaction(force_rollback=True):
                agent.execute("SET TRANSACTION READ WRITE")
                agent.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(f"{prefix}_{level}")))
                agent.execute(text.encode())
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True

    reading, secret, inserting = "SELECT FROM users", "SELECT FROM secrets", "INSERT INTO notes (body) VALUES ('x')"
    assert [may(level, reading) for level in ("read", "write", "ddl")] == [True, True, True]
    assert [may(level, secret) for level in ("read", "write", "ddl")] == [False, False, False]
    assert [may(level, inserting) for level in ("read", "write", "ddl")] == [False, True, False]
    assert [may(level, "INSERT INTO orders VALUES (99)") for level in ("read", "write", "ddl")] == [False] * 3
    assert [may(level, "CREATE TABLE scratch (a int)") for level in ("read", "write", "ddl")] == [False, False, True]
    assert [may(level, "DROP TABLE orders") for level in ("read", "write", "ddl")] == [False] * 3
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute("SELECT FROM users")


def test_strings_are_read_as_the_parser_reads_them_even_where_the_server_would_not(
    database: Guarded, owner: psycopg.Connection
) -> None:
    name = sql.Identifier(str(owner.execute("SELECT current_database()").fetchone()[0]))  # type: ignore[index]
    change = sql.SQL("ALTER DATABASE {} {} standard_conforming_strings")
    owner.execute(change.format(name, sql.SQL("SET")) + sql.SQL(" = off"))
    try:
        assert answer(database, "SELECT '\\', ' FROM secrets --'").rows == (("\\", " FROM secrets --"),)
    finally:
        owner.execute(change.format(name, sql.SQL("RESET")))


def test_an_error_of_the_server_tells_its_code_and_leaves_the_connection_usable(database: Guarded) -> None:
    with open_session(parse(database.agent), database.policy) as opened:
        with pytest.raises(TargetError, match="42703"):
            opened.run("SELECT nothing FROM users")
        with pytest.raises(TargetError, match="22012"):
            opened.run("SELECT 1 / (id - 1) FROM users")
        assert opened.run("SELECT 1").rows == ((1,),)


def test_a_lost_connection_is_told_and_made_anew(database: Guarded, owner: psycopg.Connection) -> None:
    with open_session(parse(database.agent), database.policy) as opened:
        opened.run("SELECT 1")
        who = PostgresLocation.of(database.agent).as_dict()["user"]
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [who])
        with pytest.raises(TargetError):
            opened.run("SELECT 1")
        assert opened.run("SELECT 1").rows == ((1,),)


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    location = parse("postgresql://me:very-secret@127.0.0.1:1/app")
    with open_session(location, Policy()) as opened, pytest.raises(TargetError) as raised:
        opened.run("SELECT 1")
    assert "very-secret" not in str(raised.value)
    assert "127.0.0.1:1" in str(raised.value)
    assert raised.value.code == "target.unreachable"


def test_a_portable_copy_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(ExuviaError, match="portable copy"):
        open_session(parse(f"jsonl:{tmp_path}"), Policy())
