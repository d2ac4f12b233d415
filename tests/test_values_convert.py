"""A converted value is exactly the value that was stored, or it is turned down with a reason."""

from __future__ import annotations

import json
import math
import struct
from decimal import Decimal, localcontext
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exuvia.catalog.types import Base, SqlType
from exuvia.values.canonical import canonical_type
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.convert import convert
from exuvia.values.facts import TextForm
from exuvia.values.rules import Converted, Epoch, Rule
from values_reference import form_of, texts

_ARROW = {"integers": pa.int64(), "reals": pa.float64(), "texts": pa.binary(), "blobs": pa.binary()}
_INTEGERS = st.integers(-(2**63), 2**63 - 1)
_REALS = (
    st.floats(allow_nan=False)
    | st.integers(-(10**7), 10**7).map(lambda number: number / 100)
    | st.builds(lambda number, scale: number / 10**scale, st.integers(-(10**16), 10**16), st.integers(0, 20))
)
ALL_TYPES = [
    *("boolean", "smallint", "integer", "bigint", "double precision", "numeric", "numeric(10,2)", "numeric(30,12)"),
    *("text", "varchar(5)", "bytea", "uuid", "json", "jsonb", "date", "time", "timestamp", "timestamptz"),
    *("text[]", "real[]", "vector(2)"),
]


def converted(part: str, values: list[object], kind: str, **rule: object) -> Converted:
    cells = Cells(len(values), **{part: pa.array(values, _ARROW[part])})
    result = convert(cells, Rule(SqlType.parse(kind), **rule))  # type: ignore[arg-type]
    result.array.validate(full=True)
    assert result.array.type == canonical_type(SqlType.parse(kind))
    assert len(result.array) == len(values)
    return result


def value_of(part: str, value: object, kind: str, **rule: object) -> object:
    result = converted(part, [value], kind, **rule)
    assert not result.rejected
    return result.array[0].as_py()


def reason(part: str, value: object, kind: str, **rule: object) -> str:
    result = converted(part, [value], kind, **rule)
    assert result.array[0].as_py() is None
    return result.rejected[0]


AGREED = {
    TextForm.INTEGER: ("bigint", "numeric"),
    TextForm.DECIMAL: ("numeric",),
    TextForm.FLOAT: (),
    TextForm.BOOLEAN: ("boolean",),
    TextForm.UUID: ("uuid",),
    TextForm.UUID_HEX: ("uuid",),
    TextForm.DATE: ("date", "timestamp", "timestamptz"),
    TextForm.TIME: ("time",),
    TextForm.TIMESTAMP: ("timestamp", "timestamptz"),
    TextForm.TIMESTAMP_ZONE: ("timestamptz",),
    TextForm.JSON_OBJECT: ("json",),
    TextForm.JSON_ARRAY: ("json",),
    TextForm.JSON_SCALAR: ("json",),
    TextForm.EMPTY: (),
    TextForm.OTHER: (),
}


@settings(max_examples=120)
@given(st.lists(texts(), min_size=1, max_size=20))
def test_a_text_converts_to_the_types_that_its_form_promises(values: list[bytes]) -> None:
    for kind in ("bigint", "numeric", "boolean", "uuid", "date", "time", "timestamp", "timestamptz", "json", "text"):
        rejected = converted("texts", list(values), kind).rejected
        for row, value in enumerate(values):
            form = form_of(value)
            if form in AGREED and (kind == "text" or kind in AGREED[form]):
                assert row not in rejected, (value, kind)


