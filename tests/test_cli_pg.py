"""``exuvia pg``: what it prints, for people and for programs, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

import servers
from exuvia.cli.pg import app
from exuvia.engines.postgres import embedded

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with servers.open_directory() as directory:
        yield directory / "pg"
        embedded.stop(directory / "pg")


@pytest.fixture(autouse=True)
def settings(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXUVIA_DATA_DIR", str(home))


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_a_server_is_started_described_and_stopped(home: Path) -> None:
    assert str(home) in run("start")
    described = json.loads(run("status", "--json"))
    assert described["running"] is True
    assert described["url"] == run("url").strip() == embedded.url(home)
    assert str(described["pid"]) in run("status")
    assert run("status", "--quiet") == ""
    assert json.loads(run("stop", "--json")) == {"stopped": True}
    assert "No server was running" in run("stop")
    assert "exuvia pg start" in run("status", code=1)
    assert json.loads(run("status", "--json", code=1)) == {"running": False}


def test_the_directory_may_come_from_the_configuration_file(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXUVIA_DATA_DIR")
    (tmp_path / "exuvia.toml").write_text(f"data_dir = {str(home / 'other')!r}\n")
    assert str(home / "other") in run("status", code=1)
    assert str(home) in run("status", "--data-dir", str(home), code=1)


def test_a_database_of_its_own_is_made(home: Path) -> None:
    run("start", "--database", "app", "--quiet")
    with psycopg.connect(run("url", "--database", "app").strip()) as connection:
        assert connection.info.dbname == "app"


def test_psql_starts_the_server_and_passes_its_arguments_on(home: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from exuvia.cli.pg import app; app()",
            "psql",
            "--",
            "-X",
            "-A",
            "-t",
            "-c",
            "SELECT 6 * 7",
        ],
        env=os.environ | {"EXUVIA_DATA_DIR": str(home)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "42\n"
