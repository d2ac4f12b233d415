"""What many applications have: SQLAlchemy's asynchronous engine, on tables of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import JSON, Column, DateTime, MetaData, String, Table, event, insert, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bench.store.questions import PAGE
from exuvia.store import NewEvent
from exuvia.store.core.values import time_text

POOL = 60
_JSON = JSON().with_variant(JSONB(), "postgresql")
EVENTS = Table(
    "events",
    MetaData(),
    Column("project_id", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("session_id", String),
    Column("plan_id", String),
    Column("kind", String),
    Column("author", String),
    Column("topics", _JSON),
    Column("summary", String),
    Column("data", _JSON),
    Column("at", DateTime(timezone=True).with_variant(String(), "sqlite")),
)


class Alchemy:
    """Events by SQLAlchemy's expression language.

    Args:
        url: The file or database that ``bench.store.bare`` has filled.
    """

    def __init__(self, url: str) -> None:
        self._is_file = url.startswith("sqlite")
        self.engine = _of_file(url) if self._is_file else _of_server(url)

    async def get(self, project: str, key: str) -> Any:
        """Return an event."""
        asked = select(EVENTS).where(EVENTS.c.project_id == project, EVENTS.c.id == key)
        async with self.engine.connect() as connection:
            return (await connection.execute(asked)).one()

    async def page(self, project: str, limit: int = PAGE) -> Any:
        """Return the latest events of a project."""
        order = EVENTS.c.at.desc(), EVENTS.c.id.desc()
        asked = select(EVENTS).where(EVENTS.c.project_id == project).order_by(*order).limit(limit)
        async with self.engine.connect() as connection:
            return (await connection.execute(asked)).all()

    async def append(self, project: str, events: Sequence[NewEvent]) -> None:
        """Insert events in one transaction."""
        rows = [self._row(project, each) for each in events]
        async with self.engine.begin() as connection:
            await connection.execute(insert(EVENTS), rows)

    def _row(self, project: str, each: NewEvent) -> dict[str, Any]:
        assert each.at is not None
        return {
            "project_id": project,
            "id": each.id,
            "session_id": each.session,
            "plan_id": each.plan,
            "kind": each.kind,
            "author": each.author,
            "topics": list(each.topics),
            "summary": each.summary,
            "data": each.data,
            "at": time_text(each.at) if self._is_file else each.at,
        }


@asynccontextmanager
async def closing_engine(url: str) -> AsyncIterator[Alchemy]:
    """Yield SQLAlchemy on a file or database, and close its connections afterwards."""
    alchemy = Alchemy(url)
    try:
        yield alchemy
    finally:
        await alchemy.engine.dispose()


def _of_file(url: str) -> AsyncEngine:
    engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"))

    @event.listens_for(engine.sync_engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous = normal")

    return engine


def _of_server(url: str) -> AsyncEngine:
    options = {"options": "-csearch_path=plain,public"}
    address = url.replace("postgresql:", "postgresql+psycopg:")
    return create_async_engine(address, connect_args=options, pool_size=POOL, max_overflow=0)
