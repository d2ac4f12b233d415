"""Chat as one subject: its threads, their items and attachments, and search in them."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import and_

from exuvia.store.chat.attachments import Attachments
from exuvia.store.chat.items import Items
from exuvia.store.chat.threads import Threads
from exuvia.store.core.listing import Page
from exuvia.store.core.operations import M, Runner, Subsystem, reading
from exuvia.store.core.requests import Operation
from exuvia.store.filters import Filter, field
from exuvia.store.search import Hit
from exuvia.store.search.search import TextSearch


class Chat(Subsystem[M]):
    """Threads, items and attachments, each with methods of its own, and search in what was said.

    Args:
        runner: Runs the operations.
    """

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self.threads: Threads[M] = Threads(runner)
        self.items: Items[M] = Items(runner)
        self.attachments: Attachments[M] = Attachments(runner)

    @reading
    def search(
        self,
        text: str,
        *,
        owner: str | None = None,
        thread: str | None = None,
        role: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        project: str | None = None,
        limit: int = 20,
        after: str | None = None,
    ) -> Operation[Page[Hit]]:
        """Find items by words, best first; a hit's ``entry.data`` has the ``thread_id`` and the ``item_id``.

        Args:
            text: The query, as ``store.search`` takes it.
            owner: Threads of this user.
            thread: This thread.
            role: What this role said; an item without a role is found by its type.
            since: Made then or later.
            until: Made then or earlier.
            project: The project; all of them if None.
            limit: Hits a page, 1 to 1,000.
            after: The ``next`` of the page before.

        Raises:
            InvalidValueError: The query is malformed, and the message tells where.
        """
        return (
            yield from TextSearch.__call__.steps(
                TextSearch(self._runner),
                text,
                project=project,
                kinds="message",
                type=() if role is None else role,
                since=since,
                until=until,
                filter=_within(owner, thread),
                limit=limit,
                after=after,
            )
        )


def _within(owner: str | None, thread: str | None) -> Filter | None:
    asked = {"data.owner": owner, "data.thread_id": thread}
    conditions = [field(path) == value for path, value in asked.items() if value is not None]
    return reduce(and_, conditions) if conditions else None
