"""Which numbers of a column a target type cannot hold exactly."""

from __future__ import annotations

from collections.abc import Callable

from exuvia.catalog.types import Base
from exuvia.move.planning.misfit import Misfit, some
from exuvia.move.planning.words import DECIMAL, DIGIT, INTEGER, REAL, counted
from exuvia.values.facts import IntegerFacts, RealFacts
from exuvia.values.rules import Epoch, Rule

EXACT_INTEGER = 2**53
RANGES = {Base.SMALLINT: 2**15, Base.INTEGER: 2**31, Base.BIGINT: 2**63}
_LONGEST_REAL = 24
_INFINITY = ("infinity", "infinities")

Check = Callable[[Rule, IntegerFacts], list[Misfit]]
RealCheck = Callable[[Rule, RealFacts], list[Misfit]]


def integers(rule: Rule, facts: IntegerFacts, *, trusted: bool) -> list[Misfit]:
    """Return the INTEGER values that do not fit; ``trusted`` epochs are not tested for plausible years.

    Of numbers for a date the facts do not know whether they are midnights, so that only a person can decide them.
    """
    if _is_epoch(rule) and trusted:
        return []
    if _is_epoch(rule) and rule.type.base is not Base.DATE:
        words = ("integer that is no moment", "integers that are no moments")
        return some(words, _not_moments(rule.epoch, facts), facts.examples)
    check = _INTEGERS.get(rule.type.base)
    return check(rule, facts) if check is not None else some(INTEGER, facts.count, facts.examples)


def reals(rule: Rule, facts: RealFacts, *, trusted: bool) -> list[Misfit]:
    """Return the REAL values that do not fit; ``trusted`` epochs are not tested for plausible years."""
    if _is_epoch(rule) and trusted:
        return []
    if _is_epoch(rule) and rule.type.base is not Base.DATE:
        return _real_moments(rule.epoch, facts)
    check = _REALS.get(rule.type.base)
    return check(rule, facts) if check is not None else some(REAL, facts.count, facts.examples)


def _is_epoch(rule: Rule) -> bool:
    return rule.epoch is not None and rule.type.base in (Base.DATE, Base.TIMESTAMP, Base.TIMESTAMPTZ)


def _hold(_: Rule, __: object) -> list[Misfit]:
    return []


def _integer_range(rule: Rule, facts: IntegerFacts) -> list[Misfit]:
    limit = RANGES[rule.type.base]
    inside = -limit <= facts.minimum and facts.maximum < limit
    return [] if inside else [Misfit(f"integers from {facts.minimum:,} to {facts.maximum:,}", 0)]


def _truths(_: Rule, facts: IntegerFacts) -> list[Misfit]:
    odd = tuple(example for example in facts.examples if example.value not in ("0", "1"))
    words = ("integer other than 0 and 1", "integers other than 0 and 1")
    return some(words, facts.count - facts.zero_or_one, odd)


def _integer_floats(_: Rule, facts: IntegerFacts) -> list[Misfit]:
    largest = max(abs(facts.minimum), abs(facts.maximum))
    return [Misfit(f"integers up to {largest:,}, beyond 2^53", 0)] if largest > EXACT_INTEGER else []


def _integer_decimals(rule: Rule, facts: IntegerFacts) -> list[Misfit]:
    size, digits = rule.type.size, len(str(max(abs(facts.minimum), abs(facts.maximum))))
    too_long = size is not None and digits > size - (rule.type.scale or 0)
    return [Misfit(f"integers of {counted(digits, DIGIT)}", 0)] if too_long else []


def _integer_texts(rule: Rule, facts: IntegerFacts) -> list[Misfit]:
    size, longest = rule.type.size, max(len(str(facts.minimum)), len(str(facts.maximum)))
    return [Misfit(f"integers of {longest} characters", 0)] if size is not None and longest > size else []


def _not_moments(epoch: Epoch | None, facts: IntegerFacts) -> int:
    counts = {
        Epoch.SECONDS: facts.seconds,
        Epoch.MILLISECONDS: facts.milliseconds,
        Epoch.MICROSECONDS: facts.microseconds,
        Epoch.AUTO: facts.seconds + facts.milliseconds + facts.microseconds,
    }
    return facts.count - (counts.get(epoch, 0) if epoch is not None else 0)


def _real_range(rule: Rule, facts: RealFacts) -> list[Misfit]:
    limit = min(RANGES[rule.type.base], EXACT_INTEGER)
    if facts.integral == facts.count and not (-limit <= facts.minimum and facts.maximum < limit):
        return [Misfit(f"reals from {facts.minimum!r} to {facts.maximum!r}", 0)]
    words = ("real with a fraction", "reals with a fraction")
    return some(words, facts.count - facts.integral, facts.examples)


def _decimals(rule: Rule, facts: RealFacts) -> list[Misfit]:
    if facts.not_finite:
        return some(_INFINITY, facts.not_finite)
    size, scale = rule.type.size, rule.type.scale or 0
    if size is None:
        return []
    if facts.max_scale is None:
        return [Misfit("reals of more than 15 digits", 0, facts.examples)]
    if facts.max_scale > scale:
        return [Misfit(f"reals of {counted(facts.max_scale, DECIMAL)}", 0)]
    too_long = facts.max_integer_digits > size - scale
    return [Misfit(f"reals of {counted(facts.max_integer_digits, DIGIT)} before the point", 0)] if too_long else []


def _finite(_: Rule, facts: RealFacts) -> list[Misfit]:
    return some(_INFINITY, facts.not_finite)


def _real_texts(rule: Rule, facts: RealFacts) -> list[Misfit]:
    short = rule.type.size is not None and rule.type.size < _LONGEST_REAL
    return some(REAL, facts.count, facts.examples) if short else []


def _real_moments(epoch: Epoch | None, facts: RealFacts) -> list[Misfit]:
    counts = {
        Epoch.SECONDS: facts.seconds,
        Epoch.MILLISECONDS: facts.milliseconds,
        Epoch.AUTO: facts.seconds + facts.milliseconds,
    }
    words = ("real that is no moment", "reals that are no moments")
    found = some(words, facts.count - (counts.get(epoch, 0) if epoch is not None else 0), facts.examples)
    decimals = 6 if epoch is Epoch.SECONDS else 3
    if not found and (facts.max_scale is None or facts.max_scale > decimals):
        return [Misfit("moments finer than a microsecond", 0, facts.examples)]
    return found


_INTEGERS: dict[Base, Check] = {
    **dict.fromkeys(RANGES, _integer_range),
    **dict.fromkeys((Base.TEXT, Base.JSON, Base.JSONB, Base.BYTEA), _hold),
    Base.BOOLEAN: _truths,
    Base.DOUBLE: _integer_floats,
    Base.NUMERIC: _integer_decimals,
    Base.VARCHAR: _integer_texts,
}
_REALS: dict[Base, RealCheck] = {
    **dict.fromkeys(RANGES, _real_range),
    **dict.fromkeys((Base.TEXT, Base.DOUBLE, Base.BYTEA), _hold),
    **dict.fromkeys((Base.JSON, Base.JSONB), _finite),
    Base.NUMERIC: _decimals,
    Base.VARCHAR: _real_texts,
}
