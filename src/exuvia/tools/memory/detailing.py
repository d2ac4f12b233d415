"""One record as an answer: what is known of it, and as much of its text as fits."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeVar

import orjson
from pydantic import Field

from exuvia.store.knowledge.sizes import headings_of, section_of
from exuvia.tools.frame import ArgumentError, Budgeted, Output, text_within
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import position
from exuvia.tools.frame.tokens import estimate
from exuvia.tools.memory.answering import plain

D = TypeVar("D", bound="Detail")

_LEAST: Final = 100
_LONGEST: Final = 400


class Whole(Budgeted):
    """Which record to read."""

    id: str
    project: str | None = None


class Sized(Whole):
    """Which record to read, and how much of its text."""

    size: Literal["metadata", "section", "full"] = "full"
    section: str | None = Field(None, description="A heading of its text.")


class Detail(Output):
    """A record; ``next`` gives the rest of a long text, ``headings`` name the sections of one that was left out."""

    content: str = ""
    headings: tuple[str, ...] = ()
    data: Json = None
    next: str | None = None
    notice: str = ""


def detailed(given: Whole, kind: type[D], /, *, content: str = "", data: Json = None, **facts: Any) -> D:
    """Answer a record: what is known of it, and as much of its text as fits.

    Data that are too long to be told at once follow the text, as JSON.

    Args:
        given: The tool's arguments.
        kind: The answer's class.
        content: The record's text.
        data: Its document.
        facts: What else is told of it, with the first part only.
    """
    size = "section" if getattr(given, "section", None) else getattr(given, "size", "full")
    if size == "section":
        part, following = text_within(given, _section(given, content))
        return kind(content=part, next=following)
    told = {name: plain(value) for name, value in facts.items() if value not in (None, "", (), [])}
    known = {name: _short(value, given.max_tokens) for name, value in told.items()}
    cut = [name for name, value in told.items() if known[name] != value]
    notices = [f"Cut: {', '.join(cut)}."] if cut else []
    left = given.max_tokens - estimate(_json(known))
    if size == "metadata":
        return kind(**known, headings=_headings(content, left - _LEAST // 2), notice=" ".join(notices))
    shown = data if data not in ({}, None) and estimate(_json(data)) <= left // 2 else None
    text = content if shown is not None or data in ({}, None) else f"{content}\n\ndata: {_json(data)}".lstrip()
    if position(given).told:
        part, following = text_within(given, text)
        return kind(content=part, next=following)
    left -= estimate(_json(shown))
    headings = _headings(content, left // 4) if estimate(text) > left else ()
    part, following = text_within(given, text, max_tokens=max(left - estimate(_json(headings)), _LEAST))
    if len(text) > len(content):
        notices.append("The data follow the content, as JSON text.")
    return kind(**known, content=part, headings=headings, data=shown, next=following, notice=" ".join(notices))


def _short(value: Json, tokens: int) -> Json:
    """Return what is told beside a text, cut where it would leave no room for that."""
    if isinstance(value, str):
        most = min(_LONGEST, tokens)
        return value if len(value) <= most else f"{value[:most]}…"
    return _beginning([_short(each, tokens) for each in value], tokens // 4) if isinstance(value, list) else value


def _beginning(values: list[Json], tokens: int) -> list[Json]:
    """Return as many values as fit."""
    for count, value in enumerate(values):
        tokens -= estimate(_json(value))
        if tokens < 0:
            return values[:count]
    return values


def _headings(content: str, tokens: int) -> tuple[str, ...]:
    headings = headings_of(content)
    kept = _beginning(headings, tokens)
    return (*kept, "…") if len(kept) < len(headings) else tuple(kept)


def _section(given: Whole, content: str) -> str:
    wanted = getattr(given, "section", None)
    found = None if wanted is None else section_of(content, wanted)
    if found is None:
        known = "; ".join(headings_of(content)) or "none"
        said = "The size section takes a section." if wanted is None else f"There is no section {wanted!r}."
        raise ArgumentError("section", said, hint=f"Its headings are: {known}.", code="section")
    return found


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
