"""Attachments: what is known of a file, and its bytes where they are to be kept in the store."""

from __future__ import annotations

from typing import Final

from exuvia.store.chat.records import ATTACHMENT, Attachment
from exuvia.store.chat.threads import checked_owner
from exuvia.store.core.listing import Listing, Page, Where, falling
from exuvia.store.core.operations import M, Subsystem, reading, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, chosen_id, encode_json
from exuvia.store.errors import ConflictError, InvalidValueError, NotFoundError
from exuvia.store.filters import Filter

LARGEST: Final = 25 * 2**20
"""Bytes of a file that are kept unless the caller allows more: 25 MiB."""


class Attachments(Subsystem[M]):
    """Keep, list and delete attachments."""

    @writing_once
    def put(
        self,
        name: str,
        mime_type: str,
        *,
        size: int | None = None,
        data: Json = None,
        thread: str | None = None,
        owner: str | None = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Attachment]:
        """Keep what is known of a file, or change it; bytes that are there stay, and say how large it is.

        Args:
            name: The file's name.
            mime_type: Such as image/png.
            size: Its bytes.
            data: A JSON document.
            thread: The thread it belongs to.
            owner: The user whose it is; an attachment does not change hands.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            ConflictError: There is an attachment with this id of another owner.
            MissingReferenceError: There is no such thread.
        """
        key = chosen_id(id)
        rows = yield Statement(
            f"""
            INSERT INTO chat_attachments
              (project_id, id, owner, thread_id, name, mime_type, size, data, created_at, updated_at)
            VALUES (:project, :id, :owner, :thread, :name, :mime_type, :size, :data, :now, :now)
            ON CONFLICT (project_id, id) DO UPDATE
              SET thread_id = excluded.thread_id, name = excluded.name, mime_type = excluded.mime_type,
                size = coalesce(length(chat_attachments.content), excluded.size), data = excluded.data,
                updated_at = excluded.updated_at
              WHERE chat_attachments.owner IS NOT DISTINCT FROM excluded.owner
            RETURNING {ATTACHMENT.columns()}
            """,
            {
                "project": self.scope.own(project),
                "id": key,
                "owner": checked_owner(owner),
                "thread": None if thread is None else checked_id(thread, what="thread"),
                "name": checked_text(name, what="name"),
                "mime_type": checked_text(mime_type, what="mime_type", longest=255),
                "size": size,
                "data": encode_json({} if data is None else data),
                "now": self.now(),
            },
        )
        if not rows:
            raise ConflictError(
                f"There is an attachment {key!r} of another owner.", hint="Choose another id.", code="owner"
            )
        return ATTACHMENT.read(rows[0])

    @writing_once
    def fill(
        self,
        id: str,
        content: bytes,
        *,
        data: Json = None,
        at_most: int = LARGEST,
        owner: str | None = None,
        project: str | None = None,
    ) -> Operation[Attachment]:
        """Keep an attachment's bytes in the store.

        Args:
            id: The attachment.
            content: The bytes.
            data: A JSON document instead of the one that is there; None keeps that.
            at_most: How many bytes are taken.
            owner: The user whose it is.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is no such attachment.
            InvalidValueError: The bytes are none, or too many.
        """
        where = self._one(id, owner, project)
        rows = yield Statement(
            f"""
            UPDATE chat_attachments SET content = :content, size = :size, updated_at = :now,
              data = coalesce(CAST(:data AS {self.dialect.json}), data)
            WHERE {where} RETURNING {ATTACHMENT.columns()}
            """,
            where.parameters
            | {
                "content": _checked(content, at_most),
                "size": len(content),
                "now": self.now(),
                "data": None if data is None else encode_json(data),
            },
        )
        if not rows:
            raise _missing(id)
        return ATTACHMENT.read(rows[0])

    @reading
    def get(self, id: str, *, owner: str | None = None, project: str | None = None) -> Operation[Attachment]:
        """Return what is known of a file.

        Raises:
            NotFoundError: There is no such attachment, or it is another owner's.
        """
        where = self._one(id, owner, project)
        rows = yield Statement(f"SELECT {ATTACHMENT.columns()} FROM chat_attachments WHERE {where}", where.parameters)
        if not rows:
            raise _missing(id)
        return ATTACHMENT.read(rows[0])

    @reading
    def content(self, id: str, *, owner: str | None = None, project: str | None = None) -> Operation[bytes | None]:
        """Return an attachment's bytes; None if they are not kept here.

        Raises:
            NotFoundError: There is no such attachment, or it is another owner's.
        """
        where = self._one(id, owner, project)
        rows = yield Statement(f"SELECT content FROM chat_attachments WHERE {where}", where.parameters)
        if not rows:
            raise _missing(id)
        content: bytes | None = rows[0][0]
        return content

    @reading
    def list(
        self,
        *,
        owner: str | None = None,
        thread: str | None = None,
        mime_type: str | None = None,
        filter: Filter | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Attachment]]:
        """List attachments, the newest first.

        Args:
            owner: The user whose they are.
            thread: The thread they belong to.
            mime_type: The type of file, as a whole.
            filter: About ``data``.
            project: The project; all of them if None.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("owner", owner)
        where.equal("thread_id", thread).equal("mime_type", mime_type).json("data", filter, self.dialect)
        order = falling("created_at", "project_id", "id")
        return (yield from Listing(ATTACHMENT, "chat_attachments", where, order).page(limit, after))

    @writing_once
    def delete(self, id: str, *, owner: str | None = None, project: str | None = None) -> Operation[bool]:
        """Delete an attachment with its bytes; return whether it was there."""
        where = self._one(id, owner, project)
        return bool((yield Statement(f"DELETE FROM chat_attachments WHERE {where} RETURNING id", where.parameters)))

    def _one(self, id: str, owner: str | None, project: str | None) -> Where:
        return Where().equal("project_id", self.scope.own(project)).equal("id", checked_id(id)).equal("owner", owner)


def _checked(content: bytes, at_most: int) -> bytes:
    if not isinstance(content, bytes):
        raise InvalidValueError(f"{repr(content)[:60]} cannot be the content.", hint="Pass bytes.", code="content")
    if len(content) > at_most:
        raise InvalidValueError(
            f"The content has {len(content):,} bytes, and {at_most:,} are allowed.",
            hint="Keep large files elsewhere and their place in data, or pass at_most=….",
            code="content",
        )
    return content


def _missing(id: str) -> NotFoundError:
    return NotFoundError(
        f"There is no attachment {id[:255]!r}.", hint="Keep it: store.chat.attachments.put(…).", code="attachment"
    )
