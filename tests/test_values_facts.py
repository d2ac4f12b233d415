"""The facts of a column are those that a loop over its values would find."""

from __future__ import annotations

import struct
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exuvia.values.cells import Cells
from exuvia.values.facts import ColumnFacts, TextFacts, TextForm
from exuvia.values.facts_of import facts_of
from exuvia.values.merge import merge
from values_reference import form_of, texts


def of_texts(values: list[bytes | None], start: int = 0) -> ColumnFacts:
    return facts_of(Cells(len(values), texts=pa.array(values, pa.binary())), start)


def text_facts(values: list[bytes | None], start: int = 0) -> TextFacts:
    facts = of_texts(values, start).texts
    assert facts is not None
    return facts


def form(value: bytes) -> TextForm:
    (only,) = text_facts([value]).forms
    return only


@given(st.lists(texts(), min_size=1, max_size=30))
def test_each_text_has_the_form_that_a_look_at_it_alone_finds(values: list[bytes]) -> None:
    facts = text_facts(list(values))
    assert {found: part.count for found, part in facts.forms.items()} == Counter(map(form_of, values))
    for found, part in facts.forms.items():
        places = [place for place, value in enumerate(values) if form_of(value) is found]
        assert [example.position for example in part.examples] == places[:3]


@given(st.lists(st.none() | texts(), min_size=1, max_size=20), st.integers(0, 20), st.integers(0, 10**9))
def test_facts_of_two_parts_merge_into_the_facts_of_the_whole(values: list[bytes | None], cut: int, start: int) -> None:
    first, second = values[:cut], values[cut:]
    whole = of_texts(values, start)
    parts = [of_texts(part, at) for part, at in ((first, start), (second, start + len(first)))]
    assert merge(*parts) == whole
    assert merge(*reversed(parts)) == whole
    assert merge(ColumnFacts(), whole) == whole


@given(st.lists(texts(), max_size=8), st.lists(texts(), min_size=1, max_size=8), st.lists(texts(), max_size=8))
def test_a_slice_of_an_array_is_read_as_the_same_values_alone(
    before: list[bytes], values: list[bytes], after: list[bytes]
) -> None:
    sliced = pa.array([*before, *values, *after], pa.binary()).slice(len(before), len(values))
    assert facts_of(Cells(len(values), texts=sliced), 0) == of_texts(list(values))


def test_many_blocks_are_counted_like_one() -> None:
    values = [b"2024-01-31", b"name", b"12.5", None, b"{}"] * 10_000
    facts = text_facts(values, 7)
    counts = {TextForm.DATE: 10_000, TextForm.OTHER: 10_000, TextForm.DECIMAL: 10_000, TextForm.JSON_OBJECT: 10_000}
    assert {found: part.count for found, part in facts.forms.items()} == counts
    assert [example.position for example in facts.forms[TextForm.JSON_OBJECT].examples] == [11, 16, 21]
    assert facts.json_safe == 10_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"12345-01-31", TextForm.DATE),
        (b"5874897-12-31", TextForm.DATE),
        (b"5874898-01-01", TextForm.OTHER),
        (b"12000-02-29", TextForm.DATE),
        (b"12001-02-29", TextForm.OTHER),
        (b"294246-12-31T23:59:59Z", TextForm.TIMESTAMP_ZONE),
        (b"294247-01-01T00:00", TextForm.OTHER),
        (b"010000-01-01", TextForm.OTHER),
        (b"0000-01-01", TextForm.OTHER),
        (b"2021-01-01T10:00:00." + b"1" + b"0" * 60, TextForm.OTHER),
        (b"1" * 5000, TextForm.DECIMAL),
        (b"0" * 5000 + b"9223372036854775807", TextForm.INTEGER),
        (b"-" + b"0" * 90 + b"9223372036854775808", TextForm.INTEGER),
        (b"0" * 90 + b"9223372036854775808", TextForm.DECIMAL),
        (b"\x11", TextForm.OTHER),
        (b"[" * 4000 + b"]" * 4000, TextForm.JSON_ARRAY),
        (b"[" * 6000 + b"]" * 6000, TextForm.OTHER),
    ],
)
def test_forms_at_the_edges(value: bytes, expected: TextForm) -> None:
    assert form(value) is expected


def test_lengths_are_characters_and_bytes() -> None:
    facts = text_facts(["Zoë".encode(), "😀".encode(), b"", b"a\xff\xfeb"])
    assert (facts.min_length, facts.max_length, facts.max_bytes) == (0, 4, 4)


def test_digits_of_number_texts_are_counted_around_the_point() -> None:
    facts = text_facts([b"-0012.50", b"7", b".125", b"+1234567", b"1e400", b"12345.x"])
    assert (facts.max_integer_digits, facts.max_scale) == (7, 3)
    assert facts.canonical_integers == 1


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 3) | st.integers(6 * 10**8, 5 * 10**9), min_size=1))
def test_integer_facts_are_counted(values: list[int]) -> None:
    facts = facts_of(Cells(len(values), integers=pa.array(values, pa.int64())), 0).integers
    assert facts is not None
    assert (facts.count, facts.minimum, facts.maximum) == (len(values), min(values), max(values))
    assert facts.zero_or_one == sum(value in (0, 1) for value in values)
    for found, unit in ((facts.seconds, 1), (facts.milliseconds, 1000), (facts.microseconds, 10**6)):
        assert found == sum(631_152_000 * unit <= value < 4_102_444_800 * unit for value in values)
    assert [example.value for example in facts.examples] == [str(value) for value in values[:3]]


