"""What a style proposes for a column, and the proposals that both styles share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from exuvia.catalog.model import Affinity, Column
from exuvia.catalog.types import Base, SqlType
from exuvia.values.facts import ColumnFacts, IntegerFacts, RealFacts, TextFacts, TextForm
from exuvia.values.rules import Epoch, NaiveTime, Rule

_SAMPLE_VERSIONS = "12345678"
_SAMPLE_VARIANTS = "89abAB"


@dataclass(frozen=True, slots=True)
class Context:
    """What the schema around a column says about it.

    Args:
        where: The column for messages, as ``table.column``.
        rowid: The column is an alias of the rowid, so every value is an integer.
        key: The column is part of a primary, unique or foreign key.
        django: The database was made by Django, whose declared types stand for exact PostgreSQL types.
        json_checked: A CHECK constraint demands json_valid() of the column.
    """

    where: str
    rowid: bool = False
    key: bool = False
    django: bool = False
    json_checked: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A conversion that a style would like, and the sentence that explains it."""

    rule: Rule
    reason: str


BIGINT = Proposal(Rule(SqlType(Base.BIGINT)), "all values are integers")
DOUBLE = Proposal(Rule(SqlType(Base.DOUBLE)), "all values are numbers that double precision holds exactly")
NUMERIC = Proposal(Rule(SqlType(Base.NUMERIC)), "all values are numbers, which numeric holds exactly")
TEXT = Proposal(Rule(SqlType(Base.TEXT)), "text is the type that holds every value")
BYTEA = Proposal(Rule(SqlType(Base.BYTEA)), "bytea is the type that holds every value")

NARROWEST = (BIGINT, DOUBLE, NUMERIC, TEXT)


def plain(base: Base, reason: str, size: int | None = None, scale: int | None = None) -> Proposal:
    """Return the proposal of a type without conversion rules."""
    return Proposal(Rule(SqlType(base, size, scale)), reason)


def by_values(column: Column, facts: ColumnFacts) -> tuple[Proposal, ...]:
    """Return the narrowest types first, for a column whose declared type says nothing."""
    if facts.nulls < facts.rows:
        if facts.texts is None and facts.blobs is not None and facts.integers is None and facts.reals is None:
            return (replace(BYTEA, reason="all values are BLOBs"),)
        return (TEXT,) if facts.blobs is None and facts.texts is not None else (*NARROWEST, BYTEA)
    empty = {
        Affinity.INTEGER: BIGINT,
        Affinity.REAL: DOUBLE,
        Affinity.TEXT: TEXT,
        Affinity.BLOB: TEXT,
        Affinity.NUMERIC: TEXT,
    }[column.affinity]
    return (replace(empty, reason=f"without values, {empty.rule.type} takes what the column's affinity would"),)


def moments(facts: ColumnFacts, naive_time: NaiveTime, *, zone: bool, reason: str) -> Proposal:
    """Return timestamp, or timestamptz where a value names its zone or ``zone`` asks for it.

    Args:
        facts: What the column holds; numbers in it set the epoch.
        naive_time: How a time without a zone is read; with 'as-is' only values that name a zone become timestamptz.
        zone: Whether timestamptz is wanted although no value names a zone.
        reason: The sentence for the proposal.
    """
    zoned = has_form(facts.texts, TextForm.TIMESTAMP_ZONE)
    naive = has_form(facts.texts, TextForm.TIMESTAMP) or has_form(facts.texts, TextForm.DATE)
    epoch = epoch_of(facts.integers, facts.reals)
    if epoch is not None:
        reason += f"; numbers are {epoch_words(epoch)} since 1970"
    if zoned or (zone and naive_time != "as-is"):
        reading: NaiveTime = "utc" if naive_time == "as-is" and not naive else naive_time
        return Proposal(Rule(SqlType(Base.TIMESTAMPTZ), epoch, reading), reason)
    return Proposal(Rule(SqlType(Base.TIMESTAMP), epoch), reason)


def epoch_words(epoch: Epoch) -> str:
    """Return an epoch's unit for people."""
    return "seconds, milliseconds or microseconds" if epoch is Epoch.AUTO else epoch.value


def epoch_of(integers: IntegerFacts | None, reals: RealFacts | None) -> Epoch | None:
    """Return the unit in which every number is a moment between 1990 and 2100, None where there is none."""
    numbers = (integers.count if integers else 0) + (reals.count if reals else 0)
    if not numbers:
        return None
    seconds = (integers.seconds if integers else 0) + (reals.seconds if reals else 0)
    milliseconds = (integers.milliseconds if integers else 0) + (reals.milliseconds if reals else 0)
    microseconds = integers.microseconds if integers else 0
    units = {Epoch.SECONDS: seconds, Epoch.MILLISECONDS: milliseconds, Epoch.MICROSECONDS: microseconds}
    for epoch, count in units.items():
        if count == numbers:
            return epoch
    return Epoch.AUTO if sum(units.values()) == numbers else None


def has_form(texts: TextFacts | None, form: TextForm) -> bool:
    """Whether some text has the form."""
    return texts is not None and form in texts.forms and texts.forms[form].count > 0


def only_forms(facts: ColumnFacts, *forms: TextForm) -> bool:
    """Whether the column holds text, only text, and only of these forms."""
    if facts.texts is None or facts.integers is not None or facts.reals is not None or facts.blobs is not None:
        return False
    return sum(facts.texts.forms[form].count for form in forms if form in facts.texts.forms) == facts.texts.count


def only_uuids(facts: ColumnFacts) -> bool:
    """Whether there are values and all are UUIDs. Values of 32 digits must carry a version and a variant of RFC 9562
    in every example, so that MD5 digests are not taken for UUIDs."""
    if not only_forms(facts, TextForm.UUID, TextForm.UUID_HEX) or facts.texts is None:
        return False
    undashed = facts.texts.forms.get(TextForm.UUID_HEX)
    return undashed is None or all(
        len(example.value) == 32 and example.value[12] in _SAMPLE_VERSIONS and example.value[16] in _SAMPLE_VARIANTS
        for example in undashed.examples
    )
