"""Every class of trouble on PostgreSQL: broken, diagnosed, mended, verified; and undone where it does not help."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from exuvia.errors import TargetError
from exuvia.location import parse
from exuvia.ops.heal import Complaint, Healer
from healing import SHOP, Patient, patient

pytestmark = pytest.mark.postgresql


@pytest.fixture
def url(any_url: str) -> str:
    return any_url


@pytest.fixture
def owner(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SHOP.encode())
        yield connection


@pytest.fixture
def shop(url: str, owner: psycopg.Connection) -> Iterator[Patient]:
    with patient(url) as opened:
        yield opened


def test_a_healthy_database_needs_nothing(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("CREATE INDEX ON orders (customer_id)")
    assert shop.healer.diagnose().diagnoses == ()


def test_a_foreign_key_without_an_index_gets_one_that_is_used(shop: Patient) -> None:
    outcome = shop.cure(shop.find("missing_index"))
    assert outcome.status == "verified"
    assert "orders_customer_id_idx" in str(outcome.after[-1].value)
    assert not shop.healer.diagnose().diagnoses
    assert [record.action for record in shop.audit] == ["heal.begin", "heal.verified"]
    assert shop.audit[-1].actor == "tester"


def test_a_misspelled_column_is_read_by_its_right_name(shop: Patient, owner: psycopg.Connection) -> None:
    text = "SELECT custmer_id, 'custmer_id' FROM orders o WHERE o.custmer_id = $1"
    with pytest.raises(errors.UndefinedColumn) as raised:
        owner.execute("SELECT custmer_id FROM orders o WHERE o.custmer_id = 7")
    first, second = shop.healer.propose(shop.complain(str(raised.value), text, [7]))
    assert first.rewritten == "SELECT customer_id, 'custmer_id' FROM orders o WHERE o.customer_id = $1"
    assert (first.statements, first.choice) == ((), False)
    assert shop.healer.apply(first).status == "verified"
    assert second.statements == ("ALTER TABLE public.orders ADD COLUMN custmer_id bigint",)
    assert second.choice


def test_a_name_that_was_folded_is_read_in_quotes(shop: Patient) -> None:
    found = shop.complain('column "createdat" does not exist', "SELECT createdAt FROM customers")
    assert shop.propose(found).rewritten == 'SELECT "createdAt" FROM customers'
    assert shop.cure(found).status == "verified"


def test_columns_that_a_statement_writes_are_added(shop: Patient, owner: psycopg.Connection) -> None:
    text = "INSERT INTO orders (customer_id, remark, urgent) VALUES (%(customer)s, %(remark)s, %(urgent)s)"
    error = 'column "remark" of relation "orders" does not exist'
    complaint = Complaint(error, "42703", text, {"customer": 1, "remark": "x", "urgent": True})
    (found,) = shop.healer.diagnose(complaint).diagnoses
    outcome = shop.cure(found)
    assert outcome.status == "verified"
    assert outcome.proposal.statements == (
        "ALTER TABLE public.orders ADD COLUMN remark text, ADD COLUMN urgent boolean",
    )
    assert owner.execute("SELECT count(remark), count(*) FROM orders").fetchone() == (0, 5000)
    assert owner.execute("SELECT count(*) FROM orders WHERE id > 5000").fetchone() == (0,)
    owner.execute(outcome.proposal.undo[0].encode())
    with pytest.raises(errors.UndefinedColumn):
        owner.execute("SELECT remark FROM orders")


def test_no_column_is_added_without_a_reason_for_its_type(shop: Patient) -> None:
    found = shop.complain('column "zzz" does not exist', "SELECT zzz FROM orders")
    assert "type" in found.missing
    assert shop.healer.propose(found) == ()
    assert "statement" in shop.notes('column "zzz" does not exist')


def test_a_column_that_does_not_make_the_statement_run_is_taken_back(shop: Patient, owner: psycopg.Connection) -> None:
    text = "SELECT 1 / (total - total) FROM orders WHERE remark = 'x' OR id = 1"
    outcome = shop.cure(shop.complain('column "remark" does not exist', text))
    assert outcome.status == "undone"
    assert "division by zero" in outcome.message
    with pytest.raises(errors.UndefinedColumn):
        owner.execute("SELECT remark FROM orders")
    assert shop.audit[-1].action == "heal.undone"


def test_a_misspelled_table_is_read_by_its_right_name(shop: Patient, owner: psycopg.Connection) -> None:
    found = shop.complain('relation "custmers" does not exist', "SELECT count(*) FROM custmers c", state="42P01")
    assert shop.propose(found).rewritten == "SELECT count(*) FROM customers c"
    assert shop.cure(found).status == "verified"
    owner.execute("CREATE SCHEMA archive; CREATE TABLE archive.bills (id int)")
    found = shop.complain('relation "bills" does not exist', "SELECT * FROM bills")
    assert shop.propose(found).rewritten == "SELECT * FROM archive.bills"


def test_a_table_is_made_only_where_an_insert_tells_its_columns(shop: Patient, owner: psycopg.Connection) -> None:
    text = "INSERT INTO visits (at, page, seconds) VALUES ('2026-01-02', $1, $2)"
    outcome = shop.cure(shop.complain('relation "visits" does not exist', text, ["/home", 1.5]))
    assert outcome.status == "verified"
    assert outcome.proposal.statements == ("CREATE TABLE public.visits (at date, page text, seconds double precision)",)
    assert owner.execute("SELECT count(*) FROM visits").fetchone() == (0,)
    found = shop.complain('relation "xyz" does not exist', "SELECT a FROM xyz")
    assert "columns" in found.missing
    assert shop.healer.propose(found) == ()


def test_a_statement_alone_tells_why_it_fails(shop: Patient) -> None:
    found = shop.complain(sql="UPDATE orders SET statuss = 'x' WHERE id = $1", values=[1])
    assert shop.propose(found).rewritten == "UPDATE orders SET status = 'x' WHERE id = $1"


def test_another_error_is_said_to_be_none_of_these(shop: Patient) -> None:
    assert "none of the errors" in shop.notes("division by zero", state="22012")
    assert "another database" in shop.notes('relation "orders" does not exist', "SELECT 1 FROM orders")


def test_orphans_are_never_deleted_unless_somebody_chooses(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute(
        "SET session_replication_role = replica; INSERT INTO orders (customer_id) VALUES (90001), (90002), (90002)"
    )
    found = shop.find("orphan_rows")
    assert "3 rows" in found.message
    parents, nowhere, aside = proposals = shop.healer.propose(found)
    assert all(proposal.choice for proposal in proposals)
    assert shop.healer.apply(parents).status == "verified"
    assert owner.execute("SELECT count(*) FROM customers WHERE id > 90000").fetchone() == (2,)
    owner.execute(parents.undo[0].encode())
    outcome = shop.healer.apply(aside)
    assert outcome.status == "verified"
    assert owner.execute("SELECT count(*) FROM orders_orphans").fetchone() == (3,)
    assert owner.execute("SELECT count(*) FROM orders WHERE customer_id > 90000").fetchone() == (0,)
    assert nowhere.no_undo


def test_parents_that_need_more_than_a_key_are_not_made_up(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("ALTER TABLE customers ALTER name SET NOT NULL; SET session_replication_role = replica")
    owner.execute("INSERT INTO orders (customer_id) VALUES (90001)")
    found = shop.find("orphan_rows")
    assert "name" in found.evidence[-1]
    assert not any(proposal.title.startswith("Insert") for proposal in shop.healer.propose(found))


def test_a_row_that_names_no_parent_can_be_written_once_it_is_there(shop: Patient, owner: psycopg.Connection) -> None:
    text = "INSERT INTO orders (customer_id) VALUES (90001)"
    with pytest.raises(errors.ForeignKeyViolation) as raised:
        owner.execute(text)
    found = shop.complain(str(raised.value), text)
    assert found.kind == "orphan_rows"
    assert shop.cure(found).status == "verified"
    owner.execute(text)


def test_a_key_that_cannot_be_added_is_traced_to_its_orphans(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("CREATE TABLE notes (id int, customer int); INSERT INTO notes VALUES (1, 1), (2, 90001)")
    text = "ALTER TABLE notes ADD CONSTRAINT notes_customer FOREIGN KEY (customer) REFERENCES customers (id)"
    with pytest.raises(errors.ForeignKeyViolation) as raised:
        owner.execute(text)
    assert shop.cure(shop.complain(str(raised.value), text)).status == "verified"
    owner.execute(text)


def test_a_parent_that_still_has_children_is_no_trouble(shop: Patient, owner: psycopg.Connection) -> None:
    with pytest.raises(errors.ForeignKeyViolation) as raised:
        owner.execute("DELETE FROM customers WHERE id = 1")
    assert "still has children" in shop.notes(str(raised.value), "DELETE FROM customers WHERE id = 1")


def test_a_sequence_that_is_behind_is_set_to_the_highest_number(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("ALTER SEQUENCE orders_id_seq RESTART WITH 5")
    text = "INSERT INTO orders (customer_id) VALUES (1)"
    with pytest.raises(errors.UniqueViolation) as raised:
        owner.execute(text)
    found = shop.complain(str(raised.value), text)
    assert found.kind == "sequence_behind"
    assert found.id != shop.find("sequence_behind").id
    assert shop.cure(found).status == "verified"
    owner.execute(text)
    assert owner.execute("SELECT count(*) FROM orders WHERE id > 5000").fetchone() == (1,)


def test_a_key_that_is_taken_for_good_is_no_trouble(shop: Patient, owner: psycopg.Connection) -> None:
    with pytest.raises(errors.UniqueViolation) as raised:
        owner.execute("INSERT INTO customers (id) VALUES (1)")
    assert "there already" in shop.notes(str(raised.value), "INSERT INTO customers (id) VALUES (1)")


def test_an_invalid_index_is_built_anew(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("CREATE INDEX orders_total ON orders (total)")
    owner.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_total'::regclass")
    outcome = shop.cure(shop.find("invalid_index"))
    assert outcome.status == "verified"
    assert "CONCURRENTLY" in outcome.proposal.statements[0]
    assert owner.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_total'::regclass").fetchone() == (
        True,
    )


def test_a_rebuild_that_fails_leaves_no_second_index(shop: Patient, owner: psycopg.Connection) -> None:
    with pytest.raises(errors.UniqueViolation):
        owner.execute("CREATE UNIQUE INDEX CONCURRENTLY orders_status ON orders (status)")
    rebuild, drop = shop.healer.propose(shop.find("invalid_index"))
    outcome = shop.healer.apply(rebuild)
    assert outcome.status == "failed"
    assert "could not create unique index" in outcome.message
    assert owner.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'orders_status%'").fetchone() == (1,)
    assert shop.healer.apply(drop).status == "verified"


def test_a_constraint_that_was_never_checked_is_checked(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID")
    outcome = shop.cure(shop.find("not_valid_constraint"))
    assert outcome.status == "verified"
    owner.execute(outcome.proposal.undo[0].encode())
    owner.execute("UPDATE pg_constraint SET convalidated = false WHERE conname = 'positive'")
    assert shop.find("not_valid_constraint").target.name == "positive"


def test_rows_that_break_a_constraint_have_to_be_mended_first(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("ALTER TABLE orders ADD CONSTRAINT large CHECK (total > 10) NOT VALID")
    found = shop.find("not_valid_constraint")
    assert found.missing.startswith("10 rows of orders break it")
    assert shop.healer.propose(found) == ()


def test_dead_rows_are_vacuumed(url: str, owner: psycopg.Connection) -> None:
    owner.execute("ALTER TABLE orders SET (autovacuum_enabled = off)")
    with psycopg.connect(url) as other:  # statistics are told when a session ends
        other.execute("DELETE FROM orders WHERE id % 2 = 0")
    with patient(url) as shop:
        outcome = shop.cure(shop.find("bloat"))
    assert outcome.status == "verified"
    assert outcome.after[0].value == 0


def test_empty_pages_are_given_back_only_by_choice(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("CREATE TABLE fat AS SELECT i AS id, repeat('x', 500) AS body FROM generate_series(1, 25000) i")
    owner.execute("DELETE FROM fat WHERE id % 10 <> 0")
    owner.execute("VACUUM ANALYZE fat")
    (proposal,) = shop.healer.propose(shop.find("bloat"))
    assert proposal.choice
    assert proposal.risk.level == "high"
    assert shop.healer.apply(proposal).status == "verified"


def test_a_damaged_index_is_rebuilt_by_its_name(shop: Patient, owner: psycopg.Connection) -> None:
    owner.execute("CREATE INDEX orders_total ON orders (total)")
    said = 'index "orders_total" contains unexpected zero page at block 3'
    found = shop.complain(said, "SELECT count(*) FROM orders WHERE total > 5", state="XX002")
    assert (found.kind, found.certainty) == ("invalid_index", "likely")
    assert shop.propose(found).statements == ("REINDEX INDEX CONCURRENTLY public.orders_total",)


def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    with pytest.raises(TargetError) as raised, Healer(parse("postgresql://me:s3cret@127.0.0.1:1/app")) as healer:
        healer.diagnose()
    assert "s3cret" not in str(raised.value)
