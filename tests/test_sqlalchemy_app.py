"""An application with FastAPI, SQLAlchemy and Alembic runs on a SQLite file and on a server by its URL alone."""

from __future__ import annotations

import asyncio
import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from fastapi.testclient import TestClient
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session, aliased

from articles import app as application
from articles.models import Article, Author
from exuvia.errors import ConfigError
from exuvia.integrations.sqlalchemy import engine, l2_distance, matches
from servers import NAMES

MIGRATIONS = Path(__file__).parent / "articles" / "migrations"


@pytest.fixture(params=["sqlite", *NAMES])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: a file, pip's server with pgvector, Debian's with pg_trgm and without pgvector."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'app.db'}"
    names = {"pip": "pip_url", "debian": "debian_url"}
    return str(request.getfixturevalue(names.get(request.param, "any_url")))


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'app.db'}"


def configured(url: str, migrations: Path = MIGRATIONS) -> Config:
    config = Config(output_buffer=io.StringIO())
    config.set_main_option("script_location", str(migrations))
    config.attributes["url"] = url
    return config


def upgraded(url: str) -> str:
    command.upgrade(configured(url), "head")
    return url


def schema(connection: Connection) -> set[str]:
    """Every table, index, trigger and column of a database."""
    looker = inspect(connection)
    names = {
        f"{table}.{column['name']}" for table in looker.get_table_names() for column in looker.get_columns(table)
    } | {f"{table}:{index['name']}" for table in looker.get_table_names() for index in looker.get_indexes(table)}
    if connection.dialect.name == "sqlite":
        names |= set(connection.execute(text("SELECT name FROM sqlite_schema")).scalars())
    return names


def schema_of(url: str) -> set[str]:
    made = engine(url)
    with made.connect() as connection:
        found = schema(connection)
    made.dispose()
    return found


def test_the_application_does_the_same_on_every_database(url: str) -> None:
    async def run(client: httpx.AsyncClient) -> None:
        given = [
            {"author": "Ada", "title": "Running engines", "body": "Cards & gears", "meta": {"tag": "é"}},
            {"author": "Ada", "title": "A note", "embedding": [0.1, 1.0, 0.0], "meta": {"tag": "note", "n": [1, None]}},
            {"author": "Grace", "title": "The compiler runs", "embedding": [1.0, 0.1, 0.0]},
            {"author": "Grace", "title": "Another", "embedding": [0.0, 0.0, 1.0]},
        ]
        answers = [await client.post("/articles", json=each) for each in given]
        assert [answer.status_code for answer in answers] == [201] * 4
        first, second, third, _ = (answer.json() for answer in answers)
        assert (first["author"], second["meta"], third["readers"]) == ("Ada", {"tag": "note", "n": [1, None]}, 0)

        async def found(**query: str) -> list[str]:
            answer = await client.get("/articles", params=query)
            return [each["title"] for each in answer.json()]

        assert await found(words="run") == ["Running engines", "The compiler runs"]
        assert await found(words="gear CARD") == ["Running engines"]
        assert await found(words="run", tag="é") == ["Running engines"]
        assert await found(words="nowhere") == []
        assert await found(words="OLDEST") == ["The oldest tale"]
        assert await found(words='"-- ( *') == []
        await client.patch(f"/articles/{first['id']}", params={"title": "Resting"})
        assert (await client.delete(f"/articles/{third['id']}")).status_code == 204
        assert await found(words="runs") == []
        assert await found(words="rest") == ["Resting"]
        assert (await client.patch("/articles/1000", params={"title": "x"})).status_code == 404

        status = (await client.get("/monitoring/database")).json()
        assert (status["in_use"], status["limit"]) == (0, 15 if url.startswith("sqlite") else 60)
        assert "engines" not in str(status["slow"])
        assert any(each["statement"].startswith("INSERT INTO articles") for each in status["slow"])

    async def main() -> None:
        made = application.make(url)
        transport = httpx.ASGITransport(made)
        async with (
            made.router.lifespan_context(made),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            await run(client)

    upgraded(url)
    asyncio.run(main())


@pytest.mark.parametrize("server", ["sqlite", "pip"])
def test_the_nearest_vectors_are_found(server: str, request: pytest.FixtureRequest, file_url: str) -> None:
    url = upgraded(file_url if server == "sqlite" else request.getfixturevalue("pip_url"))
    with TestClient(application.make(url)) as client:
        for title, embedding in (("x", [1, 0, 0]), ("near y", [0.1, 0.9, 0]), ("y", [0, 2, 0]), ("z", [0, 0, 1])):
            client.post("/articles", json={"author": "a", "title": title, "embedding": embedding})
        assert client.get("/nearest", params={"vector": [0, 1, 0]}).json() == ["y", "near y"]
    made = engine(url)
    with Session(made) as session:
        distance = l2_distance(Article.embedding, [0.0, 1.0, 0.0])
        rows = session.execute(select(Article.title, distance).where(distance < 1.1).order_by(distance)).all()
        assert session.scalar(select(Article.embedding).where(Article.title == "x")) == [1.0, 0.0, 0.0]
    made.dispose()
    assert [(title, round(far, 3)) for title, far in rows] == [("near y", 0.141), ("y", 1.0)]


def test_concurrent_requests_lose_no_update(url: str) -> None:
    with TestClient(application.make(upgraded(url))) as client, ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: client.post("/articles/99/readers"), range(24)))
    assert sorted(answer.json() for answer in answers) == list(range(1, 25))


