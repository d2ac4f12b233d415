"""Documents: articles, books, pages, with what they say."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from exuvia.store.documents.records import ReadStatus
from exuvia.tools.frame import ArgumentError, Call, Table
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Done, Own, Spanned, listed, span
from exuvia.tools.memory.detailing import Detail, Sized, detailed
from exuvia.tools.memory.explaining import memory_tool


class PutDocument(Own):
    """A new document, or what to change of one."""

    id: str | None = None
    version: int | None = Field(None, description="The one you have read, to change it.")
    title: str | None = None
    content: str | None = None
    description: str | None = None
    creators: tuple[str, ...] | None = None
    url: str | None = None
    identifier: str | None = Field(None, description="Such as a DOI.")
    language: str | None = None
    classification: str | None = None
    quality: float | None = Field(None, ge=0, le=1)
    read_status: ReadStatus | None = None
    tags: tuple[str, ...] | None = None
    data: dict[str, Json] | None = None


class ListDocuments(Spanned):
    """Which documents."""

    collection: str | None = None
    read_status: ReadStatus | None = None
    tag: str | None = None
    creator: str | None = None
    classification: str | None = Field(None, description="A code or how it begins.")
    min_quality: float | None = Field(None, ge=0, le=1)


class DocumentDetail(Detail):
    """A document."""

    title: str = ""
    creators: tuple[str, ...] = ()
    url: str | None = None
    identifier: str | None = None
    language: str | None = None
    description: str = ""
    classification: str | None = None
    quality: float | None = None
    read_status: str | None = None
    tags: tuple[str, ...] = ()
    version: int | None = None
    added: str | None = None


@memory_tool(
    toolset="documents",
    summary="Add a document (an article, a book, a page), or change one.",
    details="With `version` it changes the document `id`; without it makes a new one.",
    example={"title": "On Computable Numbers", "creators": ["Alan Turing"], "content": "The computable numbers …"},
    effect="changes",
)
async def put_document(call: Call, given: PutDocument) -> Done:
    store = await call.memory(given.project)
    named = given.model_fields_set - {"id", "version", "project"}
    values: dict[str, Any] = {name: getattr(given, name) for name in named}
    if given.version is not None and given.id is not None:
        changed = await store.documents.resources.update(given.id, version=given.version, **values)
        return Done(version=changed.version)
    if given.version is not None or given.title is None:
        name = "id" if given.version is not None else "title"
        raise ArgumentError(
            name,
            f"The argument {name} is missing.",
            hint="To change a document, pass id and version; to make one, a title.",
            code="missing",
        )
    made = await store.documents.resources.create(
        id=given.id, **{name: value for name, value in values.items() if value is not None}
    )
    return Done(id=None if given.id else made.id, version=made.version)


@memory_tool(
    toolset="documents",
    summary="Read a document: its metadata and its text, or one section of that.",
    example={"id": "turing", "size": "metadata"},
)
async def get_document(call: Call, given: Sized) -> DocumentDetail:
    store = await call.memory(given.project)
    found = await store.documents.resources.get(given.id)
    return detailed(
        given,
        DocumentDetail,
        content=found.content or "",
        data=found.data,
        title=found.title,
        creators=found.creators,
        url=found.url,
        identifier=found.identifier,
        language=found.language,
        description=found.description,
        classification=found.classification,
        quality=found.quality,
        read_status=found.read_status,
        tags=found.tags,
        version=found.version,
        added=found.created_at,
    )


@memory_tool(
    toolset="documents",
    summary="List documents, the newest first.",
    example={"read_status": "unread", "creator": "Alan Turing"},
)
async def list_documents(call: Call, given: ListDocuments) -> Table:
    return await listed(
        call,
        given,
        lambda store, limit, after: store.documents.resources.list(
            collection=given.collection,
            nested=given.collection is not None,
            read_status=given.read_status,
            classified_under=given.classification,
            min_quality=given.min_quality,
            creator=given.creator,
            tag=given.tag,
            limit=limit,
            after=after,
            **span(given),
        ),
        {
            "id": "id",
            "title": "title",
            "creators": "creators",
            "read_status": "read_status",
            "quality": "quality",
            "added": "created_at",
        },
    )
