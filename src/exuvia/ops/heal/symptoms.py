"""What an error says, whoever has wrapped it: PostgreSQL, SQLite, their drivers, SQLAlchemy."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg.errors

from exuvia.ops.heal.model import Complaint, Kind

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BY_SQLSTATE: Final[dict[str, Kind]] = {
    "42703": "missing_column",
    "42P01": "missing_table",
    "23503": "orphan_rows",
    "23505": "sequence_behind",
    "XX002": "invalid_index",
    "57014": "slow_query",
    "25P04": "slow_query",
}
_QUOTED: Final = r"(?:\"(?:[^\"]|\"\")+\"|»[^«]+«|„[^“”]+[“”]|«\s?[^»]+?\s?»)"
_NAME: Final = rf"(?:{_QUOTED}|[\w$.]+)"
_WORDS: Final[tuple[tuple[str, Kind], ...]] = (
    (rf"column (?P<column>{_NAME}) of relation (?P<table>{_NAME}) does not exist", "missing_column"),
    (rf"column (?P<column>{_NAME}) does not exist", "missing_column"),
    (r"table (?P<table>\S+) has no column named (?P<column>\"[^\"\n]+\"|[^\s'\")]+)", "missing_column"),
    (r"no such column: (?P<column>\"[^\"\n]+\"|[^\s'\")]+)", "missing_column"),
    (r"unknown column \"(?P<column>[^\"]+)\" in foreign key", "missing_column"),
    (rf"relation (?P<table>{_NAME}) does not exist", "missing_table"),
    (r"no such table: (?P<table>\"[^\"\n]+\"|[^\s'\")]+)", "missing_table"),
    (
        rf"on table (?P<table>{_NAME}) violates foreign key constraint (?P<constraint>{_NAME})",
        "orphan_rows",
    ),
    (r"FOREIGN KEY constraint failed|foreign key mismatch", "orphan_rows"),
    (rf"duplicate key value violates unique constraint (?P<constraint>{_NAME})", "sequence_behind"),
    (r"UNIQUE constraint failed: (?P<column>[^\s,'\")]+)", "sequence_behind"),
    (rf"index (?P<index>{_NAME}) (?:contains|is not|has|lacks)", "invalid_index"),
    (r"(?:missing from|wrong # of entries in|non-unique entry in) index (?P<index>[^\n]+)", "invalid_index"),
    (r"(?:could not|cannot) (?:read|find).*index (?P<index>" + _QUOTED + ")", "invalid_index"),
    (r"statement timeout|canceling statement due to|took longer than|interrupted", "slow_query"),
)
_PATTERNS: Final = tuple((re.compile(words, re.IGNORECASE), kind) for words, kind in _WORDS)
_STATE: Final = re.compile(r"(?:SQLSTATE|sqlstate|pgcode|code)\W{1,4}([0-9A-Z]{5})\b|\[([0-9A-Z]{5})\]")
_CLASS: Final = re.compile(r"\b([A-Z][A-Za-z]+?)(?:Error)?\b(?=\)|:|\()")
_DETAIL: Final = re.compile(r"\((?P<columns>[^()]+)\)=\((?P<values>.*?)\)")
_SQLALCHEMY: Final = re.compile(
    r"\[SQL: (?P<sql>.*?)\](?:\s*\n\[parameters: (?P<values>.*?)\])?\s*(?:\n\(Background|\Z)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Symptom:
    """What an error says.

    Args:
        kind: The class that its code or its words mean; None where they mean none that is healed here.
        sqlstate: The code, also where it was read from the text; empty where there is none.
        how: How the class is known.
        table: The table that it names, with its schema where that is said; empty where it names none.
        column: The column, with its table's alias where that is said.
        constraint: The constraint.
        index: The index.
        keys: The columns and the values of a violated key, as the engine spells them.
    """

    kind: Kind | None
    sqlstate: str = ""
    how: str = ""
    table: str = ""
    column: str = ""
    constraint: str = ""
    index: str = ""
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """An error's own words, and the statement and its values where a wrapper has added them."""

    text: str
    sql: str
    values: Sequence[Any] | Mapping[str, Any]


def unwrap(complaint: Complaint) -> Unwrapped:
    """Return what a complaint says: of SQLAlchemy's errors the statement and its parameters, too."""
    found = _SQLALCHEMY.search(complaint.error)
    if found is None:
        return Unwrapped(complaint.error, complaint.sql, complaint.values)
    values: Sequence[Any] | Mapping[str, Any] = complaint.values
    if not complaint.sql and not complaint.values:
        values = _literal(found["values"] or "()")
    text = complaint.error[: found.start()]
    return Unwrapped(text, complaint.sql or found["sql"].strip(), values)


def read(text: str, sqlstate: str = "") -> Symptom:
    """Tell what an error means. The code is preferred: words are in the server's language, and a user's own.

    Args:
        text: The error's text.
        sqlstate: PostgreSQL's code; empty where it is not known.
    """
    state = sqlstate.strip().upper() or _state_of(text)
    names: dict[str, str] = {}
    worded: Kind | None = None
    for pattern, kind in _PATTERNS:
        found = pattern.search(text)
        if found is not None and (not state or _BY_SQLSTATE.get(state) in (None, kind)):
            names = {name: value for name, value in found.groupdict().items() if value}
            worded = kind
            break
    coded = _BY_SQLSTATE.get(state)
    # Another table's column than those of FROM has the code of a missing table
    if coded == "missing_table" and "FROM-clause" in text:
        coded = None
    if coded is not None and worded is None:
        names = _quoted(text, coded)
    kind_ = coded or (worded if not state or state.startswith("HY") else None)
    if kind_ is None:
        return Symptom(None, state)
    how = f"SQLSTATE {state}" if coded else "the error's words" if worded else ""
    detail = _DETAIL.search(text)
    keys = tuple(zip(_cut(detail["columns"]), _cut(detail["values"]), strict=False)) if detail else ()
    plain = {name: _plain(value) for name, value in names.items()}
    return Symptom(kind_, state, how, keys=keys, **plain)


def _state_of(text: str) -> str:
    found = _STATE.search(text)
    if found is not None:
        return found[1] or found[2]
    for name in _CLASS.findall(text):
        known = getattr(psycopg.errors, name, None)
        state = getattr(known, "sqlstate", None)
        if isinstance(state, str) and state in _BY_SQLSTATE:
            return state
    return ""


def _quoted(text: str, kind: Kind) -> dict[str, str]:
    """Take the names from a message in another language: they are in quotes, and a column comes before its table."""
    found = re.findall(_QUOTED, text.split("\n", 1)[0])
    if not found:
        return {}
    if kind == "missing_column":
        return {"column": found[0]} | ({"table": found[1]} if len(found) > 1 else {})
    if kind == "missing_table":
        return {"table": found[0]}
    if kind == "orphan_rows":
        return {"table": found[0], "constraint": found[1]} if len(found) > 1 else {}
    return {"constraint": found[0]} if kind == "sequence_behind" else {"index": found[0]}


def _plain(name: str) -> str:
    name = name.strip()
    if name[:1] in '"»„«':
        return name[1:-1].strip().replace('""', '"')
    return name.rstrip(".,;")


def _cut(text: str) -> list[str]:
    return [part.strip().strip('"') for part in text.split(",")]


def _literal(text: str) -> Sequence[Any] | Mapping[str, Any]:
    """Read parameters as Python spells them; what it does not spell plainly (a UUID, a time) is not known."""
    try:
        values = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    return values if isinstance(values, Mapping | tuple | list) else ()
