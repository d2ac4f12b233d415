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
    "why did the deployment fail on the 12th",  # fail is looked for as a word, too
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


@pytest.mark.parametrize("row", [pytest.param(row, id=row["text"]) for row in (*TABLE["question"], *FRESH["question"])])
def test_a_question_is_understood(row: dict[str, Any]) -> None:
    if row["text"] in MISREAD:
        pytest.xfail("known to be misread")
    assert understood(interpret(row["text"], NOW, UTC, KNOWN)) == expected(row)
