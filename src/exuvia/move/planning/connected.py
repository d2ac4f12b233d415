"""Columns that foreign keys connect get types that PostgreSQL can compare."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from exuvia.catalog.model import Table
from exuvia.catalog.types import Base, SqlType
from exuvia.move.plan import Problem
from exuvia.move.planning.fit import fits, keeps_apart
from exuvia.move.planning.policy import Choice
from exuvia.move.planning.proposals import DOUBLE, NUMERIC, TEXT
from exuvia.values.facts import ColumnFacts
from exuvia.values.rules import Rule

ColumnId = tuple[str, str]

_FAMILIES = (
    {Base.SMALLINT, Base.INTEGER, Base.BIGINT},
    {Base.TEXT, Base.VARCHAR},
)
_UNSURE = frozenset({Base.DOUBLE, Base.NUMERIC})


@dataclass(frozen=True, slots=True)
class Member:
    """A column that foreign keys connect with others. ``fixed`` columns keep their type: an alias of the rowid, or a
    column whose type a person gave. The values of ``unique`` ones have to stay apart."""

    choice: Choice
    facts: ColumnFacts
    fixed: bool
    unique: bool = False


def comparable(one: SqlType, other: SqlType) -> bool:
    """Whether PostgreSQL takes columns of these types as the two ends of a foreign key."""
    return one.base is other.base or any({one.base, other.base} <= family for family in _FAMILIES)


def unify(tables: Sequence[Table], members: Mapping[ColumnId, Member]) -> dict[ColumnId, Choice]:
    """Return the choices that change so that both ends of each foreign key have comparable types.

    A column without values takes the type of the others. Otherwise the first type among theirs that holds every value
    of all of them is taken, then wider ones. Where a fixed column stands in the way of the others' values, they
    differ, and the foreign key has to be left out.

    Args:
        tables: The tables that are moved.
        members: Every moved column.
    """
    changed: dict[ColumnId, Choice] = {}
    for group in _groups(tables, members):
        found = {column: members[column] for column in group}
        rule_of = _common(list(found.values()))
        if rule_of is None:
            continue
        source, rule = rule_of
        name = next(".".join(column) for column, member in found.items() if member is source or source is None)
        for column, member in found.items():
            if comparable(member.choice.rule.type, rule.type) or member.fixed or not _may_be(rule, member):
                continue
            reason = f"a foreign key connects it with {name}, and {rule.type} holds the values of both"
            note = Problem("note", ".".join(column), f"It becomes {rule.type}: {reason}.")
            problems = (*member.choice.problems, note)
            changed[column] = replace(member.choice, rule=rule, reason=reason, problems=problems)
    return changed


def _common(members: Sequence[Member]) -> tuple[Member | None, Rule] | None:
    """The member whose rule suits all, None with a wider rule that does, or nothing where no change is needed."""
    if all(comparable(one.choice.rule.type, members[0].choice.rule.type) for one in members):
        return None
    fixed = [member for member in members if member.fixed]
    if fixed:
        return fixed[0], fixed[0].choice.rule
    filled = [member for member in members if _values(member.facts)] or list(members)
    for member in filled:
        if all(_may_be(member.choice.rule, other) for other in filled):
            return member, member.choice.rule
    for wider in (DOUBLE, NUMERIC, TEXT):
        if all(_may_be(wider.rule, other) for other in filled):
            return None, wider.rule
    return None


def _may_be(rule: Rule, member: Member) -> bool:
    """Whether every value fits as it is written; of numbers as text, only integer types are sure to keep that."""
    facts = member.facts
    apart = not member.unique or keeps_apart(rule, facts)
    return apart and fits(rule, facts) and (facts.texts is None or rule.type.base not in _UNSURE)


def _values(facts: ColumnFacts) -> bool:
    return facts.nulls < facts.rows


def _groups(tables: Iterable[Table], members: Collection[ColumnId]) -> list[list[ColumnId]]:
    """Columns that are connected by foreign keys, directly or through others (union-find); the targets come first."""
    parent: dict[ColumnId, ColumnId] = {}

    def root(column: ColumnId) -> ColumnId:
        while parent.setdefault(column, column) != column:
            parent[column] = parent[parent[column]]
            column = parent[column]
        return column

    for table in tables:
        for key in table.foreign_keys:
            for here, there in zip(key.columns, key.target_columns, strict=False):
                child, target = (table.name, here), (key.target_table, there)
                if child in members and target in members:
                    target_root = root(target)
                    parent[root(child)] = target_root
    groups: dict[ColumnId, list[ColumnId]] = {}
    for column in list(parent):
        groups.setdefault(root(column), []).append(column)
    return [group for group in groups.values() if len(group) > 1]
