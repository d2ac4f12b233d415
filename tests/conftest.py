"""Fixtures that every test may use: servers, empty databases on them, and real SQLite files."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

import servers
from database_tools import sales
from remembering import agent, memory_server, shop
from store_fixtures import project, shared_store, shared_store_url, store, store_url

__all__ = [
    "agent",
    "memory_server",
    "project",
    "sales",
    "shared_store",
    "shared_store_url",
    "shop",
    "store",
    "store_url",
]

REAL = Path(__file__).parent / "data" / "real"
SHARED = Path(__file__).parents[2] / "shared" / "data"
SERVER_FIXTURES = {
    "postgres_url",
    "pip_url",
    "debian_url",
    "any_url",
    "server_url",
    "shared_store_url",
    "store_url",
    "bouncer_url",
}

# The machines that run this differ in speed by far more than an example's time could tell.
settings.register_profile("exuvia", deadline=None, print_blob=True)
settings.load_profile("exuvia")


def pytest_configure() -> None:
    """Let Ctrl-C reach what tests interrupt, where the run itself was started in the background, which ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses a server."""
    for item in items:
        if SERVER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.postgresql)


@pytest.fixture(scope="session")
def server_url() -> Iterator[Callable[[str], str]]:
    """Return a function that starts a server by name, once per run, and returns its superuser's URL.

    A server that this machine lacks skips the test, and fails it where CI is set: there, nothing may be left untested.
    """
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        missing: dict[str, str] = {}

        def start(name: str) -> str:
            if name not in urls and name not in missing:
                try:
                    urls[name] = stack.enter_context(servers.running(name))
                except servers.MissingServerError as error:
                    missing[name] = str(error)
            if name in missing:
                if os.environ.get("CI"):
                    pytest.fail(f"server {name!r}: {missing[name]}")
                pytest.skip(f"server {name!r}: {missing[name]}")
            return urls[name]

        yield start


@pytest.fixture(params=servers.NAMES)
def postgres_url(request: pytest.FixtureRequest, server_url: Callable[[str], str]) -> Iterator[str]:
    """The URL of an empty database, on each server in turn."""
    with servers.fresh_database(server_url(request.param)) as url:
        yield url


@pytest.fixture
def pip_url(server_url: Callable[[str], str]) -> Iterator[str]:
    """The URL of an empty database on the pip-installed server, which has pgvector."""
    with servers.fresh_database(server_url("pip")) as url:
        yield url


@pytest.fixture
def debian_url(server_url: Callable[[str], str]) -> Iterator[str]:
    """The URL, with a password, of an empty database on Debian's server, which is older and listens on TCP."""
    with servers.fresh_database(server_url("debian")) as url:
        yield url


@pytest.fixture
def bouncer_url(debian_url: str) -> Iterator[str]:
    """The URL of an empty database on Debian's server, by way of PgBouncer in transaction mode."""
    try:
        with servers.bouncer(debian_url) as url:
            yield url
    except servers.MissingServerError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def any_url(server_url: Callable[[str], str]) -> Iterator[str]:
    """The URL of an empty database, for tests to which the server does not matter."""
    with servers.fresh_database(server_url("pip")) as url:
        yield url


@pytest.fixture
def real_data() -> Path:
    """The directory of real SQLite files that come with the repository; its SOURCES.md says from where."""
    return REAL


@pytest.fixture
def shared_data() -> Path:
    """The directory of test files beside the checkout, or the repository's own copies of them."""
    return SHARED if SHARED.is_dir() else REAL
