"""The parts that several terminal views share. Untrusted names and values become ``Text``: markup in them is inert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exuvia.move.plan import Fate, ObjectPlan, Problem
from exuvia.report.verdict import Level, Verdict
from exuvia.report.words import counted, one_line

TONES: dict[Level, str] = {"good": "green", "attention": "yellow", "bad": "red"}
SEALS: dict[Level, str] = {"good": "✓", "attention": "!", "bad": "✗"}
PROBLEM_TONES = {"error": "red", "warning": "yellow", "note": "cyan"}

_MAX_NAMES = 6
_MAX_VALUE = 60


def shown(text: object, style: str = "", limit: int = 0) -> Text:
    """Return untrusted text on one line, without control characters, cut to ``limit`` characters when not 0."""
    return Text(one_line(text, limit), style=style)


def joined(*parts: str | Text, style: str = "") -> Text:
    """Return one text of several; plain strings are exuvia's own words."""
    return Text.assemble(*parts, style=style)


def indented(part: RenderableType, by: int = 2) -> Padding:
    """Return a part moved to the right by so many columns."""
    return Padding(part, (0, 0, 0, by))


def heading(text: str, amount: str = "") -> Text:
    """Return a section's title with an empty line above it."""
    return joined("\n", (Text(text, "bold")), Text(f"  {amount}" if amount else "", "dim"))


def figures_table() -> Table:
    """Return an empty table for names and right-aligned figures, without lines around it."""
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)


def verdict_line(judged: Verdict) -> Text:
    """Return the verdict with its mark."""
    tone = TONES[judged.level]
    return joined(Text(f"{SEALS[judged.level]} {judged.headline}", f"bold {tone}"), Text(f": {judged.detail}"))


def problem_view(problem: Problem) -> Group:
    """Return a problem: where, what, the first rows that cause it and the choices."""
    about = f"  {counted(problem.count, 'row')}" if problem.count else ""
    tone = PROBLEM_TONES[problem.level]
    lines: list[RenderableType] = [
        joined(Text(problem.level, tone), "  ", shown(problem.where, "bold"), Text(about, "dim")),
        indented(shown(problem.message)),
    ]
    for row in problem.rows:
        name = row.row or f"row {row.position + 1:,}"
        lines.append(indented(joined(shown(name), ": ", shown(row.value, limit=_MAX_VALUE), style="dim")))
    unnamed = problem.count - len(problem.rows)
    if problem.rows and unnamed > 0:
        lines.append(indented(Text(f"and {counted(unnamed, 'row')} more", "dim")))
    lines += [indented(joined(Text("you can: ", "dim"), shown(choice, "green"))) for choice in problem.choices]
    return Group(*lines)


def problems_view(problems: Sequence[Problem], limit: int | None = None) -> Iterator[RenderableType]:
    """Yield the problems level by level, errors first, each level cut at ``limit``."""
    titles: dict[Literal["error", "warning", "note"], tuple[str, str]] = {
        "error": ("Errors", "error"),
        "warning": ("Warnings", "warning"),
        "note": ("Notes", "note"),
    }
    for level, (title, noun) in titles.items():
        found = [problem for problem in problems if problem.level == level]
        if found:
            yield heading(title, f"{len(found):,}")
            yield from (problem_view(problem) for problem in found[:limit])
            if limit is not None and len(found) > limit:
                yield Text(f"and {counted(len(found) - limit, noun)} more: see the report or exuvia plan", "dim")


def left_out_view(objects: Iterable[ObjectPlan], limit: int | None = None) -> Iterator[RenderableType]:
    """Yield the objects that are left out; those of one kind with one reason are one entry, and a virtual table's
    shadow tables are not repeated after it."""
    found = [item for item in objects if item.fate is Fate.LEFT_OUT]
    if not found:
        return
    groups: dict[tuple[str, str], list[ObjectPlan]] = {}
    for item in found:
        groups.setdefault((item.kind, item.reason), []).append(item)
    yield heading("Left out", counted(len(found), "object"))
    entries = list(groups.items())
    for (kind, reason), items in entries[:limit]:
        yield joined(_names(kind, items), ": ", shown(reason))
    if limit is not None and len(entries) > limit:
        rest = sum(len(items) for _, items in entries[limit:])
        yield Text(f"and {counted(rest, 'object')} more: see the report or exuvia plan", "dim")


def _names(kind: str, items: Sequence[ObjectPlan]) -> Text:
    names = Text(", ").join(_name(item) for item in items[:_MAX_NAMES])
    rest = len(items) - _MAX_NAMES
    return joined(Text(f"{kind} ", "dim"), names, Text(f" and {rest:,} more" if rest > 0 else "", "dim"))


def _name(item: ObjectPlan) -> Text:
    inside = item.table and item.table != item.name and item.kind in ("default", "check", "generated column")
    return shown(f"{item.table}.{item.name}" if inside else item.name, "bold")
