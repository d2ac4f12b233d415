"""A store behind PgBouncer in transaction mode: each transaction may have another connection to the server."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from exuvia.store import StoreOptions, open_store
from exuvia.store.errors import TenantError
from store_fixtures import run_raw

OPTIONS = StoreOptions(pgbouncer=True)


def test_reading_writing_and_transactions_work(bouncer_url: str) -> None:
    with open_store(bouncer_url, OPTIONS) as store:
        for number in range(20):
            store.projects.put(f"p{number:02}")
        for _ in range(20):
            assert store.projects.list(limit=1).total == 20
        with pytest.raises(ZeroDivisionError), store.transaction() as tx:
            tx.projects.put("undone")
            raise ZeroDivisionError
        assert store.projects.list().total == 20
        store.plans.create("a common fox", project="p00")
        assert store.search("fox").total == 1


def test_the_stores_settings_hold_in_each_transaction_and_stay_nowhere(bouncer_url: str, debian_url: str) -> None:
    look = (
        "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('TimeZone'),"
        " current_setting('search_path')"
    )
    with open_store(bouncer_url, StoreOptions(pgbouncer=True, statement_timeout=7, lock_timeout=5)) as store:
        assert run_raw(store, look)[0][:3] == ("7s", "5s", "UTC")
        assert run_raw(store, look)[0][3].startswith('"exuvia_store"')
    with psycopg.connect(bouncer_url, autocommit=True, prepare_threshold=None) as connection:
        beside = [connection.execute(look.encode()).fetchone() for _ in range(10)]
    with psycopg.connect(debian_url, autocommit=True) as connection:
        assert set(beside) == {connection.execute(look.encode()).fetchone()}


def test_tenants_on_two_connections_see_no_foreign_row(bouncer_url: str) -> None:
    names = [f"tenant{number:02}" for number in range(50)]

    async def storm() -> None:
        async with open_store(bouncer_url, OPTIONS) as store:

            async def visit(name: str) -> None:
                bound = store.project(name)
                await bound.projects.put()
                for _ in range(5):
                    assert [item.id for item in (await bound.projects.list()).items] == [name]
                    with pytest.raises(TenantError):
                        await bound.projects.put("another")

            await asyncio.gather(*map(visit, names))
            assert (await store.projects.list()).total == 50

    asyncio.run(storm())
