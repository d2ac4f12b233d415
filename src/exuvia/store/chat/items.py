"""Items of a thread: whoever adds or takes them waits for the thread's row, so that their order has no doubles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from exuvia.store.chat.records import ITEM, Item, NewItem
from exuvia.store.chat.threads import checked_owner, missing_thread, others_thread
from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing
from exuvia.store.core.requests import Many, Operation, Statement, Value
from exuvia.store.core.values import checked_id, checked_text, checked_time, chosen_id, encode_json
from exuvia.store.errors import InvalidValueError, NotFoundError
from exuvia.store.filters import Filter

ItemOrder = Literal["seq", "created_at"]

_ORDERS: Final[dict[ItemOrder, tuple[str, ...]]] = {"seq": ("seq",), "created_at": ("created_at", "seq")}


class Items(Subsystem[M]):
    """Add items to threads, change them, walk through them, and take them out."""

    @writing
    def add(
        self,
        thread: str,
        items: Sequence[NewItem],
        *,
        begin: str | None = None,
        owner: str | None = None,
        project: str | None = None,
    ) -> Operation[tuple[Item, ...]]:
        """Add items to the end of a thread, in order, all or none.

        Args:
            thread: The thread.
            items: The items.
            begin: Begin the thread if it is not there, as one of this kind, such as chat.
            owner: The user whose the thread is, or will be.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is no such thread.
            InvalidValueError: An item cannot be stored, or the items are an iterator, which a second try finds empty.
            ConflictError: The thread has an item with one of the ids; or it is to be begun, and is there as another
                owner's or of another kind.
        """
        if not isinstance(items, Sequence):
            raise InvalidValueError(f"{repr(items)[:60]} cannot be the items.", hint="Pass a list.", code="items")
        key, now = (self.scope.own(project), checked_id(thread, what="thread")), self.now()
        last = yield from self._reserve(key, len(items), now, begin=begin, owner=checked_owner(owner))
        first = last - len(items) + 1
        sets = [_row(key, item, seq, now) for seq, item in enumerate(items, first)]
        yield Many(
            """
            INSERT INTO chat_items
              (project_id, thread_id, id, seq, type, role, text, data, created_at, updated_at)
            VALUES (:project, :thread, :id, :seq, :type, :role, :text, :data, :created, :now)
            """,
            sets,
        )
        rows = yield Statement(
            f"""
            SELECT {ITEM.columns()} FROM chat_items
            WHERE project_id = :project AND thread_id = :thread AND seq BETWEEN :first AND :last ORDER BY seq
            """,
            {"project": key[0], "thread": key[1], "first": first, "last": last},
        )
        return ITEM.read_all(rows)

    @writing
    def put(
        self, thread: str, item: NewItem, *, owner: str | None = None, project: str | None = None
    ) -> Operation[Item]:
        """Change the item with this id, which keeps its place and its ``created_at``; or add it to the end.

        Raises:
            NotFoundError: There is no such thread.
        """
        key = yield from self._touch(thread, owner, project)
        if key is None:
            raise missing_thread(thread)
        row = _row(key, item, 0, self.now())
        rows = yield Statement(
            f"""
            UPDATE chat_items SET type = :type, role = :role, text = :text, data = :data, updated_at = :now
            WHERE project_id = :project AND thread_id = :thread AND id = :id
            RETURNING {ITEM.columns()}
            """,
            {name: value for name, value in row.items() if name not in {"seq", "created"}},
        )
        if rows:
            return ITEM.read(rows[0])
        return (yield from Items.add.steps(self, thread, [item], owner=owner, project=project))[0]

    @reading
    def get(self, thread: str, id: str, *, owner: str | None = None, project: str | None = None) -> Operation[Item]:
        """Return an item.

        Raises:
            NotFoundError: There is no such item, or the thread is another owner's.
        """
        where = self._of(thread, owner, project).equal("i.id", checked_id(id))
        rows = yield Statement(f"SELECT {ITEM.columns('i')} FROM chat_items AS i WHERE {where}", where.parameters)
        if not rows:
            raise NotFoundError(
                f"The thread {thread!r} has no item {id!r}.", hint="store.chat.items.list(thread)", code="item"
            )
        return ITEM.read(rows[0])

    @reading
    def list(
        self,
        thread: str,
        *,
        owner: str | None = None,
        type: str | None = None,
        role: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        order: ItemOrder = "seq",
        newest_first: bool = False,
        after_id: str | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Item]]:
        """List a thread's items; none if there is no such thread.

        Args:
            thread: The thread.
            owner: The user whose it is; another's looks empty.
            type: The type.
            role: The role.
            since: Made then or later.
            until: Made then or earlier.
            filter: About ``data``.
            order: In the order in which they were added, or by the time when their makers say they were made.
            newest_first: Turn the order round.
            after_id: Only those that come after this item; the page has no total then.
            project: The project; not needed in a bound store.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.

        Raises:
            NotFoundError: There is no item ``after_id`` in the thread.
        """
        if order not in _ORDERS:
            raise InvalidValueError(f"{order!r} is not an order.", hint=f"Choose {' or '.join(_ORDERS)}.", code="order")
        where = self._of(thread, owner, project).equal("i.type", type).equal("i.role", role)
        where.during("i.created_at", since, until).json("i.data", filter, self.dialect)
        columns = tuple(f"i.{column}" for column in _ORDERS[order])
        if after_id is not None:
            last = yield from Items.get.steps(self, thread, after_id, owner=owner, project=project)
            sought = {f"last_{column}": getattr(last, column) for column in _ORDERS[order]}
            bounds = ", ".join(f":{name}" for name in sought)
            where.also(f"({', '.join(columns)}) {'<' if newest_first else '>'} ({bounds})", **sought)
        keys = tuple(Key(column, descending=newest_first) for column in columns)
        listing = Listing(ITEM, "chat_items AS i", where, keys, alias="i")
        return (yield from listing.page(limit, after, count=after_id is None))

    @reading
    def last(
        self, thread: str, count: int | None = None, *, owner: str | None = None, project: str | None = None
    ) -> Operation[tuple[Item, ...]]:
        """Return the items that were added last, the oldest of them first; of one moment, however many they are.

        Args:
            thread: The thread; one that is not there has no items.
            count: How many at most; all of them if None.
            owner: The user whose it is.
            project: The project; not needed in a bound store.
        """
        where = self._of(thread, owner, project)
        most: dict[str, Value] = {} if count is None else {"count": count}
        rows = yield Statement(
            f"SELECT {ITEM.columns('i')} FROM chat_items AS i WHERE {where} ORDER BY i.seq DESC"
            + (" LIMIT :count" if most else ""),
            where.parameters | most,
        )
        return ITEM.read_all(reversed(rows))

    @writing
    def pop(self, thread: str, *, owner: str | None = None, project: str | None = None) -> Operation[Item | None]:
        """Take out the item that was added last, and return it; None if there is none."""
        key = yield from self._touch(thread, owner, project)
        if key is None:
            return None
        rows = yield Statement(
            f"""
            DELETE FROM chat_items WHERE project_id = :project AND thread_id = :thread AND seq = (
              SELECT max(newest.seq) FROM chat_items AS newest
              WHERE newest.project_id = :project AND newest.thread_id = :thread)
            RETURNING {ITEM.columns()}
            """,
            {"project": key[0], "thread": key[1]},
        )
        return ITEM.first(rows)

    @writing
    def delete(self, thread: str, id: str, *, owner: str | None = None, project: str | None = None) -> Operation[bool]:
        """Delete an item; return whether it was there."""
        key = yield from self._touch(thread, owner, project)
        if key is None:
            return False
        rows = yield Statement(
            "DELETE FROM chat_items WHERE project_id = :project AND thread_id = :thread AND id = :id RETURNING id",
            {"project": key[0], "thread": key[1], "id": checked_id(id)},
        )
        return bool(rows)

    def _reserve(
        self, key: tuple[str, str], count: int, now: datetime, *, begin: str | None, owner: str | None
    ) -> Operation[int]:
        """Take the next places of a thread; return the last of them."""
        if begin is not None:
            rows = yield Statement(
                """
                INSERT INTO chat_threads (project_id, id, kind, owner, data, last_seq, created_at, updated_at)
                VALUES (:project, :thread, :kind, :owner, :data, :count, :now, :now)
                ON CONFLICT (project_id, id) DO UPDATE
                  SET last_seq = chat_threads.last_seq + excluded.last_seq, updated_at = excluded.updated_at
                  WHERE chat_threads.owner IS NOT DISTINCT FROM excluded.owner AND chat_threads.kind = excluded.kind
                RETURNING last_seq
                """,
                {
                    "project": key[0],
                    "thread": key[1],
                    "kind": checked_text(begin, what="kind", longest=64),
                    "owner": owner,
                    "data": "{}",
                    "count": count,
                    "now": now,
                },
            )
        else:
            where = _thread(key, owner)
            rows = yield Statement(
                f"""
                UPDATE chat_threads SET last_seq = last_seq + :count, updated_at = :now WHERE {where} RETURNING last_seq
                """,
                where.parameters | {"count": count, "now": now},
            )
        if not rows:
            raise others_thread(key[1]) if begin is not None else missing_thread(key[1])
        last: int = rows[0][0]
        return last

    def _touch(self, thread: str, owner: str | None, project: str | None) -> Operation[tuple[str, str] | None]:
        """Keep others from changing what is in a thread until the transaction ends; None if it is not there."""
        key = (self.scope.own(project), checked_id(thread, what="thread"))
        where = _thread(key, owner)
        rows = yield Statement(
            f"UPDATE chat_threads SET updated_at = :now WHERE {where} RETURNING id",
            where.parameters | {"now": self.now()},
        )
        return key if rows else None

    def _of(self, thread: str, owner: str | None, project: str | None) -> Where:
        """Ask for the items, named ``i``, of a thread."""
        where = Where().equal("i.project_id", self.scope.own(project))
        where.equal("i.thread_id", checked_id(thread, what="thread"))
        if owner is not None:
            where.also(
                "EXISTS (SELECT 1 FROM chat_threads AS t"
                " WHERE t.project_id = i.project_id AND t.id = i.thread_id AND t.owner = :owner)",
                owner=owner,
            )
        return where


def _thread(key: tuple[str, str], owner: str | None) -> Where:
    return Where().equal("project_id", key[0]).equal("id", key[1]).equal("owner", owner)


def _row(key: tuple[str, str], item: NewItem, seq: int, now: datetime) -> dict[str, Value]:
    """Return an item's values, checked."""
    return {
        "project": key[0],
        "thread": key[1],
        "id": chosen_id(item.id),
        "seq": seq,
        "type": checked_text(item.type, what="type", longest=64),
        "role": None if item.role is None else checked_text(item.role, what="role", longest=64),
        "text": checked_text(item.text, what="text"),
        "data": encode_json(item.data),
        "created": now if item.created_at is None else checked_time(item.created_at, what="created_at"),
        "now": now,
    }
