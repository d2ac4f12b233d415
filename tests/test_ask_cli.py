"""``exuvia ask`` on the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands import exuvia
from exuvia import settings
from exuvia.errors import ConfigError
from exuvia.store import DecisionMade, open_store
from test_ask_writer import Served, serving

QUESTION = "what did we decide about auth last week?"
AT = ("--now", "2026-11-18T15:30")


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with a decision, which the environment names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("EXUVIA_STORE", "sqlite:///memory.db")
    with open_store("sqlite:///memory.db") as store:
        store.projects.put("shop")
        at = datetime(2026, 11, 15, 23, 30, tzinfo=UTC)
        made = DecisionMade(decision="Sessions \x1b[31mred", rationale="simple")
        store.events.add(made, id="d1", author="ada", topics=["auth"], at=at, project="shop")


def test_an_answer_is_shown_with_its_sources_and_how_it_was_understood() -> None:
    done = exuvia("ask", QUESTION, *AT)
    assert done.returncode == 0
    assert done.stdout == (
        "1 decision on “auth” from Mon 9 Nov 2026 to Sun 15 Nov 2026:\n"
        "[1] 15 Nov 2026: ada decided: Sessions [31mred; because: simple\n"
        "\nSources:\n"
        "[1] event d1  shop  2026-11-15  Sessions [31mred\n"
        "\nUnderstood: decisions; words “auth”; “last week” = Mon 9 Nov 2026 to Sun 15 Nov 2026 (UTC).\n"
    )


def test_days_are_those_of_the_time_zone() -> None:
    """In Berlin it was Monday already, of this week."""
    done = exuvia("ask", QUESTION, *AT, "--timezone", "Europe/Berlin")
    assert "Nothing found" in done.stdout
    assert "such as 16 Nov 2026: ada decided" in done.stdout


def test_json_has_all_of_it() -> None:
    document = json.loads(exuvia("ask", QUESTION, *AT, "--json").stdout)
    assert document["total"] == 1
    assert document["sources"][0]["id"] == "d1"
    assert document["sources"][0]["at"] == "2026-11-15T23:30:00+00:00"
    assert document["interpretation"]["kinds"] == ["decision"]
    assert document["calls"][0]["name"] == "search"


def test_explain_shows_the_interpretation_and_the_calls() -> None:
    shown = exuvia("ask", QUESTION, *AT, "--explain").stdout
    assert 'kinds: ["decision"]' in shown
    assert '  search {"text":"(\\"auth\\" OR \\"auths\\")"' in shown


def test_a_model_writes_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Served.saying("It was sessions [1], not tokens [2].")) as url:
        monkeypatch.setenv("EXUVIA_ASK_URL", url)
        monkeypatch.setenv("EXUVIA_ASK_MODEL", "small")
        done = exuvia("ask", QUESTION, *AT, "--writer")
    assert done.stdout.startswith("It was sessions [1], not tokens.\n")
    assert "The writer cited [2], which is no source" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((QUESTION, "--writer"), 2, "No model is named"),
        ((QUESTION, "--now", "soon"), 2, "'soon' is no time"),
        ((QUESTION, "--timezone", "Mars"), 2, "no time zone has this name"),
        ((" ",), 2, "The question is empty"),
        ((QUESTION, "--project", "zeus"), 13, "There is no project 'zeus'"),
        ((QUESTION, "--store", "sqlite:///missing.db"), 13, ""),
    ],
)
def test_mistakes_are_told_with_what_to_do(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = exuvia("ask", *arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) >= 2


def test_settings_refuse_a_key_within_the_url() -> None:
    with pytest.raises(ConfigError, match="ask_url") as caught:
        settings.load(ask_url="https://user:hunter2@example.org/v1")
    assert "hunter2" not in str(caught.value)
