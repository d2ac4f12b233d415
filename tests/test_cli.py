"""The command line as a person or a program meets it: output, exit codes, errors, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from commands import exuvia
from exuvia.cli.app import app
from exuvia.errors import SourceError

COMMANDS = ("inspect", "plan", "migrate", "verify")


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("EXUVIA_TARGET", raising=False)


def in_a_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-c", "from exuvia.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def database(path: Path, sql: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t (a) VALUES ('x'), ('y')"
    return database(tmp_path / "small.db", sql)


@pytest.fixture
def dirty(tmp_path: Path) -> Path:
    sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t (a) VALUES ('x'), ('y' || char(0))"
    return database(tmp_path / "dirty.db", sql)


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS), ("pg",), ("pg", "start")])
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage: " in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_in_the_help_are_commands_that_exist(command: str, tmp_path: Path) -> None:
    help_text = CliRunner().invoke(app, [command, "--help"], terminal_width=200).output
    lines = [line.strip() for line in help_text.splitlines() if line.strip().startswith("exuvia ")]
    examples = [line for line in lines if " app.db" in line]
    assert examples
    for line in examples:
        words = shlex.split(line)
        assert words[:2] == ["exuvia", command]
        (tmp_path / "plan.toml").write_text("")
        result = CliRunner().invoke(app, words[1:])
        assert isinstance(result.exception, SourceError), f"{line}: {result.output}"
        assert "app.db" in result.exception.message


def test_a_move_prints_its_verdict_and_its_json_is_one_document(small: Path, any_url: str, tmp_path: Path) -> None:
    moved = in_a_process("migrate", small, any_url, "--report", tmp_path / "r.html", "--report", tmp_path / "r.json")
    assert moved.returncode == 0, moved.stderr
    assert "Every value arrived" in moved.stdout
    assert "Every value arrived" in (tmp_path / "r.html").read_text()
    assert json.loads((tmp_path / "r.json").read_text())["status"] == "moved"
    again = exuvia("migrate", small, any_url, "--drop-existing", "--json")
    document = json.loads(again.stdout)
    assert document["proof"]["values_compared"] == 4
    assert exuvia("verify", small, any_url, "--quiet").stdout == ""


def test_quarantined_rows_have_an_exit_code_of_their_own(dirty: Path, any_url: str) -> None:
    result = exuvia("migrate", dirty, any_url, "--json")
    assert result.returncode == 8
    assert [row["row"] for row in json.loads(result.stdout)["rejections"]] == ["rowid=2"]
    assert exuvia("migrate", dirty, any_url, "--drop-existing", "--on-error", "stop").returncode == 7


def test_a_difference_has_an_exit_code_of_its_own(small: Path, any_url: str) -> None:
    assert exuvia("migrate", small, any_url, "-q").returncode == 0
    with psycopg.connect(any_url) as connection:
        connection.execute("UPDATE t SET a = 'z' WHERE id = 2")
    result = exuvia("verify", small, any_url)
    assert result.returncode == 6
    assert "id=2" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["migrate", "missing.db"], 3, "missing.db"),
        (["migrate", "."], 3, "director"),
        (["inspect", "text.db"], 3, "not a"),
        (["migrate", "small.db", "postgresql://nobody@127.0.0.1:1/x"], 4, "127.0.0.1"),
        (["migrate", "small.db", "mysql://x"], 2, "mysql"),
        (["migrate", "small.db", "--report", "report.pdf"], 2, "report.pdf"),
        (["plan", "small.db", "--plan", "nowhere.toml"], 2, "nowhere.toml"),
        (["plan", "small.db", "--plan", "typo.toml"], 5, "Did you mean"),
        (["migrate", "small.db", "--style", "fancy"], 2, "fancy"),
    ],
)
def test_wrong_input_says_what_and_what_to_do(
    small: Path, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to be looked at " * 40)
    (tmp_path / "typo.toml").write_text('[tables.t.columns]\naa = { type = "text" }\n')
    result = exuvia(*arguments)
    assert result.returncode == code, result.stderr
    assert says.lower() in result.stderr.lower()
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    if code != 2 or "--style" not in arguments:
        as_json = exuvia(*arguments, "--json")
        error = json.loads(as_json.stderr)["error"]
        assert error["message"]
        assert error["hint"]


def test_a_password_is_never_printed(small: Path) -> None:
    url = "postgresql://me:sesame-9@127.0.0.1:1/x?connect_timeout=2"
    for run, extra in ((exuvia, []), (exuvia, ["--json"]), (in_a_process, ["--debug"])):
        result = run("migrate", small, url, *extra)
        assert result.returncode == 4
        assert "sesame" not in result.stdout + result.stderr


def test_the_target_comes_from_the_environment_or_the_settings_file(
    small: Path, any_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exuvia.toml").write_text(f'target = "{any_url}"\ntarget_schema = "app"\n')
    assert exuvia("migrate", small, "-q").returncode == 0
    monkeypatch.setenv("EXUVIA_TARGET", any_url)
    monkeypatch.setenv("EXUVIA_TARGET_SCHEMA", "other")
    assert exuvia("migrate", small, "-q").returncode == 0
    with psycopg.connect(any_url) as connection:
        rows = connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 't' ORDER BY 1").fetchall()
    assert rows == [("app",), ("other",)]


def test_a_written_plan_can_be_edited_and_used(small: Path, any_url: str, tmp_path: Path) -> None:
    assert exuvia("plan", small, "-o", "plan.toml").returncode == 0
    text = (tmp_path / "plan.toml").read_text()
    edited = re.sub(r'(?m)^a = \{ type = "text"', 'a = { name = "letter", type = "varchar(5)"', text)
    assert edited != text
    (tmp_path / "plan.toml").write_text(edited)
    assert exuvia("migrate", small, any_url, "--plan", "plan.toml", "-q").returncode == 0
    with psycopg.connect(any_url) as connection:
        assert connection.execute("SELECT letter FROM t ORDER BY id").fetchall() == [("x",), ("y",)]
    assert exuvia("verify", small, any_url, "--plan", "plan.toml", "-q").returncode == 0


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    numbers = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1500000)"
    rows = f"INSERT INTO t {numbers} SELECT i, 'row ' || i, i / 7.0 FROM n"
    path = tmp_path_factory.mktemp("large") / "large.db"
    return database(path, f"CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL); {rows}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.3, 1.0, 1.6])
def test_an_interruption_leaves_the_target_as_it_was(
    large: Path, tmp_path: Path, any_url: str, number: signal.Signals, seconds: float
) -> None:
    source = shutil.copy(large, tmp_path)
    command = [sys.executable, "-c", "from exuvia.cli import main; main()", "migrate", str(source), any_url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    time.sleep(seconds)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (130, -number), errors
    assert "Traceback" not in errors
    with psycopg.connect(any_url) as connection:
        found = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' OR n.nspname LIKE 'exuvia%'"
        ).fetchall()
    assert found == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large.db"]


def test_the_terminal_wraps_all_paragraphs_of_the_help() -> None:
    text = CliRunner().invoke(app, ["heal", "--help"], env={"COLUMNS": "60"}).output
    assert " Without --error, --sqlstate and --sql everything is looked" in text
    assert " at: foreign keys without an index, orphan rows, sequences" in text


@pytest.mark.parametrize(
    ("command", "defaults"),
    [
        (["mcp"], ["EXUVIA_STORE", "127.0.0.1", "8765", "/mcp"]),
        (["mcp", "config"], ["EXUVIA_STORE"]),
        (["guard", "role"], ["exuvia", "NAME_agent"]),
        (["ask"], ["UTC"]),
        (["heal"], ["the target"]),
        (["advise"], ["3"]),
    ],
)
def test_the_help_tells_defaults(command: list[str], defaults: list[str]) -> None:
    text = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"}).output
    for default in defaults:
        assert f"[default: {default}]" in text
