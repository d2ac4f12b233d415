"""Finding what is remembered: by words, by meaning, by both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from pydantic import Field

from exuvia.store.core.listing import Page
from exuvia.store.errors import EmbedderError, PageTokenError
from exuvia.store.search import Highlight, Hit
from exuvia.store.search.syntax import Joining
from exuvia.store.search.words import words
from exuvia.tools.frame import ArgumentError, Call, Output, Table, paged, rows_within
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import position
from exuvia.tools.memory.answering import Own, Reach, Spanned, lean, must_be, reach, span
from exuvia.tools.memory.embedding import NoMeaningError, meaning
from exuvia.tools.memory.explaining import memory_tool
from exuvia.tools.memory.times import iso

_PLAIN: Final = Highlight("", "", words=24)
_LOOKED_AT: Final = 100
_COLUMNS: Final = ("kind", "id", "type", "title", "excerpt", "at", "score")


class Searched(Spanned):
    """What all searches take."""

    limit: int = Field(10, ge=1, le=100)
    scores: bool = False


class SearchText(Searched):
    """What to search for by words."""

    text: str = Field(min_length=1, description='Words, "a phrase", begin*, -without, OR.')
    kinds: tuple[str, ...] = Field((), description="plan, session, event, frame, node, …")
    type: str | None = Field(None, description="An event's kind, a plan's status.")
    session: str | None = None
    match: Joining | None = Field(None, description="Default: all words, else any.")
    fuzzy: bool = Field(default=False, description="Titles only, forgiving typing errors.")


class SearchMeaning(Searched):
    """What to search for by meaning."""

    text: str = Field(min_length=1)
    kind: str | None = Field(None, description="plan, session, event, frame, node, …")
    type: str | None = Field(None, description="An event's kind, a plan's status.")
    collection: str | None = None


class CompleteWords(Own):
    """How a word begins."""

    beginning: str = Field(min_length=2, max_length=100)
    limit: int = Field(10, ge=1, le=50)


class Words(Output):
    """Words that begin so, those in most of the entries first."""

    words: list[str]


@memory_tool(
    toolset="search",
    summary="Find what is remembered by its words: plans, sessions, events, frames, facts, nodes, tasks, documents.",
    example={"text": "passkey*", "kinds": ["plan", "event"], "since": "30d"},
)
async def search_text(call: Call, given: SearchText) -> Table:
    reached = await reach(call, given.project)
    match: Joining = given.match or "all"

    async def fetch(limit: int, after: str | None) -> Page[Hit]:
        nonlocal match
        page, match = await _found(reached, given, limit, after)
        return page

    table = await paged(given, fetch, _columns(reached), lambda hit: _row(hit, reached, given))
    notice = "" if match == (given.match or "all") else "Nothing has all the words; these have some."
    if not table.rows:
        await must_be(reached.store, given.project)
        notice = "Nothing was found. Try fewer words, begin*, or fuzzy for names."
    return lean(given, table.model_copy(update={"notice": table.notice or notice}))


@memory_tool(
    toolset="search",
    summary="Find what is remembered by its meaning, whatever its words.",
    example={"text": "why customers give up at the checkout"},
)
async def search_similar(call: Call, given: SearchMeaning) -> Table:
    reached = await reach(call, given.project)
    means = await meaning(call, reached.store, given.collection)
    near = await reached.store.vectors.search(
        means.collection,
        given.text,
        embedder=means.embedder,
        kind=given.kind,
        type=given.type,
        limit=given.limit,
        **span(given),
    )
    rows: list[list[Json]] = []
    for hit in near:
        item = hit.item
        title, _, body = (item.text or "").partition("\n")
        told = [item.kind, item.entry_id or item.id, item.type, title, _short(body), iso(item.at)]
        rows.append([*_project(reached, item.project_id), *told, round(hit.distance, 3) if given.scores else None])
    columns = [name if name != "score" else "distance" for name in _columns(reached)]
    start = position(given)
    return lean(given, rows_within(given, columns, rows[start.told :], total=None, start=start))


@memory_tool(
    toolset="search",
    summary="Find what is remembered by its words and its meaning at once; the best search for a question.",
    example={"text": "what slows down the checkout"},
)
async def search_hybrid(call: Call, given: SearchMeaning) -> Table:
    reached = await reach(call, given.project)
    notice = ""
    hits: Sequence[Hit]
    try:
        means = await meaning(call, reached.store, given.collection)
        hits = await reached.store.search.hybrid(
            given.text,
            means.collection,
            embedder=means.embedder,
            kind=given.kind,
            type=given.type,
            highlight=_PLAIN,
            limit=given.limit,
            **span(given),
        )
    except (NoMeaningError, EmbedderError) as error:
        notice = f"By words only: {error.message}"
        page = await reached.store.search(
            given.text,
            kinds=given.kind or (),
            type=given.type or (),
            match="any",
            highlight=_PLAIN,
            limit=given.limit,
            **span(given),
        )
        hits = page.items
    start = position(given)
    rows = [_row(hit, reached, given) for hit in hits[start.told :]]
    table = rows_within(given, _columns(reached), rows, total=None, start=start)
    return lean(given, table.model_copy(update={"notice": table.notice or notice}))


@memory_tool(
    toolset="search",
    summary="Complete the beginning of a word with words that are remembered.",
    example={"beginning": "pass"},
)
async def complete_words(call: Call, given: CompleteWords) -> Words:
    reached = await reach(call, given.project)
    begun = words(given.beginning)
    if len(begun) != 1:
        raise ArgumentError("beginning", f"{given.beginning!r} is not the beginning of one word.")
    page = await reached.store.search(f"{begun[0]}*", limit=_LOOKED_AT, highlight=Highlight("", "", words=1))
    counted: Counter[str] = Counter()
    for hit in page.items:
        entry = hit.entry
        told = set(words(f"{entry.title}\n{entry.tags}\n{entry.body}"))
        counted.update(word for word in told if word.startswith(begun[0]))
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return Words(words=[word for word, _ in ordered[: given.limit]])


async def _found(reached: Reach, given: SearchText, limit: int, after: str | None) -> tuple[Page[Hit], Joining]:
    """Find what has all the words, or if there is nothing what has some, unless the caller has chosen; tell which."""
    if given.match is not None or given.fuzzy:
        match = given.match or "all"
        return await _hits(reached, given, match, limit, after), match
    try:
        page = await _hits(reached, given, "all", limit, after)
    except PageTokenError:  # it goes on where some of the words were found
        page = None
    if page is not None and (page.items or after is not None):
        return page, "all"
    return await _hits(reached, given, "any", limit, after), "any"


async def _hits(reached: Reach, given: SearchText, match: Joining, limit: int, after: str | None) -> Page[Hit]:
    return await reached.store.search(
        given.text,
        kinds=given.kinds,
        type=given.type or (),
        session=given.session,
        match=match,
        fuzzy=given.fuzzy,
        highlight=_PLAIN,
        limit=limit,
        after=after,
        **span(given),
    )


def _columns(reached: Reach) -> list[str]:
    return [*_project(reached, "project"), *_COLUMNS]


def _project(reached: Reach, value: str) -> list[Json]:
    return [value] if reached.several else []


def _row(hit: Hit, reached: Reach, given: Searched) -> list[Json]:
    entry = hit.entry
    score = round(hit.score, 3) if given.scores else None
    told = [entry.kind, entry.id, entry.type, hit.title, _beyond(hit), iso(entry.at), score]
    return [*_project(reached, entry.project_id), *told]


def _beyond(hit: Hit) -> str:
    """Return the excerpt without what the title says already."""
    if not hit.title:
        return hit.excerpt
    rest = hit.excerpt.removeprefix(hit.title).lstrip(" .:\n")
    return "" if rest.strip("…") in hit.title else rest


def _short(body: str) -> str:
    line = " ".join(body.split())
    return line if len(line) <= 160 else f"{line[:157]}…"
