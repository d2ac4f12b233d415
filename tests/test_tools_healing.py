"""A database that an agent's tools heal: found, proposed, applied, verified and recorded, within the policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

import servers
from database_tools import Shop
from exuvia.location import parse
from exuvia.settings import load
from exuvia.tools.catalogue import EVERYTHING, served
from exuvia.tools.desk import ServedDatabases
from exuvia.tools.frame import Call, invoke

Answer = dict[str, Any]

_TABLES = """
CREATE TABLE customers (id {key}, name {text});
CREATE TABLE orders (id {key}, customer_id int REFERENCES customers, total int);
CREATE TABLE hidden (id {key}, customer_id int REFERENCES customers);
"""
_POSTGRES = """
INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 500) i;
INSERT INTO orders SELECT i, 1 + i % 500, i FROM generate_series(1, 8000) i;
INSERT INTO hidden SELECT i, 1 + i % 500 FROM generate_series(1, 8000) i;
ANALYZE;
"""
_SQLITE = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000) INSERT INTO orders
  SELECT i, 1 + i % 500, i FROM n;
INSERT INTO customers SELECT id, 'customer ' || id FROM orders WHERE id <= 500;
INSERT INTO hidden SELECT id, customer_id FROM orders;
"""


@pytest.fixture(params=["sqlite", pytest.param("pip", marks=pytest.mark.postgresql)])
def ward(request: pytest.FixtureRequest, server_url: Callable[[str], str], tmp_path: Path) -> Iterator[Shop]:
    """A shop with foreign keys that have no index, of whose tables one may not be seen."""
    if request.param == "sqlite":
        path = str(tmp_path / "ward.db")
        with closing(apsw.Connection(path)) as connection:
            connection.execute(_TABLES.format(key="INTEGER PRIMARY KEY", text="TEXT") + _SQLITE)
        with closing(Shop(path, path, "main", _policy("main"))) as shop:
            yield shop
        return
    with servers.fresh_database(server_url(request.param)) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute((_TABLES.format(key="int PRIMARY KEY", text="text") + _POSTGRES).encode())
        with closing(Shop(url, url, "public", _policy("public"))) as shop:
            yield shop


