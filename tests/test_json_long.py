"""Long JSON texts are judged and spelled as short ones are, however they are taken apart."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exuvia.values.jsonlong import Limits, canonical_long, check_long
from exuvia.values.jsontext import _check_part, canonical_json, check_json

_NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(10**30, 10**40)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(max_size=20) | st.text('\\"/é😀\n', max_size=40),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=6), inner, max_size=8),
    max_leaves=60,
)
_ODD = (b"", b",", b"]", b"}", b"[", b'"', b"\\", b" ", b"\x01", b"\\u0000", b"\\ud83d", b"1")
_LIMITS = st.builds(lambda part, more: Limits(part + more, part), st.integers(13, 60), st.integers(0, 30))


@st.composite
def _texts(draw: st.DrawFn) -> bytes:
    value: Any = draw(_VALUES)
    ascii_only, indent = draw(st.booleans()), draw(st.none() | st.integers(0, 2))
    return json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()


def _bytes(text: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(text, np.uint8)


def _short(text: bytes) -> tuple[bool, bool]:
    valid, safe = check_json(pa.array([text], pa.binary()))
    return bool(valid[0]), bool(safe[0])


@settings(max_examples=150, deadline=None)
@given(_texts(), _LIMITS)
def test_a_long_text_is_spelled_as_if_it_were_short(text: bytes, limits: Limits) -> None:
    assert canonical_long(_bytes(text), canonical_json, limits) == canonical_json(text)


@settings(max_examples=150, deadline=None)
@given(_texts(), st.data(), _LIMITS)
def test_a_long_text_is_judged_as_if_it_were_short(text: bytes, data: st.DataObject, limits: Limits) -> None:
    place = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 2))
    added = data.draw(st.sampled_from(_ODD))
    changed = text[:place] + added + text[place + cut :]
    try:
        changed.decode()
    except UnicodeDecodeError:
        return
    valid, safe = check_long(_bytes(changed), _check_part, limits)
    expected = _short(changed)
    assert valid == expected[0]
    assert safe == expected[1]


@pytest.mark.parametrize("text", [b'"""', b'"long enough for parts"x"', b'"\x01"', b'["a""b"]'])
def test_a_long_string_that_holds_what_no_string_holds_is_not_json(text: bytes) -> None:
    for part in range(13, 40):
        assert check_long(_bytes(text), _check_part, Limits(part, part))[0] is False


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"b":[1,2],"a":2}',
        b'["\\u0000"]',
        b'["\\ud83d"]',
        b'"\\ud83d"',
        b'{"a":"\\ud83d x"}',
    ],
)
def test_what_jsonb_would_change_is_not_kept(text: bytes) -> None:
    for part in range(13, 40):
        assert check_long(_bytes(text), _check_part, Limits(part, part)) == (True, False)
