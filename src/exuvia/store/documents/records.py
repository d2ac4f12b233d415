"""What documents are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json

ReadStatus = Literal["unread", "in_progress", "completed", "archived"]
READ_STATUSES: Final[tuple[str, ...]] = get_args(ReadStatus)


@dataclass(frozen=True, slots=True)
class Resource:
    """Something to read, such as an article, a book or a page.

    Args:
        project_id: The project.
        id: Its id.
        title: Its title.
        creators: Who made it, in order.
        url: Where it is.
        identifier: What it is known by elsewhere, such as a DOI or an ISBN.
        language: Its language, such as ``en`` or ``de-CH``.
        media_type: Such as ``text/html``.
        description: What it is about.
        content: Its text; None in a list that was asked for less.
        classification: The code of its subject, such as ``004.6``.
        quality: From 0, the worst, to 1; None when nobody has judged.
        read_status: unread, in_progress, completed or archived.
        tags: Words to find it by.
        data: Any other metadata.
        version: How often it was written, the first time included.
        created_at: When it was added.
        updated_at: When it was last changed.
    """

    project_id: str
    id: str
    title: str
    creators: tuple[str, ...]
    url: str | None
    identifier: str | None
    language: str | None
    media_type: str | None
    description: str
    content: str | None
    classification: str | None
    quality: float | None
    read_status: ReadStatus
    tags: tuple[str, ...]
    data: Json
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of resources, perhaps inside of another one.

    Args:
        project_id: The project.
        id: Its id.
        parent_id: The collection it is in.
        name: What people call it.
        description: What it is for.
        data: Anything else.
        version: How often it was written, the first time included.
        created_at: When it was made.
        updated_at: When it was last changed.
    """

    project_id: str
    id: str
    parent_id: str | None
    name: str
    description: str
    data: Json
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Citation:
    """A place in a resource that refers to another resource, or to something outside. It is never changed.

    Args:
        project_id: The project.
        id: Its id.
        resource_id: The resource that cites.
        target_id: The resource that is cited, when it is one of the project's.
        url: The address that is cited.
        type: How it is cited, such as ``reference``, ``quotation`` or ``dataset``.
        position: Where in the text, in characters from its beginning.
        context: The words around it.
        data: Anything else.
        created_at: When it was recorded.
    """

    project_id: str
    id: str
    resource_id: str
    target_id: str | None
    url: str | None
    type: str
    position: int | None
    context: str
    data: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CitationCounts:
    """How often a resource cites and is cited.

    Args:
        cites: Its own citations, those of outside addresses included.
        outside: Those of its own citations that name no resource of the project.
        cited_by: Citations of it.
    """

    cites: int
    outside: int
    cited_by: int


@dataclass(frozen=True, slots=True)
class Annotation:
    """What somebody marked in a resource, and noted.

    Args:
        project_id: The project.
        id: Its id.
        resource_id: The resource.
        start_offset: Where the marked text begins, in characters; None when all of the resource is meant.
        end_offset: Where it ends: the first character after it.
        text: The marked text.
        note: What was noted.
        tags: Words to find it by.
        author: Whose it is.
        color: The marker's color.
        shared: Whether others may read it.
        version: How often it was written, the first time included.
        created_at: When it was made.
        updated_at: When it was last changed.
    """

    project_id: str
    id: str
    resource_id: str
    start_offset: int | None
    end_offset: int | None
    text: str
    note: str
    tags: tuple[str, ...]
    author: str | None
    color: str | None
    shared: bool
    version: int
    created_at: datetime
    updated_at: datetime


RESOURCE: Final = Shape(Resource)
COLLECTION: Final = Shape(Collection)
CITATION: Final = Shape(Citation)
ANNOTATION: Final = Shape(Annotation)
