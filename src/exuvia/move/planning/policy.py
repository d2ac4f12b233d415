"""The policy: which PostgreSQL type a column gets, decided from its declared type and all of its values.

A style proposes types in the order of its preference; the first that holds every value exactly is taken. Where the
preferred type is not possible, a problem says which values stand in its way and what a person can write instead. When
no type holds every value (text that PostgreSQL cannot store, BLOBs among text), the type that holds most is taken and
the rest is quarantined, also with a problem.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from exuvia.catalog.model import Column
from exuvia.catalog.types import Base, SqlType
from exuvia.move.plan import Problem
from exuvia.move.planning import policy_faithful, policy_native
from exuvia.move.planning.declared import Declared, Family, understand
from exuvia.move.planning.evidence import evidence
from exuvia.move.planning.fit import fits, keeps_apart, misfits
from exuvia.move.planning.misfit import Misfit
from exuvia.move.planning.proposals import Context, Proposal, likely_epoch, only_forms
from exuvia.move.planning.vectors import is_vector, vector_problems
from exuvia.move.planning.words import counted, listed
from exuvia.values.facts import ColumnFacts, Example, TextForm
from exuvia.values.rules import Epoch, NaiveTime, Rule, Style

__all__ = ["Choice", "Context", "choose", "judge"]

_MOST_EXAMPLES = 3
_TEXT_TO_BYTES = ("text becomes", "texts become")
_BLOB_TO_TEXT = ("BLOB reads as text and becomes", "BLOBs read as text and become")
_WIDER = frozenset(
    {
        (Base.VARCHAR, Base.TEXT),
        (Base.SMALLINT, Base.BIGINT),
        (Base.NUMERIC, Base.NUMERIC),
        (Base.DOUBLE, Base.NUMERIC),
        (Base.JSONB, Base.JSON),
    }
)
_STYLES = {"faithful": policy_faithful.proposals, "native": policy_native.proposals}


@dataclass(frozen=True, slots=True)
class Choice:
    """A column's conversion, why, what the values showed, and what a person should know."""

    rule: Rule
    reason: str
    evidence: str
    problems: tuple[Problem, ...] = ()


def choose(
    column: Column, facts: ColumnFacts, *, style: Style = "faithful", naive_time: NaiveTime = "utc", context: Context
) -> Choice:
    """Choose the type of a column: pure, the same arguments give the same choice.

    Args:
        column: The column as its table declares it.
        facts: What all of its values are.
        style: 'faithful' keeps the declared type where the values allow it, 'native' follows the values.
        naive_time: What a time without a zone means where the target type has a zone; 'as-is' asks for types without.
        context: What the rest of the schema says about the column.
    """
    declared = understand(column.declared_type)
    offered = _STYLES[style](column, declared, facts, naive_time, context)
    wanted = offered[0]
    taken = next((proposal for proposal in offered if _suits(proposal.rule, facts, context)), None)
    problems: list[Problem] = []
    if taken is None:
        taken = _most(offered, facts)
        problems += _left_over(taken.rule, facts, context.where)
    elif taken is not wanted:
        problems.append(_not_wanted(column, wanted, taken, facts, context))
    problems += _notes(column, declared, taken.rule, facts, context.where)
    return Choice(taken.rule, taken.reason, evidence(facts), tuple(problems))


def judge(rule: Rule, facts: ColumnFacts, where: str, on_misfit: str) -> tuple[Problem, ...]:
    """Return what a person should know about a rule of their own: which values its type does not hold.

    Args:
        rule: The rule that a person chose.
        facts: What the column holds.
        where: The column, as ``table.column``.
        on_misfit: What the person said should become of values that do not fit.
    """
    found = misfits(rule, facts, trusted=True)
    if not found:
        return ()
    fate = "become NULL" if on_misfit == "null" else "go to quarantine with their rows"
    message = f"As {rule.type}, {_what(found)} will not fit and {fate}."
    return (Problem("warning", where, message, _examples(found), _count(found)),)


def _suits(rule: Rule, facts: ColumnFacts, context: Context) -> bool:
    return fits(rule, facts) and (not context.unique or keeps_apart(rule, facts))


def _most(offered: tuple[Proposal, ...], facts: ColumnFacts) -> Proposal:
    """The proposal that leaves out the fewest values where none holds all: bytes only if most values are not text."""
    values = facts.rows - facts.nulls
    candidates = (*offered, Proposal(Rule(SqlType(Base.TEXT)), "text holds the most values"))
    best = min(candidates, key=lambda proposal: _left_out(proposal.rule, facts))
    as_bytes = Proposal(Rule(SqlType(Base.BYTEA)), "most values are bytes that PostgreSQL cannot hold as text")
    left_out = _left_out(best.rule, facts)
    return as_bytes if 2 * left_out > values and _left_out(as_bytes.rule, facts) < left_out else best


def _left_out(rule: Rule, facts: ColumnFacts) -> int:
    """How many values do not fit; all of them where the facts cannot tell."""
    return sum(misfit.count or facts.rows for misfit in misfits(rule, facts))


def _left_over(rule: Rule, facts: ColumnFacts, where: str) -> list[Problem]:
    found = misfits(rule, facts)
    if not found and rule.type.base is Base.BYTEA:
        text = misfits(Rule(SqlType(Base.TEXT)), facts)
        message = f"PostgreSQL cannot hold {_what(text)} as text: the column becomes bytea, which keeps all values."
        choices = tuple(f'type = "text", on_misfit = "{misfit}"' for misfit in ("null", "quarantine"))
        return [Problem("warning", where, message, _examples(text), _count(text), choices)]
    if not found:
        return []
    rows = "its row goes" if _count(found) == 1 else "their rows go"
    message = f"PostgreSQL cannot hold {_what(found)} as {rule.type}: {rows} to quarantine."
    offers = ['on_misfit = "null" (only the values are lost)']
    if not misfits(Rule(SqlType(Base.BYTEA)), facts):
        offers.insert(0, 'type = "bytea" (keeps every value, as bytes)')
    return [Problem("warning", where, message, _examples(found), _count(found), tuple(offers))]


