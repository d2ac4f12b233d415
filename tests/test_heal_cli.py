"""``exuvia heal`` as its users meet it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from commands import exuvia
from exuvia.store import open_store
from healing import SHOP

MISSPELLED = ("--error", "no such column: nam", "--sql", "SELECT nam FROM users WHERE nam = ?", "--values", '["x"]')


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a file in which one index is missing, and nobody's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    connection = sqlite3.connect("app.db", isolation_level=None)
    connection.executescript(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT);"
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        "  INSERT INTO users SELECT i, 'user ' || i, i || '@example.org' FROM n;"
        "INSERT INTO notes SELECT id, id FROM users;"
    )
    connection.close()
    return tmp_path


def indexes(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    found = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'index'")]
    connection.close()
    return found


def test_a_check_up_shows_and_changes_nothing(place: Path) -> None:
    done = exuvia("heal", "app.db")
    assert done.returncode == 0, done.stderr
    assert "The foreign key notes (user_id) has no index" in done.stdout
    assert 'CREATE INDEX "notes_user_id_idx"' in done.stdout
    assert 'undo: DROP INDEX "notes_user_id_idx"' in done.stdout
    assert indexes(place / "app.db") == []
    assert not (place / "data").exists()


def test_the_exit_code_tells_a_scheduled_job(place: Path) -> None:
    assert exuvia("heal", "app.db", "--exit-code", "--quiet").returncode == 14
    assert exuvia("heal", "app.db", "--apply", "all", "--yes", "--quiet").returncode == 0
    assert exuvia("heal", "app.db", "--exit-code", "--quiet").returncode == 0


def test_a_proposal_is_applied_by_its_id_and_recorded(place: Path) -> None:
    shown = json.loads(exuvia("heal", "app.db", "--json").stdout)
    (proposal,) = shown["proposals"]
    done = exuvia("heal", "app.db", "--apply", proposal["id"], "--yes", "--json")
    (outcome,) = json.loads(done.stdout)["outcomes"]
    assert outcome["status"] == "verified"
    assert indexes(place / "app.db") == ["notes_user_id_idx"]
    with open_store(place / "data" / "exuvia" / "heal.db") as store:
        assert [entry.action for entry in store.audit.list().items] == ["heal.verified", "heal.begin"]
    again = exuvia("heal", "app.db", "--apply", proposal["id"], "--yes")
    assert again.returncode == 2
    assert "no proposal" in again.stderr


def test_the_audit_goes_to_the_store_of_the_settings(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXUVIA_STORE", f"sqlite:///{place / 'memory.db'}")
    assert exuvia("heal", "app.db", "--apply", "all", "--yes").returncode == 0
    with open_store(place / "memory.db") as store:
        assert len(store.audit.list(project="exuvia-heal").items) == 2
    assert not (place / "data").exists()


def test_nobody_to_ask_changes_nothing(place: Path) -> None:
    done = exuvia("heal", "app.db", "--apply", "all")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert indexes(place / "app.db") == []


def test_an_error_leads_to_the_name_that_was_meant(place: Path) -> None:
    done = exuvia("heal", "app.db", *MISSPELLED)
    assert 'SELECT "name" FROM users WHERE "name" = ?1' in done.stdout
    assert "one of several ways" in done.stdout


def test_all_does_not_choose_for_a_person(place: Path) -> None:
    done = exuvia("heal", "app.db", *MISSPELLED, "--apply", "all", "--yes", "--json")
    assert json.loads(done.stdout)["outcomes"] == []


def test_what_does_not_help_ends_with_14(place: Path) -> None:
    arguments = ("--sql", "SELECT max(email) FROM users WHERE name > ''", "--apply", "all", "--yes", "--json")
    done = exuvia("heal", "app.db", *arguments)
    assert [one["status"] for one in json.loads(done.stdout)["outcomes"]] == ["undone"]
    assert done.returncode == 14
    assert indexes(place / "app.db") == []


@pytest.mark.parametrize("values", ["{", "5", '"x"'])
def test_values_that_are_no_list_are_refused(place: Path, values: str) -> None:
    done = exuvia("heal", "app.db", "--sql", "SELECT ?", "--values", values)
    assert done.returncode == 2
    assert "--values" in done.stderr


def test_a_file_that_is_not_there_is_an_error(place: Path) -> None:
    done = exuvia("heal", "nothing.db", "--json")
    assert done.returncode == 4
    assert json.loads(done.stderr)["error"]["code"] == "target.unreadable"
    assert not (place / "nothing.db").exists()


def test_the_help_has_examples() -> None:
    assert "exuvia heal --apply all --yes" in exuvia("heal", "--help").stdout


@pytest.mark.postgresql
def test_ctrl_c_while_a_lock_is_waited_for_leaves_nothing(place: Path, any_url: str) -> None:
    with psycopg.connect(any_url) as owner:
        owner.execute(SHOP.encode())
        owner.commit()
        owner.execute("UPDATE orders SET status = 'held' WHERE id = 1")
        command = [sys.executable, "-m", "exuvia", "heal", any_url, "--apply", "all", "--yes", "--lock-timeout", "60"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
        deadline = time.monotonic() + 60
        while not owner.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130, errors
        assert "Nothing was left half done" in errors
        owner.rollback()
        assert owner.execute("SELECT to_regclass('orders_customer_id_idx')").fetchone() == (None,)
    with open_store(place / "data" / "exuvia" / "heal.db") as store:
        assert [entry.action for entry in store.audit.list().items] == ["heal.cancelled", "heal.begin"]


def test_what_is_wrapped_stays_indented(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    lines = exuvia("heal", "app.db").stdout.splitlines()
    begins = next(number for number, line in enumerate(lines) if line.startswith("      CREATE INDEX"))
    assert lines[begins + 1].startswith("      ")
    assert 'ON "notes"' in "".join(lines[begins : begins + 2])
