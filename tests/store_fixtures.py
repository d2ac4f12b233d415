"""Stores for tests: one for each engine and run, and new ones where a test needs the whole store for itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

import servers
from exuvia.store import Store, open_store
from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Operation, Row, Statement, Value
from exuvia.store.core.values import new_id

ENGINES = ("sqlite", *servers.NAMES)


@pytest.fixture(scope="session", params=ENGINES)
def shared_store_url(
    request: pytest.FixtureRequest, server_url: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a store that the run's tests share, on each engine in turn: use a project of your own in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('store')}/memory.db"
        return
    with servers.fresh_database(server_url(request.param)) as url:
        yield url


@pytest.fixture(scope="session")
def shared_store(shared_store_url: str) -> Iterator[Store]:
    """A store that the run's tests share, on each engine in turn: use a project of your own in it."""
    with open_store(shared_store_url) as store:
        yield store


@pytest.fixture
def project(shared_store: Store) -> str:
    """The id of a new project in ``shared_store``."""
    return shared_store.projects.put(new_id()).id


@pytest.fixture(params=ENGINES)
def store_url(request: pytest.FixtureRequest, server_url: Callable[[str], str], tmp_path: Path) -> Iterator[str]:
    """The URL of a new, empty store, on each engine in turn."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path}/memory.db"
        else:
            yield stack.enter_context(servers.fresh_database(server_url(request.param)))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A new, empty store, on each engine in turn."""
    with open_store(store_url) as opened:
        yield opened


def execute(url: str, statement: str) -> None:
    """Run SQL beside the store; ``{}`` is where PostgreSQL's schema belongs."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.execute(statement.format(""))
        connection.commit()
        connection.close()
        return
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(statement.format("exuvia_store.").encode())


def statement(sql: str, **parameters: Value) -> Operation[list[Row]]:
    """An operation of one statement, as a subsystem might be mistaken to have."""
    return (yield Statement(sql, parameters))


def run_raw(store: Store, sql: str, **parameters: Value) -> list[Row]:
    """Run a statement as a store's own subsystems do."""
    return store._runner.run(lambda: statement(sql, **parameters), Kind.WRITE, idempotent=False)
