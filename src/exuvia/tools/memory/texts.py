"""What plans and sessions have in common: titled texts that are changed by version and listed in sizes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

from pydantic import Field

from exuvia.tools.frame import ArgumentError
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Own

ListSize = Literal["metadata", "preview", "section", "full"]
_CHANGEABLE = ("title", "author", "topics", "data")


class Texts(Own):
    """What to change of a plan or a session."""

    id: str
    version: int | None = Field(None, description="The version you have read.")
    title: str | None = None
    content: str | None = Field(None, description="Replaces the text.")
    append: str | None = Field(None, description="Goes to the end of the text.")
    author: str | None = None
    topics: list[str] | None = None
    data: dict[str, Json] | None = Field(None, description="Replaces what is there.")


class Sizing(Protocol):
    """A list that is asked for in a size."""

    @property
    def size(self) -> ListSize: ...


class Written(Protocol):
    """What has a text and a version."""

    @property
    def version(self) -> int: ...
    @property
    def content(self) -> str | None: ...


async def text_changes(
    given: Texts, others: tuple[str, ...], read: Callable[[str], Awaitable[Written]]
) -> dict[str, Any]:
    """Return what the store is to change, with the version that is there where the caller named none.

    Args:
        given: The tool's arguments.
        others: What may be changed besides what plans and sessions have in common.
        read: Reads what is there.

    Raises:
        ArgumentError: Nothing is to be changed, or the text in two ways.
    """
    named = given.model_fields_set
    changes = {name: getattr(given, name) for name in (*_CHANGEABLE, "content", *others) if name in named}
    if given.append is not None and given.content is not None:
        raise ArgumentError("append", "The text is either replaced or appended to.", hint="Leave out content.")
    if not changes and given.append is None:
        raise ArgumentError("arguments", "There is nothing to change.", hint="Name what is to change, besides id.")
    version = given.version
    if version is None or given.append is not None:
        there = await read(given.id)
        version = there.version if version is None else version
        if given.append is not None:
            changes["content"] = _joined(there.content or "", given.append)
    return {"version": version, **changes}


def columns_of(given: Sizing, columns: Mapping[str, str]) -> dict[str, str]:
    """Return a list's columns, with the text where a size that has some was asked for."""
    return {**columns, **({} if given.size == "metadata" else {"content": "content"})}


def _joined(text: str, more: str) -> str:
    return f"{text}\n{more}" if text and not text.endswith("\n") else text + more
