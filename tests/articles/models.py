"""What the application keeps."""

from __future__ import annotations

from typing import Any

from sqlalchemy import FetchedValue, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from exuvia.integrations.sqlalchemy import JSONB, TSVector, Vector


class Base(DeclarativeBase):
    """The application's tables."""


class Author(Base):
    """Who writes."""

    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Article(Base):
    """What is written."""

    __tablename__ = "articles"

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    title: Mapped[str]
    body: Mapped[str | None]
    readers: Mapped[int] = mapped_column(default=0)
    meta: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    embedding: Mapped[list[float] | None] = mapped_column(Vector(3))
    words: Mapped[str | None] = mapped_column(
        TSVector(("title", "body"), config="english"), FetchedValue(), deferred=True
    )
    author: Mapped[Author] = relationship(lazy="joined")
