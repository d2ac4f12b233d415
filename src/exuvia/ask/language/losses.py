"""What questions say that rules cannot decide: taken out, and told, instead of being searched for or passed over."""

from __future__ import annotations

from typing import Final

from exuvia.ask.language.tokens import Reading
from exuvia.ask.language.vocabulary import NEGATIONS, PEOPLE, STOP, kind_of

_UNDECIDABLE: Final = frozenset({"since", "before", "after", "until", "till"})
_STOPS: Final = frozenset("in by about for of on and or with did do was were we".split())  # noqa: SIM905
_AROUND: Final = frozenset({"at", "in", "since", "during", "before", "after", "from", "until", "till", "on"})
_SEASONS: Final = frozenset({"spring", "summer", "autumn", "fall", "winter", "christmas", "easter"})
_SUBJECT: Final = frozenset({"did", "have", "had", "by", "of", "are", "were"})
_COMPARING: Final = frozenset({"most", "least", "fewest", "average", "compare", "versus", "vs"})
_RECENT: Final = frozenset({"recent", "recently"})


def _lose(reading: Reading, first: int, after: int) -> None:
    reading.lost.append(reading.text(first, after))
    reading.take("lost", first, after)


def lose_times(reading: Reading) -> None:
    """Take out ``before the release``: a time, but not one that is known."""
    for place in range(len(reading)):
        season = place + 1 + (reading.low(place + 1) in {"the", "last", "this"})
        if reading.low(place) in _AROUND and reading.low(season) in _SEASONS:
            _lose(reading, place, season + 1)
        if reading.low(place) not in _UNDECIDABLE:
            continue
        after = place + 1
        while reading.is_free(after) and reading.low(after) not in _STOPS and after - place < 4:
            after += 1
        if after > place + 1:
            _lose(reading, place, after)


def lose_occasions(reading: Reading) -> None:
    """Take out ``at the last meeting``: when that was is not known."""
    for place in range(len(reading)):
        first = place - 1 - (reading.low(place - 1) == "the")
        noun = reading.low(place + 1)
        is_occasion = reading.low(place) in {"last", "previous", "next"} and reading.low(first) in _AROUND
        if is_occasion and noun and not kind_of(noun) and noun not in STOP:
            _lose(reading, first, place + 2)


def lose_people(reading: Reading) -> None:
    """Take out the asker, where the question is about what they did: who that is is not known."""
    for place in range(len(reading)):
        if reading.low(place) not in PEOPLE - {"myself"} or reading.said(place - 1) not in _SUBJECT:
            continue
        if reading.said(place + 1) not in {"miss", "missed"}:
            _lose(reading, place, place + 1)


def lose_authors(reading: Reading, names: frozenset[str]) -> None:
    """Take out ``not made by ada``: a list without somebody's entries cannot be asked for.

    Args:
        reading: The question.
        names: The first words of authors' names, folded.
    """
    for place in range(len(reading)):
        if reading.low(place) not in NEGATIONS:
            continue
        after = place + 1
        while reading.low(after) in {"made", "written", "done", "by", "from", "of"}:
            after += 1
        if after > place + 1 and reading.low(after) in names:
            _lose(reading, place, after + 1)


def lose_comparisons(reading: Reading) -> None:
    """Take out ``per project`` and ``the most``: nothing is grouped or compared."""
    for place in range(len(reading)):
        low = reading.low(place)
        if low == "per" and reading.is_free(place + 1):
            _lose(reading, place, place + 2)
        elif low in _COMPARING and reading.said(place + 1) not in _RECENT and reading.said(place - 1) != "at":
            _lose(reading, place, place + 1)
