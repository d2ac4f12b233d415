"""Indexes for slow statements: suggested with reasons, tested, and kept only where they help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import psycopg
import pytest
from psycopg import errors

import servers
from exuvia.ops.heal import Limits
from exuvia.ops.heal.indexing import candidates
from exuvia.ops.heal.judging import Finding, judge
from exuvia.ops.heal.model import Probe
from exuvia.ops.heal.names import Expression
from exuvia.ops.heal.plans import Plan, Timing
from exuvia.ops.heal.schema import Column, Index, Schema, Table
from exuvia.ops.heal.statement import parse
from healing import SHOP, Patient, patient

COLUMNS = tuple(Column(name, "integer") for name in ("id", "customer_id", "status", "total", "created"))
ORDERS = Table(
    "public", "orders", "table", COLUMNS, ("id",), (Index("orders_pkey", ("id",), unique=True),), rows=10_000
)
CUSTOMERS = Table("public", "customers", "table", (Column("id", "integer"), Column("name", "text")), rows=10_000)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("SELECT * FROM orders WHERE status = 'open'", ("status",)),
        ("SELECT * FROM orders WHERE created > $1 AND status = $2 AND total IN (1, 2)", ("status", "total", "created")),
        ("SELECT * FROM orders WHERE status = 'open' ORDER BY created DESC LIMIT 10", ("status", "created")),
        ("SELECT * FROM orders ORDER BY created LIMIT 10", ("created",)),
        ("SELECT * FROM orders WHERE created BETWEEN 1 AND 2", ("created",)),
        ("SELECT * FROM orders WHERE lower(status) = 'open'", (Expression('(lower("status"))'),)),
        ("SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id AND o.status = 1", ("status",)),
        ("DELETE FROM orders WHERE total < 5", ("total",)),
        ("UPDATE orders SET total = 1 WHERE status = %s", ("status",)),
    ],
)
def test_equality_comes_first_then_order_or_range(text: str, first: tuple[str, ...]) -> None:
    statement = parse(text, [1, 2], "postgresql")
    assert statement is not None
    found = [one for one in candidates(statement, Schema((ORDERS, CUSTOMERS), ("public",))) if one.table is ORDERS]
    assert found[0].parts == first


def test_both_sides_of_a_join_are_candidates() -> None:
    statement = parse("SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id", [], "postgresql")
    assert statement is not None
    found = {(one.table.name, one.parts) for one in candidates(statement, Schema((ORDERS, CUSTOMERS), ("public",)))}
    assert found == {("orders", ("customer_id",)), ("customers", ("id",))}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM orders WHERE id = 5 AND status = 'open'",
        "SELECT * FROM orders WHERE id > 5",
        "SELECT * FROM orders WHERE status = 'open' OR total = 5",
        "SELECT * FROM orders WHERE status <> 'open'",
        "SELECT * FROM orders ORDER BY created",
        "SELECT count(*) FROM orders",
    ],
)
def test_nothing_is_suggested_that_is_there_or_cannot_help(text: str) -> None:
    statement = parse(text, [], "postgresql")
    assert statement is not None
    assert candidates(statement, Schema((ORDERS,), ("public",))) == []


def test_an_index_that_nothing_has_shown_to_help_is_not_kept() -> None:
    probe = Probe("faster", "SELECT 1", index="i")
    plan = Plan(1.0, frozenset({"i"}), (), sorts=False, text="")
    timed, denied = Finding(probe, (), timing=Timing(5.0, 10.0, plan)), Finding(probe, (), None, "denied")
    assert judge([timed], [denied]).helped is False
    assert judge([denied], [timed]).helped is False
    assert judge([timed], [timed]).helped is False


@pytest.fixture
def url(server_url: Callable[[str], str]) -> Iterator[str]:
    with servers.fresh_database(server_url("debian")) as made:
        yield made


@pytest.fixture
def owner(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SHOP.encode())
        yield connection


@pytest.fixture
def shop(url: str, owner: psycopg.Connection) -> Iterator[Patient]:
    with patient(url) as opened:
        yield opened


def indexes(owner: psycopg.Connection) -> set[str]:
    return {str(name) for (name,) in owner.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")}


@pytest.mark.postgresql
def test_an_index_that_makes_a_query_faster_is_kept(shop: Patient, owner: psycopg.Connection) -> None:
    found = shop.complain(sql="SELECT * FROM orders WHERE total = %s AND created > '2026-01-01'", values=[77])
    assert found.kind == "slow_query"
    assert "reads all of orders" in found.evidence[0]
    outcome = shop.cure(found)
    assert outcome.status == "verified"
    assert "times as fast" in outcome.message
    assert "orders_total_created_idx" in indexes(owner)


@pytest.mark.postgresql
def test_an_index_that_the_planner_does_not_use_is_not_kept(shop: Patient, owner: psycopg.Connection) -> None:
    before = indexes(owner)
    outcome = shop.cure(shop.complain(sql="SELECT * FROM orders WHERE status = 'done'"))
    assert outcome.status == "undone"
    assert "plan does not use it" in outcome.message
    assert indexes(owner) == before


@pytest.mark.postgresql
def test_a_timeout_leads_to_the_index_that_was_missing(shop: Patient, owner: psycopg.Connection) -> None:
    text = "SELECT * FROM orders WHERE total = 77"
    found = shop.complain("canceling statement due to statement timeout", text, state="57014")
    assert shop.cure(found).status == "verified"


@pytest.mark.postgresql
def test_a_slow_write_is_never_run_to_be_measured(shop: Patient, owner: psycopg.Connection) -> None:
    outcome = shop.cure(shop.complain(sql="DELETE FROM orders WHERE total = 77"))
    assert outcome.status == "verified"
    assert "planner's estimate" in outcome.message
    assert owner.execute("SELECT count(*) FROM orders").fetchone() == (5000,)


@pytest.mark.postgresql
def test_a_large_table_gets_its_index_concurrently(url: str, owner: psycopg.Connection) -> None:
    with patient(url, limits=Limits(small_bytes=1000)) as shop:
        kept = shop.cure(shop.complain(sql="SELECT * FROM orders WHERE total = 77"))
        assert kept.proposal.statements == ("CREATE INDEX CONCURRENTLY orders_total_idx ON public.orders (total)",)
        assert kept.status == "verified"
        undone = shop.cure(shop.complain(sql="SELECT * FROM orders WHERE status = 'done'"))
        assert undone.status == "undone"
    assert "orders_total_idx" in indexes(owner)
    assert "orders_status_idx" not in indexes(owner)


@pytest.mark.postgresql
def test_an_index_over_rows_that_are_being_updated_is_measured_after_its_transaction(
    shop: Patient, owner: psycopg.Connection
) -> None:
    owner.execute("ALTER TABLE orders SET (fillfactor = 50)")
    owner.execute("VACUUM FULL orders")
    owner.execute("UPDATE orders SET total = total + 1 WHERE id % 7 = 0")
    assert shop.cure(shop.complain(sql="SELECT * FROM orders WHERE total = 77")).status == "verified"
    assert "orders_total_idx" in indexes(owner)


@pytest.mark.postgresql
def test_hypothetical_indexes_refute_what_would_not_help(url: str, owner: psycopg.Connection) -> None:
    try:
        owner.execute("CREATE EXTENSION hypopg")
    except errors.FeatureNotSupported:
        pytest.skip("hypopg is not installed (apt-get install postgresql-15-hypopg)")
    before = indexes(owner)
    with patient(url) as shop:
        assert shop.healer.propose(shop.complain(sql="SELECT * FROM orders WHERE status = 'done'")) == ()
        text = "SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.name = 'customer 7'"
        name, join = shop.healer.propose(shop.complain(sql=text))
        assert indexes(owner) == before
        assert "hypopg" in name.tested
        assert {name.statements[0].split(" ON ")[1], join.statements[0].split(" ON ")[1]} == {
            "public.orders (customer_id)",
            "public.customers (name)",
        }
        assert shop.healer.apply(name).status == "verified"


@pytest.mark.postgresql
def test_a_statement_that_the_guard_denies_is_not_run(shop: Patient) -> None:
    assert "pg_sleep" in shop.notes(sql="SELECT pg_sleep(60)")
    assert "understood" in shop.notes("canceling statement due to statement timeout", "SELEC 1")


def sqlite_shop(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT, total REAL, email TEXT)")
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        " INSERT INTO orders SELECT i, 'done', i, 'U' || i FROM n"
    )
    connection.close()


def test_sqlite_keeps_an_index_that_makes_a_query_faster(tmp_path: Path) -> None:
    sqlite_shop(tmp_path / "shop.db")
    with patient(str(tmp_path / "shop.db")) as shop:
        outcome = shop.cure(shop.complain(sql="SELECT * FROM orders WHERE lower(email) = ? LIMIT 5", values=["u77"]))
        assert outcome.status == "verified"
        found = shop.complain(sql="SELECT * FROM orders WHERE lower(email) = ? LIMIT 5", values=["u77"])
        assert "No index that is missing" in found.message


def test_sqlite_drops_an_index_that_does_not_help(tmp_path: Path) -> None:
    sqlite_shop(tmp_path / "shop.db")
    with patient(str(tmp_path / "shop.db")) as shop:
        outcome = shop.cure(shop.complain(sql="SELECT sum(total) FROM orders WHERE status = 'done'"))
    assert outcome.status == "undone"
    connection = apsw.Connection(str(tmp_path / "shop.db"))
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'index'").fetchall() == [(0,)]
