"""ChatKit's threads, items and attachments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Final, Generic, NoReturn, TypeVar

from chatkit.store import NotFoundError, Store
from chatkit.types import AssistantMessageItem, Attachment, Page, ThreadItem, ThreadMetadata, UserMessageItem
from pydantic import TypeAdapter

from exuvia.integrations.chatkit.attachments import ATTACHMENT
from exuvia.integrations.chatkit.requests import Whose, ask_of
from exuvia.integrations.documents import restored, storable, storable_text
from exuvia.integrations.openai_agents import PREFIX
from exuvia.store import AsyncStore
from exuvia.store import Store as OpenStore
from exuvia.store.chat import Item, NewItem
from exuvia.store.core.listing import LARGEST_PAGE

C = TypeVar("C")
"""What the caller hands to ChatKit with each request."""

KIND: Final = "chatkit"
"""The kind of the threads that ChatKit has."""
_THREAD_ITEM: Final[TypeAdapter[ThreadItem]] = TypeAdapter(ThreadItem)
_ROLES: Final = {"user_message": "user", "assistant_message": "assistant"}


class ExuviaStore(Store[C], Generic[C]):
    """ChatKit's threads, items and attachments in a store.

    Threads are listed by the time when they were begun, items by the time that they name, and of the same time in the
    order in which they came. What another user has is not there.

    Args:
        store: An open store; one that is not asynchronous is called in threads.
        whose: Tells where a request's threads are, and whose they are, from its context.
    """

    def __init__(self, store: OpenStore | AsyncStore, whose: Callable[[C], Whose]) -> None:
        self._store = store
        self._whose = whose

    def generate_thread_id(self, context: C) -> str:
        """Return an id with 128 random bits: ChatKit's own have 32, of which a project soon has the same one twice."""
        return f"{super().generate_thread_id(context)}{token_hex(12)}"

    async def load_thread(self, thread_id: str, context: C) -> ThreadMetadata:
        """Return a thread.

        Raises:
            NotFoundError: There is none with this id, or it is another user's.
        """
        _check(thread_id)
        found = await self._ask(context, lambda chat, own: chat.threads.get(thread_id, **own))
        if found.kind != KIND:
            _refuse(thread_id)
        return ThreadMetadata.model_validate(restored(found.data))

    async def save_thread(self, thread: ThreadMetadata, context: C) -> None:
        """Begin a thread, or change the one with its id.

        Raises:
            ConflictError: The thread with its id is another user's.
            MissingReferenceError: There is no such project.
        """
        _check(thread.id)
        title = None if thread.title is None else storable_text(thread.title)
        data = storable(thread.model_dump(mode="json", exclude={"items"}))
        await self._ask(
            context,
            lambda chat, own: chat.threads.put(
                thread.id, kind=KIND, title=title, data=data, created_at=_moment(thread.created_at), **own
            ),
        )

    async def load_threads(self, limit: int, after: str | None, order: str, context: C) -> Page[ThreadMetadata]:
        """Return a page of the user's threads.

        Args:
            limit: Threads a page; at most 1,000 are returned.
            after: The id of the last thread of the page before.
            order: ``asc``, or ``desc`` for the newest first.
            context: The request's.

        Raises:
            NotFoundError: There is no thread ``after``.
        """
        most, newest_first = _most(limit), order == "desc"
        found = await self._ask(
            context,
            lambda chat, own: chat.threads.list(
                kind=KIND, limit=most, after_id=after or None, newest_first=newest_first, **own
            ),
        )
        threads = [ThreadMetadata.model_validate(restored(thread.data)) for thread in found.items]
        return Page(data=threads, has_more=found.next is not None, after=threads[-1].id if found.next else None)

    async def delete_thread(self, thread_id: str, context: C) -> None:
        """Delete a thread with its items and attachments, if it is there."""
        _check(thread_id)
        await self._ask(context, lambda chat, own: chat.threads.delete(thread_id, **own))

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: C
    ) -> Page[ThreadItem]:
        """Return a page of a thread's items; none if the thread is not there, or is another user's.

        Args:
            thread_id: The thread.
            after: The id of the last item of the page before.
            limit: Items a page; at most 1,000 are returned.
            order: ``asc``, or ``desc`` for the newest first.
            context: The request's.

        Raises:
            NotFoundError: There is no item ``after`` in the thread.
        """
        _check(thread_id)
        most, newest_first = _most(limit), order == "desc"
        found = await self._ask(
            context,
            lambda chat, own: chat.items.list(
                thread_id, order="created_at", newest_first=newest_first, limit=most, after_id=after or None, **own
            ),
        )
        items = [_thread_item(item) for item in found.items]
        return Page(data=items, has_more=found.next is not None, after=items[-1].id if found.next else None)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: C) -> None:
        """Add an item to a thread.

        Raises:
            NotFoundError: There is no such thread.
            ConflictError: The thread has an item with its id.
        """
        _check(thread_id)
        added = [_new(item)]
        await self._ask(context, lambda chat, own: chat.items.add(thread_id, added, **own))

    async def save_item(self, thread_id: str, item: ThreadItem, context: C) -> None:
        """Change the item with its id, which keeps its place, or add it.

        Raises:
            NotFoundError: There is no such thread.
        """
        _check(thread_id)
        changed = _new(item)
        await self._ask(context, lambda chat, own: chat.items.put(thread_id, changed, **own))

    async def load_item(self, thread_id: str, item_id: str, context: C) -> ThreadItem:
        """Return an item.

        Raises:
            NotFoundError: The thread has none with this id, or is another user's.
        """
        _check(thread_id)
        return _thread_item(await self._ask(context, lambda chat, own: chat.items.get(thread_id, item_id, **own)))

    async def delete_thread_item(self, thread_id: str, item_id: str, context: C) -> None:
        """Delete an item, if it is there."""
        _check(thread_id)
        await self._ask(context, lambda chat, own: chat.items.delete(thread_id, item_id, **own))

    async def save_attachment(self, attachment: Attachment, context: C) -> None:
        """Keep what is known of a file, or change it; bytes that are there stay.

        Raises:
            ConflictError: The attachment with its id is another user's.
            MissingReferenceError: There is no such thread or project.
        """
        name, data = storable_text(attachment.name), storable(attachment.model_dump(mode="json"))
        await self._ask(
            context,
            lambda chat, own: chat.attachments.put(
                name, attachment.mime_type, id=attachment.id, thread=attachment.thread_id, data=data, **own
            ),
        )

    async def load_attachment(self, attachment_id: str, context: C) -> Attachment:
        """Return what is known of a file.

        Raises:
            NotFoundError: There is no such attachment, or it is another user's.
        """
        found = await self._ask(context, lambda chat, own: chat.attachments.get(attachment_id, **own))
        return ATTACHMENT.validate_python(restored(found.data))

    async def delete_attachment(self, attachment_id: str, context: C) -> None:
        """Delete an attachment with its bytes, if it is there."""
        await self._ask(context, lambda chat, own: chat.attachments.delete(attachment_id, **own))

    async def _ask(self, context: C, call: Callable[[Any, dict[str, Any]], Any]) -> Any:
        return await ask_of(self._store, self._whose(context), call)


