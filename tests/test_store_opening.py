"""Opening a store: where it is named, what is found out, and what is refused."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import exuvia
import servers
from commands import exuvia as command
from exuvia.errors import ConfigError
from exuvia.location import PostgresLocation
from exuvia.store import Store, open_store
from exuvia.store.errors import DeniedError, SchemaError, StateError, UnavailableError
from store_fixtures import execute


@pytest.fixture
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith("EXUVIA_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_store_is_named_by_argument_environment_env_file_or_toml(
    empty_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(url: str | None = None) -> str:
        with exuvia.open(url):
            return next(path.name for path in empty_place.glob("*.db"))

    for name, prepare in (
        ("toml.db", lambda: Path("exuvia.toml").write_text('store = "toml.db"\n')),
        ("dotenv.db", lambda: Path(".env").write_text("EXUVIA_STORE=dotenv.db\n")),
        ("environment.db", lambda: monkeypatch.setenv("EXUVIA_STORE", "sqlite:///environment.db")),
    ):
        prepare()
        assert opened() == name
        Path(name).unlink()
    assert opened("argument.db") == "argument.db"


def test_without_a_name_the_error_says_how_to_give_one(empty_place: Path) -> None:
    with pytest.raises(ConfigError, match="EXUVIA_STORE"):
        exuvia.open()


def test_options_come_from_the_settings_and_are_checked(empty_place: Path) -> None:
    Path("exuvia.toml").write_text('store_schema = "memory"\nstore_readers = 2\n')
    asked = exuvia.open("app.db", readers=3, statement_timeout=5).options
    assert (asked.schema, asked.readers, asked.statement_timeout) == ("memory", 3, 5)
    for wrong in ({"readers": 0}, {"pool_size": -1}, {"schema": 'a"b'}, {"poolsize": 5}):
        with pytest.raises(ConfigError):
            exuvia.open("app.db", **wrong)


def test_with_and_async_with_open_the_same_store(store_url: str) -> None:
    async def look() -> str:
        async with exuvia.open(store_url) as store:
            return (await store.projects.get("here")).id

    with exuvia.open(store_url) as store:
        store.projects.put("here")
    assert asyncio.run(look()) == "here"


def test_a_closed_store_says_so(store_url: str) -> None:
    with exuvia.open(store_url) as store:
        pass
    with pytest.raises(StateError, match="closed"):
        store.projects.list()


def test_what_an_engine_can_do_is_found_out(store_url: str) -> None:
    with open_store(store_url) as store:
        able = store.capabilities
    assert able.full_text and able.jsonb and able.row_security  # noqa: PT018
    assert able.version.split(".")[0].isdigit()
    if store_url.startswith("sqlite"):
        assert (able.vector is not None, able.trigrams) == (True, True)
        return
    with psycopg.connect(store_url) as connection:
        offered = {name for (name,) in connection.execute("SELECT name FROM pg_available_extensions")}
    assert (able.vector is not None, able.trigrams) == ("vector" in offered, "pg_trgm" in offered)


def test_info_counts_and_names_the_steps(store: Store) -> None:
    store.projects.put("one")
    store.projects.put("two")
    info = store.info()
    assert info.steps[0] == (1, "projects")
    assert {table.name: table.rows for table in info.tables}["projects"] == 2
    assert {table.name: table.rows for table in store.project("one").info().tables}["projects"] == 1
    assert info.bytes > 0


def test_the_command_makes_a_store_and_shows_it(store_url: str) -> None:
    missing = command("store", "info", store_url, "--json")
    assert missing.returncode == 13
    assert json.loads(missing.stderr)["error"]["code"].startswith("store.")
    assert "projects" in command("store", "init", store_url).stdout
    shown = json.loads(command("store", "info", store_url, "--json").stdout)
    assert {"name": "projects", "rows": 0}.items() <= next(
        t for t in shown["tables"] if t["name"] == "projects"
    ).items()
    assert shown["steps"][0] == {"number": 1, "name": "projects"}


def test_the_role_command_prints_what_an_administrator_runs(any_url: str) -> None:
    given = PostgresLocation.of(any_url).as_dict() | {"user": 'o"dd', "password": "s3cret"}
    shown = command("store", "role", PostgresLocation(tuple(given.items())).url)
    assert 'TO "o""dd"' in shown.stdout
    assert "s3cret" not in shown.stdout
    assert command("store", "role", "app.db").returncode == 2


def test_a_newer_schema_and_a_changed_one_are_refused(store_url: str) -> None:
    with open_store(store_url) as store:
        store.projects.put("x")
    for change, code in (
        ("UPDATE {}exuvia_schema SET checksum = 'other' WHERE number = 1", "store.schema.changed"),
        ("INSERT INTO {}exuvia_schema (number, name, checksum) VALUES (9999, 'later', 'x')", "store.schema.newer"),
    ):
        execute(store_url, change)
        for create in (True, False):
            with pytest.raises(SchemaError) as caught, open_store(store_url, create=create):
                pass
            assert caught.value.code == code


def test_tables_that_are_not_the_stores_are_left_alone(store_url: str) -> None:
    if not store_url.startswith("sqlite"):
        execute(store_url, "CREATE SCHEMA exuvia_store")
    execute(store_url, "CREATE TABLE {}projects (id integer)")
    with pytest.raises(SchemaError, match="projects") as caught, open_store(store_url):
        pass
    assert caught.value.code == "store.schema.foreign_table"


def test_without_create_nothing_is_made(store_url: str, tmp_path: Path) -> None:
    with pytest.raises((SchemaError, UnavailableError)), open_store(store_url, create=False):
        pass
    assert not list(tmp_path.glob("memory.db*"))


def test_a_file_that_is_not_sqlite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("no database at all, only text\n" * 100)
    for create in (True, False):
        with pytest.raises(SchemaError, match="not a SQLite database"), open_store(path, create=create):
            pass
    assert path.read_text().startswith("no database")


def test_a_file_in_utf_16_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.db"
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA encoding = 'UTF-16'; CREATE TABLE a (b);")
    connection.close()
    with pytest.raises(SchemaError, match="UTF-8"), open_store(path):
        pass


def test_a_database_that_is_not_utf_8_is_refused(server_url: Callable[[str], str]) -> None:
    with latin_database(server_url("debian")) as url, pytest.raises(SchemaError, match="LATIN1"), open_store(url):
        pass


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    url = f"postgresql://me:s3cret@127.0.0.1:{servers.free_port()}/app"
    with pytest.raises(UnavailableError) as caught, open_store(url):
        pass
    assert "127.0.0.1" in str(caught.value)
    assert "s3cret" not in str(caught.value)


READ = """
import os, sys
from exuvia.store import open_store
from exuvia.errors import ExuviaError
with open_store(sys.argv[2]) as store:  # imports everything while it may
    store.projects.list()
