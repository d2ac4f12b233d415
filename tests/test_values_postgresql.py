"""What is converted here is what PostgreSQL's own input functions read from the same text."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exuvia.catalog.types import SqlType
from exuvia.values.cells import Cells
from exuvia.values.convert import convert
from exuvia.values.rules import Rule
from values_reference import texts

_READ = """
    CREATE OR REPLACE FUNCTION pg_temp.read_as(value text, kind text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE result text;
    BEGIN
      EXECUTE format('SELECT %s', kind) USING value INTO result;
      RETURN result;
    EXCEPTION WHEN OTHERS THEN RETURN NULL;
    END $$
"""
_TICKS = "(extract(epoch FROM $1::{}) * 1000000)::bigint::text"
_QUERIES = {
    "boolean": "$1::boolean::int::text",
    "smallint": "$1::smallint::text",
    "bigint": "$1::bigint::text",
    "double precision": "$1::float8::text",
    "numeric": "$1::numeric::text",
    "numeric(12,3)": "$1::numeric(12,3)::text",
    "uuid": "$1::uuid::text",
    "date": "($1::date - '1970-01-01')::text",
    "time": _TICKS.format("time"),
    "timestamp": _TICKS.format("timestamp"),
    "timestamptz": _TICKS.format("timestamptz"),
}
_SAMPLES = st.lists(
    texts()
    .filter(lambda text: b"\0" not in text and text.decode(errors="ignore").encode() == text)
    .map(lambda text: text.replace(b"urn:uuid:", b"")),
    min_size=1,
    max_size=120,
)
_EDGES = [
    b"5874897-12-31",
    b"12345-06-07",
    b"294246-12-31 23:59:59.999999",
    b"0001-01-01",
    b"2024-02-29T23:59:59.999999+15:59",
    b"2024-02-29 00:00 UTC",
    b"2024-02-29 00:00 GMT",
    b"2024-02-29 00:00 z",
    b"2024-02-29 00:00 -0730",
    b"-0",
    b"-0.00",
    b"+.5",
    b"5.",
    b"007",
    b"1e-5",
    b"12.50e2",
    b"999999999.999",
    b"0E1000000000000000000",
    b"{00000000-0000-0000-0000-00000000000A}",
]


def plain(kind: str, array: pa.Array) -> Sequence[object]:
    """Return canonical values as the queries print them."""
    if kind == "date":
        array = array.cast(pa.int32())
    elif kind.startswith("time") or kind == "boolean":
        array = array.cast(pa.int64())
    elif kind == "uuid":
        return [value and str(UUID(bytes=value)) for value in array.to_pylist()]
    return [None if value is None else str(value) for value in array.to_pylist()]


@pytest.mark.parametrize("kind", _QUERIES)
def test_values_are_those_that_postgresql_reads(postgres_url: str, kind: str) -> None:
    rule = Rule(SqlType.parse(kind))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_READ)

        @settings(max_examples=8, suppress_health_check=list(HealthCheck))
        @given(_SAMPLES)
        def check(sample: list[bytes]) -> None:
            values = [*sample, *_EDGES]
            converted = convert(Cells(len(values), texts=pa.array(values, pa.binary())), rule)
            query = "SELECT pg_temp.read_as(v, %s) FROM unnest(%s::text[]) WITH ORDINALITY AS u(v, n) ORDER BY n"
            spelled = [value.decode() for value in values]
            answers = [answer for (answer,) in connection.execute(query, (_QUERIES[kind], spelled))]
            for row, (ours, theirs) in enumerate(zip(plain(kind, converted.array), answers, strict=True)):
                if row in converted.rejected:
                    continue
                if kind == "double precision":
                    assert theirs is not None, spelled[row]
                    assert float(str(ours)) == float(theirs), spelled[row]
                else:
                    assert ours == theirs, spelled[row]

        check()
