"""A writer's answer, held to the sources that it was given."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Final

from exuvia.ask.records import Answer, WriterError
from exuvia.ask.telling.texts import tokens
from exuvia.ask.writing.protocol import Writer
from exuvia.errors import ExuviaError

_MARK: Final = re.compile(r"\s?\[(\s*\d{1,9}(?:\s*[,;\u2013-]\s*\d{1,9})*\s*)\]")
_LONGEST: Final = 200_000  # characters
_OVER: Final = 2  # times the budget


async def written(answer: Answer, writer: Writer, timeout: float, budget: int) -> Answer:
    """Return an answer with a writer's text; as it was, with a note, where there is nothing to write from or no text.

    Args:
        answer: The answer, put together from its sources.
        writer: The writer.
        timeout: Seconds that it may take.
        budget: Tokens of a text at most, about.
    """
    if not answer.sources:
        return answer
    try:
        text = await _text(answer, writer, timeout, budget)
    except WriterError as error:
        why = error.message.rstrip(".")
        return replace(answer, notes=(*answer.notes, f"{why}: this answer was put together without it."))
    shown, notes = _cited(text, len(answer.sources))
    return replace(answer, text=shown, written=True, notes=(*answer.notes, *notes))


async def _text(answer: Answer, writer: Writer, timeout: float, budget: int) -> str:
    """Return the writer's text.

    Raises:
        WriterError: It has failed, took too long, or gave no text, or too much.
    """
    try:
        async with asyncio.timeout(timeout):
            given = await writer(answer.interpretation.question, answer.interpretation, answer.sources)
    except TimeoutError:
        raise WriterError(f"The writer took longer than {timeout:g} s.", code="timeout") from None
    except ExuviaError as error:
        raise WriterError(f"The writer has failed: {error.message}", code="failed") from None
    except Exception as error:
        raise WriterError(f"The writer has failed: {type(error).__name__}.", code="failed") from error
    text = _clean(given) if isinstance(given, str) else ""
    if not text:
        raise WriterError("The writer gave no text.", code="empty")
    if tokens(text) > _OVER * budget:
        raise WriterError(f"The writer's text is longer than twice the budget of {budget} tokens.", code="long")
    return text


def _clean(text: str) -> str:
    """Return a text without what a terminal would obey."""
    kept = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text[:_LONGEST])
    return "\n".join(row.rstrip() for row in kept.strip().splitlines())


def _cited(text: str, count: int) -> tuple[str, tuple[str, ...]]:
    """Take out the marks of sources that there are not, and tell which they were."""
    unknown: set[int] = set()
    known: set[int] = set()

    def check(mark: re.Match[str]) -> str:
        numbers = [int(number) for number in re.findall(r"\d+", mark[1])]
        if len(numbers) == 2 and re.search(r"[\u2013-]", mark[1]) and 0 < numbers[1] - numbers[0] <= count:
            numbers = list(range(numbers[0], numbers[1] + 1))
        good = [number for number in numbers if 1 <= number <= count]
        known.update(good)
        unknown.update(set(numbers) - set(good))
        space = " " if mark[0][0].isspace() else ""
        return f"{space}[{', '.join(map(str, good))}]" if good else ""

    shown = _MARK.sub(check, text)
    notes = []
    if unknown:
        marks = ", ".join(f"[{number}]" for number in sorted(unknown)[:5])
        notes.append(f"The writer cited {marks}, which is no source: taken out.")
    if not known:
        notes.append("The writer cited no source.")
    return shown, tuple(notes)
