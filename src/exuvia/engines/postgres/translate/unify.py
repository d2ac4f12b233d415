"""One PostgreSQL type for values that SQLite lets differ: branches of CASE, arguments of coalesce, parts of a UNION."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from exuvia.catalog.model import Affinity
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres.translate.values import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    EXACT_FLOAT,
    INTEGER,
    NUMERIC,
    NUMERIC_AFFINITIES,
    NUMERIC_KINDS,
    TEXT,
    Kind,
    NotExact,
    Value,
    as_integer,
    as_real,
    as_text,
    forget,
    null_like,
)

_LABELS = frozenset({Kind.INTEGER, Kind.TEXT, Kind.LABEL})
_SAME = frozenset({Kind.TEXT, Kind.BLOB, Kind.JSON, Kind.UUID, Kind.DATE, Kind.TIMESTAMP})


def unify(values: Sequence[Value]) -> tuple[list[Value], Value]:
    """Return the values in one type, and a value that describes any of them (its ``sql`` means nothing).

    Raises:
        NotExact: They are of different classes.
    """
    kinds = {value.kind for value in values if value.kind is not Kind.NULL}
    if not kinds:
        return list(values), Value("", Kind.NULL, TEXT)
    if kinds == {Kind.BOOLEAN}:
        return _typed(values, Kind.BOOLEAN, list(values), BOOLEAN)
    if kinds <= {Kind.BOOLEAN, Kind.INTEGER}:
        return _integers([as_integer(value) for value in values])
    if kinds <= NUMERIC_KINDS:
        return _numbers([as_integer(value) for value in values])
    if (
        kinds != {Kind.TEXT}
        and kinds <= _LABELS
        and all(_is_label(value) for value in values if value.kind is not Kind.NULL)
    ):
        return _typed(values, Kind.LABEL, [as_text(value) for value in values], TEXT)
    if len(kinds) == 1 and kinds <= _SAME:
        return _alike(values, *kinds)
    raise NotExact("its results are of different classes: " + " and ".join(sorted(kind.value for kind in kinds)))


def _is_label(value: Value) -> bool:
    """Tell whether a value is the content of a column in which integers and texts may stand side by side."""
    return value.kind is Kind.LABEL or value.affinity in NUMERIC_AFFINITIES


def _typed(values: Sequence[Value], kind: Kind, converted: list[Value], pg: SqlType) -> tuple[list[Value], Value]:
    known = [value for value in values if value.kind is not Kind.NULL]
    like = replace(
        forget(known[0]),
        sql="",
        kind=kind,
        pg=pg,
        affinity=Affinity.BLOB,
        collation="BINARY",
        explicit=False,
        low=min(value.low for value in known),
        high=max(value.high for value in known),
        spelling=known[0].spelling if len({value.spelling for value in known}) == 1 else None,
    )
    return [null_like(like.pg) if value.kind is Kind.NULL else value for value in converted], like


def _integers(values: Sequence[Value]) -> tuple[list[Value], Value]:
    wide = any(value.pg.base is Base.BIGINT for value in values)
    return _typed(values, Kind.INTEGER, list(values), BIGINT if wide else INTEGER)


def _numbers(values: Sequence[Value]) -> tuple[list[Value], Value]:
    known = [value for value in values if value.kind is not Kind.NULL]
    kind = Kind.REAL if all(value.kind is Kind.REAL for value in known) else Kind.NUMBER
    exact = [value for value in known if value.pg.base is Base.NUMERIC]
    if exact and all(value.pg.base is Base.NUMERIC or isinstance(value.constant, int) for value in known):
        size = max((value.pg.size or 1000) for value in exact)
        pg = exact[0].pg if len({value.pg for value in exact}) == 1 else replace(NUMERIC, size=size)
        return _typed(values, kind, list(values), pg)
    for value in known:
        if value.kind is Kind.INTEGER and not -EXACT_FLOAT <= value.low <= value.high <= EXACT_FLOAT:
            raise NotExact("its results are 64-bit integers or floating-point numbers, row by row")
    converted = [value if value.kind is Kind.NULL else as_real(value) for value in values]
    return _typed(values, kind, converted, DOUBLE)


def _alike(values: Sequence[Value], kind: Kind) -> tuple[list[Value], Value]:
    known = [value for value in values if value.kind is not Kind.NULL]
    if kind is not Kind.TEXT and len({value.pg for value in known}) > 1:
        raise NotExact(f"its results are of different types: {', '.join(str(value.pg) for value in known)}")
    return _typed(values, kind, list(values), TEXT if kind is Kind.TEXT else known[0].pg)