def _not_wanted(column: Column, wanted: Proposal, taken: Proposal, facts: ColumnFacts, context: Context) -> Problem:
    where, found = context.where, misfits(wanted.rule, facts)
    declared = f"declared {column.declared_type}" if column.declared_type else "without a declared type"
    values = f"{_what(found)} {_do(found)} not fit {wanted.rule.type}"
    if not found:
        values = f"as {wanted.rule.type}, different spellings of one value could become equal in a key"
    message = f"The column is {declared}, but {values}: it becomes {taken.rule.type}."
    if (wanted.rule.type.base, taken.rule.type.base) in _WIDER:
        return Problem("note", where, message, _examples(found), _count(found))
    choices = _choices(wanted.rule, facts, context)
    return Problem("warning", where, message, _examples(found), _count(found), choices)


def _choices(rule: Rule, facts: ColumnFacts, context: Context) -> tuple[str, ...]:
    """What a person can write to have the type all the same."""
    epoch = rule.epoch
    if epoch is None and rule.type.base in (Base.DATE, Base.TIMESTAMP, Base.TIMESTAMPTZ):
        epoch = likely_epoch(facts)
        epoch = Epoch.CORE_DATA if context.core_data and epoch is not None else epoch
    spelled = f'type = "{rule.type}"' + (f', epoch = "{epoch.value}"' if epoch is not None else "")
    if not misfits(replace(rule, epoch=epoch), facts, trusted=True):
        return (spelled,)
    return (f'{spelled}, on_misfit = "null"', f'{spelled}, on_misfit = "quarantine"')


def _notes(column: Column, declared: Declared, rule: Rule, facts: ColumnFacts, where: str) -> list[Problem]:
    notes = [
        _spellings(rule, facts, where),
        _mixed_zones(rule, facts, where),
        _midnight(rule, facts, where),
        *vector_problems(rule, facts, where),
    ]
    if rule.type.base is Base.BYTEA and facts.texts is not None and facts.blobs is not None:
        message = f"{counted(facts.texts.count, _TEXT_TO_BYTES)} bytes, their UTF-8."
        notes.append(Problem("note", where, message, count=facts.texts.count))
    if rule.type.base in (Base.TEXT, Base.VARCHAR) and facts.blobs is not None and facts.blobs.utf8:
        message = f"{counted(facts.blobs.utf8, _BLOB_TO_TEXT)} text."
        notes.append(Problem("note", where, message, facts.blobs.examples, facts.blobs.utf8))
    if declared.family is Family.OTHER and not is_vector(column.declared_type):
        message = f"No database knows the type {column.declared_type}: its values decide ({rule.type})."
        notes.append(Problem("note", where, message))
    return [note for note in notes if note is not None]


def _spellings(rule: Rule, facts: ColumnFacts, where: str) -> Problem | None:
    """Text that holds nothing but moments, in more than one form."""
    forms = (TextForm.TIMESTAMP, TextForm.TIMESTAMP_ZONE, TextForm.DATE)
    several = sum(_form(facts, form) > 0 for form in forms) > 1
    if rule.type.base is not Base.TEXT or not several or not only_forms(facts, *forms):
        return None
    message = "All of its values are dates and times, but in several forms: it stays text, which keeps each as it is."
    return Problem("note", where, message, choices=('type = "timestamptz"',))


def _mixed_zones(rule: Rule, facts: ColumnFacts, where: str) -> Problem | None:
    naive = _form(facts, TextForm.TIMESTAMP) + _form(facts, TextForm.DATE)
    if rule.type.base is not Base.TIMESTAMPTZ or not naive or not _form(facts, TextForm.TIMESTAMP_ZONE):
        return None
    zone = "UTC" if rule.naive_time == "utc" else "this machine's local time"
    times = counted(naive, ("time has no zone and is", "times have no zone and are"))
    message = f"{times} read as {zone}; the others name theirs."
    assert facts.texts is not None
    naive_facts = facts.texts.forms.get(TextForm.TIMESTAMP) or facts.texts.forms[TextForm.DATE]
    return Problem(
        "warning", where, message, naive_facts.examples, naive, ('naive_time = "utc"', 'naive_time = "local"')
    )


def _midnight(rule: Rule, facts: ColumnFacts, where: str) -> Problem | None:
    days = _form(facts, TextForm.DATE)
    if rule.type.base not in (Base.TIMESTAMP, Base.TIMESTAMPTZ) or not days or facts.texts is None:
        return None
    message = f"{counted(days, ('date without a time becomes', 'dates without a time become'))} midnight."
    return Problem("note", where, message, facts.texts.forms[TextForm.DATE].examples, days)


def _form(facts: ColumnFacts, form: TextForm) -> int:
    found = facts.texts.forms.get(form) if facts.texts is not None else None
    return found.count if found is not None else 0


def _what(found: tuple[Misfit, ...]) -> str:
    return listed([misfit.what for misfit in found])


def _do(found: tuple[Misfit, ...]) -> str:
    return "does" if _count(found) == 1 and len(found) == 1 else "do"


def _count(found: tuple[Misfit, ...]) -> int:
    return sum(misfit.count for misfit in found)


def _examples(found: tuple[Misfit, ...]) -> tuple[Example, ...]:
    return tuple(example for misfit in found for example in misfit.examples)[:_MOST_EXAMPLES]
