"""What chats are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation.

    Args:
        project_id: The project.
        id: Its id.
        kind: Whose items it has, such as chat, chatkit or openai-agents.
        owner: The user whose it is; None where threads are nobody's.
        title: What people call it.
        data: Anything else.
        created_at: When it was begun.
        updated_at: When it, or what is in it, was last changed.
    """

    project_id: str
    id: str
    kind: str
    owner: str | None
    title: str | None
    data: Json
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Item:
    """A message, a tool call or whatever else is in a thread.

    Args:
        project_id: The project.
        thread_id: The thread.
        id: Its id among the thread's.
        seq: Its place in the order in which the thread's items were added: grows, and is never used again.
        type: Such as message, function_call or widget.
        role: Such as user, assistant or system; None for what nobody says.
        text: What search finds it by; may be empty.
        data: The item itself.
        created_at: When it was made, as its maker says.
        updated_at: When it was last changed here.
    """

    project_id: str
    thread_id: str
    id: str
    seq: int
    type: str
    role: str | None
    text: str
    data: Json
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to be added.

    Args:
        type: Such as message, function_call or widget.
        data: The item itself, a JSON document.
        role: Such as user, assistant or system.
        text: What search is to find it by.
        id: The caller's own id, which no other item of the thread has; a new UUID if None.
        created_at: When it was made; now if None.
    """

    type: str
    data: Json = field(default_factory=dict)
    role: str | None = None
    text: str = ""
    id: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """What is known of a file that somebody attached. Its bytes are read apart, if they are kept here at all.

    Args:
        project_id: The project.
        id: Its id.
        owner: The user whose it is.
        thread_id: The thread, with which it is deleted; None until it is sent.
        name: The file's name.
        mime_type: Such as image/png.
        size: Its bytes, counted once they are kept here, or as they were announced; None when nobody knows.
        data: Anything else.
        created_at: When it was made.
        updated_at: When it was last changed.
    """

    project_id: str
    id: str
    owner: str | None
    thread_id: str | None
    name: str
    mime_type: str
    size: int | None
    data: Json
    created_at: datetime
    updated_at: datetime


THREAD: Final = Shape(Thread)
ITEM: Final = Shape(Item)
ATTACHMENT: Final = Shape(Attachment)
