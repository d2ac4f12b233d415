"""Events: what happened, in an append-only log."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, idempotent, reading, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, checked_time, encode_json, time_text
from exuvia.store.errors import ConflictError, InvalidValueError, NotFoundError
from exuvia.store.filters import Filter
from exuvia.store.knowledge.documents import checked_author, checked_topics, several
from exuvia.store.knowledge.kinds import Payload, headline_of, payload_of
from exuvia.store.knowledge.records import EVENT, Event, NewEvent
from exuvia.store.knowledge.sizes import Size, check_size

MOST: Final = 100_000  # events of one call
_TICK: Final = timedelta(microseconds=1)  # keeps events of one call in order
_COLUMNS: Final = {
    "id": "text",
    "session_id": "text",
    "plan_id": "text",
    "kind": "text",
    "author": "text",
    "topics": "jsonb",
    "summary": "text",
    "data": "jsonb",
    "at": "timestamptz",
}


class Events(Subsystem[M]):
    """Append, read and list events. Nobody changes one: they go only with their session, plan or project."""

    @writing_once
    def add(
        self,
        kind: str | Payload,
        data: Json = None,
        *,
        session: str | None = None,
        plan: str | None = None,
        author: str | None = None,
        topics: Collection[str] = (),
        summary: str | None = None,
        at: datetime | None = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Event]:
        """Append one event.

        Args:
            kind: What kind of event; or what an event of a known kind says, such as ``TaskCompleted(task="…")``.
            data: What it says; not with the latter.
            session, plan, author, topics, summary, at, id: As for ``NewEvent``.
            project: The project; not needed in a bound store.

        Raises:
            InvalidValueError: A value cannot be stored, or the data do not fit the kind.
            ConflictError: There is an event with this id, and it says something else.
            MissingReferenceError: There is no such project, session or plan.
        """
        rest: dict[str, Any] = {"session": session, "plan": plan, "author": author, "topics": topics}
        rest |= {"summary": summary, "at": at} | ({} if id is None else {"id": id})
        if isinstance(kind, Payload):
            new = NewEvent.of(kind, **rest)
        else:
            new = NewEvent(kind, {} if data is None else data, **rest)
        events = yield from self._append([new], project)
        return events[0]

    @idempotent
    def append(self, events: Sequence[NewEvent], *, project: str | None = None) -> Operation[tuple[Event, ...]]:
        """Append events, by one statement: all of them or none. Appending the same again changes nothing.

        Args:
            events: At most 100,000, each with an id of its own.
            project: The project; not needed in a bound store.

        Returns:
            The events as they are stored, in the order given.

        Raises:
            InvalidValueError: A value cannot be stored, or the data of one do not fit its kind.
            ConflictError: There is an event with the id of one, and it says something else.
            MissingReferenceError: There is no such project, session or plan.
        """
        if not isinstance(events, Sequence):
            raise InvalidValueError(
                f"{repr(events)[:60]} is not a list of events.",
                hint="Pass a list: an iterator would be empty when the call is tried again.",
                code="events",
            )
        return (yield from self._append(events, project))

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[Event]:
        """Return an event.

        Raises:
            NotFoundError: There is none with this id.
        """
        owner = self.scope.own(project)
        found = yield from self._stored(owner, [checked_id(id)])
        if not found:
            raise NotFoundError(
                f"There is no event {id!r} in the project {owner!r}.",
                hint=f"List what there is: store.events.list(project={owner!r}).",
                code="event",
            )
        return found[id]

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        session: str | None = None,
        loose: bool = False,
        plan: str | None = None,
        kind: str | Collection[str] | None = None,
        author: str | None = None,
        topic: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        text: str | None = None,
        filter: Filter | None = None,
        oldest_first: bool = False,
        size: Size = "full",
        section: str | None = None,
        limit: int = 100,
        after: str | None = None,
        count: bool = True,
    ) -> Operation[Page[Event]]:
        """List events by time.

        Args:
            project: The project; None for all of them.
            session: The session they happened in.
            loose: Only those that belong to no session.
            plan: The plan they belong to.
            kind: One kind or several.
            author: Who says so.
            topic: One of their topics, exactly.
            since: Not before this.
            until: Not after this.
            text: In the summary, whatever the case of its ASCII letters; ``store.search`` looks into the data, too.
            filter: What ``data`` and ``topics`` have to be like.
            oldest_first: In the order in which they happened, instead of the latest first.
            size: preview and metadata leave out the data, section takes one key of it, full takes all.
            section: That key.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
            count: Count the whole list.
        """
        check_size(size, section)
        owner = self.scope.among(project)
        where = Where().equal("project_id", owner).equal("session_id", self.scope.among_sessions(session))
        where.equal("plan_id", plan).equal("author", author)
        if loose:
            where.also("session_id IS NULL")
        if kind is not None:
            self._ask_kind(where, kind)
        if topic is not None:
            where.also(self.dialect.has_element("topics", "topic"), topic=checked_text(topic, what="topic"))
        if text is not None:
            where.also(self.dialect.has_text("summary", "said"), said=checked_text(text, what="text"))
        where.during("at", since, until).json(("data", "topics"), filter, self.dialect)
        keys = ("at", "id") if owner is not None else ("at", "project_id", "id")
        order = tuple(Key(name, descending=not oldest_first) for name in keys)
        columns = ", ".join(
            "NULL" if name == "data" and size in {"preview", "metadata"} else name for name in EVENT.names
        )
        page = yield from Listing(EVENT, "events", where, order, columns=columns).page(limit, after, count=count)
        if section is None:
            return page
        items = tuple(replace(item, data=_part(item.data, section)) for item in page.items)
        return replace(page, items=items)

    def _ask_kind(self, where: Where, kind: str | Collection[str]) -> None:
        if isinstance(kind, str):  # of one kind an index has the order, of several none has
            where.equal("kind", kind)
            return
        kinds = self.dialect.array(checked_text(one, what="kind") for one in several(kind, what="kinds"))
        where.also(self.dialect.any_of("kind", "kinds"), kinds=kinds)

    def _append(self, given: Sequence[NewEvent], project: str | None) -> Operation[tuple[Event, ...]]:
        owner = self.scope.own(project)
        now = self.now()
        events = [self._checked(event, owner, now + place * _TICK) for place, event in enumerate(given)]
        if len({event.id for event in events}) < len(events) or len(events) > MOST:
            raise InvalidValueError(
                f"Two events of the call have the same id, or there are more than {MOST:,}.",
                hint="Give each its own id, and append very many in several calls.",
                code="events",
            )
        if not events:
            return ()
        source, parameters = self.dialect.table(_COLUMNS, [_row(event) for event in events])
        names = ", ".join(_COLUMNS)
        rows = yield Statement(
            f"INSERT INTO events (project_id, {names}) SELECT :project, {names} FROM {source} WHERE 1 = 1"
            " ON CONFLICT (project_id, id) DO NOTHING RETURNING id",
            parameters | {"project": owner},
        )
        if len(rows) == len(events):
            return tuple(events)
        added = {row[0] for row in rows}
        kept = yield from self._stored(owner, [event.id for event in events if event.id not in added])
        return tuple(_agreed(event, new, kept) for event, new in zip(events, given, strict=True))

    def _stored(self, owner: str, ids: Sequence[str]) -> Operation[dict[str, Event]]:
        where = Where().also("project_id = :project", project=owner).equal("session_id", self.scope.session)
        where.also(self.dialect.any_of("id", "ids"), ids=self.dialect.array(ids))
        rows = yield Statement(f"SELECT {EVENT.columns()} FROM events WHERE {where}", where.parameters)
        return {event.id: event for event in EVENT.read_all(rows)}

    def _checked(self, new: NewEvent, owner: str, now: datetime) -> Event:
        if not isinstance(new, NewEvent):
            raise InvalidValueError(f"{repr(new)[:60]} is not a NewEvent.", hint="NewEvent(kind, data)", code="events")
        payload = payload_of(new.kind, new.data)
        session = self.scope.among_sessions(new.session)
        summary = headline_of(payload) if new.summary is None else new.summary
        return Event(
            project_id=owner,
            id=checked_id(new.id),
            session_id=None if session is None else checked_id(session, what="session"),
            plan_id=None if new.plan is None else checked_id(new.plan, what="plan"),
            kind=new.kind,
            author=checked_author(new.author),
            topics=checked_topics(new.topics),
            summary=checked_text(summary, what="summary"),
            data=new.data,
            at=now if new.at is None else checked_time(new.at, what="at"),
        )


def _row(event: Event) -> tuple[str | None, ...]:
    return (
        event.id,
        event.session_id,
        event.plan_id,
        event.kind,
        event.author,
        encode_json(event.topics) if event.topics else "[]",
        event.summary,
        encode_json(event.data),
        time_text(event.at),
    )


def _agreed(event: Event, new: NewEvent, kept: dict[str, Event]) -> Event:
    """Return what is stored under an event's id, which has to be that event; its time counts if it was given."""
    found = kept.get(event.id)
    if found is None:
        return event
    if (found if new.at is not None else replace(found, at=event.at)) == event:
        return found
    raise ConflictError(
        f"There is an event {event.id!r} in the project {event.project_id!r}, and it says something else.",
        hint="Events are never changed: append another one, with an id of its own.",
        code="event",
    )


def _part(data: Json, key: str) -> Json:
    return {key: data[key]} if isinstance(data, dict) and key in data else None
