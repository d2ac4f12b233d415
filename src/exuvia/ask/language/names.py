"""Projects, authors and topics: names that the store has, also misspelt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from exuvia.ask.language.spelling import is_near
from exuvia.ask.language.tokens import Reading, fold
from exuvia.ask.language.vocabulary import ABOUT, NOUNS, STOP, singular
from exuvia.ask.records import Known, Problem

_WITHIN: Final = frozenset({"in", "for", "of", "from", "within", "at", "on", "into", "inside"})
_SUBJECT: Final = frozenset({"by", "did", "has", "have", "had", "does", "with", "from"})
_ALL: Final = frozenset({"all", "any", "every", "other", "each", "which", "what", "this", "our", "my", "the"})
_LONGEST: Final = 6  # words of a name
_SHORTEST: Final = 4  # letters of a misspelt name


class Names:
    """The names that a store knows, by their folded spellings.

    Args:
        names: The keys of each spelling.
    """

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self._keys: dict[str, set[str]] = {}
        for name, key in names:
            if fold(name):
                self._keys.setdefault(fold(name), set()).add(key)

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """Return names that are their own keys."""
        return cls((name, name) for name in names)

    @classmethod
    def of_projects(cls, projects: Mapping[str, str]) -> Names:
        """Return the ids and names of projects."""
        return cls(pair for id, name in projects.items() for pair in ((id, id), (name, id)))

    def exactly(self, text: str) -> tuple[str, ...]:
        """Return the keys of a name."""
        return tuple(sorted(self._keys.get(fold(text), ())))

    def nearly(self, text: str, *, other_digits: bool = False) -> tuple[str, ...]:
        """Return the keys of the names that differ by one typing error, which a wrong digit is only on request."""
        folded = fold(text)
        if len(folded) < _SHORTEST:
            return ()
        near = [name for name in self._keys if abs(len(name) - len(folded)) < 2 and is_near(folded, name)]
        kept = [name for name in near if other_digits or _digits(name) == _digits(folded)]
        return tuple(sorted({key for name in kept for key in self._keys[name]}))


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


class Projects:
    """Reads which projects are meant.

    Args:
        reading: The question.
        projects: The names of the store's projects, by their ids.
    """

    def __init__(self, reading: Reading, projects: Mapping[str, str]) -> None:
        self._reading = reading
        self._names = Names.of_projects(projects)
        self._ids = tuple(sorted(projects))
        self.found: list[str] = []
        self.problem: Problem | None = None

    def read(self) -> None:
        """Take the projects out of the question, those that are said to be projects first."""
        for place in range(len(self._reading)):
            if self._reading.low(place) in {"project", "projects"}:
                self._at_noun(place)
        for place in range(len(self._reading)):
            self._after_preposition(place)
        for place in range(len(self._reading)):
            self._bare(place)

    def _at_noun(self, place: int) -> None:
        reading = self._reading
        if before := self._longest_before(place):
            self._keep(before[1], before[0], place + 1)
        elif after := self._longest_after(place + 1):
            self._keep(after[1], place, after[0])
            self._more(after[0])
        elif reading.said(place - 1) in _ALL - {"the", "this"} or reading.low(place) == "projects":
            reading.take("project", place, place + 1)
        elif reading.is_free(place + 1) and (reading.said(place - 1) in _WITHIN or self._is_the(place)):
            token = reading.tokens[place + 1]
            if token.quoted or token.low not in STOP:
                self._guess(token.text, place, place + 2)
        elif reading.is_free(place - 1) and reading.said(place - 2) in _WITHIN | {"the"}:
            token = reading.tokens[place - 1]
            if token.quoted or token.low not in STOP | NOUNS.keys():
                self._guess(token.text, place - 1, place + 1)

    def _is_the(self, place: int) -> bool:
        return self._reading.said(place - 1) == "the" and self._reading.said(place - 2) in _WITHIN

    def _guess(self, name: str, first: int, after: int) -> None:
        near = self._names.nearly(name, other_digits=True)
        self._reading.take("project", first, after)
        if len(near) == 1 and near == self._names.nearly(name):
            self._reading.notes.append(f"read the project “{name}” as “{near[0]}”")
            self.found.append(near[0])
        elif self.problem is None:
            self.problem = Problem("ambiguous" if len(near) > 1 else "unknown", name, near or self._ids)

    def _keep(self, ids: tuple[str, ...], first: int, after: int) -> None:
        """Keep the project of a name, with the preposition before it."""
        reading = self._reading
        name = reading.text(first, after)
        while reading.low(first - 1) in _WITHIN | {"the", "and", "our"}:
            first -= 1
        reading.take("project", first, after + (reading.low(after) == "'s"))
        if len(ids) == 1:
            self.found.append(ids[0])
        elif self.problem is None:
            self.problem = Problem("ambiguous", name, ids)

    def _more(self, place: int) -> None:
        """Read further projects of a list."""
        while self._reading.low(place) == "and" and (further := self._longest_after(place + 1)):
            self._keep(further[1], place + 1, further[0])
            place = further[0]

    def _after_preposition(self, place: int) -> None:
        reading = self._reading
        if reading.low(place) not in _WITHIN:
            return
        start = place + 1 + (reading.low(place + 1) == "the")
        if found := self._longest_after(start):
            self._keep(found[1], start, found[0])
            self._more(found[0])
            return
        low = reading.low(start)
        near = (
            self._names.nearly(low) if len(low) > _SHORTEST and low not in STOP and singular(low) not in NOUNS else ()
        )
        if len(near) == 1:
            reading.notes.append(f"read “{reading.tokens[start].text}” as the project “{near[0]}”")
            self._keep(near, start, start + 1)

    def _bare(self, place: int) -> None:
        """Read a project's name that stands by itself, unless the question is about what is called so."""
        found = self._longest_after(place)
        if found is None or found[0] == place:
            return
        if self._reading.said(place - 1) in ABOUT or self._reading.said(place - 2) in ABOUT:
            return
        if len(found[1]) == 1 and not self.found:
            self._keep(found[1], place, found[0])

    def _longest_after(self, place: int) -> tuple[int, tuple[str, ...]] | None:
        for after in range(min(place + _LONGEST, len(self._reading)), place, -1):
            if all(self._reading.is_free(one) for one in range(place, after)):
                ids = self._names.exactly(self._spelled(place, after))
                if ids:
                    return after, ids
        return None

    def _longest_before(self, place: int) -> tuple[int, tuple[str, ...]] | None:
        for first in range(max(0, place - _LONGEST), place):
            if all(self._reading.is_free(one) for one in range(first, place)):
                ids = self._names.exactly(self._spelled(first, place))
                if ids:
                    return first, ids
        return None

    def _spelled(self, first: int, after: int) -> str:
        return " ".join(self._reading.tokens[one].low for one in range(first, after))


