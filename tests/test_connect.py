"""Connections to a target: what they are set to, what is refused, and what a person is told when one fails."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import servers
from exuvia.engines.postgres.capabilities import detect
from exuvia.engines.postgres.connect import connect, explain_error, require_create, resolve
from exuvia.errors import ConfigError, TargetError
from exuvia.location import EmbeddedLocation, PostgresLocation, SqliteLocation, parse


def changed(url: str, **parameters: str) -> PostgresLocation:
    """Return a location with some parameters replaced."""
    return PostgresLocation(tuple((PostgresLocation.of(url).as_dict() | parameters).items()))


def refusal(location: PostgresLocation) -> TargetError:
    """Return what a failing connection raises."""
    with pytest.raises(TargetError) as caught:
        connect(location, timeout=3)
    assert caught.value.hint
    return caught.value


@pytest.fixture
def plain_user(any_url: str) -> Iterator[PostgresLocation]:
    """A user without any right beyond connecting."""
    name = f"plain_{secrets.token_hex(4)}"
    role = sql.Identifier(name)
    database = sql.Identifier(PostgresLocation.of(any_url).as_dict()["dbname"])
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        yield changed(any_url, user=name)
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(database, role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def test_a_session_is_set_up_for_loading(postgres_url: str) -> None:
    with connect(parse(postgres_url), application_name="mover") as connection:
        shown = {
            name: connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
            for name in ("synchronous_commit", "TimeZone", "client_encoding", "statement_timeout", "application_name")
        }
        assert connection.autocommit is False
    assert shown == {
        "synchronous_commit": ("off",),
        "TimeZone": ("UTC",),
        "client_encoding": ("UTF8",),
        "statement_timeout": ("0",),
        "application_name": ("mover",),
    }


def test_settings_of_the_session_survive_a_rollback(postgres_url: str) -> None:
    with connect(parse(postgres_url)) as connection:
        connection.rollback()
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("off",)


def test_nothing_in_public_stands_in_for_a_built_in_function(any_url: str) -> None:
    with psycopg.connect(any_url) as intruder:
        intruder.execute("CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS $$SELECT 'evil'$$")
    with connect(parse(any_url)) as connection:
        assert connection.execute("SELECT lower('A'::text)").fetchone() == ("a",)


def test_rows_hidden_by_a_policy_are_an_error_and_not_missing(any_url: str, plain_user: PostgresLocation) -> None:
    user = plain_user.as_dict()["user"]
    with psycopg.connect(any_url) as owner:
        owner.execute("CREATE TABLE public.guarded (n int); INSERT INTO public.guarded VALUES (1)")
        owner.execute("ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY")
        owner.execute(sql.SQL("GRANT SELECT ON public.guarded TO {}").format(sql.Identifier(user)))
    with connect(plain_user) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT count(*) FROM public.guarded")


def test_a_wrong_password_is_refused_and_shown_nowhere(debian_url: str) -> None:
    error = refusal(changed(debian_url, password="wrong-Pa55"))
    assert error.code == "target.password"
    assert "wrong-Pa55" not in f"{error} {error.as_dict()} {error!r}"
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_a_wrong_password_of_the_environment_is_shown_nowhere(debian_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = PostgresLocation.of(debian_url).as_dict()
    del given["password"]
    monkeypatch.setenv("PGPASSWORD", "wrong-Pa55")
    assert "wrong-Pa55" not in str(refusal(PostgresLocation(tuple(given.items()))))


def test_a_missing_database_is_named(postgres_url: str) -> None:
    error = refusal(changed(postgres_url, dbname="no_such_database"))
    assert error.code == "target.database_missing"
    assert "no_such_database" in error.message


def test_a_missing_role_is_named(pip_url: str) -> None:
    error = refusal(changed(pip_url, user="no_such_role"))
    assert error.code == "target.login"
    assert "no_such_role" in error.message


def test_a_port_where_nobody_listens_is_told_from_a_missing_host() -> None:
    port = servers.free_port()
    assert refusal(PostgresLocation.of(f"postgresql://127.0.0.1:{port}/x")).code == "target.refused"
    assert refusal(PostgresLocation.of("postgresql://no-such-host.invalid/x")).code == "target.host_unknown"
    assert refusal(PostgresLocation.of("postgresql:///x?host=/no/such/directory")).code == "target.refused"


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        location = PostgresLocation.of(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2")
        assert refusal(location).code == "target.timeout"


def test_a_server_without_tls_is_refused_where_tls_is_due(debian_url: str) -> None:
    error = refusal(changed(debian_url, sslmode="verify-full", sslrootcert="/etc/ssl/certs/ca-certificates.crt"))
    assert error.code == "target.tls"
    assert "sslmode=disable" in error.hint


@pytest.fixture
def tls_url(debian_url: str, tmp_path: Path) -> Iterator[tuple[PostgresLocation, Path]]:
    """Debian's server with TLS, and the certificate that it signed itself for the name localhost."""
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(tmp_path / "exuvia-test.key"), "-out", str(tmp_path / "exuvia-test.crt")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files],
        check=True,
        capture_output=True,
    )
    with psycopg.connect(debian_url, autocommit=True) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        for name in ("exuvia-test.key", "exuvia-test.crt"):
            placed = Path(row[0]) / name
            shutil.copyfile(tmp_path / name, placed)
            placed.chmod(0o600)
            os.chown(placed, placed.parent.stat().st_uid, placed.parent.stat().st_gid)
        connection.execute("ALTER SYSTEM SET ssl_key_file = 'exuvia-test.key'")
        connection.execute("ALTER SYSTEM SET ssl_cert_file = 'exuvia-test.crt'")
        connection.execute("ALTER SYSTEM SET ssl = on")
        connection.execute("SELECT pg_reload_conf()")
        await_tls(debian_url, on=True)
        yield changed(debian_url, host="localhost", hostaddr="127.0.0.1"), tmp_path / "exuvia-test.crt"
        connection.execute("ALTER SYSTEM RESET ssl")
        connection.execute("SELECT pg_reload_conf()")
        await_tls(debian_url, on=False)