os.setgroups([])
if os.geteuid() == 0:
    os.setgid(65534), os.setuid(65534)
with open_store(sys.argv[1], create=False) as store:
    print(store.projects.list().total, store.capabilities.read_only)
    try:
        store.projects.put("y")
    except ExuviaError as error:
        print(error.code)
"""


def test_a_read_only_file_can_be_read(tmp_path: Path) -> None:
    with servers.open_directory() as directory:
        with open_store(directory / "memory.db") as store:
            store.projects.put("x")
        (directory / "memory.db").chmod(0o444)
        directory.chmod(0o777)
        program = [sys.executable, "-c", READ, str(directory / "memory.db"), str(tmp_path / "other.db")]
        shown = subprocess.run(program, capture_output=True, text=True, check=False)
    assert shown.stdout.splitlines() == ["1 True", "store.denied.read_only"], shown.stderr


def test_a_read_only_server_can_be_read(any_url: str) -> None:
    with open_store(any_url) as store:
        store.projects.put("x")
    with psycopg.connect(any_url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    with open_store(any_url, create=False) as store:
        assert store.capabilities.read_only
        assert store.projects.list().total == 1
        assert store.project("x").projects.get("x").id == "x"
        with pytest.raises(DeniedError) as caught:
            store.projects.put("y")
    assert caught.value.code == "store.denied.read_only"


@contextmanager
def latin_database(url: str) -> Iterator[str]:
    name = sql.Identifier("latin")
    with psycopg.connect(url, autocommit=True) as connection:
        make = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
        connection.execute(sql.SQL(make).format(name))
        yield PostgresLocation(tuple((PostgresLocation.of(url).as_dict() | {"dbname": "latin"}).items())).url
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
