"""Slow statements that a check-up finds by itself where PostgreSQL counts them (pg_stat_statements)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

import servers
from exuvia.cli.app import app
from exuvia.guard.policy import Policy, parse_pattern
from exuvia.location import PostgresLocation
from exuvia.ops import heal
from exuvia.ops.heal.placeholders import lacks_values
from healing import SHOP, Patient, patient

ANY = heal.Limits(slow_ms=0.01)
BY_TOTAL = "SELECT * FROM orders WHERE total = 77"


@pytest.fixture
def url(server_url: Callable[[str], str]) -> Iterator[str]:
    with servers.fresh_database(server_url("debian")) as made:
        yield made


@pytest.fixture
def owner(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SHOP.encode())
        connection.execute("CREATE INDEX ON orders (customer_id)")
        connection.execute("CREATE EXTENSION pg_stat_statements")
        yield connection


@pytest.fixture
def shop(url: str, owner: psycopg.Connection) -> Iterator[Patient]:
    with patient(url, limits=ANY) as opened:
        yield opened


def slow(shop: Patient) -> list[heal.Diagnosis]:
    return [one for one in shop.healer.diagnose().diagnoses if one.kind == "slow_query"]


def told(shop: Patient) -> str:
    return "\n".join(line for one in slow(shop) for line in (one.message, *one.evidence))


def indexes(owner: psycopg.Connection) -> set[str]:
    return {str(name) for (name,) in owner.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")}


def call(owner: psycopg.Connection, *statements: str) -> None:
    for statement in statements:
        owner.execute(statement.encode())


@pytest.mark.postgresql
def test_a_check_up_finds_the_statement_and_its_index_is_kept_but_not_called_verified(
    shop: Patient, owner: psycopg.Connection
) -> None:
    call(owner, BY_TOTAL, BY_TOTAL)
    (found,) = slow(shop)
    evidence = "\n".join(found.evidence)
    assert "statement: SELECT * FROM orders WHERE total = $1" in evidence
    assert "2 calls" in evidence
    assert "reads all of orders" in evidence
    assert "values are not known" in evidence
    proposal = shop.propose(found)
    assert proposal.statements == ("CREATE INDEX orders_total_idx ON public.orders (total)",)
    assert "does not run it" in proposal.verification
    outcome = shop.healer.apply(proposal)
    assert outcome.status == "applied"
    assert "its values are not known, so it was not run" in outcome.message
    assert "orders_total_idx" in indexes(owner)
    assert slow(shop) == []


@pytest.mark.postgresql
def test_an_index_that_the_generic_plan_does_not_use_is_not_kept(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("UPDATE orders SET status = 'done'")
    owner.execute("ANALYZE orders")
    call(owner, "SELECT * FROM orders WHERE status = 'done'")
    before = indexes(owner)
    outcome = shop.cure(slow(shop)[0])
    assert outcome.status == "undone"
    assert "plan does not use it" in outcome.message
    assert indexes(owner) == before


@pytest.mark.postgresql
def test_a_statement_without_values_is_run_and_verified(shop: Patient, owner: psycopg.Connection) -> None:
    call(owner, "SELECT a.id FROM orders a JOIN orders b ON b.total = a.id JOIN customers c ON c.name = a.status")
    (found,) = slow(shop)
    assert "values are not known" not in "\n".join(found.evidence)
    assert shop.cure(found).status in ("verified", "undone")


@pytest.mark.postgresql
def test_a_slow_write_is_found_and_never_run(shop: Patient, owner: psycopg.Connection) -> None:
    call(owner, "DELETE FROM orders WHERE total = -5")
    (found,) = slow(shop)
    assert shop.cure(found).status == "applied"
    assert owner.execute("SELECT count(*) FROM orders").fetchone() == (5000,)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("SELECT * FROM orders WHERE created < timestamptz '2026-01-01' + interval '1 min' AND total = 7", "total"),
        ("SELECT * FROM orders WHERE created > date '2026-01-02' ORDER BY created LIMIT 5", "created"),
        ("SELECT * FROM orders WHERE total IN (1, 2, 3)", "total"),
        ("/* a tag */ -- and\n (SELECT * FROM orders WHERE total = 4)", "total"),
        ("WITH x AS (SELECT * FROM orders WHERE total = 4) SELECT * FROM x", "total"),
    ],
)
def test_what_the_server_keeps_of_a_statement_is_understood(
    shop: Patient, owner: psycopg.Connection, statement: str, index: str
) -> None:
    call(owner, statement)
    (found,) = slow(shop)
    assert f"({index}" in shop.propose(found).statements[0]


@pytest.mark.postgresql
def test_quick_statements_those_that_nothing_helps_and_its_own_are_not_told(
    url: str, shop: Patient, owner: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    call(owner, "SELECT count(*) FROM orders", "SELECT * FROM orders WHERE id = 5", "SELECT relname FROM pg_class")
    call(owner, "EXPLAIN SELECT * FROM orders WHERE total = 7", "GRANT SELECT ON orders TO pg_monitor")
    owner.execute("ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey")
    owner.execute("ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID")
    owner.execute("CREATE SCHEMA exuvia_store CREATE TABLE note (id int PRIMARY KEY, title text)")
    owner.execute("INSERT INTO exuvia_store.note SELECT i, i FROM generate_series(1, 5000) i")
    owner.execute("ANALYZE exuvia_store.note")
    call(owner, "SELECT * FROM exuvia_store.note WHERE title = '7'")
    for _ in range(2):
        assert slow(shop) == []
    assert not caplog.records
    call(owner, BY_TOTAL)
    with patient(url, limits=heal.Limits(slow_ms=60_000)) as patience:
        assert slow(patience) == []


@pytest.mark.postgresql
def test_hypothetical_indexes_are_tested_by_the_generic_plan(shop: Patient, owner: psycopg.Connection) -> None:
    try:
        owner.execute("CREATE EXTENSION hypopg")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("hypopg is not installed (apt-get install postgresql-15-hypopg)")
    owner.execute("SELECT pg_stat_statements_reset()")
    call(owner, BY_TOTAL)
    (found,) = slow(shop)
    proposal = shop.propose(found)
    assert "hypopg: the planner would use it" in proposal.tested
    owner.execute("UPDATE orders SET total = 77")
    owner.execute("ANALYZE orders")
    assert shop.healer.propose(found) == ()


@pytest.mark.postgresql
def test_statements_that_one_index_serves_are_told_together(shop: Patient, owner: psycopg.Connection) -> None:
    call(owner, BY_TOTAL, "SELECT id FROM orders WHERE total = 5", "DELETE FROM orders WHERE total = -5")
    (found,) = slow(shop)
    assert "2 more slow statements" in found.evidence[-1]


@pytest.mark.postgresql
def test_what_a_foreign_key_is_said_to_want_is_not_said_again(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("DROP INDEX orders_customer_id_idx")
    call(owner, "SELECT * FROM orders WHERE customer_id = 7")
    assert [one.kind for one in shop.healer.diagnose().diagnoses] == ["missing_index"]


@pytest.mark.postgresql
def test_an_agent_is_told_only_of_statements_over_tables_that_it_may_read(url: str, owner: psycopg.Connection) -> None:
    owner.execute("CREATE TABLE secrets AS SELECT * FROM orders")
    owner.execute("ANALYZE secrets")
    call(owner, BY_TOTAL, "SELECT * FROM secrets WHERE total = 7")
    call(owner, "SELECT * FROM orders o JOIN secrets s ON s.total = o.total WHERE o.created > '2026-01-02'")
    with patient(url, limits=ANY) as person:
        assert "secrets" in told(person)
    read = (parse_pattern("public.*"), parse_pattern("!public.secrets"))
    with patient(url, Policy(read=read, allow_superuser=True), limits=ANY) as agent:
        examination = agent.healer.diagnose()
    assert "WHERE total = $1" in str(examination.as_dict())
    assert "secrets" not in str(examination.as_dict())


@pytest.mark.postgresql
def test_texts_that_are_hidden_from_the_role_are_left_out(url: str, owner: psycopg.Connection) -> None:
    call(owner, BY_TOTAL)
    role = f"reader_{PostgresLocation.of(url).as_dict()['dbname']}"
    owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(sql.Identifier(role)))
    try:
        owner.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(sql.Identifier(role)))
        given = PostgresLocation.of(url).as_dict() | {"user": role, "password": "x"}
        with patient(PostgresLocation(tuple(given.items())).url, limits=ANY) as reader:
            assert slow(reader) == []
            owner.execute(sql.SQL("GRANT pg_read_all_stats TO {}").format(sql.Identifier(role)))
            assert "total = $1" in told(reader)
    finally:
        owner.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


@pytest.mark.postgresql
def test_a_statement_that_cannot_be_planned_is_counted_in_a_note(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("CREATE FUNCTION mine(int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT $1'")
    call(owner, "SELECT mine(5) FROM orders WHERE total = 7", BY_TOTAL)
    examination = shop.healer.diagnose()
    assert [one.kind for one in examination.diagnoses] == ["slow_query"]
    assert any("plan cannot be had: 1" in note and "mine" in note for note in examination.notes)


@pytest.mark.postgresql
def test_the_command_finds_what_is_slow_and_builds_an_index_that_two_things_want_once(
    url: str, owner: psycopg.Connection, tmp_path: Path
) -> None:
    owner.execute("DROP INDEX orders_customer_id_idx")
    call(owner, "SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.name = 'customer 7'", BY_TOTAL)
    arguments = ["heal", url, "--slow", "0.01", "--apply", "all", "--yes", "--json"]
    done = CliRunner().invoke(app, arguments, env={"XDG_DATA_HOME": str(tmp_path)})
    document = json.loads(done.stdout)
    assert {one["kind"] for one in document["diagnoses"]} == {"missing_index", "slow_query"}
    assert {"orders_customer_id_idx", "orders_total_idx"} <= indexes(owner)
    made = [one["audit"]["data"]["sql"] for one in document["outcomes"]]
    assert len(made) == len({str(one) for one in made})
    assert not [one for one in document["outcomes"] if one["status"] == "failed"]
    assert len(document["proposals"]) > len(made)


@pytest.mark.postgresql
@pytest.mark.parametrize("values", [[], [7, 7]])
def test_an_index_of_a_partitioned_table_is_kept_where_its_parts_are_used(postgres_url: str, values: list[int]) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as owner, patient(postgres_url) as shop:
        owner.execute("CREATE TABLE sales (part int, total int, note text) PARTITION BY HASH (part)")
        for rest in range(2):
            part = sql.Identifier(f"sales_{rest}")
            owner.execute(
                sql.SQL("CREATE TABLE {} PARTITION OF sales FOR VALUES WITH (MODULUS 2, REMAINDER {})").format(
                    part, rest
                )
            )
        owner.execute("INSERT INTO sales SELECT i % 100, i, repeat('x', 50) FROM generate_series(1, 20000) i")
        owner.execute("ANALYZE sales")
        outcome = shop.cure(shop.complain(sql="SELECT * FROM sales WHERE total = $1 AND part = $2", values=values))
        assert outcome.status == ("verified" if values else "applied"), outcome.message
        assert "sales_total_part_idx" in indexes(owner)


@pytest.mark.postgresql
def test_without_the_extension_one_note_says_what_it_would_give(postgres_url: str) -> None:
    with patient(postgres_url) as shop:
        examination = shop.healer.diagnose()
        assert [note for note in examination.notes if "pg_stat_statements" in note]
        assert examination.diagnoses == ()


@pytest.mark.postgresql
def test_a_statement_that_is_passed_without_its_values_is_judged_by_its_generic_plan(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as owner, patient(postgres_url) as shop:
        owner.execute(SHOP.encode())
        outcome = shop.cure(shop.complain(sql="SELECT * FROM orders WHERE total = $1 AND created > $2"))
        assert outcome.status == "applied"
        assert "orders_total_created_idx" in indexes(owner)


def test_a_file_is_not_told_of_it(tmp_path: Path) -> None:
    with patient(str(tmp_path / "new.db")) as shop:
        (tmp_path / "new.db").touch()
        assert shop.healer.diagnose().notes == ()


@pytest.mark.parametrize(
    ("text", "values", "lacks"),
    [
        ("SELECT $1", [], True),
        ("SELECT $1", [None], False),
        ("SELECT '$1', \"$2\" -- $3", [], False),
        ("SELECT $tag$ $1 $tag$", [], False),
    ],
)
def test_only_parameters_lack_values(text: str, values: list[None], lacks: bool) -> None:
    assert lacks_values(text, values) is lacks
