"""What people write for a database, what becomes of it, and that no secret comes out again."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exuvia.errors import ConfigError
from exuvia.location import EmbeddedLocation, PostgresLocation, SqliteLocation, parse

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=20)


@pytest.fixture(autouse=True)
def no_libpq_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSSLMODE", "PGSERVICE", "PGSSLROOTCERT", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("app.db", "app.db"),
        ("./my data/app.db", "my data/app.db"),
        ("/var/lib/app.db", "/var/lib/app.db"),
        ("sqlite:///app.db", "app.db"),
        ("sqlite:////var/lib/app.db", "/var/lib/app.db"),
        ("sqlite+aiosqlite:///app.db?check_same_thread=false", "app.db"),
        ("sqlite:app.db", "app.db"),
        ("SQLITE:///my%20data.db", "my data.db"),
        ("file:./dev.db?mode=ro", "dev.db"),
        ("file:///abs/dev.db", "/abs/dev.db"),
        ("C:\\data\\app.db", "C:\\data\\app.db"),
    ],
)
def test_a_file_is_named_by_path_or_url(text: str, path: str) -> None:
    assert parse(text) == SqliteLocation(Path(path))


def test_a_path_object_is_taken_as_it_is() -> None:
    assert parse(Path("postgresql:odd name")) == SqliteLocation(Path("postgresql:odd name"))


def test_the_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert parse("~/app.db") == SqliteLocation(Path("/home/someone/app.db"))


def test_an_existing_file_with_a_colon_in_its_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("backup:2026").touch()
    assert parse("backup:2026") == SqliteLocation(Path("backup:2026"))


@pytest.mark.parametrize(
    ("text", "database"), [("embedded:", "exuvia"), ("embedded:app", "app"), ("embedded://a b", "a b")]
)
def test_the_embedded_server_has_databases_by_name(text: str, database: str) -> None:
    assert parse(text) == EmbeddedLocation(database)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:s3cret@db.example:5433/app",
        "postgres://me:s3cret@db.example:5433/app",
        "postgresql+asyncpg://me:s3cret@db.example:5433/app",
        "postgresql://me@db.example:5433/app?password=s3cret",
        "host=db.example port=5433 user=me password=s3cret dbname=app",
        "  user='me' host='db.example' port='5433' dbname=app password='s3cret'  ",
    ],
)
def test_every_spelling_of_a_server_means_the_same_and_hides_its_password(text: str) -> None:
    location = parse(text)
    assert isinstance(location, PostgresLocation)
    wanted = {"user": "me", "password": "s3cret", "host": "db.example", "port": "5433", "dbname": "app"}
    assert location.as_dict() == wanted
    assert str(location) == "postgresql://me:***@db.example:5433/app"
    assert "s3cret" not in repr(location)
    assert "s3cret" not in f"{(location,)} {location!s}"


def test_the_password_of_a_client_key_is_hidden_too() -> None:
    assert "hunter2" not in str(parse("postgresql://h/d?sslkey=/k&sslpassword=hunter2"))


@given(user=TEXT, password=TEXT, database=TEXT)
def test_any_name_and_password_survives_being_written_as_a_url(user: str, password: str, database: str) -> None:
    location = PostgresLocation((("user", user), ("password", password), ("host", "h"), ("dbname", database)))
    again = PostgresLocation.of(location.url)
    assert again.as_dict() == location.as_dict()
    assert pickle.loads(pickle.dumps(again)) == again


@pytest.mark.parametrize(
    "text",
    [
        "postgresql:///app?host=/var/run/postgresql",
        "postgresql://[::1]:5432/app",
        "postgresql:///app?host=one,two&port=5432,5433",
        "postgresql:///app?host=/tmp/with%20space",
    ],
)
def test_sockets_lists_of_hosts_and_ipv6_are_kept(text: str) -> None:
    location = PostgresLocation.of(text)
    assert PostgresLocation.of(str(location)) == location


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        ":memory:",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite://host/app.db",
        "mysql://h/d",
        "embedded:a/b",
        "https://x/y",
    ],
)
def test_what_is_no_location_is_refused_with_the_spellings(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.code == "config.location"
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:p@ss-w0rd@host/d",
        "postgresql://me:p%zz-w0rd@host/d",
        "host=h password='p-w0rd",
        "postgresql://h/d?pass=p-w0rd",
    ],
)
def test_a_malformed_url_is_refused_without_showing_a_part_of_the_password(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert "w0rd" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("host", ["db.example", "10.0.0.7", "db", "2001:db8::1", "localhost,db.example"])
def test_a_remote_server_is_verified_unless_told_otherwise(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given = PostgresLocation((("host", host), ("dbname", "d"))).connection_parameters()
    assert given["sslmode"] == "verify-full"
    assert given["sslrootcert"] == "system" or Path(given["sslrootcert"]).is_file()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.1.1", "::1", "/var/run/postgresql", "@abstract", ""])
def test_a_local_server_is_left_to_the_driver(host: str) -> None:
    assert "sslmode" not in PostgresLocation((("host", host), ("dbname", "d"))).connection_parameters()


def test_verification_is_switched_off_by_name() -> None:
    assert (
        PostgresLocation.of("postgresql://db.example/d?sslmode=require").connection_parameters()["sslmode"] == "require"
    )


def test_the_environment_counts_as_a_name_and_as_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example")
    assert PostgresLocation.of("postgresql:///d").connection_parameters()["sslmode"] == "verify-full"
    monkeypatch.setenv("PGSSLMODE", "disable")
    assert "sslmode" not in PostgresLocation.of("postgresql:///d").connection_parameters()


def test_a_root_certificate_of_ones_own_is_kept() -> None:
    given = PostgresLocation.of("postgresql://db.example/d?sslrootcert=/my/ca.pem").connection_parameters()
    assert given["sslrootcert"] == "/my/ca.pem"
    assert given["sslmode"] == "verify-full"
