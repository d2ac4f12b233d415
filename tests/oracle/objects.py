"""Are all objects there? Each key, constraint, index, view and trigger is in the target or named with a reason."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter

import psycopg

from oracle.claim import Claim, ClaimedTable
from oracle.rows import compare_view
from oracle.source import Entry, Source, SourceColumn, SourceIndex, SourceKey, Text, folded
from oracle.target import Constraint, Index, Target, TargetColumn
from oracle.times import Unequal
from oracle.values import same_number_as_text, source_form, target_form

_INTERNAL = re.compile(r"sqlite_", re.IGNORECASE)


def entries(source: Source, target: Target, claim: Claim) -> list[str]:
    """Return the entries of the source's schema that are neither in the target nor named in the report."""
    complaints = []
    views = {name for _, name in target.views()}
    triggers = target.triggers()
    for entry in source.entries:
        there = {
            "table": claim.table(entry.name) is not None,
            "view": entry.name in views,
            "trigger": entry.name in triggers,
        }
        if entry.kind == "index" or _INTERNAL.match(entry.name) or there[entry.kind]:
            continue
        if not _named(claim, entry):
            complaints.append(f"{entry.kind} {entry.name}: neither in the target nor in the report")
    return complaints


def _named(claim: Claim, entry: Entry) -> bool:
    return any(m.name == entry.name and m.reason for m in claim.mentions)


def tables(source: Source, target: Target, claim: Claim, table: ClaimedTable) -> list[str]:
    """Return what is wrong with the keys, constraints, indexes, defaults and sequences of one table."""
    oid = target.table(table.schema, table.name)
    if oid is None:
        return []
    columns = {column.name: column for column in target.columns(oid)}
    names = {folded(column.source): column.target for column in table.columns if column.target in columns}
    constraints = target.constraints(oid)
    indexes = target.indexes(oid)
    declared = source.columns(table.source)
    complaints = _columns(claim, table, declared, names, columns)
    complaints += _defaults(claim, table, declared, names, columns, target)
    complaints += _primary_key(claim, table, declared, names, constraints)
    for index in source.indexes(table.source):
        complaints += _index(claim, table, index, names, indexes)
    for key in source.foreign_keys(table.source):
        complaints += _foreign_key(source, claim, table, key, names, constraints)
    complaints += _checks(source, claim, table, constraints)
    return complaints + _sequence(source, target, claim, table, names)


def _columns(
    claim: Claim,
    table: ClaimedTable,
    declared: tuple[SourceColumn, ...],
    names: dict[str, str],
    columns: dict[str, TargetColumn],
) -> list[str]:
    complaints = []
    for column in declared:
        if folded(column.name) not in names:
            if not claim.names(column.name, table=table.source):
                complaints.append(f"{table.source}.{column.name}: a column that was neither moved nor named")
            continue
        found = columns[names[folded(column.name)]]
        if column.not_null and not found.not_null and not claim.names(column.name, "null", table=table.source):
            complaints.append(f"{table.source}.{column.name}: NOT NULL is lost without a word")
        if column.hidden and not found.generated and not claim.names(column.name, table=table.source):
            complaints.append(f"{table.source}.{column.name}: is no longer generated, without a word")
    return complaints


def _defaults(
    claim: Claim,
    table: ClaimedTable,
    declared: tuple[SourceColumn, ...],
    names: dict[str, str],
    columns: dict[str, TargetColumn],
    target: Target,
) -> list[str]:
    complaints = []
    for column in declared:
        if (
            column.default is None
            or column.default.upper() == "NULL"
            or folded(column.name) not in names
            or column.hidden
        ):
            continue
        found = columns[names[folded(column.name)]]
        if found.default is None and not found.identity:
            if not claim.names("default", column.name, table=table.source) and _constant(column) is not None:
                complaints.append(f"{table.source}.{column.name}: DEFAULT {column.default} is lost without a word")
        elif found.default is not None:
            complaints += _default_value(table, column, found, target)
    return complaints


