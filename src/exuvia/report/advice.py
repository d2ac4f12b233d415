"""An advice, for people and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exuvia.ops.advisor.contention import Contention, Spell
from exuvia.ops.advisor.results import Advice, Facts, Fix, Measure, MeasureName, Recommendation
from exuvia.report.document import VERSION
from exuvia.report.json_report import dump
from exuvia.report.terminal_parts import heading, indented, joined, shown, verdict_line
from exuvia.report.verdict import Level, Verdict
from exuvia.report.words import counted, duration, size

_MAX_TABLES: Final = 12
_MAX_FIXES: Final = 12
_LEVELS: Final[dict[Recommendation, Level]] = {"stay": "good", "prepare": "attention", "move now": "bad"}
_HEADLINES: Final[dict[Recommendation, str]] = {
    "stay": "Stay with SQLite",
    "prepare": "Prepare to move",
    "move now": "Move now",
}
_TONES: Final = {"over": "bold red", "near": "yellow", "under": "green", "unknown": "dim"}
_NAMES: Final[dict[MeasureName, str]] = {
    "size": "Size",
    "agents": "Concurrent agents",
    "users": "Concurrent users",
    "events": "Events",
    "lock_waits": "Lock waits an hour",
}
_SOURCES: Final = {"counted": "", "statistics": "about ", "rowids": "at most ", "unknown": "? "}


@dataclass(frozen=True, slots=True)
class AdviceDocument:
    """An advice. ``measures`` are the figures beside their thresholds, ``facts`` everything behind them."""

    format: str
    version: int
    exuvia: str
    source: str
    recommendation: Recommendation
    reasons: Sequence[str]
    measures: Sequence[Measure]
    fixes: Sequence[Fix]
    facts: Facts


def advice_to_json(advice: Advice) -> str:
    """Return an advice as one JSON document (``AdviceDocument``)."""
    return dump(
        AdviceDocument(
            format="exuvia.advice",
            version=VERSION,
            exuvia=version("exuvia"),
            source=advice.facts.source,
            recommendation=advice.recommendation,
            reasons=advice.reasons,
            measures=advice.measures,
            fixes=advice.fixes,
            facts=advice.facts,
        )
    )


def advice_view(advice: Advice) -> RenderableType:
    """Return an advice for the terminal: the figures, what to mend, what is not known, and last the recommendation."""
    facts = advice.facts
    judged = Verdict(_LEVELS[advice.recommendation], _HEADLINES[advice.recommendation], advice.reasons[0])
    return Group(
        joined(shown(facts.source, "bold"), Text(f"  looked at for {duration(facts.seconds)}", "dim")),
        Text(),
        _measures(advice.measures),
        *_found(facts),
        *_tables(facts),
        *_fixes(advice.fixes),
        *_cost(facts),
        *_unknown(facts),
        Text(),
        verdict_line(judged),
        *(indented(shown(reason)) for reason in advice.reasons[1:]),
        *_next(advice),
    )


def _measures(measures: Sequence[Measure]) -> Table:
    figures = _grid("Measured", "Now", "Threshold", "", "How")
    for measure in measures:
        soon = f"in {measure.days:,.0f} days" if measure.days is not None and measure.days < 3650 else ""
        figures.add_row(
            Text(_NAMES[measure.name]),
            Text(_figure(measure, measure.value), _TONES[measure.state]),
            Text(_figure(measure, measure.limit)),
            Text(soon, "yellow" if measure.state == "near" else "dim"),
            shown(measure.how, "dim"),
        )
    return figures


def _figure(measure: Measure, value: float | None) -> str:
    if value is None:
        return "?"
    if measure.name == "size":
        return size(value * 1_000_000)
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _found(facts: Facts) -> Iterator[RenderableType]:
    yield heading("Found")
    lines = _grid("", "")
    lines.show_header = False
    for name, text in _lines(facts):
        lines.add_row(Text(name), shown(text))
    yield lines


def _lines(facts: Facts) -> Iterator[tuple[str, str]]:
    storage, users = facts.storage, facts.users
    log = f", log {size(storage.wal_bytes)}" if storage.journal_mode == "wal" else ""
    yield "Journal", f"{storage.journal_mode}{log}"
    free = f", {storage.free_pages / max(storage.pages, 1):.0%} of them free" if storage.free_pages else ""
    yield "Pages", f"{storage.pages:,} of {storage.page_bytes:,} bytes{free}; auto_vacuum {storage.auto_vacuum}"
    names = ", ".join(f"{user.name or '?'} {user.pid} ({user.connections})" for user in users.known[:6])
    writing = sum(user.may_write is not False for user in users.known)
    who = f"{counted(len(users.known), 'process', 'processes')}, {writing} of them may write: {names}"
    yield "Open in", users.reason or (who if users.known else "no process that could be seen")
    yield from _contention(facts.contention)
    if facts.growth:
        how = (
            f"by {counted(facts.growth.samples, 'sample')}" if facts.growth.measured else "by the rows of the last day"
        )
        sign = "-" if facts.growth.bytes_per_day < 0 else ""
        amount = f"{sign}{size(abs(facts.growth.bytes_per_day))}, {facts.growth.rows_per_day:,.0f} rows a day"
        yield "Growth", f"{amount} ({how})"
    if facts.damage is not None:
        yield "Check", "; ".join(facts.damage[:3]) or "the file is sound"


def _contention(found: Contention) -> Iterator[tuple[str, str]]:
    if found.method == "off":
        yield "Write lock", f"not looked at: {found.reason}"
        return
    how = "" if found.method == "ask" else ", tried by BEGIN IMMEDIATE"
    commits = f", {found.commits:,} commits" if found.commits is not None else ""
    yield "Write lock", f"taken in {found.busy:,} of {found.looks:,} looks in {duration(found.seconds)}{commits}{how}"
    for holder in found.holders[:5]:
        share = f"{holder.looks / found.looks:.1%} of the time"
        yield "", f"{holder.name or '?'} {holder.pid or '(the system does not say who)'}: {share}"
    yield from _spell("Longest write", found.longest_write)
    yield from _spell("Longest read", found.longest_read)
    if found.waiting_for_readers:
        yield "Held up", f"a writer waited for readers in {found.waiting_for_readers:,} looks"
    if found.wal and found.wal.stale_reader:
        yield from _spell("Keeps the log", found.wal.stale_reader)


def _spell(name: str, spell: Spell | None) -> Iterator[tuple[str, str]]:
    if spell and spell.seconds >= 0.01:
        yield name, f"at least {duration(spell.seconds)}, {spell.name or 'process'} {spell.pid or '?'}"


def _tables(facts: Facts) -> Iterator[RenderableType]:
    if not facts.tables:
        return
    events = {table.table: table for table in facts.events}
    yield heading("Tables", f"{len(facts.tables):,}")
    figures = _grid("Table", "Rows", "Bytes", "Indexes", "Last hour", "Last day")
    for table in sorted(facts.tables, key=lambda table: -table.rows)[:_MAX_TABLES]:
        stamped = events.get(table.name)
        rates = [f"{stamped.last_hour:,.0f}", f"{stamped.last_day:,.0f}"] if stamped else ["", ""]
        sizes = [size(amount) if amount is not None else "?" for amount in (table.bytes, table.index_bytes)]
        figures.add_row(shown(table.name), f"{_SOURCES[table.rows_from]}{table.rows:,}", *sizes, *rates)
    yield figures
    if len(facts.tables) > _MAX_TABLES:
        yield Text(f"and {counted(len(facts.tables) - _MAX_TABLES, 'smaller table')}", "dim")


def _fixes(fixes: Sequence[Fix]) -> Iterator[RenderableType]:
    if not fixes:
        return
    yield heading("Mend in SQLite first", f"{len(fixes):,}")
    for fix in fixes[:_MAX_FIXES]:
        yield joined(shown(fix.what, "bold"), ": ", shown(fix.why))
        if fix.sql:
            yield indented(shown(fix.sql, "green"))
    if len(fixes) > _MAX_FIXES:
        yield Text(f"and {len(fixes) - _MAX_FIXES:,} more: see --json", "dim")


def _cost(facts: Facts) -> Iterator[RenderableType]:
    cost = facts.cost
    yield heading("In PostgreSQL", "estimated")
    search = f", search {size(cost.search_bytes)}" if cost.search_bytes else ""
    parts = f"rows {size(cost.table_bytes)}, keys and indexes {size(cost.index_bytes)}{search}"
    disk = f"disk {size(cost.disk_bytes)} ({parts})"
    yield Text(f"{disk}; memory {size(cost.memory_bytes)} with {counted(cost.connections, 'connection')}")


def _unknown(facts: Facts) -> Iterator[RenderableType]:
    yield heading("Not known")
    yield from (joined("- ", shown(reason)) for reason in facts.unknown)


def _next(advice: Advice) -> Iterator[RenderableType]:
    if advice.recommendation != "stay":
        yield joined("Next: exuvia plan ", shown(shlex.quote(advice.facts.source)), style="dim")


def _grid(*titles: str) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    numbers = {"Now", "Threshold", "Rows", "Bytes", "Indexes", "Last hour", "Last day"}
    for title in titles:
        grid.add_column(title, justify="right" if title in numbers else "left", no_wrap=title in numbers)
    return grid
