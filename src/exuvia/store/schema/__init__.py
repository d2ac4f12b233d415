"""The store's tables: numbered SQL for each engine, applied once, in order, under a lock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import xxhash

from exuvia.store.core.detecting import add_extensions
from exuvia.store.core.dialect import Dialect, Engine
from exuvia.store.core.requests import Operation, Row, Statement
from exuvia.store.core.row_security import LOCK
from exuvia.store.errors import SchemaError

_NAME: Final = re.compile(r"(\d{4})_(\w+)\.sql")
_TABLE: Final = re.compile(r'^CREATE (?:VIRTUAL )?TABLE (?:IF NOT EXISTS )?"?(\w+)', re.MULTILINE)
_UPDATE: Final = "Update exuvia: pip install --upgrade exuvia."


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered file.

    Args:
        number: Its place in the order.
        name: What it is about.
        sql: Its statements.
    """

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """A digest of its text."""
        return xxhash.xxh3_64_hexdigest(self.sql.encode())


def steps(engine: Engine) -> tuple[Step, ...]:
    """Return an engine's steps, in order."""
    folder = files("exuvia.store.schema") / ("postgres" if engine == "postgresql" else engine)
    found = ((_NAME.fullmatch(file.name), file) for file in folder.iterdir())
    made = (Step(int(name[1]), name[2], file.read_text("utf-8")) for name, file in found if name)
    return tuple(sorted(made, key=lambda step: step.number))


def missing_steps(dialect: Dialect, schema: str, *, create: bool) -> Operation[tuple[Step, ...]]:
    """Return the steps that are still to be done.

    Args:
        dialect: The engine's.
        schema: PostgreSQL's schema.
        create: What is missing will be made; else raise.

    Raises:
        SchemaError: The tables are newer than this code, were made by other steps, are somebody else's, or are missing
            and not to be made.
    """
    known = steps(dialect.engine)
    done = yield from _applied(dialect, schema)
    _check(known, done)
    missing = tuple(step for step in known if step.number not in done)
    if missing and not create:
        raise SchemaError(
            f"The store's tables are missing or older than this exuvia ({missing[0].name} and later).",
            hint="Open the store once with create=True, as a user who may create tables.",
            code="missing",
        )
    if missing:
        _check_names(missing, (yield _existing(dialect, schema)))
    return missing


def bring_up_to_date(dialect: Dialect, schema: str) -> Operation[None]:
    """Make the tables that are missing; an operation to be run in a transaction of its own.

    Args:
        dialect: The engine's.
        schema: PostgreSQL's schema.

    Raises:
        SchemaError: As ``missing_steps`` does.
    """
    if dialect.is_postgres:
        yield Statement(LOCK)
        yield Statement(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        yield Statement(f'SET LOCAL search_path = "{schema}", public')
        yield from add_extensions()
    yield Statement(
        "CREATE TABLE IF NOT EXISTS exuvia_schema ("
        " number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL)"
    )
    for step in (yield from missing_steps(dialect, schema, create=True)):  # another process may have been first
        yield from _apply(step)


def _applied(dialect: Dialect, schema: str) -> Operation[dict[int, str]]:
    look = (
        Statement(
            "SELECT 1 FROM pg_tables WHERE schemaname = :schema AND tablename = 'exuvia_schema'", {"schema": schema}
        )
        if dialect.is_postgres
        else Statement("SELECT 1 FROM sqlite_schema WHERE name = 'exuvia_schema'")
    )
    if not (yield look):
        return {}
    table = f'"{schema}".exuvia_schema' if dialect.is_postgres else "exuvia_schema"
    rows = yield Statement(f"SELECT number, checksum FROM {table}")
    return dict(rows)


def _existing(dialect: Dialect, schema: str) -> Statement:
    if dialect.is_postgres:
        return Statement("SELECT tablename FROM pg_tables WHERE schemaname = :schema", {"schema": schema})
    return Statement("SELECT name FROM sqlite_schema WHERE type = 'table'")


def _check_names(missing: tuple[Step, ...], existing: list[Row]) -> None:
    there = {name.lower() for (name,) in existing}
    for step in missing:
        for name in _TABLE.findall(step.sql):
            if name.lower() in there:
                raise SchemaError(
                    f"There is a table {name!r} already that is not the store's.",
                    hint="Give the store a file, a database or a schema of its own.",
                    code="foreign_table",
                )


def _check(known: tuple[Step, ...], done: dict[int, str]) -> None:
    by_number = {step.number: step for step in known}
    if strange := done.keys() - by_number.keys():
        raise SchemaError(
            f"The store's tables were made by a newer exuvia (step {max(strange)}).", hint=_UPDATE, code="newer"
        )
    for number, checksum in done.items():
        if by_number[number].checksum != checksum:
            raise SchemaError(
                f"The store's tables were made by another version of step {number} ({by_number[number].name}).",
                hint=_UPDATE,
                code="changed",
            )


def _apply(step: Step) -> Operation[None]:
    for statement in _statements(step.sql):
        yield Statement(statement)
    yield Statement(
        "INSERT INTO exuvia_schema (number, name, checksum) VALUES (:number, :name, :checksum)",
        {"number": step.number, "name": step.name, "checksum": step.checksum},
    )


def _statements(script: str) -> Iterator[str]:
    """Split a script at the semicolons that end a line without indentation before the next statement."""
    for piece in re.split(r";[ \t]*\n(?=\S|\s*\Z|\n)", script):
        if piece.strip() and not all(line.startswith("--") for line in piece.strip().splitlines()):
            yield piece.strip()