def _constant(column: SourceColumn) -> object:
    """Return what SQLite itself stores for a default in a column of that declared type."""
    with sqlite3.connect(":memory:") as scratch:
        scratch.text_factory = bytes
        try:
            scratch.execute(f"CREATE TABLE t(v {column.declared} DEFAULT {_closed(column.default or '')}, w)")
            scratch.execute("INSERT INTO t(w) VALUES(1)")
            return scratch.execute("SELECT v FROM t").fetchone()[0]
        except sqlite3.Error:
            return "unknown"


def _closed(default: str) -> str:
    return (
        default
        if re.fullmatch(r"[\w.+-]+|'(?:[^']|'')*'|x'[0-9a-f]*'|\"(?:[^\"]|\"\")*\"", default, re.IGNORECASE)
        else f"({default})"
    )


def _default_value(table: ClaimedTable, column: SourceColumn, found: TargetColumn, target: Target) -> list[str]:
    """Compare a literal default's value on both sides; a default that is computed only has to run."""
    where = f"{table.source}.{column.name}"
    if found.default is None or found.default.startswith("nextval("):
        return []
    try:
        given = target.evaluated(found.default, found.kind)
    except psycopg.Error as error:
        return [f"{where}: the default {found.default} does not run: {str(error).splitlines()[0]}"]
    if re.search(r"\(|current_", column.default or "", re.IGNORECASE) and not (column.default or "").startswith("'"):
        return []
    with sqlite3.connect(":memory:") as scratch:
        scratch.execute(f"CREATE TABLE t(v {column.declared} DEFAULT {_closed(column.default or '')}, w)")
        scratch.execute("INSERT INTO t(w) VALUES(1)")
        scratch.text_factory = Text
        stored = scratch.execute("SELECT v FROM t").fetchone()[0]
    claimed = next(c for c in table.columns if c.source == column.name)
    try:
        form = target_form(given, found.kind)
        if source_form(stored, found.kind, claimed) == form or same_number_as_text(stored, form):
            return []
    except Unequal:
        pass
    return [f"{where}: the default gives {given!r} where SQLite's {column.default} gives {stored!r}"]


def _primary_key(
    claim: Claim,
    table: ClaimedTable,
    declared: tuple[SourceColumn, ...],
    names: dict[str, str],
    constraints: tuple[Constraint, ...],
) -> list[str]:
    key = tuple(c.name for c in sorted((c for c in declared if c.key_position), key=lambda c: c.key_position))
    if not key:
        return []
    wanted = tuple(names.get(folded(name), "") for name in key)
    if any(c.kind == "p" and c.columns == wanted for c in constraints) or claim.names("key", table=table.source):
        return []
    return [f"{table.source}: PRIMARY KEY({', '.join(key)}) is lost without a word"]


def _index(
    claim: Claim, table: ClaimedTable, index: SourceIndex, names: dict[str, str], indexes: tuple[Index, ...]
) -> list[str]:
    if index.origin == "pk":
        return []
    wanted = tuple(None if c is None else names.get(folded(c), "") for c in index.columns)
    alike = [
        i
        for i in indexes
        if i.valid and i.columns == wanted and i.unique == index.unique and i.partial == index.partial
    ]
    if not alike and any(i.name == index.name and i.valid for i in indexes):
        alike = [
            i
            for i in indexes
            if i.name == index.name and (i.unique or not index.unique) and (i.partial or not index.partial)
        ]
    if not alike and index.origin == "u":
        alike = [i for i in indexes if i.unique and i.valid and not i.partial and set(i.columns) == set(wanted)]
    if alike or any(m.name == index.name and m.reason for m in claim.mentions):
        return []
    if index.origin == "u" and claim.names("unique", table=table.source):
        return []
    return [f"{table.source}: index {index.name} on {index.columns} is lost without a word"]


