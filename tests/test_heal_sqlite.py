"""Every class of trouble that SQLite has: broken, diagnosed, mended, verified; and undone where it does not help."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from exuvia.errors import TargetError
from exuvia.location import parse
from exuvia.ops.heal import Healer
from healing import Patient, patient

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY AUTOINCREMENT, customer_id INTEGER REFERENCES customers, status TEXT, total REAL
);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
  INSERT INTO customers SELECT i, 'customer ' || i FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
  INSERT INTO orders (customer_id, status, total)
  SELECT 1 + i % 2000, CASE WHEN i % 100 = 0 THEN 'open' ELSE 'done' END, i FROM n;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def owner(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(SHOP)
    yield connection
    connection.close()


@pytest.fixture
def shop(path: Path, owner: sqlite3.Connection) -> Iterator[Patient]:
    with patient(str(path)) as opened:
        yield opened


def failing(owner: sqlite3.Connection, text: str, values: tuple[object, ...] = ()) -> str:
    """Return what SQLite says of a statement."""
    with pytest.raises(sqlite3.Error) as raised:
        owner.execute(text, values)
    return f"sqlite3.{type(raised.value).__name__}: {raised.value}"


def test_a_healthy_file_needs_nothing(shop: Patient, owner: sqlite3.Connection) -> None:
    owner.execute("CREATE INDEX by_customer ON orders (customer_id)")
    assert shop.healer.diagnose().as_dict() == {"diagnoses": [], "notes": []}


def test_a_foreign_key_without_an_index_gets_one_that_is_used(shop: Patient) -> None:
    outcome = shop.cure(shop.find("missing_index"))
    assert outcome.status == "verified"
    assert "orders_customer_id_idx" in str(outcome.after[-1].value)
    assert [record.action for record in shop.audit] == ["heal.begin", "heal.verified"]


def test_a_misspelled_column_is_read_by_its_right_name(shop: Patient, owner: sqlite3.Connection) -> None:
    text = "SELECT o.custmer_id FROM orders AS o WHERE o.custmer_id = ?"
    first, second = shop.healer.propose(shop.complain(failing(owner, text, (7,)), text, [7]))
    assert first.rewritten == 'SELECT o."customer_id" FROM orders AS o WHERE o."customer_id" = ?1'
    assert shop.healer.apply(first).status == "verified"
    assert second.statements == ('ALTER TABLE "orders" ADD COLUMN "custmer_id" INTEGER',)


def test_a_column_that_a_statement_writes_is_added(shop: Patient, owner: sqlite3.Connection) -> None:
    text = "INSERT INTO orders (customer_id, remark) VALUES (:customer, :remark)"
    error = failing(owner, "INSERT INTO orders (customer_id, remark) VALUES (1, 'x')")
    outcome = shop.cure(shop.complain(error, text, {"customer": 1, "remark": "x"}))  # type: ignore[arg-type]
    assert outcome.status == "verified"
    assert owner.execute("SELECT count(remark), count(*) FROM orders").fetchone() == (0, 20000)


def test_a_column_that_does_not_make_the_statement_run_is_taken_back(shop: Patient, owner: sqlite3.Connection) -> None:
    text = "SELECT abs(-9223372036854775808) FROM orders WHERE remark = 'x' OR id = 1"
    outcome = shop.cure(shop.complain(failing(owner, text), text))
    assert outcome.status == "undone"
    assert "overflow" in outcome.message
    assert "remark" in failing(owner, "SELECT remark FROM orders")


def test_a_misspelled_table_is_read_by_its_right_name(shop: Patient, owner: sqlite3.Connection) -> None:
    text = "SELECT count(*) FROM custmers"
    assert shop.cure(shop.complain(failing(owner, text), text)).status == "verified"


def test_a_table_is_made_where_an_insert_tells_its_columns(shop: Patient, owner: sqlite3.Connection) -> None:
    text = "INSERT INTO visits (page, seconds) VALUES (?, ?)"
    outcome = shop.cure(shop.complain(failing(owner, text, ("/", 1.5)), text, ["/", 1.5]))
    assert outcome.status == "verified"
    assert outcome.proposal.statements == ('CREATE TABLE "visits" ("page" TEXT, "seconds" REAL)',)
    assert owner.execute("SELECT count(*) FROM visits").fetchone() == (0,)


def test_orphans_are_put_aside_only_by_choice(shop: Patient, owner: sqlite3.Connection) -> None:
    owner.execute("INSERT INTO orders (customer_id) VALUES (90001), (90002)")
    found = shop.find("orphan_rows")
    parents, nowhere, aside = proposals = shop.healer.propose(found)
    assert all(proposal.choice for proposal in proposals)
    assert shop.healer.apply(parents).status == "verified"
    owner.execute(parents.undo[0])
    assert shop.healer.apply(nowhere).status == "verified"
    owner.execute("INSERT INTO orders (customer_id) VALUES (90003)")
    assert shop.healer.apply(aside).status == "verified"
    assert owner.execute("SELECT customer_id FROM orders_orphans").fetchall() == [(90003,)]
    assert owner.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_row_that_names_no_parent_can_be_written_once_it_is_there(shop: Patient, owner: sqlite3.Connection) -> None:
    owner.execute("PRAGMA foreign_keys = ON")
    text = "INSERT INTO orders (customer_id) VALUES (?)"
    assert shop.cure(shop.complain(failing(owner, text, (90001,)), text, [90001])).status == "verified"
    owner.execute(text, (90001,))


@pytest.mark.parametrize("change", ["UPDATE sqlite_sequence SET seq = 3", "DELETE FROM sqlite_sequence"])
def test_a_counter_that_is_behind_is_set_to_the_highest_rowid(
    shop: Patient, owner: sqlite3.Connection, change: str
) -> None:
    owner.execute(change)
    outcome = shop.cure(shop.find("sequence_behind"))
    assert outcome.status == "verified"
    assert owner.execute("SELECT seq FROM sqlite_sequence").fetchall() == [(20000,)]
    owner.execute(outcome.proposal.undo[0])
    assert shop.find("sequence_behind").target.table == "orders"


def test_a_key_that_is_taken_for_good_is_no_trouble(shop: Patient, owner: sqlite3.Connection) -> None:
    text = "INSERT INTO customers (id) VALUES (1)"
    assert "there already" in shop.notes(failing(owner, text), text)


def test_a_damaged_index_is_built_anew(path: Path, owner: sqlite3.Connection) -> None:
    owner.execute("CREATE INDEX by_customer ON orders (customer_id)")
    rows = owner.execute("SELECT * FROM sqlite_schema WHERE name = 'by_customer'").fetchall()
    behind_its_back(path, "DELETE FROM sqlite_schema WHERE name = 'by_customer'")
    behind_its_back(path, "INSERT INTO orders (customer_id) VALUES (1), (2), (3)")
    behind_its_back(path, "INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", rows[0])
    with patient(str(path)) as shop:
        outcome = shop.cure(shop.find("invalid_index"))
        assert outcome.status == "verified"
        assert outcome.proposal.statements == ('REINDEX "by_customer"',)
        assert not shop.healer.diagnose().diagnoses


def behind_its_back(path: Path, text: str, values: tuple[object, ...] = ()) -> None:
    """Run a statement on a connection of its own, which may write the schema."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(text, values)
    connection.close()


def test_free_pages_are_given_back(path: Path, shop: Patient, owner: sqlite3.Connection) -> None:
    owner.execute("CREATE TABLE fat AS SELECT id, randomblob(200) AS body FROM orders")
    owner.execute("DROP TABLE fat")
    before = path.stat().st_size
    assert shop.cure(shop.find("bloat")).status == "verified"
    assert path.stat().st_size < before / 2


def test_a_statement_alone_tells_why_it_fails(shop: Patient) -> None:
    found = shop.complain(sql="SELECT statuss FROM orders")
    assert shop.propose(found).rewritten == 'SELECT "status" FROM orders'
    assert shop.complain(sql="SELECT * FROM ordrs").kind == "missing_table"


def test_a_file_that_is_not_there_is_not_made(path: Path) -> None:
    with pytest.raises(TargetError), Healer(parse(str(path))) as healer:
        healer.diagnose()
    assert not path.exists()