def read_authors(reading: Reading, known: Known) -> tuple[str, ...]:
    """Take the authors out of a question; after ``by`` and ``did`` they may be misspelt."""
    names = Names.of(known.authors)
    found: list[str] = []
    for place in range(len(reading)):
        for after in range(min(place + _LONGEST, len(reading)), place, -1):
            if not all(reading.is_free(one) for one in range(place, after)) or reading.said(place - 1) in ABOUT:
                continue
            spelled = " ".join(reading.tokens[one].low for one in range(place, after))
            exact = names.exactly(spelled)
            near = names.nearly(spelled) if _may_be_misspelt(reading, place, after) else ()
            if exact or len(near) == 1:
                if not exact:
                    reading.notes.append(f"read “{reading.text(place, after)}” as the author “{near[0]}”")
                found += exact or near
                reading.take("author", place - (reading.low(place - 1) in {"by", "from"}), after)
                reading.take("author", after, after + (reading.low(after) == "'s"))
                break
    return tuple(dict.fromkeys(found))


def _may_be_misspelt(reading: Reading, place: int, after: int) -> bool:
    low = reading.low(place)
    return after == place + 1 and reading.said(place - 1) in _SUBJECT and low not in STOP


def read_topics(reading: Reading, known: Known) -> tuple[str, ...]:
    """Take the topics out of a question that are said to be ones: ``#caching``, ``tagged ui``, ``topic auth``."""
    names = Names.of(known.topics)
    found: list[str] = []
    for place in range(len(reading)):
        low = reading.low(place)
        if low.startswith("#") and len(low) > 1:
            found.append(_topic(low[1:], names))
            reading.take("topic", place - (reading.low(place - 1) in {"tagged", "tag", "topic"}), place + 1)
        elif low in {"tagged", "tag", "topic", "topics", "tags"} and reading.is_free(place + 1):
            start = place + 1 + (reading.low(place + 1) in {"with", "as"})
            named = reading.is_free(start) and names.exactly(reading.tokens[start].text)
            if reading.is_free(start) and (named or low == "tagged" or reading.tokens[start].quoted):
                found.append(_topic(reading.tokens[start].text, names))
                reading.take("topic", place, start + 1)
    return tuple(dict.fromkeys(found))


def _topic(text: str, names: Names) -> str:
    return (names.exactly(text) or names.nearly(text) or (text,))[0]


def correct_to_topics(reading: Reading, known: Known) -> None:
    """Mend typing errors in words that are nearly a topic of the store."""
    names = Names.of(known.topics)
    for place in range(len(reading)):
        low = reading.low(place)
        if len(low) < 6 or low in STOP or names.exactly(low) or names.exactly(singular(low)):
            continue
        near = names.nearly(low)
        if len(near) == 1 and f"{near[0]}s" != low:
            reading.replace(place, near[0].casefold())