def _foreign_key(
    source: Source,
    claim: Claim,
    table: ClaimedTable,
    key: SourceKey,
    names: dict[str, str],
    constraints: tuple[Constraint, ...],
) -> list[str]:
    wanted = tuple(names.get(folded(name), "") for name in key.columns)
    parent = next((t for t in claim.tables if folded(t.source) == folded(key.parent)), None)
    found = [
        c
        for c in constraints
        if c.kind == "f" and c.columns == wanted and parent is not None and c.parent == parent.name
    ]
    shown = f"{table.source}: FOREIGN KEY({', '.join(key.columns)}) REFERENCES {key.parent}"
    if not found:
        return [] if claim.names("foreign key", table=table.source) else [f"{shown} is lost without a word"]
    complaints = []
    if not any((c.on_update, c.on_delete) == (key.on_update.upper(), key.on_delete.upper()) for c in found):
        complaints.append(
            f"{shown}: actions {key.on_update}, {key.on_delete} became {found[0].on_update}, {found[0].on_delete}"
        )
    if parent is not None:
        others = {folded(c.source): c.target for c in parent.columns}
        primary = tuple(
            c.name for c in sorted(source.columns(parent.source), key=lambda c: c.key_position) if c.key_position
        )
        named = tuple(c for c in key.parent_columns if c is not None) or primary
        if not any(c.parent_columns == tuple(others.get(folded(n), "") for n in named) for c in found):
            complaints.append(f"{shown}: refers to {found[0].parent_columns}")
    return complaints


_SKIP = re.compile(r"--[^\n]*|/\*.*?(?:\*/|$)|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]", re.DOTALL)


def _checks(source: Source, claim: Claim, table: ClaimedTable, constraints: tuple[Constraint, ...]) -> list[str]:
    declaration = next((e.sql for e in source.entries if e.kind == "table" and e.name == table.source), "")
    declared = len(re.findall(r"\bCHECK\b\s*\(", _SKIP.sub(" '' ", declaration), re.IGNORECASE))
    kept = sum(c.kind == "c" for c in constraints)
    named = len(
        {
            m.name + m.reason
            for m in claim.mentions
            if m.kind == "check" and m.table == table.source and m.fate == "left out"
        }
    )
    return (
        []
        if kept + named >= declared
        else [f"{table.source}: {declared} CHECKs are declared, {kept} moved and {named} named as left out"]
    )


def _sequence(
    source: Source,
    target: Target,
    claim: Claim,
    table: ClaimedTable,
    names: dict[str, str],
) -> list[str]:
    key = source.rowid_alias(table.source)
    if key is None or folded(key) not in names:
        return []
    where = f"{table.source}.{key}"
    top = max(source.greatest(table.source, key), source.sequence(table.source) or 0)
    try:
        following = target.next_value(table.schema, table.name, names[folded(key)])
    except psycopg.errors.SequenceGeneratorLimitExceeded:
        return [] if top >= 2**63 - 1 else [f"{where}: its sequence is exhausted"]
    if following is None:
        named = claim.names(key, table=table.source)
        return [] if named else [f"{where}: an INTEGER PRIMARY KEY without a sequence"]
    if top >= 2**63 - 1 and not source.holds(table.source, key, following):
        return []
    return [] if following > top else [f"{where}: the next value is {following}, the greatest used {top}"]


def views(source: Source, target: Target, claim: Claim) -> list[str]:
    """Return the views whose rows differ: a translation has to give what SQLite gives."""
    schemas = {table.schema for table in claim.tables} or {"public"}
    complaints = []
    for schema, name in sorted(target.views()):
        if schema in schemas and any(e.kind == "view" and e.name == name for e in source.entries):
            complaints += compare_view(source, target, schema, name)
    return complaints


def duplicates(claim: Claim) -> list[str]:
    """Return the target names that two tables claim."""
    counted = Counter((table.schema, table.name) for table in claim.tables)
    return [
        f"{schema}.{name}: two tables are said to be here" for (schema, name), times in counted.items() if times > 1
    ]
