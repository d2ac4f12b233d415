"""Filters on JSON documents: small frozen values that every listing takes, with one meaning on both engines.

``field("data.priority") >= 3`` compares, ``field("topics").has("auth")`` asks an array for an element, and
``field("data").contains({"author": {"name": "Ada"}})`` asks for a part of a document; ``&``, ``|`` and ``~`` combine.
A filter is true or false for every document: whatever a missing field is compared with, the answer is false. Types are
JSON's own: ``1`` equals ``1.0``, but neither ``true`` nor ``"1"``. Numbers compare by their decimal digits, texts by
code point, arrays and objects as wholes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from exuvia.store.core.values import Json, decode_json, encode_json
from exuvia.store.errors import InvalidValueError

__all__ = ["And", "Compare", "Contains", "Equal", "Exists", "Field", "Filter", "Has", "Not", "Or", "Step", "field"]

Step = str | int
"""A key of an object, or a place in an array, from 0."""
Path = tuple[Step, ...]
"""The steps that lead to a field; the first is the name of a column."""
Operator = Literal["<", "<=", ">", ">="]

_PIECE: Final = re.compile(r'(?P<key>[^.\[\]"]+)(?P<places>(?:\[\d{1,9}\])*)(?:\.(?=.)|\Z)')
_DEEPEST: Final = 64
_LAST_PLACE: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Filter:
    """What a document has to be like. Made by ``field``; combined by ``&``, ``|`` and ``~``."""

    def __and__(self, other: Filter) -> Filter:
        return And((*_parts(self, And), *_parts(_filter(other), And)))

    def __or__(self, other: Filter) -> Filter:
        return Or((*_parts(self, Or), *_parts(_filter(other), Or)))

    def __invert__(self) -> Filter:
        return self.filter if isinstance(self, Not) else Not(self)

    def __bool__(self) -> bool:
        raise InvalidValueError(
            "A filter is neither true nor false by itself.",
            hint="Combine filters by &, | and ~, in parentheses, instead of and, or, not and chained comparisons.",
            code="filter",
        )


@dataclass(frozen=True, slots=True)
class Equal(Filter):
    """The field is there, and is this document."""

    path: Path
    value: Json


@dataclass(frozen=True, slots=True)
class Compare(Filter):
    """The field is of the value's type, number or text, and in this order with it."""

    path: Path
    operator: Operator
    value: int | float | str


@dataclass(frozen=True, slots=True)
class Has(Filter):
    """The field is an array, and one of its elements is this document."""

    path: Path
    value: Json


@dataclass(frozen=True, slots=True)
class Contains(Filter):
    """The field contains an object or array: every key with what it has, every element somewhere in the array."""

    path: Path
    value: Json


@dataclass(frozen=True, slots=True)
class Exists(Filter):
    """The field is there, if only as null."""

    path: Path


@dataclass(frozen=True, slots=True)
class And(Filter):
    """All of these."""

    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or(Filter):
    """At least one of these; of none, none is."""

    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not(Filter):
    """Whatever this is not."""

    filter: Filter


class Field:
    """A place in a JSON document, to be compared with something. Made by ``field``."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        if len(path) > _DEEPEST:
            raise _bad_path(repr(path)[:60], f"A path has {_DEEPEST} steps at most.")
        self.path = path

    def at(self, *steps: Step) -> Field:
        """Go on by exact steps: keys that may have dots or brackets in them, and places in arrays.

        Raises:
            InvalidValueError: A step is neither a text nor a number from 0.
        """
        return Field(self.path + tuple(_step(step) for step in steps))

    def exists(self) -> Filter:
        """Ask whether the field is there, if only as null."""
        return Exists(self.path)

    def has(self, element: Json) -> Filter:
        """Ask whether the field is an array with exactly this element."""
        return Has(self.path, _document(element))

    def contains(self, part: Json) -> Filter:
        """Ask whether the field contains this: an object its keys, with what these contain, an array its elements,
        in whatever order. Anything else is contained in what equals it."""
        document = _document(part)
        return (Contains if isinstance(document, dict | list) else Equal)(self.path, document)

    def in_(self, documents: Iterable[Json]) -> Filter:
        """Ask whether the field is one of these."""
        return Or(tuple(Equal(self.path, _document(document)) for document in documents))

    def __eq__(self, document: object) -> Filter:  # type: ignore[override]
        return Equal(self.path, _document(document))

    def __ne__(self, document: object) -> Filter:  # type: ignore[override]
        return Not(Equal(self.path, _document(document)))

    def __lt__(self, bound: float | str) -> Filter:
        return Compare(self.path, "<", _bound(bound))

    def __le__(self, bound: float | str) -> Filter:
        return Compare(self.path, "<=", _bound(bound))

    def __gt__(self, bound: float | str) -> Filter:
        return Compare(self.path, ">", _bound(bound))

    def __ge__(self, bound: float | str) -> Filter:
        return Compare(self.path, ">=", _bound(bound))

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"field({self.path[0]!r}).at({', '.join(map(repr, self.path[1:]))})"


def field(path: str) -> Field:
    """Name a field of a list's JSON column.

    Args:
        path: The column, then keys and places: ``"data.items[0].name"``. A key that has a dot, a bracket or a quote
            in it is named by ``field("data").at("a.b")``.

    Raises:
        InvalidValueError: That is no path.
    """
    if not isinstance(path, str):
        raise _bad_path(repr(path)[:60])
    steps: list[Step] = []
    end = 0
    while piece := _PIECE.match(path, end):
        steps += [_step(piece["key"]), *(int(place) for place in re.findall(r"\d+", piece["places"]))]
        end = piece.end()
    if not path or end != len(path):
        raise _bad_path(repr(path[:60]))
    return Field(tuple(steps))


def _parts(filter: Filter, kind: type[And | Or]) -> tuple[Filter, ...]:
    return filter.filters if isinstance(filter, kind) else (filter,)


def _step(step: object) -> Step:
    if isinstance(step, str):
        encode_json(step, what="path")
        return str(step)
    if isinstance(step, int) and not isinstance(step, bool) and 0 <= step <= _LAST_PLACE:
        return int(step)
    raise _bad_path(repr(step)[:60], "A step is a key or a place in an array, from 0.")


def _document(value: object) -> Json:
    """Check a value, and keep what it is now: the caller may change a list or a dict later."""
    return decode_json(encode_json(value, what="filter's value"))


def _bound(value: object) -> int | float | str:
    document = _document(value)
    if isinstance(document, int | float | str) and not isinstance(document, bool):
        return document
    raise InvalidValueError(
        f"{value!r} cannot be the bound of a comparison.",
        hint="Numbers and texts have an order; ask for anything else by == or in_.",
        code="filter",
    )


def _filter(value: object) -> Filter:
    if isinstance(value, Filter):
        return value
    raise InvalidValueError(
        f"{repr(value)[:60]} is not a filter.",
        hint='Make one: field("data.priority") >= 3; in parentheses when it is combined.',
        code="filter",
    )


def _bad_path(
    shown: str, hint: str = 'A path is a column, keys and places: "data.items[0].name".'
) -> InvalidValueError:
    return InvalidValueError(f"{shown} is not a path.", hint=hint, code="path")
