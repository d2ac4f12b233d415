"""Understanding questions by rules alone: the same question is always understood in the same way."""

from __future__ import annotations

from datetime import datetime, tzinfo
from itertools import pairwise
from typing import Final

from exuvia.ask.language.calendar import Calendar
from exuvia.ask.language.losses import lose_authors, lose_comparisons, lose_occasions, lose_people, lose_times
from exuvia.ask.language.names import Projects, correct_to_topics, read_authors, read_topics
from exuvia.ask.language.shapes import read_order, read_relation, read_shape
from exuvia.ask.language.spelling import nearest
from exuvia.ask.language.subjects import Subject, read_subject
from exuvia.ask.language.time_ranges import Ranges
from exuvia.ask.language.tokens import Reading, fold
from exuvia.ask.language.vocabulary import (
    HAPPENING,
    IDIOMS,
    KIND_WORDS,
    NEGATIONS,
    NOUNS,
    STATUSES,
    STOP,
    VERBS,
    kind_of,
    stem,
)
from exuvia.ask.records import Interpretation, Known
from exuvia.store.search.words import words as searched

LONGEST: Final = 2000
"""Characters of a question that are read."""
_ORDERS: Final = ("latest", "earliest", "newest", "recent")
_MOST_WORDS: Final = 12
_SURE: Final = frozenset({*NOUNS, *VERBS, *STATUSES, *STOP})


def interpret(question: str, now: datetime, zone: tzinfo, known: Known) -> Interpretation:
    """Return what a question means.

    Args:
        question: The question, in English.
        now: The time that ``today`` is about, with its zone.
        zone: The time zone whose days are meant.
        known: The names that the store has.
    """
    question = "".join(letter if letter.isprintable() else " " for letter in question[:LONGEST])
    reading = Reading.of(question)
    _skip_idioms(reading)
    shape, order = read_shape(reading)
    projects = Projects(reading, known.projects)
    projects.read()
    relation = None if shape != "list" else read_relation(reading)
    reserved = _reserved(known)
    time = Ranges(reading, Calendar(now, zone), reserved).read()
    topics = read_topics(reading, known)
    lose_authors(reading, frozenset(word for name in known.authors for word in fold(name).split()[:1]))
    authors = read_authors(reading, known)
    _correct_kinds(reading, known, reserved)
    correct_to_topics(reading, known)
    lose_occasions(reading)
    lose_comparisons(reading)
    found_order, limit = read_order(reading)
    subject = read_subject(reading, known)
    lose_times(reading)
    lose_people(reading)
    excluded = _read_excluded(reading)
    words, any_word = _read_words(reading)
    kinds = subject.kinds
    if not kinds and _is_about_all(reading, subject, words, topics, shape):
        kinds = ("event",) if shape in {"list", "when"} or (shape == "count" and _asks_of_happening(reading)) else ()
    return Interpretation(
        question=question,
        shape="relations" if relation else shape,
        kinds=() if relation else kinds,
        time=time,
        projects=tuple(dict.fromkeys(projects.found)),
        authors=authors,
        topics=topics,
        statuses=subject.statuses,
        priority=subject.priority,
        words=words,
        any_word=any_word,
        excluded=excluded,
        order=None if shape == "status" else order or found_order,
        limit=None if shape == "status" else limit,
        relation=relation,
        notes=tuple(dict.fromkeys(reading.notes)),
        not_understood=tuple(dict.fromkeys(reading.lost)),
        problem=projects.problem,
    )


def _reserved(known: Known) -> frozenset[str]:
    names = (*known.projects, *known.projects.values(), *known.authors, *known.topics, *known.kinds)
    return frozenset(word for name in names for word in fold(name).split()) | _SURE


def _skip_idioms(reading: Reading) -> None:
    for place in range(len(reading)):
        for idiom in IDIOMS:
            if reading.matches(place, *idiom):
                reading.take("idiom", place, place + len(idiom))


def _correct_kinds(reading: Reading, known: Known, reserved: frozenset[str]) -> None:
    """Mend typing errors in the names of kinds."""
    customs = {word: kind for kind in known.kinds for word in fold(kind).split()[:1] if len(word) > 5}
    stems = {stem(word) for word in customs}
    for place in range(len(reading)):
        low = reading.low(place)
        if low in reserved or kind_of(low) or low in KIND_WORDS or stem(low) in stems:
            continue
        near = [word for word in nearest(low, (*KIND_WORDS, *customs, *_ORDERS)) if word[0] == low[0]]
        if near and len({kind_of(word) or customs.get(word) or word for word in near}) == 1:
            reading.replace(place, near[0])


def _read_excluded(reading: Reading) -> tuple[str, ...]:
    """Take out what must not be there: ``not about ui``, ``except kafka``."""
    found: list[str] = []
    for place in range(len(reading)):
        if reading.low(place) not in NEGATIONS:
            continue
        after = place + 1
        while reading.low(after) in {"about", "the", "in", "for", "any", "a", "on", "with", "from"}:
            after += 1
        if reading.is_free(after) and (reading.tokens[after].quoted or reading.low(after) not in STOP):
            found.append(reading.tokens[after].low)
            reading.take("excluded", place, after + 1)
        else:
            reading.lost.append(reading.text(place, place + 1))
            reading.take("negation", place, place + 1)
    return tuple(dict.fromkeys(word for word in found if searched(word)))


def _read_words(reading: Reading) -> tuple[tuple[str, ...], bool]:
    """Return the words that are left to search for, and whether any of them is enough."""
    found: dict[str, int] = {}
    for place, token in enumerate(reading.tokens):
        if reading.is_free(place) and (token.quoted or token.low not in STOP) and searched(token.low):
            found.setdefault(token.low, place)
    places = list(found.values())[:_MOST_WORDS]
    if len(found) > _MOST_WORDS:
        reading.notes.append(f"of {len(found)} words the first {_MOST_WORDS} are looked for")
    joined = any(
        any(reading.low(between) == "or" for between in range(first + 1, after)) for first, after in pairwise(places)
    )
    return tuple(found)[:_MOST_WORDS], joined


def _is_about_all(
    reading: Reading, subject: Subject, words: tuple[str, ...], topics: tuple[str, ...], shape: str
) -> bool:
    """Whether a question names nothing that is asked about."""
    everything = any(token.low == "everything" for token in reading.tokens)
    named = words or topics or subject.statuses or subject.priority or everything
    return not named and shape not in {"status", "who", "relations"}


def _asks_of_happening(reading: Reading) -> bool:
    return any(token.low in HAPPENING for token in reading.tokens)