@settings(max_examples=150)
@given(
    st.lists(
        st.none() | _INTEGERS | _REALS | texts() | texts().map(lambda text: ("blob", text)), min_size=1, max_size=12
    ),
    st.sampled_from(ALL_TYPES),
    st.none() | st.sampled_from(list(Epoch)),
)
def test_each_row_of_a_mixed_column_is_null_or_converted_or_rejected(
    values: list[object], kind: str, epoch: Epoch | None
) -> None:
    cells = Cells(
        len(values),
        integers=pa.array([value if isinstance(value, int) else None for value in values], pa.int64()),
        reals=pa.array([value if isinstance(value, float) else None for value in values], pa.float64()),
        texts=pa.array([value if isinstance(value, bytes) else None for value in values], pa.binary()),
        blobs=pa.array([value[1] if isinstance(value, tuple) else None for value in values], pa.binary()),
    )
    rule = Rule(SqlType.parse(kind), epoch=epoch)
    result = convert(cells, rule)
    result.array.validate(full=True)
    assert result.array.type == canonical_type(rule.type)
    for row, value in enumerate(values):
        alone = convert(Cells(1, **{name: array.slice(row, 1) for name, array in _arrays(cells).items()}), rule)
        assert alone.array.equals(result.array.slice(row, 1)) or _same_nan(alone.array, result.array.slice(row, 1))
        assert alone.rejected.get(0) == result.rejected.get(row)
        assert (row in result.rejected) == (value is not None and not result.array[row].is_valid)
        assert "\0" not in result.rejected.get(row, "")
        assert len(result.rejected.get(row, "")) < 300


def _arrays(cells: Cells) -> dict[str, pa.Array]:
    return {"integers": cells.integers, "reals": cells.reals, "texts": cells.texts, "blobs": cells.blobs}


def _same_nan(first: pa.Array, second: pa.Array) -> bool:
    return repr(first.to_pylist()) == repr(second.to_pylist()) and "nan" in repr(first.to_pylist())


def test_a_column_of_one_class_that_fits_is_not_copied() -> None:
    texts_ = pa.array([b"a", None, "é".encode()], pa.binary())
    for kind in ("text", "varchar(3)", "bytea"):
        array = convert(Cells(3, texts=texts_), Rule(SqlType.parse(kind))).array
        assert array.buffers()[2].address == texts_.buffers()[2].address
    integers = pa.array([1, None, 3])
    assert convert(Cells(3, integers=integers), Rule(SqlType.parse("integer"))).array is integers


def test_a_column_without_values_is_all_null() -> None:
    for kind in ALL_TYPES:
        assert convert(Cells(3), Rule(SqlType.parse(kind))).array.null_count == 3
        assert convert(
            Cells(0, texts=pa.array([], pa.binary())), Rule(SqlType.parse(kind))
        ).array.type == canonical_type(SqlType.parse(kind))


@given(st.lists(_INTEGERS, min_size=1), st.sampled_from(["smallint", "integer", "bigint"]))
def test_integers_fit_by_range(values: list[int], kind: str) -> None:
    bits = {"smallint": 15, "integer": 31, "bigint": 63}[kind]
    result = converted("integers", list(values), kind)
    assert result.array.to_pylist() == [value if -(2**bits) <= value < 2**bits else None for value in values]


@given(st.lists(_REALS, min_size=1))
def test_reals_become_integers_only_where_they_are_whole(values: list[float]) -> None:
    expected = [int(value) if value.is_integer() and abs(value) <= 2**53 else None for value in values]
    assert converted("reals", list(values), "bigint").array.to_pylist() == expected


@given(st.lists(_INTEGERS | st.integers(2**53, 2**53 + 10).map(lambda number: number * 512), min_size=1))
def test_integers_become_doubles_only_where_they_are_exact(values: list[int]) -> None:
    expected = [float(value) if int(float(value)) == value else None for value in values]
    assert converted("integers", list(values), "double precision").array.to_pylist() == expected


@settings(max_examples=120)
@given(st.lists(texts() | _REALS.map(lambda value: repr(value).encode()), min_size=1))
def test_number_texts_become_doubles_only_where_no_digit_is_lost(values: list[bytes]) -> None:
    for value, found in zip(
        values, converted("texts", list(values), "double precision").array.to_pylist(), strict=True
    ):
        if form_of(value) not in (TextForm.INTEGER, TextForm.DECIMAL, TextForm.FLOAT):
            assert found is None
            continue
        nearest = float(value)
        exact = math.isfinite(nearest) and Decimal(repr(nearest)) == Decimal(value.decode())
        assert found == (nearest if exact else None)


