"""The application's endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import sessionmaker

from articles.models import Article, Author
from exuvia.integrations.sqlalchemy import (
    SlowQueries,
    async_engine,
    cosine_distance,
    engine,
    matches,
    pool_status,
    retry,
)


class NewArticle(BaseModel):
    """An article as it is sent."""

    author: str
    title: str
    body: str | None = None
    meta: dict[str, Any] = {}
    embedding: list[float] | None = None


def make(url: str) -> FastAPI:
    """Return the application on a database."""
    slow = SlowQueries(threshold=0.0)
    made = async_engine(url, slow=slow)
    threaded = engine(url, isolation_level="SERIALIZABLE")
    sessions, threads = async_sessionmaker(made, expire_on_commit=False), sessionmaker(threaded)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        threaded.dispose()
        await made.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/articles", status_code=201)
    async def create(new: NewArticle) -> dict[str, Any]:
        async with sessions.begin() as session:
            author = await session.scalar(select(Author).where(Author.name == new.author)) or Author(name=new.author)
            article = Article(author=author, **new.model_dump(exclude={"author"}))
            session.add(article)
        return shown(article)

    @app.get("/articles")
    async def search(words: str, tag: str | None = None) -> list[dict[str, Any]]:
        query = select(Article).where(matches(Article.words, words)).order_by(Article.id)
        if tag is not None:
            query = query.where(Article.meta["tag"].as_string() == tag)
        async with sessions() as session:
            return [shown(article) for article in await session.scalars(query)]

    @app.get("/nearest")
    async def nearest(vector: list[float] = Query()) -> list[str]:  # noqa: B008
        query = select(Article.title).where(Article.embedding.is_not(None))
        query = query.order_by(cosine_distance(Article.embedding, vector)).limit(2)
        async with sessions() as session:
            return list(await session.scalars(query))

    @app.patch("/articles/{key}")
    async def rename(key: int, title: str) -> dict[str, Any]:
        async with sessions.begin() as session:
            article = await session.get(Article, key)
            if article is None:
                raise HTTPException(404)
            article.title = title
        return shown(article)

    @app.delete("/articles/{key}", status_code=204)
    async def delete(key: int) -> None:
        async with sessions.begin() as session:
            await session.delete(await session.get_one(Article, key))

    @app.post("/articles/{key}/readers")
    @retry(tries=50, base=0.01, longest=0.2)
    def read(key: int) -> int:
        with threads.begin() as session:
            article = session.get_one(Article, key)
            article.readers += 1
            return article.readers

    @app.get("/monitoring/database")
    async def monitoring() -> dict[str, Any]:
        status = pool_status(made)
        return {**asdict(status), "use": status.use, "slow": [asdict(each) for each in slow.counts()]}

    return app


def shown(article: Article) -> dict[str, Any]:
    """Return an article as it is sent back."""
    names = ("id", "title", "body", "readers", "meta", "embedding")
    return {name: getattr(article, name) for name in names} | {"author": article.author.name}
