"""What kind of answer a question asks for: a list, a number, who, when, how something stands, what is related."""

from __future__ import annotations

from typing import Final

from exuvia.ask.language.time_names import MONTHS, NUMBERS, UNITS, WEEKDAYS
from exuvia.ask.language.tokens import Reading
from exuvia.ask.language.vocabulary import PRONOUNS, STOP, singular
from exuvia.ask.records import Order, Relation, Shape
from exuvia.store.graph.records import Direction

_PHRASES: Final[tuple[tuple[tuple[str, ...], Shape], ...]] = (
    (("how", "many"), "count"),
    (("how", "often"), "count"),
    (("number", "of"), "count"),
    (("count", "of"), "count"),
    (("count",), "count"),
    (("what", "is", "up", "with"), "status"),
    (("what", "is", "going", "on", "with"), "status"),
    (("what", "is", "happening", "with"), "status"),
    (("where", "are", "we", "with"), "status"),
    (("where", "do", "we", "stand", "with"), "status"),
    (("where", "do", "we", "stand", "on"), "status"),
    (("how", "far", "are", "we", "with"), "status"),
    (("how", "far", "is"), "status"),
    (("how", "are", "things"), "status"),
    (("how", "is", "it", "going"), "status"),
    (("state", "of"), "status"),
    (("status", "of"), "status"),
    (("progress", "of"), "status"),
    (("progress", "on"), "status"),
    (("status",), "status"),
    (("who",), "who"),
    (("whom",), "who"),
    (("whose",), "who"),
)
_WHEN: Final = frozenset({"did", "was", "were", "is", "do", "does", "have", "has", "will", "are"})
_LATEST: Final = frozenset({"top", "latest", "last", "newest", "recent"})
_EARLIEST: Final = frozenset({"first", "earliest", "oldest", "1st"})
_STRONG: Final = {
    ("depends", "on"): "depend",
    ("depend", "on"): "depend",
    ("relies", "on"): "rely",
    ("rely", "on"): "rely",
    ("belongs", "to"): "belong",
    ("belong", "to"): "belong",
    ("depending", "on"): "depend",
}
_WEAK: Final = {
    form: verb
    for verb in ("use", "call", "import", "require", "own", "contain", "block", "implement", "extend", "affect")
    for form in (verb, f"{verb}s")
}
_ENDS: Final[dict[str, Direction]] = {"dependencies": "out", "dependents": "in"}
_ASKING: Final = frozenset({"what", "which", "who", "anything", "something", "anyone"})
_PASSIVE: Final = {
    "used": "use",
    "called": "call",
    "imported": "import",
    "required": "require",
    "owned": "own",
    "affected": "affect",
    "blocked": "block",
}
_JOINED: Final = frozenset({"related", "connected", "linked"})
_CONJUNCTIONS: Final = frozenset({"to", "with", "and"})


def read_shape(reading: Reading) -> tuple[Shape, Order | None]:
    """Take the words out of a question that say what kind of answer it asks for."""
    for place in range(len(reading)):
        if reading.matches(place, "since", "when"):
            reading.take("shape", place, place + 2)
            return "when", "earliest"
        if reading.matches(place, "how", "long", "ago"):
            reading.take("shape", place, place + 3)
            for last in range(place, len(reading)):
                reading.take("shape", last, last + (reading.low(last) == "last"))
            return "when", "latest"
        if reading.low(place) == "when" and reading.said(place + 1) in _WHEN:
            reading.take("shape", place, place + 1)
            return "when", None
        for phrase, shape in _PHRASES:
            if reading.matches(place, *phrase):
                reading.take("shape", place, place + len(phrase))
                return shape, None
        if reading.matches(place, "how", "is") and reading.low(len(reading) - 1) in {"going", "doing", "coming"}:
            reading.take("shape", place, place + 2)
            reading.take("shape", len(reading) - 1, len(reading))
            return "status", None
    return "list", None


def read_order(reading: Reading) -> tuple[Order | None, int | None]:
    """Take out ``the latest``, ``the last 5``, ``most recent 3``, ``the first``; return the order and the number.

    What is called the last in the singular is one.
    """
    for place in range(len(reading)):
        low = reading.low(place)
        order: Order | None = "latest" if low in _LATEST else "earliest" if low in _EARLIEST else None
        if order is None:
            continue
        after = place + 1
        number = reading.low(after)
        count = int(number) if number.isdecimal() and len(number) < 5 else NUMBERS.get(number)
        if low == "top" and count is None:
            continue
        if count is not None:
            after += 1
        noun = reading.low(after)
        if noun in UNITS or noun in WEEKDAYS or noun in MONTHS or noun in {"half", "quarter", "weekend", "night"}:
            continue
        if count is None and reading.low(place - 1).isdecimal() and reading.low(place - 1):
            count, place = int(reading.low(place - 1)[:5]), place - 1  # noqa: PLW2901 - the number stands before it
        if low == "top":
            reading.notes.append("read “top” as the latest")
        reading.take("order", place - (reading.low(place - 1) in {"most", "the"}), after)
        if (
            count is None
            and noun
            and singular(noun) == noun
            and (noun not in STOP or noun in {"thing", "one", "entry"})
        ):
            count = 1
        return order, (max(1, count) if count is not None else None)
    return None, None


def read_relation(reading: Reading) -> Relation | None:
    """Take out what a question asks of the knowledge graph, if it does."""
    return _between(reading) or _around(reading) or _passively(reading) or _by_verb(reading)


