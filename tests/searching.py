"""Entries to search, put where the subsystems' triggers put theirs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from exuvia.store import Store
from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Many, Operation, Row, Statement
from exuvia.store.core.values import Json, encode_json

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Document:
    """An entry; its time is the beginning plus its minutes."""

    id: str
    title: str = ""
    tags: str = ""
    body: str = ""
    kind: str = "note"
    type: str | None = None
    minutes: int = 0
    data: Json = field(default_factory=dict)


def fill(store: Store, project: str, documents: Iterable[Document]) -> None:
    """Enter documents, in their order."""
    sets = [
        {
            "project": project,
            "kind": one.kind,
            "id": one.id,
            "type": one.type,
            "at": BEGINNING + timedelta(minutes=one.minutes),
            "title": one.title,
            "tags": one.tags,
            "body": one.body,
            "data": encode_json(one.data),
        }
        for one in documents
    ]

    def steps() -> Operation[None]:
        yield Many(
            f"""
            INSERT INTO search_entries (project_id, kind, id, type, at, title, tags, body, data)
            VALUES (:project, :kind, :id, :type, :at, :title, :tags, :body, CAST(:data AS {store.dialect.json}))
            """,
            sets,
        )

    store._runner.run(steps, Kind.WRITE, idempotent=False)


def ask(store: Store, statement: Statement) -> list[Row]:
    """Run one statement."""

    def steps() -> Operation[list[Row]]:
        return (yield statement)

    rows: list[Row] = store._runner.run(steps, Kind.WRITE, idempotent=False)
    return rows
