"""The native style: what a PostgreSQL engineer would choose after a look at every value."""

from __future__ import annotations

import re

from exuvia.catalog.model import Column
from exuvia.catalog.types import Base
from exuvia.engines.postgres.translate import translate_default
from exuvia.move.planning import policy_faithful
from exuvia.move.planning.declared import Declared, Family
from exuvia.move.planning.fit import fits
from exuvia.move.planning.proposals import (
    Context,
    Proposal,
    epoch_of,
    has_form,
    moments,
    only_forms,
    only_uuids,
    plain,
)
from exuvia.move.planning.vectors import embedding
from exuvia.values.facts import ColumnFacts, TextForm
from exuvia.values.rules import NaiveTime

_TEXTUAL = (Family.VARCHAR, Family.TEXT, Family.UNDECLARED, Family.OTHER)
_EMBEDDING = (Family.BLOB, Family.TEXT, Family.JSON, Family.UNDECLARED, Family.OTHER)
_COUNTING = (Family.INTEGER, Family.UNDECLARED)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_UNITS = frozenset(
    {
        "ms",
        "us",
        "s",
        "sec",
        "secs",
        "seconds",
        "millis",
        "milliseconds",
        "micros",
        "microseconds",
        "epoch",
        "unix",
        "utc",
    }
)
_LAST = frozenset({"at", "on", "time", "timestamp", "ts", "date", "datetime", "when"})
_ANYWHERE = frozenset(
    {
        "timestamp",
        "created",
        "updated",
        "modified",
        "deleted",
        "expires",
        "expired",
        "expiry",
        "expiration",
        "mtime",
        "ctime",
        "atime",
    }
)
_NEVER = frozenset(
    {
        "id",
        "ids",
        "duration",
        "elapsed",
        "interval",
        "timeout",
        "count",
        "size",
        "bytes",
        "len",
        "length",
        "run",
        "total",
        "num",
    }
)


def proposals(
    column: Column, declared: Declared, facts: ColumnFacts, naive_time: NaiveTime, context: Context
) -> tuple[Proposal, ...]:
    """Return the types for a column in the order of preference (see :func:`policy_faithful.proposals`)."""
    if context.rowid:
        return policy_faithful.proposals(column, declared, facts, naive_time, context)
    may_be_vector = declared.family in _EMBEDDING and not context.key
    vector = embedding(facts, pgvector=context.pgvector) if may_be_vector else None
    if vector is not None:
        return (vector, *policy_faithful.proposals(column, declared, facts, naive_time, context))
    if declared.family in (Family.TIMESTAMP, Family.DATE):
        return _temporal(column, declared, facts, naive_time, context)
    seen = None
    if declared.family in _TEXTUAL:
        seen = _seen_in_text(facts, naive_time, declared)
    if seen is None and declared.family in _COUNTING and not context.key:
        seen = _seen_in_integers(column, facts)
    if declared.family is Family.VARCHAR:
        rest: tuple[Proposal, ...] = (plain(Base.TEXT, "text, whose length PostgreSQL does not need to limit"),)
    else:
        rest = policy_faithful.proposals(column, declared, facts, naive_time, context)
    return (seen, *rest) if seen is not None and fits(seen.rule, facts) and _takes_default(seen, column) else rest


def _takes_default(seen: Proposal, column: Column) -> bool:
    """Whether a type that only the values suggest holds the default too, which later rows will have."""
    if column.default is None or column.default.strip().upper() == "NULL":
        return True
    return translate_default(column.default, seen.rule.type, affinity=column.affinity).sql is not None


def _temporal(
    column: Column, declared: Declared, facts: ColumnFacts, naive_time: NaiveTime, context: Context
) -> tuple[Proposal, ...]:
    first, *rest = policy_faithful.proposals(column, declared, facts, naive_time, context)
    reason = f"declared {column.declared_type}, and every value is a moment"
    moment = moments(facts, naive_time, zone=True, reason=reason, numbers=not context.core_data)
    return (moment, *rest) if declared.family is Family.TIMESTAMP else (first, moment, *rest[1:])


def _seen_in_text(facts: ColumnFacts, naive_time: NaiveTime, declared: Declared) -> Proposal | None:
    texts = facts.texts
    if texts is None:
        return None
    if only_forms(facts, TextForm.TIMESTAMP, TextForm.TIMESTAMP_ZONE):
        return moments(facts, naive_time, zone=True, reason="every value is an ISO timestamp")
    if only_forms(facts, TextForm.DATE):
        return plain(Base.DATE, "every value is an ISO date")
    if only_forms(facts, TextForm.JSON_OBJECT, TextForm.JSON_ARRAY):
        return plain(Base.JSONB, "every value is a JSON object or array that jsonb holds exactly")
    sized_for_uuid = declared.family is Family.VARCHAR and declared.size == 32
    if only_uuids(facts) and (sized_for_uuid or not has_form(texts, TextForm.UUID_HEX)):
        return plain(Base.UUID, "every value is a UUID")
    return None


def _seen_in_integers(column: Column, facts: ColumnFacts) -> Proposal | None:
    only_numbers = facts.texts is None and facts.blobs is None and facts.integers is not None and facts.reals is None
    if not only_numbers or epoch_of(facts.integers, None) is None or not names_a_moment(column.name):
        return None
    return moments(facts, "utc", zone=True, reason="the name and every value say that it is a moment")


def names_a_moment(name: str) -> bool:
    """Whether a column's name says that it holds moments: ``created_at``, ``expiresMs``, ``timestamp``, ``mtime``."""
    words = [word.lower() for word in _WORD.findall(name)]
    while len(words) > 1 and words[-1] in _UNITS:
        words.pop()
    if not words or _NEVER.intersection(words):
        return False
    return words[-1] in _LAST or bool(_ANYWHERE.intersection(words))
