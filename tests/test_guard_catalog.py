"""What only the catalog shows: functions, operators and tables that stand in for, or behind, those that are allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest

import servers
from exuvia.errors import DeniedError, TargetError
from exuvia.guard import Level, check, open_session, parse_pattern
from exuvia.guard.postgres.facts import Facts
from exuvia.location import parse
from guarding import Guarded, guarded, policy

pytestmark = pytest.mark.postgresql

# CVE-2018-1058: who may make a function makes one that fits better than the built-in one of that name.
MADE = """
ALTER TABLE users ADD COLUMN nick varchar DEFAULT 'Nick';
CREATE FUNCTION lower(varchar) RETURNS text VOLATILE LANGUAGE sql SECURITY DEFINER
  AS 'DELETE FROM orders; SELECT ''x''::text';
CREATE FUNCTION same(varchar, varchar) RETURNS bool VOLATILE LANGUAGE sql SECURITY DEFINER
  AS 'DELETE FROM orders; SELECT true';
CREATE OPERATOR ~~ (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = same);
CREATE TABLE parts (a int, b text) PARTITION BY LIST (a);
CREATE TABLE parts_open PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_kept PARTITION OF parts FOR VALUES IN (2) PARTITION BY LIST (b);
CREATE TABLE parts_private PARTITION OF parts_kept FOR VALUES IN ('private');
INSERT INTO parts VALUES (1, 'open'), (2, 'private');
"""
READ = tuple(map(parse_pattern, ("public.*", "!public.secrets", "!public.parts_private")))


@pytest.fixture(scope="module")
def database(server_url: Callable[[str], str]) -> Iterator[Guarded]:
    with servers.fresh_database(server_url("pip")) as url, psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE TABLE parts (a int)")  # so that the roles may read what is made now
        with guarded(url) as made:
            owner.execute("DROP TABLE parts")
            owner.execute(MADE.encode())
            reader = f"{made.policy.roles}_read"
            owner.execute(f'GRANT SELECT ON parts, parts_open, parts_kept, users TO "{reader}"'.encode())
            writer = f"{made.policy.roles}_write"
            owner.execute(f'GRANT SELECT, INSERT, DELETE ON parts TO "{writer}"'.encode())
            yield replace(made, policy=replace(made.policy, read=READ))


def orders(database: Guarded) -> int:
    with psycopg.connect(database.owner) as owner:
        return int(owner.execute("SELECT count(*) FROM orders").fetchone()[0])  # type: ignore[index]


@pytest.mark.parametrize(
    ("level", "sql", "code"),
    [
        ("read", "SELECT lower(nick) FROM users", "function"),
        ("write", "INSERT INTO notes (body) SELECT lower(nick) FROM users", "function"),
        ("write", "INSERT INTO notes (body) SELECT 'x' FROM users WHERE nick LIKE name::varchar", "operator"),
        ("write", "INSERT INTO notes (body) SELECT 'x' FROM users WHERE nick ~~ name::varchar", "operator"),
    ],
)
def test_a_better_fitting_function_of_somebodys_is_not_called(
    database: Guarded, level: Level, sql: str, code: str
) -> None:
    before = orders(database)
    with open_session(parse(database.agent), database.policy) as opened:
        assert code in {denial.code for denial in opened.check(sql, level).denials}
        with pytest.raises(DeniedError, match="instead of the built-in one"):
            opened.run(sql, level=level)
    assert orders(database) == before


def test_the_built_in_one_is_called_by_its_full_name_and_the_other_where_it_is_listed(database: Guarded) -> None:
    with open_session(parse(database.agent), database.policy) as opened:
        assert opened.run("SELECT pg_catalog.lower(nick) FROM users LIMIT 1").rows == (("nick",),)
        assert opened.run("SELECT 1 WHERE 'a' OPERATOR(pg_catalog.~~) 'a'").rows == ((1,),)
    listed = replace(database.policy, functions=frozenset({"public.lower", "public.same"}))
    with open_session(parse(database.agent), listed) as opened:
        assert opened.check("SELECT lower(nick) FROM users WHERE nick LIKE 'x'").allowed


@pytest.mark.parametrize("sql", ["SELECT * FROM parts", "SELECT b FROM parts_kept", "SELECT count(*) FROM ONLY parts"])
def test_a_table_above_an_excluded_partition_is_not_read(database: Guarded, sql: str) -> None:
    with open_session(parse(database.agent), database.policy) as opened, pytest.raises(DeniedError, match="partitions"):
        opened.run(sql)


def test_partitions_that_are_not_excluded_are_read(database: Guarded) -> None:
    with open_session(parse(database.agent), database.policy) as opened:
        assert opened.run("SELECT b FROM parts_open").rows == (("open",),)
    with open_session(parse(database.agent), replace(database.policy, read=READ[:2])) as opened:
        assert len(opened.run("SELECT * FROM parts").rows) == 2


def test_a_table_above_a_partition_that_may_not_be_written_is_not_written(database: Guarded) -> None:
    write = tuple(map(parse_pattern, ("public.parts", "!public.parts_private")))
    limits = replace(database.policy, read=READ[:2], write=write)
    with open_session(parse(database.agent), limits) as opened, pytest.raises(DeniedError, match="partitions"):
        opened.run("DELETE FROM parts", level="write")


def test_values_of_an_enumeration_can_be_named_without_listing_it(database: Guarded) -> None:
    with open_session(parse(database.agent), database.policy) as opened:
        assert opened.run("SELECT count(*) FROM users WHERE feeling = 'good'::mood").rows == ((20,),)
        assert not opened.check("SELECT 1::trapped").allowed


def test_a_check_of_a_types_input_does_not_run_what_the_type_does(database: Guarded) -> None:
    """``pg_input_is_valid`` takes a type's name as a text; a domain's constraint may call anything."""
    before = orders(database)
    sql = "INSERT INTO notes (body) SELECT pg_input_is_valid('1', 'trapped')::text"
    with open_session(parse(database.agent), database.policy) as opened:
        with pytest.raises(DeniedError, match="pg_input_is_valid"):
            opened.run(sql, level="write")
        assert opened.run("SELECT pg_input_is_valid('x', 'integer')").rows == ((False,),)
    assert orders(database) == before


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE secrets RENAME TO opened",
        "ALTER TABLE secrets ALTER COLUMN token TYPE int USING token::int",
        "ALTER TABLE secrets ADD CHECK (token::int > 0)",
        "CREATE INDEX ON secrets ((token::int))",
    ],
)
def test_what_may_be_altered_and_not_read_is_not_read_by_altering_it(database: Guarded, sql: str) -> None:
    limits = replace(database.policy, ddl=(parse_pattern("public.*"),), allow_superuser=True, roles=None)
    with open_session(parse(database.owner), limits) as opened:
        with pytest.raises(DeniedError, match=r"public\.secrets .* may be read"):
            opened.run(sql, level="ddl")
        with pytest.raises((DeniedError, TargetError)):
            opened.run("SELECT * FROM opened")


def test_names_that_the_server_may_fold_otherwise_are_refused() -> None:
    """In LATIN1, PostgreSQL makes É of a name without quotes é, and its names may be longer than the parser's."""
    latin = Facts(encoding="LATIN1")
    assert check("SELECT * FROM secrÉts", policy(), "read").allowed
    assert {one.code for one in check("SELECT * FROM secrÉts", policy(), "read", latin).denials} == {"name"}
    assert check("SELECT 'É' FROM users", policy(), "read", latin).allowed
