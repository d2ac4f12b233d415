"""Views on the way back: translated, and kept only if they give the same rows on both sides."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import sqlglot
from sqlglot import exp

from exuvia.catalog.model import Column, Table
from exuvia.engines.postgres.catalog import PgTable, PgView
from exuvia.engines.postgres.fetch import Fetcher
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.rows import row_batches
from exuvia.engines.sqlite.write import attempt
from exuvia.errors import ExuviaError
from exuvia.move.back.carriage import carriage
from exuvia.move.back.comparing import Batch, source_batches, stored, total
from exuvia.move.back.plan import BackColumn, BackTable
from exuvia.move.plan import Fate, ObjectPlan

_LIMITS = (65_536, 4 << 20)


@dataclass(frozen=True, slots=True)
class Views:
    """Makes views in a file that nobody else has open.

    Args:
        path: The file.
        fetcher: The source, at the moment of the move.
    """

    path: Path
    fetcher: Fetcher

    def make(self, views: Sequence[tuple[PgView, str]]) -> tuple[ObjectPlan, ...]:
        """Make as many of the views as SQLite can hold and return what became of each."""
        fates: dict[str, ObjectPlan] = {}
        waiting = list(views)
        for _, name in views:  # an interrupted run may have made it
            attempt(self.path, f"DROP VIEW IF EXISTS {quote(name)}")
        progress = True
        while waiting and progress:
            progress = False
            for view, name in list(waiting):
                fates[view.name] = fate = self._one(view, name)
                if fate.fate is not Fate.LEFT_OUT:
                    waiting.remove((view, name))
                    progress = True
        return tuple(fates.values())

    def _one(self, view: PgView, name: str) -> ObjectPlan:
        def left_out(reason: str) -> ObjectPlan:
            return ObjectPlan("view", view.name, view.name, Fate.LEFT_OUT, reason, view.query)

        columns = ", ".join(quote(column.name) for column in view.columns)
        try:
            sql = f"CREATE VIEW {quote(name)} ({columns}) AS {_translated(view)}"
        except (sqlglot.errors.SqlglotError, RecursionError) as error:
            return left_out(f"it cannot be translated: {str(error).splitlines()[0]}")
        refusal = attempt(self.path, sql) or attempt(self.path, f"SELECT * FROM {quote(name)} LIMIT 0")
        reason = f"SQLite refuses it: {refusal}" if refusal else self._difference(view, name)
        if reason:
            attempt(self.path, f"DROP VIEW IF EXISTS {quote(name)}")
            return left_out(reason)
        reason = "translated; gives the same rows on both sides"
        return ObjectPlan("view", view.name, view.name, Fate.TRANSLATED, reason, view.query, sql)

    def _difference(self, view: PgView, name: str) -> str:
        columns = tuple(_column(column) for column in view.columns)
        source = PgTable(view.schema, view.name, view.columns, partitioned=True)
        table = BackTable(source, Table(name, tuple(column.target for column in columns)), columns)
        connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            ours = total(source_batches(self.fetcher, table), len(columns))
            theirs = total(_view_batches(connection, table), len(columns))
        except (ExuviaError, apsw.Error) as error:
            return f"it cannot be compared: {str(error).splitlines()[0]}"
        finally:
            connection.close()
        return "" if ours == theirs else "translated to SQLite's SQL it gives other rows"


def _column(column: Any) -> BackColumn:
    way = carriage(column, None, exact_decimals=False)
    return BackColumn(column, Column(column.name, way.declared), way)


def _view_batches(connection: apsw.Connection, table: BackTable) -> Generator[Batch]:
    names = [column.target.name for column in table.columns]
    for cells in row_batches(connection, names, f"FROM {quote(table.target.name)}", _LIMITS, bytes):
        yield [stored(column, cells[column.target.name]) for column in table.columns]


def _translated(view: PgView) -> str:
    tree = sqlglot.parse_one(view.query.strip().rstrip(";"), read="postgres")
    for table in tree.find_all(exp.Table):
        if table.db == view.schema:
            table.set("db", None)
    return str(tree.sql(dialect="sqlite", identify=True, unsupported_level=sqlglot.ErrorLevel.RAISE))