def test_vectors_of_another_length_or_without_numbers_are_refused(url: str) -> None:
    made = engine(upgraded(url))
    for wrong in ([1.0, 2.0], [1.0, 2.0, float("nan")]):
        with Session(made) as session:
            session.add(Article(title="x", author=Author(name="a"), embedding=wrong))
            with pytest.raises(StatementError, match="3 finite numbers"):
                session.flush()
    with Session(made) as session:
        session.add(Article(title="x", author=Author(name="a"), embedding=[0.1, -1e-30, 3e38]))
        session.commit()
        (kept,) = session.scalars(select(Article.embedding).where(Article.title == "x"))
    made.dispose()
    assert kept == pytest.approx([0.1, -1e-30, 3e38])


def test_matches_goes_with_aliases(url: str) -> None:
    made = engine(upgraded(url))
    one, two = aliased(Article), aliased(Article)
    query = select(one.id).join(two, one.id == two.id).where(matches(one.words, "tale"), matches(two.words, "oldest"))
    with Session(made) as session:
        assert session.scalars(select(Article.id).where(matches(Article.words, "tale"))).all() == [99]
        found = session.scalars(query).all()
    made.dispose()
    assert found == [99]


def test_migrations_go_up_down_and_up_again(url: str) -> None:
    config = configured(url)
    command.upgrade(config, "r1")
    first = schema_of(url)
    command.upgrade(config, "head")
    assert {"articles.words", "articles.embedding"} <= schema_of(url)
    command.downgrade(config, "r1")
    assert schema_of(url) == first
    command.upgrade(config, "head")
    command.downgrade(config, "base")
    assert schema_of(url) - {"alembic_version.version_num", "alembic_version"} <= {
        "sqlite_autoindex_alembic_version_1",
    }


def test_models_and_migrations_agree(url: str) -> None:
    command.check(configured(upgraded(url)))


