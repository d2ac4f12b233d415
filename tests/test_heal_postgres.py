"""Every class of trouble on PostgreSQL: broken, diagnosed, mended, verified; and undone where it does not help."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

import servers
from exuvia.ops.heal import Complaint
from healing import Patient, patient

pytestmark = pytest.mark.postgresql
SHOP = """
CREATE TABLE customers (id int PRIMARY KEY, name text, "createdAt" timestamptz);
CREATE TABLE orders (
  id serial PRIMARY KEY, customer_id int REFERENCES customers, status text, total numeric, created timestamptz
);
INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 2000) i;
INSERT INTO orders (customer_id, status, total, created)
  SELECT 1 + i % 2000, CASE WHEN i % 100 = 0 THEN 'open' ELSE 'done' END, i,
    timestamptz '2026-01-01' + i * interval '1 min'
  FROM generate_series(1, 20000) i;
ANALYZE;
"""


@pytest.fixture
def url(server_url: Callable[[str], str]) -> Iterator[str]:
    with servers.fresh_database(server_url("debian")) as made:
        yield made


@pytest.fixture
def owner(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def shop(url: str, owner: psycopg.Connection) -> Iterator[Patient]:
    owner.execute(SHOP.encode())
    with patient(url) as opened:
        yield opened


def test_a_foreign_key_without_an_index_gets_one_that_is_used(shop: Patient, owner: psycopg.Connection) -> None:
    outcome = shop.cure(shop.find("missing_index"))
    assert outcome.status == "verified"
    assert "orders_customer_id_idx" in str(outcome.after[-1].value)
    assert not shop.healer.diagnose().diagnoses
    assert [record.action for record in shop.audit] == ["heal.begin", "heal.verified"]
    assert shop.audit[-1].actor == "tester"


def test_a_misspelled_column_is_read_by_its_right_name(shop: Patient, owner: psycopg.Connection) -> None:
    text = "SELECT custmer_id FROM orders WHERE custmer_id = $1"
    found = shop.complain('column "custmer_id" does not exist', text, [7])
    proposal = shop.propose(found)
    assert proposal.rewritten == "SELECT customer_id FROM orders WHERE customer_id = $1"
    assert not proposal.statements
    assert shop.healer.apply(proposal).status == "verified"


def test_a_column_that_a_statement_writes_is_added(shop: Patient, owner: psycopg.Connection) -> None:
    text = "INSERT INTO orders (customer_id, remark) VALUES (%(customer)s, %(remark)s)"
    complaint = Complaint(
        'column "remark" of relation "orders" does not exist', "", text, {"customer": 1, "remark": "x"}
    )
    (found,) = shop.healer.diagnose(complaint).diagnoses
    outcome = shop.cure(found)
    assert outcome.status == "verified"
    assert outcome.proposal.statements == ("ALTER TABLE public.orders ADD COLUMN remark text",)
    assert owner.execute("SELECT count(remark), count(*) FROM orders").fetchone() == (0, 20000)
