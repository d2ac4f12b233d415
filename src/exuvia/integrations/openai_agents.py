"""The memory of conversations for the OpenAI Agents SDK, on SQLite and PostgreSQL alike.

::

    async with exuvia.open("sqlite:///memory.db") as store:
        session = ExuviaSession("conversation 7", store, project="shop", user="ada")
        await Runner.run(agent, "Where were we?", session=session)

See https://openai.github.io/openai-agents-python/sessions/.
"""

from __future__ import annotations

from typing import Any, Final, cast

from exuvia.integrations.calling import ask
from exuvia.integrations.documents import restored, storable, storable_text
from exuvia.integrations.packages import missing
from exuvia.store import AsyncStore, Store
from exuvia.store.chat import Item, NewItem

try:
    from agents import SessionSettings, TResponseInputItem
    from agents.memory.session_settings import resolve_session_limit
except ImportError as error:
    raise missing(error, "openai-agents", "openai-agents") from error

KIND: Final = "openai-agents"
"""The kind of the threads that sessions are."""
PREFIX: Final = "session:"
"""What the ids of these threads begin with, so that a session may be called as a chat's thread is."""


class ExuviaSession:
    """A conversation of the Agents SDK: a thread of ``store.chat``.

    Sessions of the same id, in any number of tasks, threads and processes, are the same conversation: each call is one
    transaction, and nothing is lost, doubled or torn apart between them.

    Args:
        session_id: The conversation's id.
        store: An open store; one that is not asynchronous is called in threads, and serves ``Runner.run_sync``, too.
        project: The project, which is there; not needed in a bound store.
        user: The user whose it is; another user's conversation is not seen, and not written to.
        session_settings: How many items are read unless the caller says.

    Raises:
        InvalidValueError: No project is given, and the store is not bound to one.
    """

    def __init__(
        self,
        session_id: str,
        store: Store | AsyncStore,
        *,
        project: str | None = None,
        user: str | None = None,
        session_settings: SessionSettings | None = None,
    ) -> None:
        self.session_id = session_id
        self.session_settings: SessionSettings | None = session_settings or SessionSettings()
        self._store = store
        self._thread = f"{PREFIX}{session_id}"
        self._whose = {"project": store.scope.own(project), "owner": user}

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Return the conversation, the oldest item first.

        Args:
            limit: How many of its last items; None for as many as the settings say, a negative number for all.
        """
        count = resolve_session_limit(limit, self.session_settings)
        most = None if count is None or count < 0 else count
        found = await ask(self._store, lambda store: store.chat.items.last(self._thread, most, **self._whose))
        return [_item(one) for one in found]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add items to the end, all or none.

        Raises:
            ConflictError: The conversation is another user's.
            MissingReferenceError: There is no such project.
        """
        added = [_new(cast(dict[str, Any], item)) for item in items]
        if added:
            await ask(self._store, lambda store: store.chat.items.add(self._thread, added, begin=KIND, **self._whose))

    async def pop_item(self) -> TResponseInputItem | None:
        """Take out the last item and return it; None if there is none."""
        taken = await ask(self._store, lambda store: store.chat.items.pop(self._thread, **self._whose))
        return None if taken is None else _item(taken)

    async def clear_session(self) -> None:
        """Delete the conversation; it may be begun again."""
        await ask(self._store, lambda store: store.chat.threads.delete(self._thread, **self._whose))


def _item(stored: Item) -> TResponseInputItem:
    return cast(TResponseInputItem, restored(stored.data))


def _new(item: dict[str, Any]) -> NewItem:
    """Return an item for the store; what was said in it can be searched."""
    type_ = item.get("type") or "message"
    said = _said(item.get("content")) if type_ == "message" else ""
    return NewItem(type_, storable(item), role=item.get("role"), text=storable_text(said))


def _said(content: Any) -> str:
    """Return the texts of a message: it is one, or a list of parts, some of which have one."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))
