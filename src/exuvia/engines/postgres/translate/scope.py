"""What a name in an expression means: SQLite's rules for columns, aliases, the rowid and double-quoted strings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from exuvia.catalog.names import fold, quote
from exuvia.engines.postgres.translate.values import (
    Kind,
    NotExact,
    Relation,
    Value,
    column_value,
    constant_value,
)

T = TypeVar("T")

UNSURE_KEY = "a BEFORE INSERT trigger of SQLite does not see the key that a new row will be given, PostgreSQL's does"

_ROWID_NAMES = frozenset({"rowid", "_rowid_", "oid"})


def find(mapping: Mapping[str, T], name: str) -> T | None:
    """Return what ``name`` stands for, in any case of its ASCII letters; None when nothing does."""
    if name in mapping:
        return mapping[name]
    return next((value for key, value in mapping.items() if fold(key) == fold(name)), None)


@dataclass(frozen=True, slots=True)
class Source:
    """A relation that a query reads.

    Args:
        alias: The name by which the query calls it.
        relation: Its columns.
        qualifier: What stands before a column in PostgreSQL, with its dot; empty for none.
        merged: Columns that USING took from this side: unqualified, they mean the other side's.
        hidden: Its columns are only found by its name (NEW, OLD, excluded).
        unset: Columns that are not yet computed when a BEFORE trigger runs.
        unsure: The key that SQLite may not have given yet when a BEFORE INSERT trigger runs.
    """

    alias: str
    relation: Relation
    qualifier: str
    merged: frozenset[str] = frozenset()
    unset: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()
    hidden: bool = False

    def column(self, name: str) -> Value | None:
        """Return the column called ``name``; None when there is none."""
        found = find(self.relation.columns, name)
        if found is None and fold(name) in _ROWID_NAMES:
            if self.relation.rowid is None:
                raise NotExact(f"the rowid of {self.relation.name} is not kept")
            return self.column(self.relation.rowid)
        if found is None:
            return None
        if fold(name) in self.unset:
            raise NotExact(f"{name} of a row to come is computed by PostgreSQL after its BEFORE triggers")
        value = column_value(self.qualifier + quote(found.name), found)
        return replace(value, remarks=frozenset({UNSURE_KEY})) if fold(name) in self.unsure else value


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that an expression can see: the query's own sources, then its result aliases, then the query
    around it. ``used`` takes the columns that a query inside an expression reads from here."""

    sources: tuple[Source, ...] = ()
    parent: Scope | None = None
    aliases: Mapping[str, Value] = field(default_factory=dict)
    used: set[str] | None = None

    def column(self, name: str, table: str | None, *, quoted: bool) -> Value:
        """Return what a column reference means.

        Raises:
            NotExact: It names nothing, or more than one thing.
        """
        scope: Scope | None = self
        while scope is not None:
            found = scope._own(name, table)
            if found is not None:
                if scope.used is not None:
                    scope.used.update(found.columns)
                return found
            scope = scope.parent
        if table is None and quoted:
            return constant_value(name)
        where = f"{table}.{name}" if table else name
        raise NotExact(f"{where} names no column that is moved")

    def _own(self, name: str, table: str | None) -> Value | None:
        if table is not None:
            for source in self.sources:
                if fold(source.alias) == fold(table):
                    return source.column(name)
            return None
        seen = [source for source in self.sources if not source.hidden]
        named = [s for s in seen if find(s.relation.columns, name) is not None and fold(name) not in s.merged]
        if len(named) > 1:
            raise NotExact(f"{name} is a column of more than one table")
        if named:
            return named[0].column(name)
        alias = find(self.aliases, name)
        if alias is not None:
            return alias
        if fold(name) in _ROWID_NAMES and len(seen) == 1:
            return seen[0].column(name)
        return None


def is_null(value: Value) -> bool:
    """Tell whether a value is the literal NULL."""
    return value.kind is Kind.NULL
