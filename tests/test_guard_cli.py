"""``exuvia guard`` as a person or a program meets it."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import tomllib
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from commands import exuvia
from exuvia import settings
from exuvia.errors import ConfigError
from exuvia.guard import Policy, open_session, role_script
from exuvia.location import PostgresLocation, parse

GUIDE = Path(__file__).parents[1] / "docs" / "guard.md"


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")


def test_an_allowed_statement_ends_with_zero_and_tells_what_it_touches() -> None:
    done = exuvia("guard", "check", "SELECT count(*) FROM orders")
    assert done.returncode == 0
    assert "allowed" in done.stdout
    assert "reads: public.orders" in done.stdout
    assert "calls: count" in done.stdout


def test_a_denied_statement_ends_with_twelve_and_says_why_and_what_to_do() -> None:
    done = exuvia("guard", "check", "DELETE FROM orders")
    assert done.returncode == 12
    assert "denied" in done.stdout
    assert "switched off" in done.stdout
    assert "guard_write" in done.stdout


def test_json_is_the_verdict() -> None:
    done = exuvia("guard", "check", "SELECT pg_sleep(1) FROM orders", "--json")
    verdict = json.loads(done.stdout)
    assert done.returncode == 12
    assert verdict["allowed"] is False
    assert verdict["statements"] == ["SELECT"]
    assert verdict["reads"] == ["public.orders"]
    assert verdict["functions"] == ["pg_sleep"]
    assert verdict["denials"][0]["code"] == "function"


def test_quiet_leaves_only_the_exit_code() -> None:
    done = exuvia("guard", "check", "SELECT 1; SELECT 2", "--quiet")
    assert (done.returncode, done.stdout) == (12, "")


def test_the_policy_comes_from_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exuvia.toml").write_text('guard_read = ["app.*", "!app.tokens"]\nguard_schema = "app"\n')
    assert exuvia("guard", "check", "SELECT * FROM users").returncode == 0
    assert exuvia("guard", "check", "SELECT * FROM tokens").returncode == 12
    assert exuvia("guard", "check", "DELETE FROM notes").returncode == 12
    monkeypatch.setenv("EXUVIA_GUARD_WRITE", "app.notes, app.tags")
    assert exuvia("guard", "check", "DELETE FROM notes").returncode == 0
    assert exuvia("guard", "check", "DELETE FROM notes", "--level", "read").returncode == 12


def test_sqlite_judges_its_own_sql_on_the_file(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "app.db")
    connection.execute("CREATE TABLE notes (a)")
    connection.close()
    before = (tmp_path / "app.db").read_bytes()
    assert exuvia("guard", "check", "SELECT * FROM notes", "--database", "app.db").returncode == 0
    done = exuvia("guard", "check", "ATTACH 'x.db' AS x", "--database", "app.db")
    assert done.returncode == 12
    assert "ATTACH" in done.stdout
    assert (tmp_path / "app.db").read_bytes() == before
    assert not (tmp_path / "x.db").exists()


def test_a_wrong_level_and_a_wrong_pattern_are_told_with_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    done = exuvia("guard", "check", "SELECT 1", "--level", "admin")
    assert done.returncode == 2
    assert "read, write and ddl" in done.stderr
    monkeypatch.setenv("EXUVIA_GUARD_READ", "notes")
    with pytest.raises(ConfigError, match=r"schema\.table"):
        settings.load()


def test_a_function_without_its_schema_is_no_setting() -> None:
    with pytest.raises(ConfigError, match=r"public\.discount"):
        settings.load(guard_functions=["discount"])


def test_the_settings_in_the_guide_are_a_policy() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    limits = settings.load(**tomllib.loads(block)).guard_policy
    assert limits.allows("read", "public", "notes")
    assert not limits.allows("read", "public", "tokens")
    assert limits.is_on("write")
    assert limits.role("ddl") == "exuvia_ddl"


def test_without_settings_only_reading_of_public_is_on() -> None:
    assert settings.load().guard_policy == Policy()
    assert [Policy().is_on(level) for level in ("read", "write", "ddl")] == [True, False, False]


def test_roles_are_printed_or_made_and_can_be_made_again(any_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = f"cli_{secrets.token_hex(4)}"
    monkeypatch.setenv("EXUVIA_GUARD_WRITE", "public.notes")
    with psycopg.connect(any_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE notes (id serial PRIMARY KEY, body text)")
        printed = exuvia("guard", "role", "--roles", prefix)
        assert f'"{prefix}_write"' in printed.stdout
        assert f'"{prefix}_ddl"' not in printed.stdout
        for _ in range(2):
            done = exuvia("guard", "role", "--roles", prefix, "--apply", any_url)
            assert done.returncode == 0, done.stderr
        assert f"{prefix}_agent" in done.stdout
        agent = PostgresLocation.of(any_url).as_dict() | {"user": f"{prefix}_agent"}
        try:
            limits = settings.load(guard_roles=prefix).guard_policy
            with open_session(PostgresLocation(tuple(agent.items())), limits) as opened:
                added = opened.run("INSERT INTO notes (body) VALUES ('x') RETURNING id", level="write")
                assert added.rows == ((1,),)
                assert opened.run("SELECT body FROM notes").rows == (("x",),)
        finally:
            for name in ("write", "read", "agent"):
                role = sql.Identifier(f"{prefix}_{name}")
                owner.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(role))
                owner.execute(sql.SQL("DROP ROLE {}").format(role))


def test_owning_lets_the_ddl_role_alter_tables_that_are_there_and_takes_nothing_from_their_owner(any_url: str) -> None:
    prefix = f"own_{secrets.token_hex(4)}"
    limits = settings.load(guard_roles=prefix, guard_ddl=["public.*", "!public.users"]).guard_policy
    app = f"{prefix}_app"
    with psycopg.connect(any_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(app)))
        owner.execute("CREATE TABLE scratch (a int); CREATE TABLE users (a int)")
        for table in ("scratch", "users"):
            owner.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(table), sql.Identifier(app)))
        owner.execute(role_script(limits, own=True).encode())
        try:
            with open_session(parse(any_url), limits) as opened:
                opened.run("ALTER TABLE scratch ADD COLUMN b text", level="ddl")
            owners = "SELECT relname, relowner::regrole::text FROM pg_class WHERE relname IN ('scratch', 'users')"
            assert dict(owner.execute(owners).fetchall()) == {"scratch": f"{prefix}_ddl", "users": app}
            owner.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(app)))
            owner.execute("INSERT INTO scratch VALUES (1)")
            owner.execute("DROP TABLE scratch")
            owner.execute("RESET ROLE")
        finally:
            owner.execute("RESET ROLE")
            for name in ("read", "ddl", "agent", "app"):
                role = sql.Identifier(f"{prefix}_{name}")
                owner.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(role))
                owner.execute(sql.SQL("DROP ROLE {}").format(role))
