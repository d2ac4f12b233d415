"""There and back again: any SQLite database, through PostgreSQL, gives back every value.

A value is given back when it is the same as before, spelled as PostgreSQL spells its type: that is all that the type
which the plan chose allows (docs/way-back.md, "There and back again").
"""

from __future__ import annotations

import datetime
import decimal
import json
import os
import random
import re
import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import servers
from exuvia.catalog.types import Base
from exuvia.location import PostgresLocation, SqliteLocation
from exuvia.move.back.pipeline import migrate_back
from exuvia.move.pipeline import MoveOptions, migrate
from exuvia.move.plan import TablePlan
from exuvia.move.planner import PlanOptions
from exuvia.values.cells import Cells
from exuvia.values.convert import convert
from exuvia.values.reals import shortest_texts
from exuvia.values.rules import Rule
from test_any_database import SETTINGS, AnyTable, tables

SEED = int(os.environ.get("EXUVIA_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
EXAMPLES = int(os.environ.get("EXUVIA_EXAMPLES", "0")) or 10_000
LEAP_YEAR = 2000

_NUMBERS = (Base.SMALLINT, Base.INTEGER, Base.BIGINT, Base.DOUBLE, Base.NUMERIC, Base.BOOLEAN)
_TEXTS = (Base.TEXT, Base.VARCHAR)
_MOMENTS = (Base.DATE, Base.TIMESTAMP, Base.TIMESTAMPTZ)


def make(path: Path, drawn: list[AnyTable]) -> None:
    connection = sqlite3.connect(path)
    for number, table in enumerate(drawn):
        connection.execute(table.definition(f"T{number}"))
        table.fill(connection, f"T{number}")
    connection.commit()
    connection.close()


def read(path: Path, table: str) -> tuple[list[tuple[str, str]], list[tuple[object, ...]]]:
    """Return a table's columns with their declared types, and its rows: text as str, BLOBs as bytes."""
    connection = sqlite3.connect(path)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        columns = [(row[1], row[2]) for row in connection.execute(f'PRAGMA table_info("{table}")')]
        return columns, connection.execute(f'SELECT * FROM "{table}"').fetchall()
    finally:
        connection.close()


def spelled(value: object, rule: Rule) -> object:
    """Return a value of SQLite's as the type that PostgreSQL held it in spells it."""
    try:
        return None if value is None else of_type(value, rule)
    except (ValueError, decimal.InvalidOperation):
        return ("not of the type", value)


def of_type(value: object, rule: Rule) -> object:
    base = rule.type.base
    if base in _NUMBERS:
        return number(value)
    if base in _TEXTS:
        return text(value)
    if base is Base.BYTEA:
        return text(value).encode("utf-8", "surrogateescape") if not isinstance(value, bytes) else value
    if base is Base.UUID:
        return uuid.UUID(bytes=value) if isinstance(value, bytes) else uuid.UUID(str(value))
    if base in (Base.JSON, Base.JSONB):
        return plain_json(text(value))
    if base in _MOMENTS:
        return moment(value, rule)
    return text(value)


def number(value: object) -> object:
    if isinstance(value, str):
        value = {"t": 1, "f": 0, "true": 1, "false": 0, "yes": 1, "no": 0}.get(value.strip().lower(), value)
    return decimal.Decimal(repr(value) if isinstance(value, float) else str(value))


def text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return (
        shortest_texts(np.array([value]))[0].as_py().replace("inf", "Inf") if isinstance(value, float) else str(value)
    )


def plain_json(value: str) -> object:
    numbers: dict[str, Any] = {"parse_float": decimal.Decimal, "parse_int": decimal.Decimal}
    return json.dumps(json.loads(value, **numbers), sort_keys=True, default=digits)


def digits(number: decimal.Decimal) -> list[str]:
    whole, _, decimals = format(abs(number), "f").partition(".")
    return ["-" if number < 0 else "+", whole, decimals.rstrip("0")]


def moment(value: object, rule: Rule) -> object:
    """Return the moment that a text names (UTC where it names no zone), or that the plan reads a number as."""
    if isinstance(value, int | float):
        kind = "integers" if isinstance(value, int) else "reals"
        (read_as,) = convert(Cells(1, **{kind: pa.array([value])}), rule).array.cast(pa.string()).to_pylist()
        value = value if read_as is None else read_as
    year, rest = re.fullmatch(r"(?s)(\d{5,})?(.*)", str(value).strip()).groups()  # type: ignore[union-attr]
    try:
        found = datetime.datetime.fromisoformat(f"{LEAP_YEAR}{rest}" if year else rest)
    except ValueError:
        return str(value)
    found = found.astimezone(datetime.UTC) if found.tzinfo else found.replace(tzinfo=datetime.UTC)
    # Python's years end with 9999
    return (int(year) + found.year - LEAP_YEAR, found.replace(year=LEAP_YEAR)) if year else found


def complaints(source: Path, back: Path, plans: list[TablePlan], rejected: dict[str, int]) -> list[str]:
    """Compare what was with what came back."""
    found = []
    for plan in plans:
        name = plan.source.name
        columns, ours = read(source, name)
        columns_back, theirs = read(back, name)
        if columns != columns_back:
            found.append(f"{name}: the columns {columns} came back as {columns_back}")
            continue
        rules = {column.source.name: column.rule for column in plan.columns}
        expected, got = (
            Counter(
                tuple(spelled(value, rules[column]) for (column, _), value in zip(columns, row, strict=True))
                for row in rows
            )
            for rows in (ours, theirs)
        )
        missing, extra = expected - got, got - expected
        if extra or missing.total() != rejected[name]:
            found.append(f"{name} {rules}: {list(missing)[:3]} came back as {list(extra)[:3]}")
    return found


def trip(drawn: list[AnyTable], style: str, url: str) -> list[str]:
    """Move a database there and back and return what is not as it was."""
    with TemporaryDirectory() as directory:
        source, back = Path(directory) / "source.db", Path(directory) / "back.db"
        make(source, drawn)
        plan = PlanOptions(style=style)  # type: ignore[arg-type]
        options = MoveOptions(plan=plan, jobs=2, quarantine_file=Path(directory) / "quarantine.jsonl")
        there = migrate(source, url, options=options)
        again = migrate_back(PostgresLocation.of(url), SqliteLocation(back))
        found = [] if again.status == "moved" else [f"the way back is {again.status}"]
        rejected = {table.source: table.rows_rejected for table in there.tables}
        return found + complaints(source, back, list(there.plan.tables), rejected)


DRAWN = st.lists(tables(), min_size=1, max_size=2)
STYLES = st.sampled_from(("faithful", "native"))


@hypothesis_settings(SETTINGS, max_examples=12)
@given(drawn=DRAWN, style=STYLES)
def test_there_and_back_again_gives_every_value(
    server_url: Callable[[str], str], drawn: list[AnyTable], style: str
) -> None:
    with servers.fresh_database(server_url("pip")) as url:
        assert trip(drawn, style, url) == []


@pytest.mark.slow
def test_ten_thousand_databases_there_and_back_again(
    server_url: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """EXUVIA_SEED repeats a run, EXUVIA_EXAMPLES shortens it."""
    with capsys.disabled():
        print(f"\nEXUVIA_SEED={SEED}")  # noqa: T201

    @seed(SEED)
    @hypothesis_settings(SETTINGS, max_examples=EXAMPLES, database=None)
    @given(drawn=DRAWN, style=STYLES)
    def check(drawn: list[AnyTable], style: str) -> None:
        with servers.fresh_database(server_url("debian")) as url:
            assert trip(drawn, style, url) == []

    check()
