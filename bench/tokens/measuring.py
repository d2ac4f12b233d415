"""Counting: the files of a project, those that a search names, its lines, and the tools' calls with their answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson
from rs_bpe.bpe import openai

from bench.tokens.project import PROJECT, TODAY, fill
from bench.tokens.questions import QUESTIONS, Question
from exuvia.settings import load
from exuvia.store import Store, StoreOptions, export_markdown, open_store
from exuvia.tools.catalogue import served
from exuvia.tools.desk import ServedDatabases
from exuvia.tools.dynamic import toolset as dynamic
from exuvia.tools.frame import Call, Tool, invoke

_ENCODING: Final = openai.o200k_base()
_EVENTS: Final = "<!-- exuvia:events -->"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a question costs who reads files, in tokens.

    Args:
        files: How many files a search for its words names.
        named: Reading those files.
        lines: Reading only the lines that the search finds.
        lines_tell: Whether those lines have what answers the question.
    """

    files: int
    named: int
    lines: int
    lines_tell: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """What a question costs.

    Args:
        question: The question.
        exported: Reading the files of ``exuvia store export-markdown``.
        by_hand: Reading files in which each event is a line.
        tools: The tools' calls and answers, in tokens.
        missing: What should be in the answers, and is not.
    """

    question: Question
    exported: Reading
    by_hand: Reading
    tools: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """All questions, and the files that they are about.

    Args:
        files: How many files there are.
        exported: Their tokens.
        by_hand: Their tokens where each event is a line.
        questions: What each question costs.
        learning: Finding and describing, once, each of the tools that were called.
    """

    files: int
    exported: int
    by_hand: int
    questions: Sequence[Measured]
    learning: int


class _Files:
    """Files, with the tokens of each."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._tokens = {name: tokens(text) for name, text in texts.items()}

    @property
    def tokens(self) -> int:
        return sum(self._tokens.values())

    def read(self, question: Question) -> Reading:
        """Search for a question's words, and read what is found."""
        wanted = [re.compile(words, re.IGNORECASE) for words in question.words]
        named = [name for name, text in self._texts.items() if all(words.search(text) for words in wanted)]
        lines = "\n".join(
            f"{name}:{line}"
            for name in named
            for line in self._texts[name].splitlines()
            if any(words.search(line) for words in wanted)
        )
        tell = all(fact in lines for fact in question.facts)
        return Reading(len(named), sum(self._tokens[name] for name in named), tokens(lines), tell)


def measure() -> Results:
    """Make the project, and answer all questions in both ways."""
    with TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/memory.db"
        with open_store(url, StoreOptions(clock=lambda: TODAY)) as store:
            fill(store)
            export_markdown(store, Path(directory) / "markdown", project=PROJECT)
            files = {
                path.name: path.read_text(encoding="utf-8") for path in (Path(directory) / "markdown").rglob("*.md")
            }
            exported, by_hand = _Files(files), _Files(_by_hand(store, files))
        answers, learning = asyncio.run(_answers(url))
    measured = [_measured(*one, exported, by_hand) for one in zip(QUESTIONS, answers, strict=True)]
    return Results(len(files), exported.tokens, by_hand.tokens, measured, learning)


def tokens(text: str) -> int:
    """Count the tokens of a text, by o200k_base."""
    return len(_ENCODING.encode(text))


def _by_hand(store: Store, files: Mapping[str, str]) -> dict[str, str]:
    """Return the files with a line for each event, as people write them."""
    lines: dict[str, list[str]] = {}
    after = None
    while True:
        page = store.project(PROJECT).events.list(limit=1000, oldest_first=True, after=after)
        for event in page.items:
            told = "; ".join(_said(value) for value in event.data.values())
            line = f"- {event.at:%Y-%m-%d %H:%M} {event.kind} ({event.author}, {', '.join(event.topics)}): {told}"
            lines.setdefault(f"{event.session_id}.md" if event.session_id else "events.md", []).append(line)
        after = page.next
        if after is None:
            return {name: "\n".join([text.partition(_EVENTS)[0], *lines.get(name, ())]) for name, text in files.items()}


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


async def _answers(url: str) -> tuple[list[list[tuple[str, str]]], int]:
    """Return the calls of each question and their answers, as a client sends and gets them, and the tokens of learning
    which tools there are."""
    async with ServedDatabases(load(), location=None, store=url) as desk:
        call = Call(desk, served(desk), PROJECT)
        told, learnt = [], {}
        for question in QUESTIONS:
            told.append([await _called(call, call.catalogue.named(name), given) for name, given in question.calls])
            for name, _ in question.calls:
                if name not in learnt:
                    found = await _called(call, dynamic.search_tools, {"intent": question.text})
                    described = await _called(call, dynamic.describe_tools, {"names": [name]})
                    learnt[name] = sum(tokens(text) for text in (*found, *described))
        return told, sum(learnt.values())


async def _called(call: Call, tool: Tool, given: Mapping[str, Any]) -> tuple[str, str]:
    reply = await invoke(call, tool, given)
    asked = {"name": tool.name, "arguments": given}
    return orjson.dumps(asked).decode(), orjson.dumps(reply.data).decode()


def _measured(question: Question, told: list[tuple[str, str]], exported: _Files, by_hand: _Files) -> Measured:
    answers = "\n".join(answer for _, answer in told)
    return Measured(
        question,
        exported.read(question),
        by_hand.read(question),
        sum(tokens(call) + tokens(answer) for call, answer in told),
        tuple(fact for fact in question.facts if fact not in answers),
    )
