"""What a style proposes for a column, and the proposals that both styles share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from exuvia.catalog.model import Affinity, Column
from exuvia.catalog.types import Base, SqlType
from exuvia.move.planning.fit import fits
from exuvia.values.facts import ColumnFacts, IntegerFacts, RealFacts, TextFacts, TextForm
from exuvia.values.rules import Epoch, NaiveTime, Rule

# What today's numbers look like: 1990 to 2100 as Julian days, as microseconds since 1601 and as nanoseconds since 1970.
_PLAUSIBLE = {
    Epoch.JULIAN: (2_447_892, 2_488_070),
    Epoch.WEBKIT: (12_275_625_600_000_000, 15_746_918_400_000_000),
    Epoch.AUTO: (631_152_000_000_000_000, 4_102_444_800_000_000_000),
}
_SAMPLE_VERSIONS = "12345678"
_SAMPLE_VARIANTS = "89abAB"


@dataclass(frozen=True, slots=True)
class Context:
    """What the schema around a column says about it.

    Args:
        where: The column for messages, as ``table.column``.
        rowid: The column is an alias of the rowid, so every value is an integer.
        key: The column is part of a primary, unique or foreign key.
        unique: The column is part of a primary or unique key.
        pgvector: The target can have pgvector's types.
        django: The database was made by Django, whose declared types stand for exact PostgreSQL types.
        json_checked: A CHECK constraint demands json_valid() of the column.
        core_data: The database is a store of Apple's Core Data, whose times count from 2001.
    """

    where: str
    rowid: bool = False
    key: bool = False
    django: bool = False
    json_checked: bool = False
    core_data: bool = False
    unique: bool = False
    pgvector: bool = True


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

_NUMBERS = (BIGINT, DOUBLE, NUMERIC)
NARROWEST = (*_NUMBERS, TEXT)


def plain(base: Base, reason: str, size: int | None = None, scale: int | None = None) -> Proposal:
    """Return the proposal of a type without conversion rules."""
    return Proposal(Rule(SqlType(base, size, scale)), reason)


def by_values(column: Column, facts: ColumnFacts) -> tuple[Proposal, ...]:
    """Return the narrowest type, for a column whose declared type says nothing; text that cannot be text stays so."""
    if facts.nulls < facts.rows:
        if facts.texts is not None and facts.blobs is None:
            return (TEXT,)
        found = next((proposal for proposal in (*_NUMBERS, TEXT) if fits(proposal.rule, facts)), BYTEA)
        only_blobs = facts.texts is None and facts.integers is None and facts.reals is None
        return (replace(BYTEA, reason="all values are BLOBs"),) if only_blobs else (found,)
    empty = {
        Affinity.INTEGER: BIGINT,
        Affinity.REAL: DOUBLE,
        Affinity.TEXT: TEXT,
        Affinity.BLOB: TEXT,
        Affinity.NUMERIC: TEXT,
    }[column.affinity]
    return (replace(empty, reason=f"without values, {empty.rule.type} takes what the column's affinity would"),)


def moments(facts: ColumnFacts, naive_time: NaiveTime, *, zone: bool, reason: str, numbers: bool = True) -> Proposal:
    """Return timestamp, or timestamptz where a value names its zone or ``zone`` asks for it.

    Args:
        facts: What the column holds; numbers in it set the epoch.
        naive_time: How a time without a zone is read; with 'as-is' only values that name a zone become timestamptz.
        zone: Whether timestamptz is wanted although no value names a zone.
        reason: The sentence for the proposal.
        numbers: Whether numbers may count from 1970.
    """
    zoned = has_form(facts.texts, TextForm.TIMESTAMP_ZONE)
    naive = has_form(facts.texts, TextForm.TIMESTAMP) or has_form(facts.texts, TextForm.DATE)
    epoch = epoch_of(facts.integers, facts.reals) if numbers else None
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


def likely_epoch(facts: ColumnFacts) -> Epoch | None:
    """Return what the numbers of a column could count, to be offered to a person; None without numbers."""
    integers, reals = facts.integers, facts.reals
    if integers is None and reals is None:
        return None
    units = {
        Epoch.SECONDS: (integers.seconds if integers else 0) + (reals.seconds if reals else 0),
        Epoch.MILLISECONDS: (integers.milliseconds if integers else 0) + (reals.milliseconds if reals else 0),
        Epoch.MICROSECONDS: integers.microseconds if integers else 0,
    }
    best = max(units, key=lambda epoch: units[epoch])
    if units[best]:
        return Epoch.AUTO if sum(count > 0 for count in units.values()) > 1 else best
    ends = [
        *((integers.minimum, integers.maximum) if integers else ()),
        *((reals.minimum, reals.maximum) if reals else ()),
    ]
    for epoch, (low, high) in _PLAUSIBLE.items():
        if low <= min(ends) and max(ends) <= high:
            return epoch
    return Epoch.SECONDS


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
