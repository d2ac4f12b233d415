"""Whatever tables an application has: what is touched in PostgreSQL and not changed stays in SQLite bit by bit, and
what goes and comes again is equal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings

import servers
from capturing import directory
from exuvia.catalog.names import quote
from exuvia.engines.postgres.capture.plan import plan_capture
from exuvia.live.warm import Inexact, Warm
from exuvia.location import PostgresLocation
from exuvia.values.rules import Style
from test_any_database import SETTINGS, AnyTable
from test_back_any import DRAWN, STYLES, make
from warming import cut_over_made, rows

EXAMPLES = int(os.environ.get("EXUVIA_EXAMPLES", "0")) or 500


def stored(path: Path, tables: list[str]) -> dict[str, list[tuple[object, ...]]]:
    """Every value with its storage class, and the rowid."""
    found = {}
    for table in tables:
        columns = [quote(str(row[1])) for row in rows(path, f"PRAGMA table_info({quote(table)})")]
        values = ", ".join(f"typeof({name}), iif(typeof({name}) = 'text', hex({name}), {name})" for name in columns)
        clustered = rows(path, f"SELECT sql LIKE '%WITHOUT ROWID' FROM sqlite_schema WHERE name = '{table}'") == [(1,)]
        found[table] = rows(
            path, f"SELECT {values if clustered else f'rowid, {values}'} FROM {quote(table)} NOT INDEXED"
        )
    return found


def kept_warm(drawn: list[AnyTable], style: Style, url: str) -> list[str]:
    """Move tables, change PostgreSQL, follow, and return what is not as it must be."""
    with directory() as made:
        path = Path(made) / "source.db"
        make(path, drawn)
        report = cut_over_made(path, url, style)
        names = [table.source for table in report.tables]
        rejected = sum(table.rows_rejected for table in report.tables)
        before = stored(path, names)
        complaints: list[str] = []
        with psycopg.connect(url, autocommit=True) as server, Warm(PostgresLocation.of(url), "public", path) as warm:
            complaints += [f"{one.table}: {one.reason}" for one in warm.plan.cold]
            captured = plan_capture(server, "public", [table.name for table in report.tables]).tables
            for table in captured:
                name = quote(table.columns[0].name)
                server.execute(f"UPDATE {table.place} SET {name} = {name}".encode())
            done = warm.round()
            if repr(stored(path, names)) != repr(before):
                complaints.append(f"touched: {before} became {stored(path, names)}")
            if done.inexact:
                complaints.append(f"touched: {done.inexact}")
            for table in captured:
                server.execute(f"CREATE TABLE saved AS SELECT * FROM {table.place}".encode())
                server.execute(
                    f"DELETE FROM {table.place} WHERE ctid IN (SELECT ctid FROM {table.place} LIMIT 3)".encode()
                )
                warm.round()
                server.execute(f"TRUNCATE {table.place}".encode())
                done = warm.round()
                complaints += [f"emptied: {one}" for one in done.inexact]
                server.execute(f"INSERT INTO {table.place} SELECT * FROM saved; DROP TABLE saved".encode())
            inexact = set(warm.round().inexact)
            _, proof = warm.verify()
        found = {Inexact(one.table, one.column) for table in proof.tables for one in table.differences}
        if not rejected and not found <= inexact:
            complaints.append(f"{found - inexact} {proof}")
        return complaints


@settings(SETTINGS, max_examples=5)
@given(drawn=DRAWN, style=STYLES)
def test_any_tables_are_kept_warm(server_url: Callable[[str], str], drawn: list[AnyTable], style: Style) -> None:
    with servers.fresh_database(server_url("pip")) as url:
        assert kept_warm(drawn, style, url) == []


@pytest.mark.slow
def test_very_many_tables_are_kept_warm(server_url: Callable[[str], str]) -> None:
    @settings(SETTINGS, max_examples=EXAMPLES, database=None)
    @given(drawn=DRAWN, style=STYLES)
    def check(drawn: list[AnyTable], style: Style) -> None:
        with servers.fresh_database(server_url("debian")) as url:
            assert kept_warm(drawn, style, url) == []

    check()