def _between(reading: Reading) -> Relation | None:
    """Read ``how is A related to B`` and ``the path from A to B``."""
    for place in range(len(reading)):
        if reading.low(place) == "how" and reading.low(place + 1) in {"is", "are"}:
            for middle in range(place + 3, len(reading)):
                if reading.low(middle) in _JOINED and reading.low(middle + 1) in _CONJUNCTIONS:
                    return _made(
                        reading, place, (place + 2, middle), "both", other=(middle + 2, _end(reading, middle + 2))
                    )
                joint = middle + 2
                if reading.low(middle) == "and" and reading.low(_end(reading, joint) - 1) in _JOINED:
                    return _made(reading, place, (place + 2, middle), "both", other=(joint, _end(reading, joint) - 1))
        if reading.low(place) in {"path", "way", "relation", "connection"} and reading.low(place + 1) in {
            "from",
            "between",
        }:
            for middle in range(place + 3, len(reading) - 1):
                if reading.low(middle) in {"to", "and"}:
                    end = _end(reading, middle + 1)
                    return _made(reading, place, (place + 2, middle), "both", other=(middle + 1, end))
    return None


def _around(reading: Reading) -> Relation | None:
    """Read ``what is connected to A``, ``the neighbours of A``, ``the dependencies of A``."""
    for place in range(len(reading)):
        near = reading.low(place) in _JOINED and reading.low(place + 1) in {"to", "with"}
        if near or (reading.low(place) in {"neighbours", "neighbors"} and reading.low(place + 1) == "of"):
            start = place - 2 if reading.low(place - 1) in {"is", "are"} else place
            return _made(reading, start, (place + 2, _end(reading, place + 2)), "both")
        if (way := _ENDS.get(reading.low(place))) and reading.low(place + 1) == "of":
            return _made(reading, place, (place + 2, _end(reading, place + 2)), way, "depend")
    return None


def _passively(reading: Reading) -> Relation | None:
    """Read ``what is A used by``."""
    for place in range(3, len(reading)):
        verb = _PASSIVE.get(reading.low(place))
        is_asked = reading.low(0) in _ASKING and reading.low(1) in {"is", "are"}
        if verb is not None and reading.low(place + 1) == "by" and is_asked:
            return _made(reading, 0, (2, place), "in", verb, end=place + 2)
    return None


def _by_verb(reading: Reading) -> Relation | None:
    """Read ``what depends on A``, ``what does A depend on``, ``which services use A``."""
    for place in range(len(reading)):
        low, pair = reading.low(place), (reading.low(place), reading.low(place + 1))
        verb = _STRONG.get(pair) or _WEAK.get(low)
        if verb is None:
            continue
        after = place + (2 if pair in _STRONG else 1)
        subject = _subject(reading, place)
        if subject is not None:
            start, node = subject
            return _made(reading, start, node, "out", verb, end=after)
        if pair in _STRONG and reading.low(0) in {"does", "do"} and _is_name(reading, place):
            return _made(reading, 0, (1, place), "both", other=(after, _end(reading, after)))
        asked = next((back for back in range(1, 4) if reading.low(place - back) in _ASKING), None)
        if asked is not None and _is_plain(reading, place - asked + 1, place) and reading.is_free(after):
            end = _end(reading, after)
            if end > after and reading.said(after) not in PRONOUNS:
                return _made(reading, place - asked, (after, end), "in", verb)
    return None


def _subject(reading: Reading, verb: int) -> tuple[int, tuple[int, int]] | None:
    """Return where ``what does A`` begins before a verb, and where A is."""
    for place in range(verb - 2, -1, -1):
        if reading.low(place) in {"does", "do"} and reading.low(place - 1) in {"what", "which", "who", "whom"}:
            is_name = place + 1 < verb and reading.said(place + 1) not in PRONOUNS
            return (place - 1, (place + 1, verb)) if is_name else None
    return None


def _is_name(reading: Reading, verb: int) -> bool:
    """Whether a name stands between ``does`` and a verb."""
    return 1 < verb <= 5 and reading.said(1) not in PRONOUNS | _ASKING


def _is_plain(reading: Reading, first: int, after: int) -> bool:
    """Whether nothing but a noun stands between ``which`` and the verb."""
    return after - first <= 2 and all(
        reading.low(place) and reading.low(place) not in STOP for place in range(first, after)
    )


def _end(reading: Reading, start: int) -> int:
    """Return where a node's name ends: before the next preposition, or what was taken already."""
    end = start
    while (
        end < len(reading) and reading.is_free(end) and reading.low(end) not in {"in", "for", "within", "of", "since"}
    ):
        end += 1
    return end


def _made(
    reading: Reading,
    first: int,
    node: tuple[int, int],
    direction: Direction,
    verb: str = "",
    *,
    other: tuple[int, int] | None = None,
    end: int = 0,
) -> Relation | None:
    names = [_name(reading, *span) for span in (node, other) if span is not None]
    if not all(names):
        return None
    last = max(end, node[1], other[1] if other else 0)
    reading.take("relation", first, last)
    return Relation(names[0], direction, verb, names[1] if other else None)


def _name(reading: Reading, first: int, after: int) -> str:
    articles = {"the", "a", "an", "our"}
    words = [reading.tokens[place] for place in range(first, after)]
    return " ".join(token.text for token in words if token.quoted or token.low not in articles)
