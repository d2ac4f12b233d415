"""``exuvia migrate`` and ``exuvia verify`` with several SQLite files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exuvia.move.planner import PlanOptions


def split(source: str, destination: str | None, more: Sequence[str] | None) -> tuple[list[str], str | None]:
    """Tell the sources from the target: it is the last location, unless that is a file as well."""
    from exuvia.location import SqliteLocation, parse

    if not more or destination is None:
        return [source], destination
    given = [source, destination, *more]
    return (given, None) if isinstance(parse(given[-1]), SqliteLocation) else (given[:-1], given[-1])


def is_several(sources: Sequence[str], options: PlanOptions, *, prefixed: bool) -> bool:
    """Return whether the command is about several files, or places one as if it were one of several."""
    return len(sources) > 1 or prefixed or bool(options.overrides is not None and options.overrides.sources)