def shortest(value: float) -> tuple[int, int]:
    """Return significant digits and decimals of the shortest decimal."""
    number = Decimal(repr(value)).normalize()
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return len(number.as_tuple().digits), max(-exponent, 0)


_REALS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(10**9), 10**9).map(lambda number: number / 100)
    | st.builds(lambda number, scale: number / 10**scale, st.integers(-(10**15), 10**15), st.integers(0, 18))
)


@given(st.lists(_REALS, min_size=1, max_size=60))
def test_real_facts_are_counted(values: list[float]) -> None:
    facts = facts_of(Cells(len(values), reals=pa.array(values, pa.float64())), 0).reals
    assert facts is not None
    assert (facts.count, facts.minimum, facts.maximum) == (len(values), min(values), max(values))
    assert facts.integral == sum(value.is_integer() for value in values)
    plain = all(shortest(v)[0] <= 15 and shortest(v)[1] <= 22 and abs(v) < 1e15 for v in values)
    assert facts.max_scale == (max(shortest(value)[1] for value in values) if plain else None)
    assert facts.max_integer_digits == max(len(str(int(abs(value)))) if abs(value) >= 1 else 0 for value in values)


def test_infinities_are_counted_and_leave_the_other_facts_alone() -> None:
    facts = facts_of(Cells(3, reals=pa.array([1.25, float("inf"), float("-inf")])), 0).reals
    assert facts is not None
    assert (facts.not_finite, facts.integral, facts.max_scale, facts.max_integer_digits) == (2, 0, 2, 1)


def test_blob_facts_tell_texts_and_vectors() -> None:
    vector = np.array([0.25, -1.5, 0.0], "<f4").tobytes()
    values = [
        vector,
        b"caf\xc3\xa9",
        b"\xff",
        b"",
        struct.pack("<f", float("nan")),
        struct.pack("<d", 1e300),
        vector * 2,
    ]
    facts = facts_of(Cells(len(values), blobs=pa.array(values, pa.binary())), 5).blobs
    assert facts is not None
    assert (facts.count, facts.min_length, facts.max_length) == (7, 0, 24)
    assert facts.utf8 == sum(_text(value) for value in values)
    assert facts.float32 == 2
    assert [example.position for example in facts.examples] == [5, 6, 7]


def _text(value: bytes) -> bool:
    return form_of(value) not in (TextForm.MALFORMED, TextForm.NUL)


def test_classes_and_nulls_of_a_mixed_column_keep_their_positions() -> None:
    cells = Cells(
        5,
        integers=pa.array([1, None, None, None, None], pa.int64()),
        texts=pa.array([None, None, b"a", None, b"b"], pa.binary()),
        reals=pa.array([None] * 5, pa.float64()),
    )
    facts = facts_of(cells, 100)
    assert (facts.rows, facts.nulls, facts.reals, facts.blobs) == (5, 2, None, None)
    assert [example.position for example in facts.null_examples] == [101, 103]
    assert facts.texts is not None
    assert [example.position for example in facts.texts.forms[TextForm.OTHER].examples] == [102, 104]


@given(
    st.lists(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))])), max_size=12),
    st.sampled_from(["T", " "]),
    st.sampled_from(["auto", "seconds", "milliseconds"]),
)
def test_texts_that_are_told_apart_by_their_spellings_are_different_moments(
    moments: list[datetime], separator: str, precision: str
) -> None:
    texts = {moment.isoformat(separator, precision) for moment in moments}
    texts |= {text.rstrip("0") for text in texts if "+" not in text}
    spelled = text_facts([text.encode() for text in sorted(texts)] or [b"x"]).spellings
    if spelled.tell_apart():
        assert len({datetime.fromisoformat(text) for text in texts}) == len(texts)


def test_the_spelling_of_a_moment_keeps_its_zone_and_no_digit() -> None:
    assert text_facts([b"2024-05-06T07:08:09.120+02:00"]).spellings.one == "0000-00-00T00:00:00.000+02:00"
    assert text_facts([b"2024-05-06 07:08:09 UTC"]).spellings.one == "0000-00-00 00:00:00 UTC"
    assert text_facts([b"2024-05-06", b"x"]).spellings.one == "0000-00-00"
    assert text_facts([b"07:08:09.5"]).spellings.one == "00:00:00.0"
    assert text_facts([b"2024-05-06", b"2024-05-06 07:08"]).spellings.one is None


def test_more_spellings_than_anyone_would_list_are_many() -> None:
    zones: list[bytes | None] = [
        f"2024-05-06T07:08:09+{hour:02d}:{minute:02d}".encode() for hour in range(10) for minute in (0, 30)
    ]
    assert text_facts(zones).spellings.forms is None
