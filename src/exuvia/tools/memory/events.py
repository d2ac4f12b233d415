"""Events: what happened, never changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import Field

from exuvia.store.errors import InvalidValueError
from exuvia.store.filters import Filter, field
from exuvia.store.knowledge.kinds import KINDS, Payload, payload_of
from exuvia.store.knowledge.records import NewEvent
from exuvia.tools.frame import ArgumentError, Arguments, Call, Output, Table
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Own, Spanned, listed, span
from exuvia.tools.memory.detailing import Detail, Whole, detailed
from exuvia.tools.memory.explaining import memory_tool
from exuvia.tools.memory.times import When, instant


class EventGiven(Arguments):
    """An event."""

    kind: str
    data: dict[str, Json] = Field(default_factory=dict)
    summary: str | None = None
    topics: tuple[str, ...] = ()
    at: When | None = None
    id: str | None = None


class RecordEvents(Own):
    """Events of one session or plan."""

    events: list[EventGiven] = Field(min_length=1, max_length=1000)
    session: str | None = None
    plan: str | None = None
    author: str | None = None
    return_ids: bool = False


class ListEvents(Spanned):
    """Which events."""

    kind: tuple[str, ...] = Field((), description="Such as decision_made, bug_encountered.")
    session: str | None = None
    plan: str | None = None
    topic: str | None = None
    author: str | None = None
    text: str | None = Field(None, description="Part of the summary.")
    data: dict[str, Json] = Field(default_factory=dict, description="What the data contain.")
    oldest_first: bool = False
    full: bool = Field(default=False, description="With the data.")


class Recorded(Output):
    """How many events were recorded."""

    recorded: int
    ids: tuple[str, ...] = ()


class EventDetail(Detail):
    """An event."""

    kind: str = ""
    summary: str = ""
    session: str | None = None
    plan: str | None = None
    author: str | None = None
    topics: tuple[str, ...] = ()
    at: str | None = None


def _fields(payload: type[Payload]) -> str:
    told = []
    for name, about in payload.model_fields.items():
        told.append(f"{name}{'' if about.is_required() else '?'}{_sort(about.annotation)}")
    return ", ".join(told)


def _sort(annotation: Any) -> str:
    """Return what a field takes, unless that is a text."""
    branches = (annotation, *get_args(annotation))
    if (chosen := next((one for one in branches if get_origin(one) is Literal), None)) is not None:
        return f" ({'|'.join(get_args(chosen))})"
    kinds = {get_origin(one) or one for one in branches}
    return next((word for kind, word in _SORTS.items() if kind in kinds), "")


_SORTS: Final = {list: " [texts]", dict: " {texts}", int: " (integer)", float: " (number)", bool: " (bool)"}
_KINDS: Final = "\n".join(f"{name}: {_fields(payload)}" for name, payload in KINDS.items())
_MANUAL: Final = f"Known kinds and the fields of their data (? may be left out; more are kept):\n{_KINDS}"


@memory_tool(
    toolset="events",
    summary="Record what happened: decisions, finished tasks, bugs, learnings, and whatever else.",
    details="`data` is checked by the kind (describe_tools tells the kinds' fields); a kind of your own takes any.",
    manual=_MANUAL,
    example={
        "session": "day-1",
        "events": [{"kind": "decision_made", "data": {"decision": "Passkeys first", "rationale": "no phishing"}}],
    },
    effect="adds",
)
async def record_events(call: Call, given: RecordEvents) -> Recorded:
    store = await call.memory(given.project)
    made = await store.events.append([_new(given, one, place) for place, one in enumerate(given.events)])
    return Recorded(recorded=len(made), ids=tuple(one.id for one in made) if given.return_ids else ())


@memory_tool(
    toolset="events",
    summary="Read an event with its data.",
    example={"id": "e1"},
)
async def get_event(call: Call, given: Whole) -> EventDetail:
    store = await call.memory(given.project)
    found = await store.events.get(given.id)
    return detailed(
        given,
        EventDetail,
        data=found.data,
        kind=found.kind,
        summary=found.summary,
        session=found.session_id,
        plan=found.plan_id,
        author=found.author,
        topics=found.topics,
        at=found.at,
    )


@memory_tool(
    toolset="events",
    summary="List events, the latest first: by kind, session, plan, topic, author or time.",
    example={"kind": ["decision_made"], "since": "7d", "full": True},
)
async def list_events(call: Call, given: ListEvents) -> Table:
    columns = {"id": "id", "kind": "kind", "summary": "summary", "at": "at"}
    if given.full:
        columns |= {"data": "data", "session": "session_id", "author": "author"}
    return await listed(
        call,
        given,
        lambda store, limit, after: store.events.list(
            session=given.session,
            plan=given.plan,
            kind=_kinds(given),
            author=given.author,
            topic=given.topic,
            text=given.text,
            filter=containing(given.data),
            oldest_first=given.oldest_first,
            size="full" if given.full else "metadata",
            limit=limit,
            after=after,
            **span(given),
        ),
        columns,
        named=("session", "plan"),
    )


def containing(part: dict[str, Json]) -> Filter | None:
    """Return the filter for documents that contain a part; None where none is asked for."""
    return field("data").contains(part) if part else None


def _kinds(given: ListEvents) -> str | tuple[str, ...] | None:
    return given.kind[0] if len(given.kind) == 1 else given.kind or None


def _new(given: RecordEvents, one: EventGiven, place: int) -> NewEvent:
    try:
        payload_of(one.kind, one.data)
    except InvalidValueError as error:
        hint = f"{one.kind} takes {_fields(KINDS[one.kind])}." if one.kind in KINDS else error.hint
        raise ArgumentError(f"events.{place}", error.message, hint=hint, code="payload") from None
    rest = {"id": one.id} if one.id is not None else {}
    return NewEvent(
        one.kind,
        one.data,
        session=given.session,
        plan=given.plan,
        author=given.author,
        topics=one.topics,
        summary=one.summary,
        at=None if one.at is None else instant(one.at, datetime.now(UTC)),
        **rest,
    )