def expected_numeric(number: Decimal, size: int, scale: int) -> str | None:
    if not number.is_finite():
        return None
    unit = Decimal(1).scaleb(-scale)
    if number % unit:
        return None
    text = f"{number:.{scale}f}"
    if len(text.lstrip("-").replace(".", "").lstrip("0")) > size:
        return None
    return text.lstrip("-") if not number else text


@settings(max_examples=120)
@given(st.lists(_REALS, min_size=1), st.integers(1, 30), st.integers(0, 20))
def test_reals_become_numeric_by_their_shortest_decimal(values: list[float], size: int, scale: int) -> None:
    scale = min(scale, size)
    result = converted("reals", list(values), f"numeric({size},{scale})")
    assert result.array.to_pylist() == [_expected(Decimal(repr(value)), size, scale) for value in values]


def _expected(number: Decimal, size: int, scale: int) -> str | None:
    with localcontext(prec=2000):
        return expected_numeric(number, size, scale)


@given(st.lists(_REALS, min_size=1))
def test_reals_become_unconstrained_numeric_digit_by_digit(values: list[float]) -> None:
    for value, found in zip(values, converted("reals", list(values), "numeric").array.to_pylist(), strict=True):
        if math.isinf(value):
            assert found == ("Infinity" if value > 0 else "-Infinity")
            continue
        assert "e" not in found
        assert found != "-0.0"
        assert Decimal(found) == Decimal(repr(value))
        assert len(found.lstrip("-").strip("0.").replace(".", "")) <= 17


@given(st.lists(_INTEGERS | st.integers(-2000, 2000), min_size=1), st.integers(1, 25), st.integers(0, 9))
def test_integers_become_numeric(values: list[int], size: int, scale: int) -> None:
    scale = min(scale, size)
    result = converted("integers", list(values), f"numeric({size},{scale})")
    assert result.array.to_pylist() == [_expected(Decimal(value), size, scale) for value in values]


_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4).map(str)


@settings(max_examples=120)
@given(st.lists(texts() | _DECIMALS.map(str.encode), min_size=1), st.integers(1, 45), st.integers(0, 9))
def test_number_texts_become_numeric(values: list[bytes], size: int, scale: int) -> None:
    scale = min(scale, size)
    sized = converted("texts", list(values), f"numeric({size},{scale})").array.to_pylist()
    free = converted("texts", list(values), "numeric").array.to_pylist()
    for value, found, digits in zip(values, sized, free, strict=True):
        if form_of(value) not in (TextForm.INTEGER, TextForm.DECIMAL, TextForm.FLOAT):
            assert (found, digits) == (None, None)
            continue
        number = Decimal(value.decode())
        assume(abs(number.adjusted()) < 1000)
        assert found == _expected(number, size, scale)
        assert digits == (f"{number:f}" if number else f"{number:f}".lstrip("-"))


def test_booleans_are_read_as_postgresql_reads_them() -> None:
    words = [b"true", b"T", b"Yes", b"y", b"ON", b"1", b"FALSE", b"f", b"no", b"N", b"off", b"0"]
    assert converted("texts", list(words), "boolean").array.to_pylist() == [True] * 6 + [False] * 6
    odd = [b"", b"tr", b"2", b"01", b"\x11", b"\x10", b"true ", b"yess", b"\0", b"t\0"]
    assert set(converted("texts", list(odd), "boolean").rejected) == set(range(len(odd)))
    assert converted("reals", [0.0, 1.0, -0.0, 0.5], "boolean").array.to_pylist() == [False, True, False, None]
    assert converted("integers", [0, 1, None, 2], "boolean").array.to_pylist() == [False, True, None, None]


@given(st.uuids(), st.booleans())
def test_uuids_are_read_in_all_their_spellings(uuid: UUID, upper: bool) -> None:
    spellings = [str(uuid), uuid.hex, "{" + str(uuid) + "}", uuid.urn]
    encoded: list[object] = [(text.upper() if upper else text).encode() for text in spellings]
    assert converted("texts", encoded, "uuid").array.to_pylist() == [uuid.bytes] * 4
    assert value_of("blobs", uuid.bytes, "uuid") == uuid.bytes


