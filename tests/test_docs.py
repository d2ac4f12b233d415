"""The commands and programs in README and docs run as they stand, and what they name is there."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main

from exuvia.cli.app import app
from exuvia.move.planfile import load

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
COMMAND = re.compile(r"(?:`|: |\$ )exuvia ([a-z][a-z-]*)")

APP = """
CREATE TABLE orders (
  id INTEGER PRIMARY KEY, created INTEGER, price DECIMAL(10,2), tags TEXT, note TEXT, secret TEXT, score
);
CREATE TABLE cache (key TEXT PRIMARY KEY, value BLOB);
INSERT INTO orders VALUES (1, 1700000000000, 9.99, 'a;b', 'first', 's', 5), (2, NULL, 0.5, '', NULL, NULL, 'x');
INSERT INTO cache VALUES ('k', x'00');
"""


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]


def pages_with(language: str) -> list[object]:
    return [pytest.param(page, id=page.name) for page in PAGES if blocks(page, language)]


@pytest.fixture
def place(tmp_path: Path, any_url: str) -> tuple[Path, dict[str, str]]:
    """A directory with a few databases in it, and an environment in which ``exuvia`` is a command with a target."""
    for name in ("app.db", "main.db", "events.db"):
        connection = sqlite3.connect(tmp_path / name)
        connection.executescript(APP)
        connection.close()
    command = tmp_path / "bin" / "exuvia"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from exuvia.cli import main; main()" "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}:{os.environ['PATH']}"
    own = {"PATH": path, "EXUVIA_TARGET": any_url, "NO_COLOR": "1", "XDG_STATE_HOME": str(tmp_path / "state")}
    own["XDG_DATA_HOME"] = str(tmp_path / "data")
    return tmp_path, {**os.environ, **own}


@pytest.mark.parametrize("page", pages_with("sh"))
def test_commands_run(page: Path, place: tuple[Path, dict[str, str]]) -> None:
    directory, environment = place
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            if line.startswith(("make ", "pip ")) or not line.strip():
                continue
            shown = line.replace("postgresql://me@localhost/app", '"$EXUVIA_TARGET"')
            done = subprocess.run(
                ["bash", "-c", shown], cwd=directory, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", pages_with("python"))
def test_programs_run(page: Path, place: tuple[Path, dict[str, str]]) -> None:
    directory, environment = place
    for block in blocks(page, "python"):
        program = block.replace("postgresql://me@localhost/app", environment["EXUVIA_TARGET"])
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=directory, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{program}\n{done.stderr}"


def test_the_plan_file_in_the_docs_is_one() -> None:
    (text,) = blocks(ROOT / "docs" / "plan-file.md", "toml")
    assert load(text).table("orders").name == "sales_order"
    for block in blocks(ROOT / "docs" / "cli.md", "toml"):
        assert tomllib.loads(block)["target"].startswith("postgresql:")


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for target, heading in LINK.findall(BLOCK.sub("", page.read_text())):
        if target.startswith("http"):
            continue
        found = page.parent / target if target else page
        assert found.exists(), target
        assert not heading or heading in headings(found), f"{target}#{heading}"


def headings(page: Path) -> set[str]:
    """The anchors that a Markdown page gets."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_commands_that_pages_and_errors_name_exist() -> None:
    commands = getattr(typer.main.get_command(app), "commands")  # noqa: B009 - not of every command
    texts = [*PAGES, *(ROOT / "src").rglob("*.py")]
    named = {(name, path.name) for path in texts for name in COMMAND.findall(path.read_text())}
    assert named
    assert {(name, where) for name, where in named if name not in commands} == set()