@pytest.fixture(autouse=True)
def audit_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is recorded without a store out of the user's own directory."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@contextmanager
def blocked(ward: Shop) -> Iterator[None]:
    """Keep everybody else from changing the orders."""
    if not ward.is_postgres:
        # A lock of another copy of the library in the same process, Python's own, would keep nobody out.
        with closing(apsw.Connection(ward.owner)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    with psycopg.connect(ward.owner) as connection:
        connection.execute("LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE")
        yield
        connection.rollback()


def _policy(schema: str) -> Answer:
    return {
        "guard_read": (f"{schema}.*", f"!{schema}.hidden"),
        "guard_ddl": (f"{schema}.orders",),
        "guard_allow_superuser": True,
    }


def found(answer: Answer, kind: str) -> list[Answer]:
    """Return the diagnoses of a kind."""
    rows = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    return [row for row in rows if row["kind"] == kind]


def test_a_missing_index_is_found_built_verified_and_stays(ward: Shop) -> None:
    (diagnosis,) = found(ward.does("diagnose"), "missing_index")
    assert "orders" in diagnosis["about"]
    fixes = ward.does("propose_fix", diagnosis=diagnosis["id"])
    fix = fixes["fixes"][0]
    assert "CREATE INDEX" in " ".join(fix["sql"])
    assert fix["risk"] in ("low", "medium", "high")
    assert "DROP INDEX" in " ".join(fix["undo"])
    assert fixes["evidence"]
    mended = ward.does("apply_fix", proposal=fix["id"])
    assert mended["status"] == "verified"
    assert mended["before"]
    assert ward.does("describe_table", table="orders")["indexes"]
    assert not found(ward.does("diagnose"), "missing_index")


def test_tables_that_may_not_be_read_are_not_told_of(ward: Shop) -> None:
    assert "hidden" not in str(ward.does("diagnose"))


def test_a_misspelled_column_is_answered_with_the_statement_as_it_should_read(ward: Shop) -> None:
    answer = ward.does("diagnose", error='column "totl" does not exist', sql="SELECT totl FROM orders")
    (diagnosis,) = found(answer, "missing_column")
    fix = ward.does("propose_fix", diagnosis=diagnosis["id"])["fixes"][0]
    assert "total" in fix["rewritten"]
    error = ward.fails("apply_fix", proposal=fix["id"])
    assert error["error"] == "argument.rewritten"


def test_what_nobody_proposed_is_not_known(ward: Shop) -> None:
    assert ward.fails("propose_fix", diagnosis="nonsense")["argument"] == "diagnosis"
    assert ward.fails("apply_fix", proposal="nonsense")["argument"] == "proposal"


def test_nothing_is_mended_outside_of_the_policy(ward: Shop) -> None:
    elsewhere = {"guard_ddl": (f"{ward.schema}.customers",)}
    (diagnosis,) = found(ward.does("diagnose", under=elsewhere), "missing_index")
    fix = ward.does("propose_fix", diagnosis=diagnosis["id"], under=elsewhere)["fixes"][0]
    error = ward.fails("apply_fix", proposal=fix["id"], under=elsewhere)
    assert error["error"].startswith("guard.")
    assert "indexes" not in ward.does("describe_table", table="orders")


def test_mending_takes_the_scope_and_the_level(ward: Shop) -> None:
    assert ward.fails("apply_fix", proposal="x", scopes=frozenset({"read", "write", "sql"}))["error"] == "off.scope"
    desk = ward.desk(guard_ddl=())
    assert "apply_fix" not in served(desk)
    assert {"diagnose", "propose_fix"} <= {tool.name for tool in served(desk)}


def test_a_repair_tells_its_progress_and_is_recorded_with_who_did_it(ward: Shop, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []

    async def progress(done: float, total: float | None, message: str) -> None:
        told.append((done, message))

    async def go() -> list[Any]:
        settings = load(**ward.settings)
        url = f"sqlite:///{tmp_path / 'memory.db'}"
        async with ServedDatabases(settings, location=parse(ward.url), store=url) as desk:
            call = Call(desk, served(desk), caller="agent seven", progress=progress)
            (diagnosis,) = found(dict((await invoke(call, EVERYTHING.named("diagnose"), {})).data), "missing_index")
            fixes = await invoke(call, EVERYTHING.named("propose_fix"), {"diagnosis": diagnosis["id"]})
            given = {"proposal": fixes.data["fixes"][0]["id"]}
            mended = await invoke(call, EVERYTHING.named("apply_fix"), given)
            assert mended.data["status"] == "verified", mended.data
            page = await (await desk.store()).project("exuvia-heal").audit.list()
            return list(page.items)

    entries = asyncio.run(go())
    assert [entry.action for entry in sorted(entries, key=lambda entry: entry.seq)] == ["heal.begin", "heal.verified"]
    assert {entry.actor for entry in entries} == {"agent seven"}
    assert [done for done, _ in told] == [0, 1] * 3


def test_a_repair_that_is_cancelled_leaves_nothing_behind(ward: Shop) -> None:
    async def go() -> None:
        async with ward.desk() as desk:
            call = Call(desk, served(desk))
            (diagnosis,) = found(dict((await invoke(call, EVERYTHING.named("diagnose"), {})).data), "missing_index")
            fixes = await invoke(call, EVERYTHING.named("propose_fix"), {"diagnosis": diagnosis["id"]})
            given = {"proposal": fixes.data["fixes"][0]["id"]}
            with blocked(ward):
                applying = asyncio.create_task(invoke(call, EVERYTHING.named("apply_fix"), given))
                await asyncio.sleep(0.3)
                applying.cancel()
                with suppress(asyncio.CancelledError):
                    await applying

    asyncio.run(go())
    assert "indexes" not in ward.does("describe_table", table="orders")
