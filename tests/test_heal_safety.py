"""Healing harms nobody: locks are given up on, a cancelled change leaves nothing, an agent stays within its policy."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import psycopg
import pytest

import servers
from exuvia.errors import CancelledError, ConfigError, DeniedError, ExuviaError
from exuvia.guard import Policy, open_session, parse_pattern, role_script
from exuvia.location import SqliteLocation, parse
from exuvia.ops import heal
from exuvia.ops.heal import AsyncHealer, Complaint, Healer, Limits, store_sink, store_within
from exuvia.store import open_store
from exuvia.store.core.options import StoreOptions
from guarding import guarded
from healing import SHOP, Patient, patient

QUICK = Limits(lock_s=0.2)
CONCURRENT = Limits(lock_s=0.2, small_bytes=1000)
BY_TOTAL = "SELECT * FROM orders WHERE total = 77"


@pytest.fixture
def url(server_url: Callable[[str], str]) -> Iterator[str]:
    with servers.fresh_database(server_url("debian")) as made:
        yield made


@pytest.fixture
def owner(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SHOP.encode())
        yield connection


def relations(owner: psycopg.Connection) -> list[str]:
    found = owner.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1")
    return [str(name) for (name,) in found]


@contextmanager
def cancelling(shop: Patient) -> Iterator[None]:
    """Cancel what is applied meanwhile, a moment after it was begun."""

    def cancel() -> None:
        deadline = time.monotonic() + 60
        while not shop.audit and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        shop.healer.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.mark.postgresql
@pytest.mark.parametrize("limits", [QUICK, CONCURRENT], ids=["in a transaction", "concurrently"])
def test_a_lock_that_somebody_holds_is_given_up_on(url: str, owner: psycopg.Connection, limits: Limits) -> None:
    before = relations(owner)
    with patient(url, limits=limits) as shop, psycopg.connect(url) as other:
        proposal = shop.propose(shop.complain(sql=BY_TOTAL))
        other.execute("UPDATE orders SET status = 'held' WHERE id = 1")
        started = time.monotonic()
        outcome = shop.healer.apply(proposal)
        assert outcome.status == "failed"
        assert time.monotonic() - started < 10
        assert relations(owner) == before
        assert [record.action for record in shop.audit] == ["heal.begin", "heal.failed"]
        other.rollback()
        assert shop.healer.apply(proposal).status == "verified"


@pytest.mark.postgresql
def test_a_build_that_fails_half_way_leaves_no_invalid_index(url: str, owner: psycopg.Connection) -> None:
    before = relations(owner)
    with patient(url, limits=CONCURRENT) as shop, psycopg.connect(url) as other:
        proposal = shop.propose(shop.complain(sql=BY_TOTAL))
        # An old snapshot does not lock the table, but a concurrent build has to wait for it in the end.
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM customers")
        outcome = shop.healer.apply(proposal)
        assert outcome.status == "failed"
        assert relations(owner) == before


@pytest.mark.postgresql
@pytest.mark.parametrize("limits", [Limits(lock_s=30), Limits(lock_s=30, small_bytes=1000)])
def test_cancelling_takes_back_what_is_half_done(url: str, owner: psycopg.Connection, limits: Limits) -> None:
    before = relations(owner)
    with patient(url, limits=limits) as shop, psycopg.connect(url) as other:
        proposal = shop.propose(shop.complain(sql=BY_TOTAL))
        other.execute("UPDATE orders SET status = 'held' WHERE id = 1")
        with cancelling(shop), pytest.raises(CancelledError):
            shop.healer.apply(proposal)
        other.rollback()
        assert relations(owner) == before
        assert shop.audit[-1].action == "heal.cancelled"
        assert shop.healer.apply(proposal).status == "verified"


@pytest.mark.postgresql
def test_a_task_that_is_cancelled_stops_its_statement_on_the_server(url: str, owner: psycopg.Connection) -> None:
    async def work(other: psycopg.Connection) -> None:
        async with AsyncHealer(Healer(parse(url), limits=Limits(lock_s=20), sink=lambda _: None)) as healer:
            (found,) = (await healer.diagnose(Complaint(sql=BY_TOTAL))).diagnoses
            (proposal,) = await healer.propose(found)
            other.execute("UPDATE orders SET status = 'held' WHERE id = 1")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(healer.apply(proposal), 0.5)
            other.rollback()
            assert (await healer.apply(proposal.id)).status == "verified"

    with psycopg.connect(url) as other:
        asyncio.run(work(other))


@pytest.mark.postgresql
def test_nothing_is_changed_that_cannot_be_recorded(url: str, owner: psycopg.Connection) -> None:
    def broken(_: heal.AuditRecord) -> None:
        raise ConfigError("The store is full.")

    before = relations(owner)
    with Healer(parse(url), sink=broken) as healer:
        (found,) = healer.diagnose(Complaint(sql=BY_TOTAL)).diagnoses
        with pytest.raises(ConfigError, match="full"):
            healer.apply(healer.propose(found)[0])
    assert relations(owner) == before


@pytest.mark.postgresql
def test_a_lost_connection_is_made_anew(url: str, owner: psycopg.Connection) -> None:
    with patient(url) as shop:
        shop.healer.diagnose()
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'exuvia heal'")
        with pytest.raises(ExuviaError):
            shop.healer.diagnose()
        assert shop.find("missing_index")


def agent(*, ddl: str | None = None, **changes: object) -> Policy:
    given = {"read": (parse_pattern("public.*"), parse_pattern("!public.secrets")), "timeout_s": 5.0}
    allowed = {"ddl": (parse_pattern(ddl),)} if ddl else {}
    return Policy(**{**given, **allowed, **changes})  # type: ignore[arg-type]


@pytest.mark.postgresql
def test_an_agent_heals_only_the_tables_that_are_named_for_it(url: str, owner: psycopg.Connection) -> None:
    with patient(url, agent(allow_superuser=True)) as shop:
        proposal = shop.propose(shop.complain(sql=BY_TOTAL))
        with pytest.raises(DeniedError, match=r"public\.orders"):
            shop.healer.apply(proposal)
        assert not shop.audit
    with patient(url, agent(ddl="public.orders", allow_superuser=True)) as shop:
        assert shop.cure(shop.complain(sql=BY_TOTAL)).status == "verified"


@pytest.mark.postgresql
def test_an_agent_hears_nothing_of_tables_that_it_may_not_read(url: str, owner: psycopg.Connection) -> None:
    owner.execute("CREATE TABLE secrets (id serial PRIMARY KEY, customer_id int REFERENCES customers)")
    owner.execute("INSERT INTO secrets (customer_id) SELECT 1 FROM generate_series(1, 2000)")
    owner.execute("SELECT setval('secrets_id_seq', 1)")
    with patient(url, agent(allow_superuser=True)) as shop:
        told = str(shop.healer.diagnose().as_dict())
        assert "orders" in told
        assert "secrets" not in told
        complaint = Complaint('relation "secretz" does not exist', "", "SELECT 1 FROM secretz")
        assert "secrets" not in str(shop.healer.diagnose(complaint))
        assert "may be read" in shop.notes(sql="SELECT * FROM secrets WHERE customer_id = 1")


@pytest.mark.postgresql
def test_an_agent_without_rights_is_told_so(url: str) -> None:
    with guarded(url) as made, patient(made.agent, made.policy) as shop:
        examination = shop.healer.diagnose()
        assert not [one for one in examination.diagnoses if one.target.table == "secrets"]
        found = shop.complain(
            'column "remark" of relation "notes" does not exist', "INSERT INTO notes (remark) VALUES ('x')"
        )
        with pytest.raises(DeniedError, match=r"public\.notes"):
            shop.cure(found)


@pytest.mark.postgresql
def test_an_agent_heals_as_the_role_that_owns_its_tables(url: str) -> None:
    with guarded(url) as made:
        with open_session(parse(made.agent), made.policy) as session:
            session.run("CREATE TABLE scratch (id int, name text)", level="ddl")
        with psycopg.connect(made.owner) as superuser:
            superuser.execute(role_script(made.policy).encode())  # so that the new table may be read
        with patient(made.agent, made.policy) as shop:
            text = "SELECT id FROM scratch WHERE colour = 'red'"
            outcome = shop.cure(shop.complain('column "colour" does not exist', text))
            assert outcome.proposal.statements == ("ALTER TABLE public.scratch ADD COLUMN colour text",)
            assert outcome.status == "verified"


@pytest.mark.postgresql
def test_a_statement_that_the_guard_denies_is_never_run(url: str, owner: psycopg.Connection) -> None:
    text = "INSERT INTO orders (customer_id, remark) VALUES (1, 'x')"
    with patient(url, agent(ddl="public.orders", allow_superuser=True)) as shop:
        outcome = shop.cure(shop.complain('column "remark" of relation "orders" does not exist', text))
    assert outcome.status == "applied"
    assert "not known" in outcome.message
    assert owner.execute("SELECT count(*) FROM orders").fetchone() == (5000,)


@pytest.mark.postgresql
def test_what_a_statement_or_a_name_holds_is_never_run_as_sql(url: str, owner: psycopg.Connection) -> None:
    owner.execute('CREATE TABLE odd ("(id)); DROP TABLE orders; --" int REFERENCES customers, x text)')
    owner.execute("INSERT INTO odd SELECT i % 999 + 1 FROM generate_series(1, 2000) i; ANALYZE odd")
    owner.execute("ALTER DATABASE " + owner.info.dbname + " SET standard_conforming_strings = off")
    with patient(url) as shop:
        (found,) = [one for one in shop.healer.diagnose().diagnoses if one.target.table == "odd"]
        assert shop.cure(found).status == "verified"
        text = r"INSERT INTO orders (customer_id) VALUES ('9\''); DROP TABLE odd; --')"
        for proposal in shop.healer.propose(shop.complain(text, text, state="23503")):
            assert shop.healer.apply(proposal).status == "failed"
        for name in ("int; DROP TABLE orders", "x; DROP TABLE orders", 'x"; DROP TABLE orders; --'):
            quoted = name.replace('"', '""')
            text = f"SELECT 1 FROM orders WHERE zzz = CAST('1' AS \"{quoted}\")"
            for proposal in shop.healer.propose(shop.complain('column "zzz" does not exist', text)):
                assert "DROP" not in proposal.statements[0]
    assert {"odd", "orders"} <= set(relations(owner))


def sqlite_shop(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)")
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        " INSERT INTO orders SELECT i, i FROM n"
    )
    connection.close()


def test_sqlites_lock_is_given_up_on(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    sqlite_shop(path)
    other = apsw.Connection(str(path))
    with patient(str(path), limits=QUICK) as shop:
        proposal = shop.propose(shop.complain(sql=BY_TOTAL))
        other.execute("BEGIN IMMEDIATE")
        outcome = shop.healer.apply(proposal)
        assert outcome.status == "failed"
        assert "locked" in outcome.message
        other.execute("ROLLBACK")
        assert other.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'index'").fetchall() == [(0,)]
        assert shop.healer.apply(proposal).status == "verified"


def test_cancelling_stops_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    sqlite_shop(path)
    text = "SELECT count(*) FROM orders a, orders b, orders c WHERE a.total = 77 AND a.nope = 5"
    with patient(str(path), limits=Limits(statement_s=60)) as shop:
        found = shop.complain("no such column: a.nope", text)
        with cancelling(shop), pytest.raises(CancelledError):
            shop.cure(found)
        assert not shop.healer.diagnose().diagnoses
    connection = apsw.Connection(str(path))
    assert [row[1] for row in connection.execute("PRAGMA table_info(orders)")] == ["id", "total"]


def test_a_stores_audit_has_what_was_done(tmp_path: Path) -> None:
    path, store = tmp_path / "shop.db", tmp_path / "store.db"
    sqlite_shop(path)
    with Healer(parse(str(path)), sink=store_sink(SqliteLocation(store)), actor="ada") as healer:
        (found,) = healer.diagnose(Complaint(sql=BY_TOTAL)).diagnoses
        outcome = healer.apply(healer.propose(found)[0])
    with open_store(store) as opened:
        after, before = opened.audit.list(project="exuvia-heal").items
        assert (before.action, after.action, after.actor) == ("heal.begin", "heal.verified", "ada")
        assert after.row_id == outcome.proposal.id
        assert after.data["sql"] == list(outcome.proposal.statements)
        assert after.data["after"]
        assert not opened.audit.verify()[0].broken


def test_the_store_within_a_database_is_found(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    sqlite_shop(path)
    assert store_within(SqliteLocation(path), StoreOptions()) is None
    with open_store(path) as opened:
        opened.projects.put("shop")
    sink = store_within(SqliteLocation(path), StoreOptions())
    assert sink is not None
    with Healer(parse(str(path)), sink=sink) as healer:
        (found,) = healer.diagnose(Complaint(sql=BY_TOTAL)).diagnoses
        assert healer.apply(healer.propose(found)[0]).status == "verified"
    with open_store(path) as opened:
        assert len(opened.audit.list(project="exuvia-heal").items) == 2


def test_a_proposal_that_nobody_made_is_not_applied(tmp_path: Path) -> None:
    sqlite_shop(tmp_path / "shop.db")
    with patient(str(tmp_path / "shop.db")) as shop, pytest.raises(ConfigError, match="no proposal"):
        shop.healer.apply("0123456789ab")


def test_what_was_mended_already_is_not_mended_again(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    sqlite_shop(path)
    with patient(str(path)) as shop:
        proposal = mended(shop)
        outcome = shop.healer.apply(proposal)
    assert outcome.status == "failed"
    assert "runs already" in outcome.message


def mended(shop: Patient) -> heal.Proposal:
    text = "INSERT INTO orders (remark) VALUES ('x')"
    proposal = shop.propose(shop.complain("table orders has no column named remark", text))
    assert shop.healer.apply(proposal).status == "verified"
    return proposal