def await_tls(url: str, *, on: bool) -> None:
    """Wait until the server has read its configuration anew."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with psycopg.connect(url) as connection:
            if connection.pgconn.ssl_in_use is on:
                return
        time.sleep(0.05)
    pytest.fail("the server did not reload its configuration")


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_url: tuple[PostgresLocation, Path]) -> None:
    location, _ = tls_url
    strict = PostgresLocation(tuple((location.as_dict() | {"sslmode": "verify-full"}).items()))
    remote = PostgresLocation((("host", "db.example"),)).connection_parameters()
    error = refusal(changed(strict.url, sslrootcert=remote["sslrootcert"]))
    assert error.code == "target.tls"
    assert "sslrootcert=" in error.hint


def test_a_certificate_is_accepted_for_its_own_name_only(tls_url: tuple[PostgresLocation, Path]) -> None:
    location, certificate = tls_url
    trusting = changed(location.url, sslmode="verify-full", sslrootcert=str(certificate))
    with connect(trusting) as connection:
        assert connection.pgconn.ssl_in_use
    error = refusal(changed(trusting.url, host="db.example"))
    assert error.code == "target.tls"
    assert "db.example" in error.message


def test_a_parameter_that_libpq_does_not_know_is_explained(pip_url: str) -> None:
    assert refusal(changed(pip_url, sslmode="perhaps")).code == "target.location"


def test_a_database_that_is_not_in_utf8_is_refused(any_url: str) -> None:
    name = f"latin_{secrets.token_hex(4)}"
    make = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute(sql.SQL(make).format(sql.Identifier(name)))
        try:
            error = refusal(changed(any_url, dbname=name))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    assert error.code == "target.encoding"
    assert "LATIN1" in error.message


def test_a_read_only_database_is_refused_for_writing_and_open_for_reading(any_url: str) -> None:
    name = sql.Identifier(PostgresLocation.of(any_url).as_dict()["dbname"])
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    assert refusal(PostgresLocation.of(any_url)).code == "target.read_only"
    with connect(parse(any_url), writable=False) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_database_that_allows_no_more_connections_is_explained(any_url: str, plain_user: PostgresLocation) -> None:
    name = sql.Identifier(PostgresLocation.of(any_url).as_dict()["dbname"])
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 0").format(name))
        assert refusal(plain_user).code == "target.connections"


def test_the_right_to_create_is_asked_for_before_anything_is_written(
    any_url: str, plain_user: PostgresLocation
) -> None:
    with connect(plain_user) as connection:
        for schema in ("public", "not_there"):
            with pytest.raises(TargetError) as caught:
                require_create(connection, schema)
            assert caught.value.code == "target.rights"
            assert "GRANT CREATE ON" in caught.value.hint
    with psycopg.connect(any_url) as owner:
        user = sql.Identifier(plain_user.as_dict()["user"])
        owner.execute(sql.SQL("CREATE SCHEMA given; GRANT CREATE, USAGE ON SCHEMA given TO {}").format(user))
    with connect(plain_user) as connection:
        require_create(connection, "given")


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT * FROM no_such_table", "target.sqlstate_42P01"),
        ("CREATE TABLE pg_catalog.mine (n int)", "target.rights"),
        ("DO $$BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END$$", "target.disk_full"),
        ("DO $$BEGIN RAISE EXCEPTION 'none left' USING ERRCODE = 'out_of_memory'; END$$", "target.memory"),
        ("SET statement_timeout = '1ms'; SELECT pg_sleep(5)", "target.cancelled"),
        ("CREATE TABLE twice (n int); CREATE TABLE twice (n int)", "target.exists"),
        ("SET TRANSACTION READ ONLY; CREATE TABLE t (n int)", "target.read_only"),
        ("CREATE TABLE t (v no_such_type)", "target.missing"),
    ],
)
def test_errors_of_statements_are_explained_by_their_sqlstate(any_url: str, statement: str, code: str) -> None:
    location = parse(any_url)
    assert isinstance(location, PostgresLocation)
    with connect(location) as connection:
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(statement.encode())
        connection.rollback()
    error = explain_error(caught.value, location=location, doing="making tables")
    assert error.code == code
    assert "refused making tables" in error.message


def test_a_connection_that_the_server_ends_is_told_as_lost(any_url: str) -> None:
    with connect(parse(any_url)) as connection, psycopg.connect(any_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("SELECT 1")
    assert explain_error(caught.value).code == "target.connection_lost"


def test_a_secret_is_cut_out_of_whatever_the_server_says(any_url: str) -> None:
    location = changed(any_url, password="hunter2secret")
    with psycopg.connect(any_url) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute("DO $$BEGIN RAISE EXCEPTION 'dsn was hunter2secret'; END$$")
    assert "hunter2secret" not in str(explain_error(caught.value, location=location))


def test_a_sqlite_file_is_no_target() -> None:
    with pytest.raises(ConfigError) as caught:
        connect(SqliteLocation(Path("app.db")))
    assert "embedded:" in caught.value.hint


@pytest.mark.postgresql
def test_the_embedded_server_starts_when_it_is_asked_for() -> None:
    from exuvia.engines.postgres import embedded

    with servers.open_directory() as directory:
        try:
            location = resolve(EmbeddedLocation("app"), data_dir=directory / "pg")
            with connect(EmbeddedLocation("app"), data_dir=directory / "pg") as connection:
                assert connection.info.dbname == "app"
            assert location.as_dict()["dbname"] == "app"
        finally:
            embedded.stop(directory / "pg")


def test_capabilities_are_what_the_server_says(postgres_url: str) -> None:
    with connect(parse(postgres_url)) as connection:
        found = detect(connection)
        version = connection.execute("SHOW server_version_num").fetchone()
    assert version == (str(found.version_num),)
    assert found.database == PostgresLocation.of(postgres_url).as_dict()["dbname"]
    assert found.is_installed("plpgsql")
    assert not found.is_installed("no_such_extension")
    assert found.max_connections >= found.connections >= 1


def test_pgvector_is_offered_before_it_is_installed_and_seen_after(pip_url: str) -> None:
    with connect(parse(pip_url)) as connection:
        before = detect(connection)
        connection.execute("CREATE EXTENSION vector")
        after = detect(connection)
    assert (before.has_pgvector, before.offers_pgvector) == (False, True)
    assert (after.has_pgvector, after.extensions["vector"].schema) == (True, "public")


def test_an_ordinary_user_may_create_trusted_extensions_only(debian_url: str, pip_url: str) -> None:
    with connect(parse(pip_url)) as connection:
        connection.execute("CREATE ROLE extender")
        connection.execute("GRANT CREATE ON SCHEMA public TO extender; SET LOCAL ROLE extender")
        assert detect(connection).can_create_extension("vector") is False
        connection.rollback()
    with connect(parse(debian_url)) as connection:
        assert detect(connection).can_create_extension("pg_trgm") is True
        assert detect(connection).can_create_extension("vector") is False