@given(st.uuids(), st.integers(0, 35), st.sampled_from(list(b"gG-/:@`\x10 {\xc3\x80")))
def test_a_wrong_character_makes_no_uuid(uuid: UUID, place: int, byte: int) -> None:
    text = bytearray(str(uuid).encode())
    assume(text[place] != byte)
    text[place] = byte
    assert 0 in converted("texts", [bytes(text)], "uuid").rejected


@given(st.lists(_REALS, min_size=1))
def test_reals_as_text_are_read_back_as_the_same_double(values: list[float]) -> None:
    found = converted("reals", list(values), "text").array.to_pylist()
    assert found == [repr(value).replace("inf", "Inf") for value in values]
    assert converted("reals", list(values), "bytea").array.to_pylist() == [text.encode() for text in found]


@given(st.lists(st.text() | st.text("aé😀", min_size=3, max_size=7), min_size=1))
def test_varchar_counts_characters(values: list[str]) -> None:
    found = converted("texts", [value.encode() for value in values], "varchar(5)").array.to_pylist()
    assert found == [value if len(value) <= 5 and "\0" not in value else None for value in values]


def test_json_null_is_not_sql_null_and_numbers_become_json() -> None:
    assert converted("texts", [b"null", None, b" 42 "], "jsonb").array.to_pylist() == ["null", None, " 42 "]
    assert converted("integers", [42, None], "jsonb").array.to_pylist() == ["42", None]
    found = converted("reals", [0.1, 1e100, math.inf], "json")
    assert [json.loads(text) for text in found.array.to_pylist()[:2]] == [0.1, 1e100]
    assert 2 in found.rejected
    assert value_of("blobs", b'{"a":1}', "jsonb") == '{"a":1}'


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("", []),
        ("  ", []),
        ("a", ["a"]),
        ("a, b ,,c ", ["a", "b", "", "c"]),
        (",", ["", ""]),
        ('["a, b", "c"]', ["a, b", "c"]),
        ("[]", []),
        ("[a], b", ["[a]", "b"]),
        ("[1]", ["[1]"]),
        ('["\\u0000"]', ['["\\u0000"]']),
    ],
)
def test_lists_are_cut_at_the_separator(text: str, elements: list[str]) -> None:
    padded: list[object] = [b"x,y", text.encode(), None, b"", b"z"]
    found = converted("texts", padded, "text[]").array.to_pylist()
    assert found == [["x", "y"], elements, None, [], ["z"]]


def test_the_separator_is_the_rules() -> None:
    assert value_of("texts", b"a,b ; c", "text[]", separator=";") == ["a,b", "c"]
    assert value_of("texts", b"a.b", "text[]", separator=".") == ["a", "b"]


@given(st.lists(st.none() | st.lists(st.floats(width=32), max_size=4), min_size=1))
def test_float32_blobs_become_vectors_and_arrays(values: list[list[float] | None]) -> None:
    blobs: list[object] = [None if value is None else struct.pack(f"<{len(value)}f", *value) for value in values]
    arrays = converted("blobs", blobs, "real[]").array
    for value, found in zip(values, arrays, strict=True):
        assert value is None or np.array_equal(np.array(value, "f4"), np.array(found.as_py(), "f4"), equal_nan=True)
    vectors = converted("blobs", blobs, "vector(2)").array.to_pylist()
    fit = [
        value if value is not None and len(value) == 2 and all(map(math.isfinite, value)) else None for value in values
    ]
    assert vectors == fit


def test_json_arrays_of_numbers_become_vectors() -> None:
    assert value_of("texts", b"[1, -0.5]", "vector(2)") == [1.0, -0.5]
    assert value_of("texts", b"[]", "real[]") == []
    for odd in (b"[1]", b"[1,null]", b'["1",2]', b"[true,1]", b"[1e39,1]", b"[1,2", b"7", b'{"a":1}'):
        assert 0 in converted("texts", [odd], "vector(2)").rejected


