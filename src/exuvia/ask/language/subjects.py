"""What a question is about: kinds of things, their states, and their priority."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exuvia.ask.language.tokens import Reading, fold
from exuvia.ask.language.vocabulary import (
    ABOUT,
    NEGATIONS,
    NOUNS,
    PASSED,
    PRIORITIES,
    STATUS_KINDS,
    STATUSES,
    STOP,
    TESTED,
    VERBS,
    WHY_VERBS,
    singular,
    stem,
)
from exuvia.ask.records import Known

_UNSOLVED: Final = (("no", "solution"), ("without", "a", "solution"), ("without", "solution"), ("not", "solved"))
_UNDONE: Final = (
    ("left", "to", "do"),
    ("still", "to", "do"),
    ("not", "done"),
    ("not", "finished"),
    ("to", "be", "done"),
)
_WRONG: Final = (("went", "wrong"), ("go", "wrong"), ("gone", "wrong"))
_DONE: Final = (("got", "done"), ("get", "done"), ("was", "done"), ("been", "done"), ("getting", "done"))
_SAID: Final = (
    (_UNSOLVED, "open", ""),
    (_UNDONE, "open", ""),
    (_DONE, "complete", "task"),
    (_WRONG, "", "bug"),
)
"""Phrases with the state and the kind that they mean."""
_RESOLVED: Final = frozenset({"break", "breaking", "fail", "fails"})


@dataclass(frozen=True, slots=True)
class Subject:
    """What a question is about.

    Args:
        kinds: Kinds of things; none for anything.
        statuses: Their states.
        priority: The priority of plans.
    """

    kinds: tuple[str, ...]
    statuses: tuple[str, ...]
    priority: str | None


def read_subject(reading: Reading, known: Known) -> Subject:
    """Take the kinds, states and priority out of a question. What it is *about* may have such names, too."""
    reader = _Reader(reading, known)
    return reader.read()


class _Reader:
    def __init__(self, reading: Reading, known: Known) -> None:
        self._reading = reading
        self._customs = [(kind, tuple(fold(kind).split())) for kind in known.kinds if fold(kind)]
        self._kinds: list[str] = []
        self._statuses: list[str] = []
        self._stems = {stem(token.low) for token in reading.tokens}

    def read(self) -> Subject:
        self._phrases()
        priority = self._priority()
        self._walk()
        if not self._kinds:
            self._walk(everywhere=True)
        self._passed()
        self._why()
        if not self._kinds:
            self._broken()
            self._kinds += [STATUS_KINDS[word] for word in self._status_words() if word in STATUS_KINDS][:1]
        return Subject(tuple(dict.fromkeys(self._kinds)), tuple(dict.fromkeys(self._statuses)), priority)

    def _phrases(self) -> None:
        reading = self._reading
        for place in range(len(reading)):
            for phrases, status, kind in _SAID:
                for phrase in phrases:
                    if reading.matches(place, *phrase):
                        reading.take("status", place, place + len(phrase))
                        self._statuses += [status] if status else []
                        self._kinds += [kind] if kind else []

    def _priority(self) -> str | None:
        reading = self._reading
        for place in range(len(reading)):
            low = reading.low(place)
            words = low.split("-")
            if words[0] in PRIORITIES and (words[1:] == ["priority"] or reading.low(place + 1) == "priority"):
                reading.take("priority", place, place + 2 - (len(words) > 1))
                return words[0]
        return None

    def _walk(self, *, everywhere: bool = False) -> None:
        """Take out kinds and states; what comes after ``about`` only where there is nothing else."""
        reading = self._reading
        about = False
        for place in range(len(reading)):
            low = reading.low(place)
            if reading.roles[place] is not None:
                about = about and reading.roles[place] == "kind"
                continue
            about = about or low in ABOUT or (low == "on" and reading.roles[max(0, place - 1)] == "kind")
            if about and not everywhere:
                continue
            if everywhere and not self._is_alone(place):
                continue
            self._at(place, low)

    def _is_alone(self, place: int) -> bool:
        """Whether nothing that says more than a kind does comes after a place."""
        rest = (self._reading.low(one) for one in range(place, len(self._reading)) if self._reading.is_free(one))
        return all(not low or low in STOP or low in STATUSES or singular(low) in NOUNS for low in rest)

    def _at(self, place: int, low: str) -> None:
        reading = self._reading
        if self._is_excluded(place):
            return
        noun = NOUNS.get(low) or NOUNS.get(singular(low))
        if custom := self._custom(place):
            reading.take("kind", place, place + 1)
            self._kinds.append(custom)
        elif noun:
            reading.take("kind", place, place + 1)
            self._kinds.append(noun)
        elif low in VERBS:
            reading.take("kind", place, place + 1)
            self._kinds.append(VERBS[low])
            if low == "finished":
                self._statuses.append("complete")
        elif low in STATUSES:
            reading.take(f"status {low}", place, place + 1)
            self._statuses.append(STATUSES[low])

    def _is_excluded(self, place: int) -> bool:
        """Whether ``without``, ``except`` or ``not about`` stands before a word."""
        before = place - 1
        while self._reading.said(before) in {"about", "the", "any"}:
            before -= 1
        return self._reading.said(before) in NEGATIONS - {"no", "never"}

    def _custom(self, place: int) -> str | None:
        """Return the store's own kind of events that a word names: all of its name, or all but its verb."""
        reading = self._reading
        word = stem(reading.low(place)) if len(reading.low(place)) > 2 else ""
        if not word or reading.low(place) in STOP:
            return None
        said = self._stems
        for kind, parts in self._customs:
            wanted = parts[:-1] if len(parts) > 1 and parts[-1].endswith("ed") else parts
            if stem(wanted[0]) == word and all(stem(part) in said for part in wanted) and wanted[0] not in NOUNS:
                return kind
        return None

    def _passed(self) -> None:
        """Read ``did the tests pass``."""
        reading = self._reading
        passed = [place for place in range(len(reading)) if reading.low(place) in PASSED]
        tested = [place for place in range(len(reading)) if reading.low(place) in TESTED]
        if passed and (tested or "validation" in self._kinds):
            self._kinds.append("validation")
            for place in (*passed, *tested):
                reading.take("kind", place, place + 1)

    def _why(self) -> None:
        """Read ``why did we drop Redis``: a decision."""
        reading = self._reading
        why = next((place for place in range(len(reading)) if reading.low(place) == "why"), None)
        if why is None:
            return
        for place in range(why + 1, min(why + 5, len(reading))):
            if reading.low(place) in WHY_VERBS and not self._kinds:
                self._kinds.append("decision")
                reading.take("kind", place, place + 1)

    def _broken(self) -> None:
        reading = self._reading
        for place in range(len(reading)):
            if reading.low(place) in _RESOLVED:
                reading.take("kind", place, place + 1)
                self._kinds.append("bug")

    def _status_words(self) -> list[str]:
        return [role.removeprefix("status ") for role in self._reading.roles if role and role.startswith("status ")]
