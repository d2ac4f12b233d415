"""The faithful style: the type that SQLAlchemy, Django or Prisma would have created for the declared type.

INTEGER becomes bigint and not integer, because SQLite's INTEGER holds 64 bits whatever the declaration says: a later
value must not fail where it did not fail before. Applications do not see the difference.
"""

from __future__ import annotations

from collections.abc import Callable

from exuvia.catalog.model import Column
from exuvia.catalog.types import Base
from exuvia.move.planning.declared import Declared, Family
from exuvia.move.planning.proposals import (
    BYTEA,
    DOUBLE,
    NARROWEST,
    NUMERIC,
    TEXT,
    Context,
    Proposal,
    by_values,
    moments,
    only_uuids,
    plain,
)
from exuvia.move.planning.vectors import declared_vector
from exuvia.values.facts import ColumnFacts
from exuvia.values.rules import NaiveTime

_MAX_VARCHAR = 10_485_760
_MAX_PRECISION = 1000
_UUID_LENGTHS = (32, 36)


def proposals(
    column: Column, declared: Declared, facts: ColumnFacts, naive_time: NaiveTime, context: Context
) -> tuple[Proposal, ...]:
    """Return the types for a column in the order of preference; the last resort need not hold every value.

    Args:
        column: The column.
        declared: Its declared type, understood.
        facts: What it holds.
        naive_time: How a time without a zone is read.
        context: What the schema around it says.
    """
    if context.rowid:
        return (plain(Base.BIGINT, "an alias of the rowid: 64-bit integers"),)
    if (vector := declared_vector(column.declared_type, facts, pgvector=context.pgvector)) is not None:
        return (vector, BYTEA)
    if context.json_checked and declared.family is Family.TEXT and context.django:
        return (plain(Base.JSONB, "Django's JSONField, a text that must be JSON, is jsonb in PostgreSQL"), TEXT)
    if declared.family in (Family.TIMESTAMP, Family.TIMESTAMPTZ, Family.DATE):
        return _temporal(column, declared, facts, naive_time, context)
    if declared.family is Family.JSON and context.key:
        return (plain(Base.JSONB, f"declared {column.declared_type}"), TEXT)
    builder = _BUILDERS.get(declared.family)
    return builder(column, declared, facts) if builder is not None else by_values(column, facts)


def _temporal(
    column: Column, declared: Declared, facts: ColumnFacts, naive_time: NaiveTime, context: Context
) -> tuple[Proposal, ...]:
    zone = declared.family is Family.TIMESTAMPTZ or (context.django and declared.family is Family.TIMESTAMP)
    owner = "Django stores UTC here" if context.django and zone else f"declared {column.declared_type}"
    moment = moments(
        facts, naive_time, zone=zone, reason=f"{owner}, and every value is a moment", numbers=not context.core_data
    )
    if declared.family is Family.DATE:
        return (plain(Base.DATE, f"declared {column.declared_type}"), moment, *NARROWEST)
    return (moment, *NARROWEST)


def _integer(column: Column, declared: Declared, facts: ColumnFacts) -> tuple[Proposal, ...]:
    del facts
    wide = plain(Base.BIGINT, f"declared {column.declared_type}; SQLite's integers have 64 bits")
    if declared.family is Family.SMALLINT and not declared.unsigned:
        return (plain(Base.SMALLINT, f"declared {column.declared_type}"), wide, *NARROWEST[1:])
    return (wide, *NARROWEST[1:])


def _boolean(column: Column, declared: Declared, facts: ColumnFacts) -> tuple[Proposal, ...]:
    del declared, facts
    return (plain(Base.BOOLEAN, f"declared {column.declared_type}"), *NARROWEST)


def _real(column: Column, declared: Declared, facts: ColumnFacts) -> tuple[Proposal, ...]:
    del declared, facts
    wanted = plain(Base.DOUBLE, f"declared {column.declared_type}; SQLite's reals are double precision")
    return (wanted, NUMERIC, TEXT)


def _numeric(column: Column, declared: Declared, facts: ColumnFacts) -> tuple[Proposal, ...]:
    del facts
    reason = f"declared {column.declared_type}"
    size, scale = declared.size, declared.scale or 0
    free = plain(Base.NUMERIC, reason)
    if size is None or not 1 <= size <= _MAX_PRECISION or not 0 <= scale <= size:
        return (free, DOUBLE, TEXT)
    return (plain(Base.NUMERIC, reason, size, scale), NUMERIC, DOUBLE, TEXT)


def _varchar(column: Column, declared: Declared, facts: ColumnFacts) -> tuple[Proposal, ...]:
    reason = f"declared {column.declared_type}"
    size = declared.size
    wanted = plain(Base.VARCHAR, reason, size if size is not None and 1 <= size <= _MAX_VARCHAR else None)
    if declared.fixed and size in _UUID_LENGTHS and only_uuids(facts):
        uuid = plain(Base.UUID, f"{reason}, and every value is a UUID")
        return (uuid, wanted, TEXT)
    return (wanted, TEXT)


def _text(column: Column, declared: Declared, facts: ColumnFacts) -> tuple[Proposal, ...]:
    del declared, facts
    return (plain(Base.TEXT, f"declared {column.declared_type}"),)


def _blob(column: Column, declared: Declared, facts: ColumnFacts) -> tuple[Proposal, ...]:
    del declared
    numbers = facts.integers is not None or facts.reals is not None
    if facts.blobs is None and facts.texts is not None and not numbers:
        return (plain(Base.TEXT, f"declared {column.declared_type}, but every value is text"),)
    if facts.blobs is None and facts.texts is None and numbers:
        return by_values(column, facts)
    return (plain(Base.BYTEA, f"declared {column.declared_type}"), *NARROWEST)


def _time(column: Column, declared: Declared, facts: ColumnFacts) -> tuple[Proposal, ...]:
    del declared, facts
    return (plain(Base.TIME, f"declared {column.declared_type}, and every value is a time of day"), *NARROWEST)


def _json(column: Column, declared: Declared, facts: ColumnFacts) -> tuple[Proposal, ...]:
    del declared
    jsonb = plain(Base.JSONB, f"declared {column.declared_type}")
    json = plain(Base.JSON, f"declared {column.declared_type}; json keeps what jsonb cannot hold")
    # SQLite's own binary JSON is a BLOB, which can look like text by chance.
    return (jsonb, json, BYTEA if facts.texts is None and facts.blobs is not None else TEXT)


def _uuid(column: Column, declared: Declared, facts: ColumnFacts) -> tuple[Proposal, ...]:
    del declared, facts
    return (plain(Base.UUID, f"declared {column.declared_type}"), *NARROWEST)


_BUILDERS: dict[Family, Callable[[Column, Declared, ColumnFacts], tuple[Proposal, ...]]] = {
    Family.INTEGER: _integer,
    Family.SMALLINT: _integer,
    Family.BOOLEAN: _boolean,
    Family.REAL: _real,
    Family.NUMERIC: _numeric,
    Family.VARCHAR: _varchar,
    Family.TEXT: _text,
    Family.BLOB: _blob,
    Family.TIME: _time,
    Family.JSON: _json,
    Family.UUID: _uuid,
}