def test_what_a_server_lacks_is_left_out(pip_url: str, debian_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with_vectors, with_trigrams = schema_of(upgraded(pip_url)), schema_of(upgraded(debian_url))
    assert "articles:ix_articles_embedding_hnsw" in with_vectors - with_trigrams
    assert "articles:ix_articles_title_trgm" in with_trigrams - with_vectors
    assert "articles:ix_articles_meta_gin" in with_vectors & with_trigrams
    assert "The server lacks pgvector: articles.embedding becomes a text." in caplog.text


def test_a_migration_that_fails_leaves_nothing(url: str, tmp_path: Path) -> None:
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    broken = migrations / "versions" / "r2_search.py"
    broken.write_text(
        broken.read_text().replace("    op.create_trigram_index", "    raise ZeroDivisionError\n    op.c")
    )
    command.upgrade(configured(url), "r1")
    before = schema_of(url)
    with pytest.raises(ZeroDivisionError):
        command.upgrade(configured(url, migrations), "head")
    assert schema_of(url) == before


def test_autogenerate_writes_migrations_that_run_both_ways(url: str, tmp_path: Path) -> None:
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    for version in (migrations / "versions").glob("*.py"):
        version.unlink()
    config = configured(url, migrations)
    command.revision(config, "all of it", autogenerate=True, rev_id="a1")
    (written,) = (migrations / "versions").glob("*.py")
    code = written.read_text()
    assert "op.create_tsvector_column('articles', 'words', ['title', 'body'], config='english')" in code
    assert "op.create_vector_column('articles', 'embedding', 3)" in code
    assert "op.drop_tsvector_column('articles', 'words')" in code
    command.upgrade(config, "head")
    command.check(config)
    made = engine(url)
    with Session(made) as session:
        session.add(Article(title="Engines", author=Author(name="a")))
        session.flush()
        assert len(session.scalars(select(Article).where(matches(Article.words, "engine"))).all()) == 1
    made.dispose()
    command.downgrade(config, "base")
    assert not {name for name in schema_of(url) if name.startswith(("articles", "authors"))}


def test_autogenerate_adds_a_column_that_a_model_has_got(url: str, tmp_path: Path) -> None:
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    (migrations / "versions" / "r2_search.py").unlink()
    config = configured(url, migrations)
    command.upgrade(config, "head")
    with pytest.raises(CommandError, match="New upgrade operations"):
        command.check(config)
    command.revision(config, "search", autogenerate=True, rev_id="a2")
    command.upgrade(config, "head")
    command.check(config)
    command.downgrade(config, "r1")


def test_a_script_for_a_server_has_every_statement(any_url: str) -> None:
    config, output = configured(any_url), io.StringIO()
    config.output_buffer = output
    command.upgrade(config, "head", sql=True)
    script = output.getvalue()
    for part in ("CREATE EXTENSION IF NOT EXISTS vector", "vector(3)", "gin_trgm_ops", "to_tsvector('english'", "hnsw"):
        assert part in script


def test_full_text_on_a_file_needs_a_key_that_stays(file_url: str, tmp_path: Path) -> None:
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    tables = migrations / "versions" / "r1_tables.py"
    tables.write_text(tables.read_text().replace('"id", sa.Integer', '"id", sa.BigInteger'))
    with pytest.raises(ConfigError, match="INTEGER PRIMARY KEY"):
        command.upgrade(configured(file_url, migrations), "head")


def test_full_text_on_a_file_stays_right_after_vacuum_and_passes_its_own_check(file_url: str) -> None:
    made = engine(upgraded(file_url))
    with Session(made) as session:
        session.add_all(Article(title=f"number {n}", author=Author(name=str(n))) for n in range(20))
        session.commit()
        session.execute(text("DELETE FROM articles WHERE id % 3 = 0"))
        session.commit()
    with made.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM"))
    with Session(made) as session:
        session.execute(text("INSERT INTO articles_words_fts (articles_words_fts, rank) VALUES ('integrity-check', 1)"))
        titles = session.scalars(select(Article.title).where(matches(Article.words, "7"))).all()
    made.dispose()
    assert titles == ["number 7"]


def test_json_is_jsonb_on_a_server(any_url: str) -> None:
    made = engine(upgraded(any_url))
    with made.connect() as connection:
        kind: Any = next(each for each in inspect(connection).get_columns("articles") if each["name"] == "meta")["type"]
        with pytest.raises(DBAPIError):
            connection.execute(text("INSERT INTO articles (meta) VALUES ('no json')"))
    made.dispose()
    assert str(kind) == "JSONB"
