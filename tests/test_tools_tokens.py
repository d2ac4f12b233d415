"""The estimate of tokens, held against a real tokenizer, and the budgets of whole answers."""

from __future__ import annotations

import base64
import json
import random
import time
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from rs_bpe.bpe import openai

from exuvia.tools import memory
from exuvia.tools.frame.tokens import estimate
from remembering import Agent

BY_NAME: Final = {tool.name: tool for tool in memory.TOOLS}
ROOT: Final = Path(__file__).parents[1]
ENCODING: Final = openai.o200k_base()
DATA: Final = Path(__file__).parent / "data" / "texts"
RANDOM: Final = random.Random(7)
GERMAN: Final = (
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und"
    " sollen einander im Geist der Brüderlichkeit begegnen. Geschwindigkeitsbegrenzung, Übertragungsprotokoll,"
    " Verschlüsselungsverfahren. Wir haben die Sitzungen in die Datenbank verlegt, weil Sperren Arbeiter aufhielten."
)
RUSSIAN: Final = (DATA / "russian.txt").read_text(encoding="utf-8")
CHINESE: Final = (DATA / "chinese.txt").read_text(encoding="utf-8")


def _files(pattern: str, most: int) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob(pattern))[:most])


def _uuid() -> str:
    return str(UUID(int=RANDOM.getrandbits(128)))


def _table() -> str:
    rows = [[_uuid(), f"Passkeys: step {n} of the form is done", "active", "2026-11-21T16:19:20Z"] for n in range(60)]
    return json.dumps({"columns": ["id", "title", "status", "at"], "rows": rows}, separators=(",", ":"))


TEXTS: Final = {
    "english": _files("docs/store-*.md", 12),
    "json": _table(),
    "code": _files("src/exuvia/tools/**/*.py", 25),
    "sql": _files("src/exuvia/store/schema/postgres/*.sql", 6),
    "german": GERMAN,
    "russian": RUSSIAN,
    "chinese": CHINESE,
    "digits": " ".join(str(RANDOM.randrange(10 ** RANDOM.randrange(1, 15))) for _ in range(400)),
    "uuids": "\n".join(_uuid() for _ in range(200)),
    "base64": base64.b64encode(RANDOM.randbytes(6000)).decode(),
    "tokens": "\n".join(base64.urlsafe_b64encode(RANDOM.randbytes(24)).decode() for _ in range(100)),
    "hex": RANDOM.randbytes(3000).hex(),
}


def real(text: str) -> int:
    """Count a text's tokens."""
    return len(ENCODING.encode(text))


@pytest.mark.parametrize("kind", TEXTS)
def test_no_kind_of_text_is_taken_for_much_shorter_than_it_is(kind: str) -> None:
    assert estimate(TEXTS[kind]) >= 0.9 * real(TEXTS[kind])


@pytest.mark.parametrize("kind", ["english", "json", "code", "sql", "uuids", "base64"])
def test_what_answers_are_made_of_is_not_taken_for_much_longer_than_it_is(kind: str) -> None:
    assert estimate(TEXTS[kind]) <= 1.4 * real(TEXTS[kind])


@pytest.mark.parametrize("text", ["", " ", "a", "\n", "\x00\x7f", "ß", "🎉", "a" * 1000])
def test_every_letter_counts(text: str) -> None:
    assert (estimate(text) > 0) == bool(text)


def test_an_estimate_takes_time_in_proportion_to_the_text() -> None:
    def seconds(text: str) -> float:
        best = 1e9
        for _ in range(5):
            begun = time.perf_counter()
            estimate(text)
            best = min(best, time.perf_counter() - begun)
        return best

    for kind in ("english", "chinese", "digits", "base64"):
        once = (TEXTS[kind] * (1 + 20_000 // len(TEXTS[kind])))[:20_000]
        assert seconds(once * 8) < 40 * seconds(once), kind


def _project(agent: Agent) -> None:
    agent.does(
        "create_plan",
        id="long",
        title="Long",
        content="".join(f"# {GERMAN[:40]} {n}\n\n{GERMAN * 4}\n" for n in range(40)),
    )
    agent.does("create_plan", id="wide", title="Wide", content=GERMAN, data={"rows": [_uuid() for _ in range(100)]})
    for number in range(60):
        agent.does("create_plan", id=_uuid(), title=f"Plan {number}: {GERMAN[:80]}", content=GERMAN, topics=["auth"])
    events: list[dict[str, Any]] = [
        {"kind": "decision_made", "data": {"decision": f"{number}. {GERMAN[:150]}", "rationale": RUSSIAN}}
        for number in range(60)
    ]
    agent.does("record_events", session="day-1", events=events)
    agent.does("put_nodes", nodes=[{"id": _uuid(), "type": "thing", "name": GERMAN[:60]} for _ in range(100)])
    agent.does(
        "put_document", id="told", title=GERMAN[:90], description=GERMAN * 20, tags=list("abcdefghijklmnopqrstuvwxyz")
    )
    agent.does("put_edges", edges=[{"source": "ada", "type": f"knows{n}", "target": "engine"} for n in range(100)])
    for number in range(50):
        agent.does("create_task", title=f"Task {number}: {GERMAN[:100]}")
        agent.does("pin_anchor", frame="f1", text=f"{number}: {GERMAN}")
        agent.does("open_frame", name=f"{number}: {GERMAN[:70]}", run=_uuid())
        agent.does("start_session", title=f"{number}: {GERMAN[:80]}", content=CHINESE)
    agent.does("add_frame_events", frame="f2", events=[{"type": "note", "data": {"text": RUSSIAN}}] * 50)


LONG: Final[list[tuple[str, dict[str, Any]]]] = [
    ("list_plans", {}),
    ("list_plans", {"size": "full"}),
    ("list_sessions", {}),
    ("list_sessions", {"size": "preview"}),
    ("list_events", {}),
    ("list_events", {"full": True}),
    ("list_frames", {}),
    ("list_frame_events", {"frame": "f2"}),
    ("list_anchors", {}),
    ("list_nodes", {}),
    ("list_edges", {}),
    ("find_neighbours", {"id": "ada"}),
    ("list_tasks", {}),
    ("search_text", {"text": "Würde"}),
    ("search_hybrid", {"text": "Würde"}),
    ("search_similar", {"text": "Würde"}),
    ("get_plan", {"id": "long"}),
    ("get_plan", {"id": "wide"}),
    ("get_plan", {"id": "long", "size": "metadata"}),
    ("get_frame", {"id": "f1"}),
    ("get_document", {"id": "told"}),
    ("resume", {}),
]


def test_whole_answers_keep_within_the_tokens_that_were_asked_for(agent: Agent) -> None:
    _project(agent)
    for name, given in LONG:
        many = {"limit": 100} if "limit" in BY_NAME[name].arguments.model_fields else {}
        for most in (200, 400, 1500):
            answer = agent.does(name, **{**many, **given}, max_tokens=most)
            used = real(json.dumps(answer, ensure_ascii=False, separators=(",", ":")))
            assert used <= 1.1 * most, (name, most, used)
            assert most < 1500 or "next" not in answer or used >= 0.5 * most, (name, most, used)
