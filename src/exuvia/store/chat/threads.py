"""Threads of a chat."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from exuvia.store.chat.records import THREAD, Thread
from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, checked_time, chosen_id, encode_json
from exuvia.store.errors import ConflictError, InvalidValueError, NotFoundError
from exuvia.store.filters import Filter

ThreadOrder = Literal["created_at", "updated_at"]

_ORDERS: Final = ("created_at", "updated_at")


class Threads(Subsystem[M]):
    """Begin, change, list and delete threads."""

    @writing_once
    def put(
        self,
        id: str | None = None,
        *,
        owner: str | None = None,
        kind: str = "chat",
        title: str | None = None,
        data: Json = None,
        created_at: datetime | None = None,
        project: str | None = None,
    ) -> Operation[Thread]:
        """Begin a thread, or change the one with this id; what is in it stays.

        Args:
            id: The caller's own id; a new UUID if None.
            owner: The user whose it is; a thread does not change hands.
            kind: Whose items it has, such as chat; it does not change, either.
            title: What people call it.
            data: A JSON document.
            created_at: When it was begun; now if None. Only a new thread takes it.
            project: The project; not needed in a bound store.

        Raises:
            ConflictError: There is a thread with this id of another owner or kind.
            MissingReferenceError: There is no such project.
        """
        key = chosen_id(id)
        now = self.now()
        rows = yield Statement(
            f"""
            INSERT INTO chat_threads (project_id, id, kind, owner, title, data, created_at, updated_at)
            VALUES (:project, :id, :kind, :owner, :title, :data, :created, :now)
            ON CONFLICT (project_id, id) DO UPDATE
              SET title = excluded.title, data = excluded.data, updated_at = excluded.updated_at
              WHERE chat_threads.owner IS NOT DISTINCT FROM excluded.owner AND chat_threads.kind = excluded.kind
            RETURNING {THREAD.columns()}
            """,
            {
                "project": self.scope.own(project),
                "id": key,
                "kind": checked_text(kind, what="kind", longest=64),
                "owner": checked_owner(owner),
                "title": None if title is None else checked_text(title, what="title"),
                "data": encode_json({} if data is None else data),
                "created": now if created_at is None else checked_time(created_at, what="created_at"),
                "now": now,
            },
        )
        if not rows:
            raise others_thread(key)
        return THREAD.read(rows[0])

    @reading
    def get(self, id: str, *, owner: str | None = None, project: str | None = None) -> Operation[Thread]:
        """Return a thread; another owner's is not there.

        Raises:
            NotFoundError: There is none with this id.
        """
        where = Where().equal("project_id", self.scope.own(project)).equal("id", checked_id(id)).equal("owner", owner)
        rows = yield Statement(f"SELECT {THREAD.columns()} FROM chat_threads WHERE {where}", where.parameters)
        if not rows:
            raise missing_thread(id)
        return THREAD.read(rows[0])

    @reading
    def list(
        self,
        *,
        owner: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        order: ThreadOrder = "created_at",
        newest_first: bool = True,
        after_id: str | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Thread]]:
        """List threads, the newest first.

        Args:
            owner: The user whose they are.
            kind: Whose items they have, such as chat.
            since: Begun then or later.
            until: Begun then or earlier.
            filter: About ``data``.
            order: By the time when they were begun, or last changed or written in.
            newest_first: Or the oldest.
            after_id: Only those that come after this thread; the page has no total then.
            project: The project; all of them if None, unless ``after_id`` is given.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.

        Raises:
            NotFoundError: There is no thread ``after_id``.
        """
        if order not in _ORDERS:
            raise InvalidValueError(f"{order!r} is not an order.", hint=f"Choose {' or '.join(_ORDERS)}.", code="order")
        where = Where().equal("project_id", self.scope.among(project)).equal("owner", owner)
        where.equal("kind", kind).during("created_at", since, until).json("data", filter, self.dialect)
        if after_id is not None:
            last = yield from Threads.get.steps(self, after_id, owner=owner, project=project)
            where.also(
                f"({order}, project_id, id) {'<' if newest_first else '>'} (:last_time, :last_project, :last_id)",
                last_time=last.created_at if order == "created_at" else last.updated_at,
                last_project=last.project_id,
                last_id=last.id,
            )
        keys = tuple(Key(column, descending=newest_first) for column in (order, "project_id", "id"))
        return (yield from Listing(THREAD, "chat_threads", where, keys).page(limit, after, count=after_id is None))

    @writing_once
    def delete(self, id: str, *, owner: str | None = None, project: str | None = None) -> Operation[bool]:
        """Delete a thread with its items and attachments; return whether it was there."""
        where = Where().equal("project_id", self.scope.own(project)).equal("id", checked_id(id)).equal("owner", owner)
        return bool((yield Statement(f"DELETE FROM chat_threads WHERE {where} RETURNING id", where.parameters)))


def checked_owner(owner: str | None) -> str | None:
    """Return an owner, checked.

    Raises:
        InvalidValueError: It cannot be an id.
    """
    return None if owner is None else checked_id(owner, what="owner")


def missing_thread(id: str) -> NotFoundError:
    """Return the error for a thread that is not there, or is another owner's."""
    return NotFoundError(
        f"There is no thread {id[:255]!r}.", hint="Begin it: store.chat.threads.put(id).", code="thread"
    )


def others_thread(id: str) -> ConflictError:
    """Return the error for a thread of another owner."""
    return ConflictError(f"There is a thread {id!r} of another owner or kind.", hint="Choose another id.", code="owner")
