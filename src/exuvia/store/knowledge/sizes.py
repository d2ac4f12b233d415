"""How much of each row a list returns: enough to choose from, or everything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from exuvia.store.errors import InvalidValueError

Size = Literal["preview", "metadata", "section", "full"]
"""``preview``: the beginning of the text and no data; ``metadata``: no text; ``section``: one part; ``full``: all."""

PREVIEW: Final = 240  # characters
_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*\Z")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")


def check_size(size: Size, section: str | None) -> None:
    """Make sure that a size is one, and that a section is named where there has to be one.

    Raises:
        InvalidValueError: It is not, or is not.
    """
    if size not in {"preview", "metadata", "section", "full"}:
        raise InvalidValueError(
            f"{size!r} is not a size.", hint="Choose preview, metadata, section or full.", code="size"
        )
    if (size == "section") != (section is not None):
        raise InvalidValueError(
            "A section goes with the size 'section', and only with that.",
            hint='Pass size="section" and section="Goal".',
            code="size",
        )


def section_of(content: str, heading: str) -> str | None:
    """Return the first section of a Markdown text that has this heading, whatever its case, with its subsections.

    Returns:
        The section with its heading, or None where there is none.
    """
    wanted = heading.strip().casefold()
    kept: list[str] = []
    level = 0
    for line, found in _lines(content):
        if found and level and len(found[1]) <= level:
            break
        if found and not level and found[2].casefold() == wanted:
            level = len(found[1])
        if level:
            kept.append(line)
    return "".join(kept).rstrip() if kept else None


def headings_of(content: str) -> list[str]:
    """Return the headings of a Markdown text in their order, each of which names a section."""
    return [found[2] for _, found in _lines(content) if found]


def _lines(content: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    """Yield each line with the heading that it is, if it is one: those within fenced code are none."""
    fence = ""
    for line in content.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark and (not fence or (mark[1].startswith(fence) and not line.strip(" \t\r\n" + fence[0]))):
            fence = "" if fence else mark[1]
        yield line, None if fence or mark else _HEADING.match(line.rstrip("\r\n"))
