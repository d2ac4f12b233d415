"""The policy decides by facts; the conversion works on values. What the one promises the other must keep."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from exuvia.catalog.model import Affinity, Column
from exuvia.catalog.types import SqlType
from exuvia.move.planning.fit import misfits
from exuvia.move.planning.policy import Context, choose
from exuvia.values.cells import Cells
from exuvia.values.convert import convert
from exuvia.values.facts_of import facts_of
from exuvia.values.rules import Epoch, NaiveTime, Rule, Style

Value = int | float | str | bytes | None

INTEGERS = st.one_of(
    st.sampled_from([0, 1, -1, 2026, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 1_700_000_000, 1_700_000_000_123]),
    st.integers(-(2**63), 2**63 - 1),
)
REALS = st.one_of(
    st.sampled_from([0.0, -0.0, 0.5, 1.25, 0.1 + 0.2, 1e300, 5e-324, 2.0**53, 1e18, 1_700_000_000.25, 2_460_000.5]),
    st.floats(allow_nan=False, allow_infinity=True),
)
# fmt: off
SPELLINGS = [
    "0", "1", "007", "-0", "+5", "42", "9223372036854775808", "1.5", "1.50", ".5", "5.", "1e5", "1e400",
    "12345678901234567.5", "NaN", "Infinity", "true", "t", "FALSE", "yes", "off", "null", '"x"', '{"a":1}',
    '{"a":1,"a":2}', "[1,2]", "[]", '["\\u0000"]', '["\\ud800"]', '{"a":1e400}', "[NaN]", "2024-02-29",
    "2023-02-29", "2024-02-30", "12024-01-01", "0000-01-01", "24:00", "24:00:00", "07:08", "07:08:09.123456",
    "07:08:60", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00+15:59", "2024-02-29T23:59:59.9999999",
    "2024-02-29T10:00+01", "6f1ed002-ab5d-4b4d-8e8e-3b8f6a0a9d11", "6F1ED002AB5D4B4D8E8E3B8F6A0A9D11",
    "d41d8cd98f00b204c9800998ecf8427e", "unknown", "äöü", "𝄞",
    "", " ", "2024-02-29 10:11:12", "a\0b", "a, b", "x" * 300,
]
# fmt: on
TEXTS = st.one_of(
    st.sampled_from(SPELLINGS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.datetimes().map(str),
    st.dates().map(str),
)
BLOBS = st.one_of(
    st.sampled_from([b"", b"abc", b"\xff", b"\0", bytes(16), bytes([0, 0, 128, 63] * 4)]), st.binary(max_size=8)
)
COLUMNS = st.one_of(
    *(st.lists(st.one_of(kind, st.none()), max_size=6) for kind in (INTEGERS, REALS, TEXTS, BLOBS)),
    st.lists(st.one_of(INTEGERS, REALS, TEXTS, BLOBS, st.none()), max_size=6),
    *(
        st.lists(st.sampled_from(values), min_size=1, max_size=4)
        for values in ([0, 1], [1_700_000_000, 1_700_000_000_123])
    ),
)
DECLARED = st.sampled_from(
    """
    INTEGER;SMALLINT;BOOLEAN;REAL;DECIMAL(10,2);NUMERIC;NUMERIC(5);VARCHAR(5);CHAR(36);CHAR(32);TEXT;BLOB;DATE;TIME
    DATETIME;TIMESTAMPTZ;JSON;UUID;ANY;;fancy
    """.strip()
    .replace("\n", ";")
    .split(";")
).map(str.strip)
TYPES = st.sampled_from(
    """
    boolean,smallint,integer,bigint,double precision,numeric,numeric(10;2),numeric(3;0),text,varchar(5),varchar,bytea
    uuid,json,jsonb,date,time,timestamp,timestamptz,text[]
    """.strip()
    .replace("\n", ",")
    .split(",")
).map(lambda text: SqlType.parse(text.strip().replace(";", ",")))


def cells(values: list[Value]) -> Cells:
    def part(wanted: type, kind: pa.DataType) -> pa.Array | None:
        found = [value if isinstance(value, wanted) else None for value in values]
        raw = [value.encode() if isinstance(value, str) else value for value in found]
        return pa.array(raw, kind) if any(value is not None for value in raw) else None

    return Cells(
        len(values), part(int, pa.int64()), part(float, pa.float64()), part(str, pa.binary()), part(bytes, pa.binary())
    )


@given(COLUMNS, DECLARED, st.sampled_from(["faithful", "native"]), st.sampled_from(["utc", "local", "as-is"]))
@settings(max_examples=600)
def test_every_value_that_the_policy_takes_can_be_converted(
    values: list[Value], declared: str, style: Style, naive_time: NaiveTime
) -> None:
    stored = cells(values)
    facts = facts_of(stored, 0)
    column = Column("created_at", declared, Affinity.NUMERIC)
    choice = choose(column, facts, style=style, naive_time=naive_time, context=Context("t.c"))
    rejected = convert(stored, choice.rule).rejected
    promised = misfits(choice.rule, facts)
    assert bool(promised) >= bool(rejected), (choice, rejected)
    assert len(rejected) <= sum(misfit.count or facts.rows for misfit in promised)
    assert bool(promised) <= any(problem.level == "warning" for problem in choice.problems)


@given(COLUMNS, TYPES, st.sampled_from([None, *Epoch]), st.sampled_from(["utc", "local", "as-is"]))
@settings(max_examples=600)
def test_a_type_that_the_facts_allow_holds_every_value(
    values: list[Value], wanted: SqlType, epoch: Epoch | None, naive_time: NaiveTime
) -> None:
    stored = cells(values)
    rule = Rule(wanted, epoch, naive_time)
    facts = facts_of(stored, 0)
    if not misfits(rule, facts):
        assert convert(stored, rule).rejected == {}
