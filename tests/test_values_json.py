"""JSON is judged as PostgreSQL judges it, and equal values have one spelling."""

from __future__ import annotations

import json
from decimal import Decimal

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exuvia.values import jsontext
from exuvia.values.jsonparse import MAX_DEPTH, NotJsonError, read_json
from exuvia.values.jsontext import canonical_json, canonical_json_array, check_json
from values_reference import json_of, json_values

_FRAGMENTS = st.sampled_from(
    [
        *(
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            '"',
            "null",
            "true",
            "-",
            "0",
            "1",
            "01",
            "1.",
            ".5",
            "1e5",
            "1E-3",
            "-0",
            "-0.0",
        ),
        *("1e400", "1e131071", "1e131072", "1e-16383", "1e-16384", "0e99999", "1e99999999999", "12345678901234567890"),
        *(r'"\ud83d\ude00"', r'"\ud83d"', r'"\udc00\ud83d"', r'"\u0000"', r'"\\u0000"', r'"a\u003a"', r'"\/"', r'"\x"'),
        *(
            '"a"',
            '"a":1',
            '"a":',
            '"é"',
            '"3e55555"',
            " ",
            "\n",
            "\t",
            "\x0b",
            "\x1f",
            "\ufeff",
            "NaN",
            "0.1000",
            "1.50e1",
        ),
        *('{"a":1,"a":2}', r'{"a":1,"\u0061":2}', '{"a":{"a":1}}', '{":":":"}', "0." + "7" * 16383, "0." + "7" * 16384),
    ]
)
_soup = st.lists(_FRAGMENTS, max_size=7).map("".join)
_jsons = st.builds(
    lambda value, indent, ascii_only: json.dumps(value, indent=indent, ensure_ascii=ascii_only),
    json_values,
    st.sampled_from([None, 2]),
    st.booleans(),
)
json_texts = (
    _soup | _jsons | st.builds("[{},{}]".format, _FRAGMENTS, _jsons) | st.builds('{{"k":{}}}'.format, _FRAGMENTS)
)


def exact(text: bytes) -> tuple[bool, bool]:
    try:
        return True, not read_json(text).obstacle
    except NotJsonError:
        return False, False


@settings(max_examples=150)
@given(st.lists(json_texts, min_size=1, max_size=6))
def test_the_fast_check_finds_what_the_exact_reader_finds(texts: list[str]) -> None:
    encoded = [text.encode() for text in texts]
    valid, safe = check_json(pa.array(encoded, pa.binary()))
    assert list(zip(valid.tolist(), safe.tolist(), strict=True)) == [exact(text) for text in encoded]


@settings(max_examples=150)
@given(json_texts)
def test_the_exact_reader_accepts_what_pythons_json_accepts(text: str) -> None:
    try:
        json_of(text)
    except ValueError:
        assert exact(text.encode())[0] is False
    else:
        assert exact(text.encode())[0] is True


def plain(value: object) -> object:
    """Return a JSON value in which numbers compare as numbers and nothing else compares equal to them."""
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return ("number", value) if isinstance(value, Decimal) else ("other", value)


@settings(max_examples=150)
@given(json_texts, json_texts)
@example("[1.0]", "[1e0]")
@example("0.12345678901234567", "0.123456789012345671")
@example("9007199254740993", "9007199254740992")
@example("[0.00001]", "[1e-5]")
@example("-0", "0.0")
@example('"1e5"', '"100000"')
def test_canonical_texts_are_equal_exactly_when_the_values_are(first: str, second: str) -> None:
    try:
        values = [plain(json_of(text)) for text in (first, second)]
    except ValueError:
        return
    if not all(exact(text.encode())[1] for text in (first, second)):
        return
    spelled = [canonical_json(text.encode()) for text in (first, second)]
    assert (spelled[0] == spelled[1]) == (values[0] == values[1])
    assert plain(json_of(spelled[0].decode())) == values[0]
    assert canonical_json(spelled[0]) == spelled[0] == read_json(first.encode()).canonical


@given(json_values, st.randoms(use_true_random=False))
def test_order_of_keys_and_blanks_do_not_matter(value: object, random: object) -> None:
    def shuffled(part: object) -> object:
        if isinstance(part, dict):
            return {key: shuffled(part[key]) for key in sorted(part, key=lambda key: key[::-1], reverse=True)}
        return [shuffled(member) for member in part] if isinstance(part, list) else part

    first = json.dumps(value).encode()
    second = json.dumps(shuffled(value), indent=3, ensure_ascii=False).encode()
    assert canonical_json(first) == canonical_json(second)


def test_arrays_keep_nulls_and_json_null_apart() -> None:
    texts = pa.array(['{"b": 1.0, "a": [1e2]}', None, "null"])
    assert canonical_json_array(texts).to_pylist() == ['{"a":[100],"b":1}', None, "null"]
    assert canonical_json_array(texts.cast(pa.binary()).slice(1)).to_pylist() == [None, "null"]


def test_depth_is_a_limit_and_not_a_crash() -> None:
    deep = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    assert exact(deep) == (True, True)
    assert canonical_json(deep) == deep
    assert exact(b"[" + deep + b"]") == (False, False)
    valid, _ = check_json(pa.array([deep, b"[" * 100_000]))
    assert valid.tolist() == [True, False]


def test_one_bad_text_does_not_spoil_its_neighbours() -> None:
    texts = [b'{"a":%d}' % number for number in range(50_000)]
    texts[7], texts[40_000] = b"{", b'{"a":1,"a":2}'
    valid, safe = check_json(pa.array(texts))
    assert [row for row, good in enumerate(valid) if not good] == [7]
    assert [row for row, good in enumerate(safe) if not good] == [7, 40_000]


def test_a_text_beyond_the_size_of_jsonb_is_json_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exuvia.values.jsonparse.MAX_JSONB_BYTES", 20_000)
    monkeypatch.setattr(jsontext, "MAX_JSONB_BYTES", 20_000)
    valid, safe = check_json(pa.array([b'"%s"' % (b"x" * 10_000), b'"%s"' % (b"x" * 30_000)]))
    assert (valid.tolist(), safe.tolist()) == ([True, True], [True, False])


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(json_texts, min_size=1, max_size=80))
def test_postgresql_agrees(postgres_url: str, texts: list[str]) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            """
            CREATE OR REPLACE FUNCTION pg_temp.read_as(value text, kind regtype) RETURNS text LANGUAGE plpgsql AS $$
            DECLARE result text;
            BEGIN
              EXECUTE format('SELECT $1::%s::text', kind) USING value INTO result;
              RETURN result;
            EXCEPTION WHEN OTHERS THEN RETURN NULL;
            END $$
            """
        )
        query = """
            SELECT pg_temp.read_as(v, 'json'), pg_temp.read_as(v, 'jsonb')
            FROM unnest(%s::text[]) WITH ORDINALITY AS u(v, n) ORDER BY n
        """
        answers = connection.execute(query, (texts,)).fetchall()
    for text, (as_json, as_jsonb) in zip(texts, answers, strict=True):
        valid, safe = exact(text.encode())
        assert (as_json is not None) is valid, text
        if safe:
            assert as_jsonb is not None, text
            assert canonical_json(as_jsonb.encode()) == canonical_json(text.encode())
        elif valid and as_jsonb is not None:
            assert "twice" in read_json(text.encode()).obstacle, text
