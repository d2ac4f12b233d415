"""The bytes of ChatKit's attachments."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex
from typing import Any, Final, Generic, Literal, TypeVar

from chatkit.store import AttachmentStore, NotFoundError
from chatkit.types import (
    Attachment,
    AttachmentCreateParams,
    AttachmentUploadDescriptor,
    FileAttachment,
    ImageAttachment,
)
from pydantic import AnyUrl, TypeAdapter

from exuvia.integrations.chatkit.requests import Whose, ask_of
from exuvia.integrations.documents import restored, storable
from exuvia.store import AsyncStore, Store
from exuvia.store.chat.attachments import LARGEST
from exuvia.store.errors import InvalidValueError

C = TypeVar("C")

ATTACHMENT: Final[TypeAdapter[Attachment]] = TypeAdapter(Attachment)


class ExuviaAttachmentStore(AttachmentStore[C], Generic[C]):
    """The bytes of ChatKit's attachments, uploaded in a second request, in the store in which ``ExuviaStore`` is.

    Args:
        store: The store.
        whose: As for ``ExuviaStore``.
        upload_url: Makes, of an attachment's id and the context, the address to which its bytes are sent; what answers
            there calls ``receive``.
        preview_url: Makes the address at which an image is seen, by ``content``; without it images are files.
        method: How the bytes are sent.
        at_most: How many bytes a file may have.
    """

    def __init__(
        self,
        store: Store | AsyncStore,
        whose: Callable[[C], Whose],
        *,
        upload_url: Callable[[str, C], str],
        preview_url: Callable[[str, C], str] | None = None,
        method: Literal["POST", "PUT"] = "POST",
        at_most: int = LARGEST,
    ) -> None:
        self._store = store
        self._whose = whose
        self._upload_url = upload_url
        self._preview_url = preview_url
        self._method: Literal["POST", "PUT"] = method
        self._at_most = at_most

    def generate_attachment_id(self, mime_type: str, context: C) -> str:
        """Return an id with 128 random bits."""
        return f"{super().generate_attachment_id(mime_type, context)}{token_hex(12)}"

    async def create_attachment(self, input: AttachmentCreateParams, context: C) -> Attachment:
        """Return what ChatKit then saves, with the address for the bytes.

        Raises:
            InvalidValueError: The file is too large.
        """
        if input.size > self._at_most:
            raise InvalidValueError(
                f"The file {input.name!r} has {input.size:,} bytes, and {self._at_most:,} are allowed.",
                hint="Choose a smaller file, or pass at_most=… to ExuviaAttachmentStore.",
                code="size",
            )
        key = self.generate_attachment_id(input.mime_type, context)
        known: dict[str, Any] = {
            "id": key,
            "name": input.name,
            "mime_type": input.mime_type,
            "upload_descriptor": AttachmentUploadDescriptor(
                url=AnyUrl(self._upload_url(key, context)), method=self._method
            ),
        }
        if self._preview_url is not None and input.mime_type.startswith("image/"):
            return ImageAttachment(**known, preview_url=AnyUrl(self._preview_url(key, context)))
        return FileAttachment(**known)

    async def receive(self, attachment_id: str, content: bytes, context: C) -> Attachment:
        """Keep the bytes of an attachment; it no longer says where to send them.

        Raises:
            NotFoundError: There is no such attachment, or it is another user's.
            InvalidValueError: They are too many.
        """
        found = await self._ask(context, lambda chat, own: chat.attachments.get(attachment_id, **own))
        known = ATTACHMENT.validate_python({**restored(found.data), "upload_descriptor": None})
        data = storable(known.model_dump(mode="json"))
        await self._ask(
            context,
            lambda chat, own: chat.attachments.fill(attachment_id, content, data=data, at_most=self._at_most, **own),
        )
        return known

    async def content(self, attachment_id: str, context: C) -> bytes:
        """Return the bytes of an attachment.

        Raises:
            NotFoundError: There is no such attachment, it is another user's, or its bytes have not come.
        """
        found = await self._ask(context, lambda chat, own: chat.attachments.content(attachment_id, **own))
        if not isinstance(found, bytes):
            raise NotFoundError(f"The attachment {attachment_id!r} has no bytes yet.")
        return found

    async def delete_attachment(self, attachment_id: str, context: C) -> None:
        """Delete an attachment with its bytes, if it is there."""
        await self._ask(context, lambda chat, own: chat.attachments.delete(attachment_id, **own))

    async def _ask(self, context: C, call: Callable[[Any, dict[str, Any]], Any]) -> Any:
        return await ask_of(self._store, self._whose(context), call)
