"""The parts that several terminal views share. Untrusted names and values become ``Text``: markup in them is inert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exuvia.move.plan import Fate, ObjectPlan, Problem
from exuvia.report.grouping import SHADOW, full_name, grouped
from exuvia.report.grouping import Group as Objects
from exuvia.report.verdict import Level, Verdict
from exuvia.report.words import counted, literal

TONES: dict[Level, str] = {"good": "green", "attention": "yellow", "bad": "red"}
SEALS: dict[Level, str] = {"good": "✓", "attention": "!", "bad": "✗"}
_LEAST_ABOUT = 36
"""The width that a third column needs to be read with ease."""

_LEVELS = (("error", "Errors", "red"), ("warning", "Warnings", "yellow"), ("note", "Notes", "cyan"))
_PROBLEM_TONES = {level: tone for level, _, tone in _LEVELS}
_GAP = 2
_MAX_NAMES = 6
_MAX_VALUE = 72
_MAX_NAME_WIDTH = 28
_MAX_TYPE_WIDTH = 36
_ELSEWHERE = "see the report or exuvia plan"


@dataclass(frozen=True, slots=True)
class Entry:
    """A column in a list: its name, what it is, and what there is to say about it."""

    name: Text
    type: Text
    about: Text


@dataclass(frozen=True, slots=True)
class Entries:
    """A list of columns: in three columns where the width allows it, else with the type above what there is to say.

    ``names`` and ``types`` are widths, so that the lists of several tables line up.
    """

    rows: Sequence[Entry]
    names: int
    types: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay the entries out for the width at hand."""
        wide = options.max_width - self.names - self.types - 3 * _GAP >= _LEAST_ABOUT
        grid = Table.grid(padding=(0, _GAP, 0, 0))
        grid.add_column(width=self.names, overflow="fold")
        if wide:
            grid.add_column(width=self.types, overflow="fold")
        grid.add_column(overflow="fold")
        for row in self.rows:
            if wide:
                grid.add_row(row.name, row.type, row.about)
            else:
                grid.add_row(row.name, Text("\n").join(part for part in (row.type, row.about) if part.plain))
        yield indented(grid)


def entries(lists: Sequence[Sequence[Entry]]) -> list[Entries]:
    """Return one list of columns per table, all with the same widths."""
    names = [row.name.cell_len for rows in lists for row in rows]
    types = [row.type.cell_len for rows in lists for row in rows]
    name_width, type_width = (
        min(max(widths, default=1), most) for widths, most in ((names, _MAX_NAME_WIDTH), (types, _MAX_TYPE_WIDTH))
    )
    return [Entries(rows, name_width, type_width) for rows in lists]


def shown(text: object, style: str = "", limit: int = 0) -> Text:
    """Return untrusted text on one line, without control characters, cut to ``limit`` characters when not 0."""
    return Text(literal(text, limit), style=style)


def joined(*parts: str | Text, style: str = "") -> Text:
    """Return one text of several; plain strings are exuvia's own words."""
    return Text.assemble(*parts, style=style)


def indented(part: RenderableType, by: int = 2) -> Padding:
    """Return a part moved to the right by so many columns."""
    return Padding(part, (0, 0, 0, by), expand=False)


def heading(text: str, amount: str = "") -> Text:
    """Return a section's title with an empty line above it."""
    return joined("\n", Text(text, "bold"), Text(f"  {amount}" if amount else "", "dim"))


def verdict_line(judged: Verdict) -> Text:
    """Return the verdict with its mark."""
    tone = TONES[judged.level]
    return joined(Text(f"{SEALS[judged.level]} {judged.headline}", f"bold {tone}"), Text(f": {judged.detail}"))


def problem_view(problem: Problem) -> Group:
    """Return a problem: where, what, the first rows that cause it and the choices."""
    about = f"  {counted(problem.count, 'row')}" if problem.count else ""
    head = joined(Text(problem.level, _PROBLEM_TONES[problem.level]), "  ", shown(problem.where, "bold"))
    lines: list[RenderableType] = [head + Text(about, "dim"), indented(shown(problem.message))]
    for row in problem.rows:
        name = row.row or f"row {row.position + 1:,}"
        lines.append(indented(joined(shown(name), ": ", shown(row.value, limit=_MAX_VALUE), style="dim"), 4))
    unnamed = problem.count - len(problem.rows)
    if problem.rows and unnamed > 0:
        lines.append(indented(Text(f"and {counted(unnamed, 'more row', 'more rows')}", "dim"), 4))
    for number, choice in enumerate(problem.choices):
        word = "or you can: " if number else "you can:    "
        lines.append(indented(joined(Text(word, "dim"), shown(choice, "green"))))
    return Group(*lines)


def problems_view(problems: Sequence[Problem], limit: int | None = None) -> Iterator[RenderableType]:
    """Yield the problems level by level, errors first, each level cut at ``limit``."""
    for level, title, _ in _LEVELS:
        found = [problem for problem in problems if problem.level == level]
        if not found:
            continue
        yield heading(title, f"{len(found):,}")
        yield from (problem_view(problem) for problem in found[:limit])
        if limit is not None and len(found) > limit:
            yield Text(f"and {counted(len(found) - limit, f'more {level}', f'more {level}s')}: {_ELSEWHERE}", "dim")


def left_out_view(objects: Iterable[ObjectPlan], limit: int | None = None) -> Iterator[RenderableType]:
    """Yield the objects that are left out, cut at ``limit`` entries."""
    yield from objects_view("Left out", [item for item in objects if item.fate is Fate.LEFT_OUT], limit)


def objects_view(title: str, objects: Sequence[ObjectPlan], limit: int | None = None) -> Iterator[RenderableType]:
    """Yield objects with their reasons under a title; those of one kind with one reason are one entry."""
    if not objects:
        return
    yield heading(title, counted(len(objects), "object"))
    groups = grouped(objects)
    for group in groups[:limit]:
        with_shadows = Text(f" with {counted(group.shadows, SHADOW)}" if group.shadows else "", "dim")
        yield joined(_names(group), with_shadows, ": ", shown(group.first.reason))
    if limit is not None and len(groups) > limit:
        rest = sum(group.size for group in groups[limit:])
        yield Text(f"and {counted(rest, 'more object', 'more objects')}: {_ELSEWHERE}", "dim")


def difference_lines(source: str, target: str, width: int) -> tuple[str, str]:
    """Return two values cut to ``width`` characters such that where they part is in sight."""
    ours, theirs = literal(source), literal(target)
    if max(len(ours), len(theirs)) <= width:
        return ours, theirs
    pairs = zip(ours, theirs, strict=False)
    apart = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(ours), len(theirs)))
    start = max(0, apart - width // 3)
    first, second = (_window(text, start, width) for text in (ours, theirs))
    return first, second


def _window(text: str, start: int, width: int) -> str:
    before = "…" if start else ""
    rest = text[start:]
    room = width - len(before)
    return before + (rest if len(rest) <= room else f"{rest[: room - 1]}…")


def _names(group: Objects[ObjectPlan]) -> Text:
    names = Text(", ").join(shown(full_name(item), "bold") for item in group.items[:_MAX_NAMES])
    rest = len(group.items) - _MAX_NAMES
    return joined(Text(f"{group.kind} ", "dim"), names, Text(f" and {rest:,} more" if rest > 0 else "", "dim"))