def _check(thread_id: str) -> None:
    """Refuse the threads of the Agents SDK's sessions, whose items are not ChatKit's."""
    if thread_id.startswith(PREFIX):
        _refuse(thread_id)


def _refuse(thread_id: str) -> NoReturn:
    raise NotFoundError(f"There is no thread {thread_id!r} of ChatKit.")


def _most(limit: int) -> int:
    return max(1, min(limit, LARGEST_PAGE))


def _moment(given: datetime) -> datetime:
    """Return a time in UTC; ChatKit's own times have no zone, and are local."""
    return given.astimezone(UTC)


def _thread_item(stored: Item) -> ThreadItem:
    return _THREAD_ITEM.validate_python(restored(stored.data))


def _new(item: ThreadItem) -> NewItem:
    """Return an item for the store; what was said in it can be searched, and what is hidden cannot."""
    return NewItem(
        item.type,
        storable(item.model_dump(mode="json")),
        role=_ROLES.get(item.type),
        text=storable_text("\n".join(_said(item))),
        id=item.id,
        created_at=_moment(item.created_at),
    )


def _said(item: ThreadItem) -> Iterator[str]:
    if isinstance(item, UserMessageItem | AssistantMessageItem):
        yield from (part.text for part in item.content)
    for text in (getattr(item, "quoted_text", None), getattr(item, "copy_text", None)):
        if text:
            yield text
