"""Do both databases behave alike? The same statements run on both sides, and the tables are compared afterwards."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from oracle.claim import Claim, ClaimedColumn, ClaimedTable
from oracle.source import Source, Value, opened
from oracle.target import Target
from oracle.times import Unequal, stamp
from oracle.values import Canonical, source_form, target_form

_RECENT = 3_600_000_000


def behave_alike(path: Path, url: str, claim: Claim, statements: Sequence[str]) -> list[str]:
    """Run statements that mean the same in both dialects on a copy of the file and on the target.

    Args:
        path: The SQLite file.
        url: The target; it is changed by the statements.
        claim: What was moved where; the names of the statements' tables and columns must be the same on both sides.
        statements: Changes of rows, each of which may be refused, but then by both.

    Returns:
        One sentence for each statement that only one side refused, and for each table that differs afterwards.
        Columns that are no longer generated are not compared. Moments of the last hour are equal to each other: the
        two sides have different clocks.
    """
    complaints = []
    with opened(path) as source:
        target = Target(url)
        try:
            for statement in statements:
                ours, theirs = _refusal(source, statement), target.refusal(statement)
                if bool(ours) != bool(theirs):
                    complaints.append(f"{statement}: SQLite says {ours or 'yes'!r}, PostgreSQL {theirs or 'yes'!r}")
            for table in claim.tables:
                complaints += _compare(source, target, table)
        finally:
            target.close()
    return complaints


def _refusal(source: Source, statement: str) -> str:
    try:
        source.change(statement)
    except sqlite3.Error as error:
        return str(error)
    return ""


def _compare(source: Source, target: Target, table: ClaimedTable) -> list[str]:
    oid = target.table(table.schema, table.name)
    if oid is None:
        return [f"{table.source}: the target has no table {table.name}"]
    by_name = {column.name: column for column in target.columns(oid)}
    generated = {column.name for column in source.columns(table.source) if column.hidden}
    kept = [c for c in table.columns if c.source not in generated or by_name[c.target].generated]
    columns = [by_name[column.target] for column in kept]
    found = Counter(
        tuple(_timeless(target_form(value, column.kind)) for value, column in zip(row, columns, strict=True))
        for row in target.rows(table.schema, table.name, tuple(columns))
    )
    wanted: Counter[tuple[Canonical, ...]] = Counter()
    for _, values in source.rows(table.source, tuple(column.source for column in kept)):
        pairs = zip(values, kept, columns, strict=True)
        wanted[tuple(_timeless(_form(value, column.kind, claimed)) for value, claimed, column in pairs)] += 1
    only_source, only_target = [*(wanted - found)][:1], [*(found - wanted)][:1]
    return [f"{table.source}: afterwards SQLite has {row!r}, PostgreSQL has not" for row in only_source] + [
        f"{table.source}: afterwards PostgreSQL has {row!r}, SQLite has not" for row in only_target
    ]


def _form(value: Value, kind: str, claimed: ClaimedColumn) -> Canonical:
    try:
        return source_form(value, kind, claimed)
    except Unequal as error:
        return ("unequal", str(error))


def _timeless(form: Canonical) -> Canonical:
    """Return ``now`` for a moment of the last hour, in whichever form it is kept."""
    moment = form[1] if form[0] == "moment" else None
    if form[0] == "text" and isinstance(form[1], bytes):
        try:
            moment = stamp(form[1].decode())
        except (Unequal, UnicodeDecodeError):
            return form
    recent = isinstance(moment, int) and abs(moment - time.time_ns() // 1_000) < _RECENT
    return ("now",) if recent else form
