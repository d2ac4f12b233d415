"""Are all rows there? The multisets of both sides' rows, compared in canonical form."""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter
from collections.abc import Sequence

import psycopg

from oracle.claim import Claim, ClaimedColumn, ClaimedTable
from oracle.source import Source, Value, quoted
from oracle.target import Target
from oracle.times import Unequal
from oracle.values import Canonical, same_number_as_text, shown, source_form, target_form

_SHOWN = 3
_LOOSE = 2_000

SourceRow = tuple[int | None, tuple[Value, ...]]
Row = tuple[Canonical, ...]


def compare(source: Source, target: Target, claim: Claim, table: ClaimedTable) -> list[str]:
    """Return what is wrong with one table's rows; empty when every source row is there or rejected with a reason."""
    oid = target.table(table.schema, table.name)
    if oid is None:
        return [f"{table.source}: the target has no table {table.schema}.{table.name}"]
    by_name = {column.name: column for column in target.columns(oid)}
    absent = [column.target for column in table.columns if column.target not in by_name]
    if absent:
        return [f"{table.source}: the target has no column {absent[0]!r}"]
    kinds = [by_name[column.target].kind for column in table.columns]
    source_rows = source.rows(table.source, tuple(column.source for column in table.columns))
    read = target.rows(table.schema, table.name, tuple(by_name[column.target] for column in table.columns))
    remaining = Counter(tuple(map(target_form, row, kinds)) for row in read)
    missing, reasons = _subtract(source_rows, remaining, kinds, table.columns)
    missing = _pair_loosely(missing, remaining, kinds, table.columns)
    return _judge(claim, table.source, missing, reasons, +remaining)


def _subtract(
    rows: Sequence[SourceRow], remaining: Counter[Row], kinds: Sequence[str], columns: Sequence[ClaimedColumn]
) -> tuple[list[SourceRow], dict[int, str]]:
    """Take each source row out of the target's multiset; return those without a partner, and why where it is known."""
    missing: list[SourceRow] = []
    reasons: dict[int, str] = {}
    for row in rows:
        try:
            form = tuple(map(source_form, row[1], kinds, columns))
        except Unequal as error:
            reasons[len(missing)] = str(error)
            missing.append(row)
            continue
        if remaining[form] > 0:
            remaining[form] -= 1
        else:
            missing.append(row)
    return missing, reasons


def _pair_loosely(
    missing: list[SourceRow], remaining: Counter[Row], kinds: Sequence[str], columns: Sequence[ClaimedColumn]
) -> list[SourceRow]:
    """Pair rows that differ only in how a number is spelled in a text column."""
    left = list((+remaining).elements())
    if not left or len(left) > _LOOSE or len(missing) > _LOOSE:
        return missing
    unpaired = []
    for row in missing:
        partner = next((form for form in left if _same(row[1], form, kinds, columns)), None)
        if partner is None:
            unpaired.append(row)
        else:
            left.remove(partner)
            remaining[partner] -= 1
    return unpaired


def _same(values: Sequence[Value], forms: Row, kinds: Sequence[str], columns: Sequence[ClaimedColumn]) -> bool:
    for value, form, kind, column in zip(values, forms, kinds, columns, strict=True):
        try:
            equal = source_form(value, kind, column) == form
        except Unequal:
            equal = False
        if not equal and not same_number_as_text(value, form):
            return False
    return True


def _judge(
    claim: Claim, table: str, missing: list[SourceRow], reasons: dict[int, str], extra: Counter[Row]
) -> list[str]:
    rejects = [reject for reject in claim.rejects if reject.table == table]
    complaints = [f"{table}: rejected {reject.row} without a reason" for reject in rejects if not reject.reason]
    named = {
        int(found[1]) for reject in rejects if (found := re.fullmatch(r"(?:rowid|_rowid_|oid)=(-?\d+)", reject.row))
    }
    if len(named) == len(rejects) and all(rowid is not None for rowid, _ in missing):
        unlisted = [row for row in missing if row[0] not in named]
        wrong = named - {row[0] for row in missing}
        complaints += [
            f"{table}: rowid={rowid} is called rejected but is in the target" for rowid in sorted(wrong)[:_SHOWN]
        ]
    else:
        unlisted = missing[len(rejects) :]
        if len(rejects) > len(missing):
            complaints.append(f"{table}: {len(rejects)} rows are called rejected, {len(missing)} are missing")
    for number, (rowid, values) in enumerate(unlisted[:_SHOWN]):
        why = f" ({reasons[number]})" if number in reasons else ""
        complaints.append(
            f"{table}: row {rowid if rowid is not None else ''} {_row(values)} is missing and not rejected{why}"
        )
    if len(unlisted) > _SHOWN:
        complaints.append(f"{table}: {len(unlisted)} rows are missing and not rejected in all")
    extras = list(extra.elements())
    complaints += [f"{table}: the target has a row that the source has not: {_row(form)}" for form in extras[:_SHOWN]]
    if len(extras) > _SHOWN:
        complaints.append(f"{table}: the target has {len(extras)} rows that the source has not")
    return complaints


def compare_view(source: Source, target: Target, schema: str, name: str) -> list[str]:
    """Return what is wrong with a view of the target: it has to run and to give the rows that SQLite gives."""
    try:
        _, wanted = source.select(f"SELECT * FROM {quoted(name)}")
    except sqlite3.Error:
        return []
    try:
        columns, kinds, found = target.view_rows(schema, name)
    except psycopg.Error as error:
        return [f"view {name}: does not run: {str(error).splitlines()[0]}"]
    if wanted and len(wanted[0]) != len(columns):
        return [f"view {name}: has {len(columns)} columns where SQLite gives {len(wanted[0])}"]
    left = [tuple(map(target_form, row, kinds)) for row in found]
    missing = []
    for row in wanted:
        partner = next((form for form in left if all(map(_alike, row, form, kinds))), None)
        if partner is None:
            missing.append(row)
        else:
            left.remove(partner)
    complaints = [f"view {name}: SQLite gives {_row(row)}, the target does not" for row in missing[:1]]
    return complaints + [f"view {name}: the target gives {_row(form)}, SQLite does not" for form in left[:1]]


def _alike(value: Value, form: Canonical, kind: str) -> bool:
    """Tell whether a view's values are the same; the last digits of a computed double may differ."""
    try:
        if source_form(value, kind, ClaimedColumn("", "")) == form:
            return True
    except Unequal:
        pass
    if isinstance(value, int | float) and form[0] in ("number", "float", "boolean"):
        number = float.fromhex(form[1]) if isinstance(form[1], str) and form[0] == "float" else float(form[1])  # type: ignore[arg-type]
        return math.isclose(number, value, rel_tol=1e-12)
    return same_number_as_text(value, form)


def _row(values: Sequence[object]) -> str:
    parts = [shown(value) for value in values]
    return f"({', '.join(parts[:12])}{', …' if len(parts) > 12 else ''})"
