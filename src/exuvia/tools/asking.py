"""Questions in plain English, answered from the memory with sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from exuvia.ask.writing.citing import written
from exuvia.store.errors import EmbedderError
from exuvia.tools.frame import ArgumentError, Arguments, Call, Output, Table
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Reach, reach
from exuvia.tools.memory.embedding import NoMeaningError, meaning
from exuvia.tools.memory.explaining import memory_tool

if TYPE_CHECKING:
    from exuvia.ask import Answer, Interpretation, Source, Writer

_PATIENCE: Final = 330.0  # seconds: a person may have to allow the host's model
_NO_WRITER: Final = "No model is at hand to write it: the host lends none, and EXUVIA_ASK_URL is not set."


class Question(Arguments):
    """What to ask."""

    question: str = Field(min_length=1, max_length=2000)
    limit: int = Field(10, ge=1, le=100, description="Sources at most.")
    max_tokens: int = Field(600, ge=50, le=100_000, description="About how long the text may be.")
    write: bool = Field(default=False, description="Let a model write the text.")
    project: str | None = None


class Answered(Output):
    """The answer; ``sources`` are what its marks [1], [2] … stand for, in their order."""

    text: str
    sources: Table | None = None
    understood: str
    more: int | None = None
    notice: str = ""


@memory_tool(
    toolset="ask",
    summary="Answer a question about what is remembered, with sources.",
    details="Times, kinds, states, topics, authors and projects are understood; `understood` tells how.",
    example={"question": "what did we decide about auth in the last two weeks?"},
)
async def ask(call: Call, given: Question) -> Answered:
    answer, reached = await _found(call, given)
    notes = list(answer.notes)
    if given.write:
        writer = _writer(call, given)
        if writer is None:
            notes.append(_NO_WRITER)
        else:
            timeout = call.desk.settings.ask_timeout if call.sample is None else _PATIENCE
            answer = await written(answer, writer, timeout, given.max_tokens)
            notes = list(answer.notes)
    return Answered(
        text=answer.text,
        sources=_table(answer.sources, reached) if answer.sources else None,
        understood=answer.understood.removeprefix("Understood: "),
        more=answer.more or None,
        notice=" ".join(notes),
    )


async def _found(call: Call, given: Question) -> tuple[Answer, Reach]:
    """Answer from the project that the caller or the question names, else from the call's own, else from all."""
    if given.project is None and call.project is not None and not call.confined:
        everywhere = Reach(await call.everywhere(), several=True)
        answer = await _answer(call, given, everywhere)
        if answer.interpretation.projects or answer.interpretation.problem is not None:
            return answer, everywhere
    reached = await reach(call, given.project)
    return await _answer(call, given, reached), reached


async def _answer(call: Call, given: Question, reached: Reach) -> Answer:
    from exuvia.ask import AskOptions
    from exuvia.ask import ask as answered

    options = AskOptions(
        zone=ZoneInfo(call.desk.settings.ask_timezone), limit=given.limit, budget=given.max_tokens, elsewhere=False
    )
    try:
        found = None if reached.several else await meaning(call, reached.store, None)
        embedder = None if found is None else found.embedder
        return await answered(reached.store, given.question, options=replace(options, embedder=embedder))
    except (NoMeaningError, ArgumentError, EmbedderError):
        return await answered(reached.store, given.question, options=options)


def _writer(call: Call, given: Question) -> Writer | None:
    """Return what writes the text: the host's model, else the one that the settings name, else none."""
    from exuvia.ask import SYSTEM, prompt
    from exuvia.ask.writing.endpoint import EndpointWriter

    sample, settings = call.sample, call.desk.settings
    if sample is not None:

        async def by_sampling(question: str, meant: Interpretation, sources: Sequence[Source], /) -> str:
            return await sample(SYSTEM, prompt(question, meant, sources), given.max_tokens)

        return by_sampling
    if settings.ask_url is None or settings.ask_model is None:
        return None
    return EndpointWriter(settings.ask_model, settings.ask_url, timeout=settings.ask_timeout)


def _table(sources: Sequence[Source], reached: Reach) -> Table:
    rows: list[list[Json]] = [
        [source.kind, source.id, *([source.project] if reached.several else [])] for source in sources
    ]
    return Table(columns=["kind", "id", *(["project"] if reached.several else [])], rows=rows, next=None)
