"""Where a long JSON text can be taken apart: the members of its outermost array or object, found without reading them.

Brackets and commas count where an even number of quotes stands before them, a window at a time, as in Langdale and
Lemire, "Parsing gigabytes of JSON per second" (VLDB Journal 28, 2019), section 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exuvia.values.jsonparse import NotJsonError
from exuvia.values.packed import Bytes, Numbers, windows

_BLANKS = re.compile(rb"[ \t\n\r]*+")
_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_ESCAPES = rb"""(?sx)(?:
    [^"\\\x00-\x1f]++
    | \\["\\/bfnrt]
    | \\u(?![dD][89abAB])[0-9a-fA-F]{4}
    | \\u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2} | (?=.{6}))
)*+"""
_CHARACTERS = re.compile(_ESCAPES)
_LONGEST_ESCAPE = 12


def _steps() -> NDArray[np.int8]:
    steps = np.zeros(256, np.int8)
    steps[list(b"[{")] = 1
    steps[list(b"]}")] = -1
    return steps


_STEPS = _steps()
_IS_MARK = (_STEPS != 0) | (np.arange(256) == ord(","))


def skip_blanks(text: Bytes) -> int:
    """Return where the value of ``text`` begins, its length when there is none."""
    found = _BLANKS.match(text.data) if len(text) else None
    return found.end() if found else 0


@dataclass(slots=True)
class _Scan:
    """What is known at the end of one window: nesting, whether a string is open, backslashes that may go on."""

    depth: int = 1
    in_string: bool = False
    backslashes: int = 0

    def bounds(self, part: Bytes) -> tuple[Numbers, int]:
        """Return the commas of the outermost level in the next window, and where that level ends (-1: later)."""
        quotes = self._quotes(part)
        marks = np.flatnonzero(_IS_MARK[part])
        marks = marks[(np.searchsorted(quotes, marks) + self.in_string) % 2 == 0]
        self.in_string ^= bool(len(quotes) % 2)
        steps = _STEPS[part[marks]]
        depths = self.depth + np.cumsum(steps, dtype=np.int64)
        ends = np.flatnonzero(depths == 0)
        inside = slice(int(ends[0]) if len(ends) else None)
        self.depth = int(depths[-1]) if len(depths) else self.depth
        commas = marks[inside][(depths[inside] == 1) & (steps[inside] == 0)]
        return commas, int(marks[ends[0]]) if len(ends) else -1

    def _quotes(self, part: Bytes) -> Numbers:
        """Return the quotes that begin or end a string: those behind an even number of backslashes."""
        quotes = np.flatnonzero(part == _QUOTE)
        others = np.flatnonzero(part != _BACKSLASH)
        carried, total = self.backslashes, len(part)
        self.backslashes = total - 1 - int(others[-1]) if len(others) else carried + total
        if not carried and len(others) == total:
            return quotes
        before = np.searchsorted(others, quotes) - 1
        runs = np.where(before >= 0, quotes - others[before] - 1, quotes + carried) if len(quotes) else quotes
        real: Numbers = quotes[runs % 2 == 0]
        return real


def members(text: Bytes, size: int) -> Iterator[Bytes]:
    """Yield the members of an array or object, neighbours together up to ``size`` bytes.

    A member that is longer comes alone. An empty array or object has one blank part.

    Args:
        text: JSON, or what may turn out to be none; it begins with a bracket.
        size: In bytes.

    Raises:
        NotJsonError: The bracket is not closed at the end, or a member is missing between commas.
    """
    bounds = _bounds(text, size)
    begin, end = next(bounds)
    part = text[begin:end]
    yield part
    for begin, end in bounds:
        if not skip_blanks(part) < len(part):
            break
        part = text[begin:end]
        yield part
    else:
        if begin == 1 or skip_blanks(part) < len(part):
            return
    raise NotJsonError(f"not JSON: no JSON value begins here, at byte {begin}")


def _bounds(text: Bytes, size: int) -> Iterator[tuple[int, int]]:
    begin, fitting, scan = 1, 0, _Scan()
    for place, part in windows(text[1:]):
        commas, end = scan.bounds(part)
        commas, at = commas + (place + 1), 0
        while at < len(commas):
            most = int(np.searchsorted(commas, begin + size, "right"))
            if most > at:
                fitting, at = int(commas[most - 1]), most
                if most == len(commas):
                    break
            elif not fitting:
                fitting, at = int(commas[at]), at + 1
            yield begin, fitting
            begin, fitting = fitting + 1, 0
        if end >= 0:
            end += place + 1
            if fitting and end - begin > size:
                yield begin, fitting
                begin = fitting + 1
            yield begin, end
            if text[end] != text[0] + 2:  # "]" is "[" + 2, "}" is "{" + 2
                raise NotJsonError(f"not JSON: another bracket than was opened stands at byte {end}")
            if end + 1 + skip_blanks(text[end + 1 :]) != len(text):
                raise NotJsonError(f"not JSON: something follows the JSON value, at byte {end + 1}")
            return
    raise NotJsonError("not JSON: the JSON text ends too early")


def has_escape(piece: Bytes) -> bool:
    """Return whether a backslash occurs."""
    return bool((piece == _BACKSLASH).any())


def commas_of(text: Bytes) -> Numbers:
    """Return the commas of the outermost level of a short array or object."""
    return _Scan().bounds(text[1:])[0] + 1


def characters(text: Bytes, size: int) -> Iterator[Bytes]:
    """Yield a string's characters, escapes left as they are, in pieces of about ``size`` bytes that stand alone.

    Args:
        text: JSON, or what may turn out to be none; it begins with a quote.
        size: In bytes.

    Raises:
        NotJsonError: The string is not closed at the end, or holds what no JSON string holds.
    """
    end = len(text) - 1
    while end > 0 and text[end] in b" \t\n\r":
        end -= 1
    place = 1
    while place < end:
        found = _CHARACTERS.match(text.data, place, min(place + size, end))
        stop = found.end() if found else place
        while place < stop < end and text[stop] & 0xC0 == 0x80:
            stop -= 1
        if stop == place:
            if text[place] != _BACKSLASH or end - place > _LONGEST_ESCAPE:
                raise NotJsonError(f"not JSON: no character of a string stands at byte {place}")
            stop = end
        yield text[place:stop]
        place = stop
    if end < 1 or text[end] != _QUOTE:
        raise NotJsonError("not JSON: the JSON text ends too early")
