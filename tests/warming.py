"""A database that has moved and is kept warm: PostgreSQL under capture, SQLite behind the fence."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import psycopg

from capturing import catalog_of
from exuvia.engines.postgres.capture.install import install
from exuvia.engines.postgres.capture.plan import plan_capture
from exuvia.engines.sqlite.capture.fence import fence
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.location import PostgresLocation, SqliteLocation
from exuvia.move.pipeline import MoveOptions, migrate
from exuvia.move.planner import PlanOptions
from exuvia.move.results import MoveReport
from exuvia.values.rules import Style

MOVE = "m1"


def cut_over(path: Path, script: str, url: str, style: Style = "faithful") -> None:
    """Make a file, move it, and put capture and the fence where a cut-over would."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(script).fetchall()
    report = cut_over_made(path, url, style)
    assert report.proof is not None
    assert report.proof.equal


def cut_over_made(path: Path, url: str, style: Style) -> MoveReport:
    """Move a file, and put capture and the fence where a cut-over would."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    options = MoveOptions(plan=PlanOptions(style=style), quarantine_file=path.with_suffix(".jsonl"))
    report = migrate(SqliteLocation(path), PostgresLocation.of(url), options=options)
    with psycopg.connect(url) as server:
        install(server, plan_capture(server, "public", [table.name for table in report.tables]), MOVE)
    catalog = catalog_of(path)
    with SourceWriter(path) as writer, writer.transaction() as connection:
        fence(connection, catalog, "this database moved", MOVE)
    return report


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """Read the file."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return list(connection.execute(query))
