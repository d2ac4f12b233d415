"""Digests agree exactly when the rows do, in whatever order and cut they are read."""

from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from exuvia.values.digest import Digest, digest, empty, hash_values

words = st.text(max_size=40) | st.text("ab", min_size=120, max_size=140)
rows = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1) | st.none(),
        st.floats(allow_nan=False) | st.none(),
        words | st.none(),
        st.binary(min_size=16, max_size=16) | st.none(),
        st.booleans() | st.none(),
    ),
    max_size=40,
)
TYPES = [pa.int64(), pa.float64(), pa.string(), pa.binary(16), pa.bool_()]


def digest_of(values: list[tuple[object, ...]]) -> Digest:
    arrays = [pa.array([row[number] for row in values], type_) for number, type_ in enumerate(TYPES)]
    return digest(arrays, len(values))


@given(rows, st.randoms(use_true_random=False), st.integers(0, 40))
def test_order_and_batches_do_not_matter(values: list[tuple[object, ...]], chance: random.Random, cut: int) -> None:
    shuffled = list(values)
    chance.shuffle(shuffled)
    parts = digest_of(shuffled[:cut]) + digest_of(shuffled[cut:]) + empty(len(TYPES))
    assert parts == digest_of(values)


@given(rows, rows)
def test_different_rows_have_different_digests(left: list[tuple[object, ...]], right: list[tuple[object, ...]]) -> None:
    same = sorted(map(repr, left)) == sorted(map(repr, right))
    assert (digest_of(left) == digest_of(right)) == same


def test_values_that_change_places_between_rows_are_seen() -> None:
    first = digest([pa.array([1, 2]), pa.array(["a", "b"])], 2)
    second = digest([pa.array([1, 2]), pa.array(["b", "a"])], 2)
    assert first.columns == second.columns
    assert first != second


@given(st.lists(words | st.none(), min_size=1, max_size=30), st.integers(0, 5))
def test_a_slice_hashes_like_its_copy(values: list[str | None], skipped: int) -> None:
    array = pa.array(values, pa.string())
    part = array.slice(skipped)
    assert hash_values(part).tolist() == hash_values(pa.array(values[skipped:], pa.string())).tolist()


def test_lengths_around_the_word_size_and_the_long_limit_all_differ() -> None:
    texts = ["x" * length for length in range(300)] + ["x" * length + "y" for length in range(299)]
    assert len(set(hash_values(pa.array(texts)).tolist())) == len(texts)


def test_negative_zero_is_not_zero() -> None:
    assert digest([pa.array([0.0])], 1) != digest([pa.array([-0.0])], 1)
