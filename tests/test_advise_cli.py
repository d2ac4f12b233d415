"""``exuvia advise`` as a person or a program meets it."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from exuvia.cli.app import app
from exuvia.errors import ConfigError, SourceError


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    connection = sqlite3.connect(tmp_path / "small.db")
    connection.executescript(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, p REFERENCES t);INSERT INTO t (p) VALUES (NULL), (zeroblob(100000))"
    )
    connection.close()
    return tmp_path / "small.db"


def advise(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["advise", *map(str, arguments)], terminal_width=200)


def test_the_advice_ends_with_the_recommendation_and_its_reason(small: Path) -> None:
    result = advise(small, "--watch", "0.1")
    assert result.exit_code == 0
    assert "✓ Stay with SQLite: every known figure is well under its threshold" in result.output
    assert 'CREATE INDEX "t_p_idx" ON "t" ("p")' in result.output
    assert "busy_timeout" in result.output


def test_json_is_one_document_with_everything(small: Path) -> None:
    result = advise(small, "--watch", "0.1", "--json")
    found = json.loads(result.stdout)
    assert (found["format"], found["version"], found["recommendation"]) == ("exuvia.advice", 1, "stay")
    assert {measure["name"] for measure in found["measures"]} == {"size", "agents", "users", "events", "lock_waits"}
    assert found["facts"]["contention"]["looks"] > 0
    assert found["facts"]["tables"][0]["rows"] == 2
    assert found["fixes"][0]["sql"] == "PRAGMA journal_mode = WAL"


@pytest.mark.parametrize(
    ("options", "code"), [((), 0), (("--max-mb", "0.15"), 10), (("--max-mb", "0.05"), 11), (("--max-mb", "1"), 0)]
)
def test_the_exit_code_tells_the_recommendation_only_when_asked(
    small: Path, options: tuple[str, ...], code: int
) -> None:
    assert advise(small, "--watch", "0", "-q", *options).exit_code == 0
    result = advise(small, "--watch", "0", "-q", "--exit-code", *options)
    assert (result.exit_code, result.output) == (code, "")


def test_thresholds_come_from_arguments_before_the_environment_before_toml(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("exuvia.toml").write_text("advise_max_mb = 0.05\nadvise_watch = 0\n")
    assert advise(small, "-q", "--exit-code").exit_code == 11
    monkeypatch.setenv("EXUVIA_ADVISE_MAX_MB", "0.15")
    assert advise(small, "-q", "--exit-code").exit_code == 10
    assert advise(small, "-q", "--exit-code", "--max-mb", "5").exit_code == 0


def test_a_wrong_threshold_is_refused_by_name(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXUVIA_ADVISE_MAX_AGENTS", "many")
    result = advise(small)
    assert isinstance(result.exception, ConfigError)
    assert "EXUVIA_ADVISE_MAX_AGENTS in the environment" in result.exception.message


def test_samples_are_kept_where_they_are_wanted(small: Path) -> None:
    advise(small, "--watch", "0", "-q")
    assert not Path("state").exists()
    advise(small, "--watch", "0", "-q", "--keep")
    assert len(list(Path("state").rglob("*.jsonl"))) == 1
    advise(small, "--watch", "0", "-q", "--keep", "--samples", "mine/samples.jsonl")
    assert len(Path("mine/samples.jsonl").read_text().splitlines()) == 1
    assert isinstance(advise(small, "--samples", ".").exception, ConfigError)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("dear diary")
    assert isinstance(advise("notes.txt").exception, SourceError)
    assert isinstance(advise("none.db").exception, SourceError)
    assert isinstance(advise("postgresql://me@localhost/app").exception, ConfigError)


def test_the_help_has_examples_that_are_commands_and_the_exit_codes() -> None:
    help_text = advise("--help").output
    examples = [line.strip() for line in help_text.splitlines() if line.strip().startswith("exuvia advise")]
    assert len(examples) >= 5
    for line in examples:
        result = CliRunner().invoke(app, shlex.split(line)[1:])
        assert isinstance(result.exception, SourceError), line
    assert re.search(r"11\s+with --exit-code: move now", help_text)


def test_ctrl_c_ends_it_and_leaves_nothing(small: Path) -> None:
    command = [sys.executable, "-c", "from exuvia.cli import main; main()", "advise", str(small), "--watch", "60"]
    process = subprocess.Popen([*command, "--keep"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("Looking at locks")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (130, "")
    assert "Nothing was changed." in errors
    assert [entry.name for entry in Path().iterdir()] == ["small.db"]


def test_progress_is_told_where_there_is_no_terminal(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exuvia.cli.advise._EVERY", 0.2)
    result = advise(small, "--watch", "1")
    assert re.search(r"Looking at locks: \d of 1 s, 0 of \d+ looks found the lock taken", result.stderr)
    assert "Looking at locks" not in advise(small, "--watch", "0.5", "--quiet").stderr