@pytest.mark.parametrize(
    ("part", "value", "kind", "words"),
    [
        ("texts", b"unknown", "date", "the text 'unknown' is not a date"),
        ("texts", b"2021-02-30", "date", "day 30 does not exist in February 2021"),
        ("texts", b"2021-13-01", "timestamp", "month 13 does not exist"),
        ("texts", b"0000-01-01", "date", "the year 0 does not exist"),
        ("texts", b"2021-01-01T24:00", "timestamp", "the time of day 24:00 does not exist"),
        ("texts", b"2021-01-01 10:00:00.123456789", "timestamptz", "9 fraction digits, PostgreSQL keeps 6"),
        ("texts", b"2021-01-01 10:00Z", "timestamp", "has a time zone, which timestamp does not keep"),
        ("texts", b"2021-01-01 10:00", "date", "has a time of day, which date does not keep"),
        ("texts", b"2021-01-01 10:00+16", "timestamptz", "is not one that PostgreSQL reads"),
        ("texts", b"300000-01-01", "timestamp", "the year 300000 is after 294246"),
        ("texts", b"25:00", "time", "the time of day 25:00 does not exist"),
        ("texts", b"2021-01-01", "time", "has a date, which time does not keep"),
        ("texts", b"a\0b", "text", "holds U+0000, which PostgreSQL text cannot"),
        ("texts", b"abc\xff", "text", "malformed UTF-8 at byte 3"),
        ("texts", b"abcdefghijkl", "varchar(10)", "12 characters, varchar(10) holds 10"),
        ("texts", b"1.23456", "numeric(10,2)", "the number 1.23456 has 5 decimals, numeric(10,2) keeps 2"),
        ("reals", 0.125, "numeric(10,2)", "the number 0.125 has 3 decimals, numeric(10,2) keeps 2"),
        ("integers", 1234, "numeric(5,2)", "the number 1234 has 4 digits before the point, numeric(5,2) holds 3"),
        ("integers", 70000, "smallint", "the number 70000 is outside smallint (-32768 to 32767)"),
        ("reals", 1.5, "bigint", "the number 1.5 is not whole"),
        ("texts", b"", "integer", "the text '' is not an integer"),
        ("texts", b"9" * 5000, "bigint", "9… is outside bigint"),
        ("texts", b"0.12345678901234567890", "double precision", "has more digits than double precision keeps"),
        ("texts", b"x" * 100, "boolean", "the text '" + "x" * 59 + "…' is not a boolean"),
        ("blobs", b"\0" * 12, "text", "a BLOB of 12 bytes that is not text"),
        ("blobs", b"\x0c\x01", "jsonb", "a BLOB, not JSON text"),
        ("blobs", b"1234", "uuid", "a BLOB of 4 bytes, a UUID has 16"),
        ("blobs", b"1234", "vector(3)", "a BLOB of 4 bytes, vector(3) takes 12"),
        ("texts", b"{", "json", "the text '{' is not JSON: the JSON text ends too early, at byte 1"),
        ("texts", b'{"a":1,"a":2}', "jsonb", "the key 'a' stands twice in one object; jsonb keeps one"),
        ("texts", rb'"\u0000"', "jsonb", "holds \\u0000, which jsonb cannot"),
        ("integers", 5, "date", "the number 5 is not a date, and the plan does not say what it counts"),
    ],
)
def test_reasons_say_what_is_wrong(part: str, value: object, kind: str, words: str) -> None:
    assert words in reason(part, value, kind)


def test_every_type_and_storage_class_has_an_answer() -> None:
    for kind in ALL_TYPES:
        for storage, part, value in (
            (StorageClass.INTEGER, "integers", -7),
            (StorageClass.REAL, "reals", 1e300),
            (StorageClass.TEXT, "texts", b"\x01nothing"),
            (StorageClass.BLOB, "blobs", b"\xff\0\xff"),
        ):
            result = converted(part, [value], kind)
            assert result.rejected.get(0, "a value") != "", storage


def test_canonical_types_exist_for_every_type() -> None:
    for base in Base:
        assert isinstance(canonical_type(SqlType(base, 3 if base is Base.VECTOR else None)), pa.DataType)
