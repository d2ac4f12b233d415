"""Rows whose parents are not there, and rows that could not be written because theirs is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlglot import exp

from exuvia.catalog.names import fold
from exuvia.ops.heal.cases import Case, Finding, Findings
from exuvia.ops.heal.database import Database, NotAnsweredError
from exuvia.ops.heal.model import Complaint, Diagnosis, Engine, Probe, Proposal, Risk, Target
from exuvia.ops.heal.names import free_name, literal, spell, spell_all, spell_in
from exuvia.ops.heal.schema import ForeignKey, Schema, Table
from exuvia.ops.heal.statement import Statement, parse

NOTHING: Final = Complaint()
_LISTED: Final = 50
_ADDING: Final = re.compile(
    r"ADD\s+(?:CONSTRAINT\s+(?P<name>\S+)\s+)?FOREIGN\s+KEY\s*\((?P<own>[^)]+)\)\s*REFERENCES\s+(?P<parent>[^\s(]+)"
    r"(?:\s*\((?P<others>[^)]+)\))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Link:
    """A foreign key between two tables that are there, with the SQL that is needed of it."""

    engine: Engine
    child: Table
    key: ForeignKey
    parent: Table

    @property
    def child_name(self) -> str:
        """The child as SQL."""
        return spell_in(self.engine, self.child.schema, self.child.name)

    @property
    def parent_name(self) -> str:
        """The parent as SQL."""
        return spell_in(self.engine, self.parent.schema, self.parent.name)

    @property
    def orphaned(self) -> str:
        """The condition for a row of the child without a parent."""
        own = [f"{self.child_name}.{spell(self.engine, column)}" for column in self.key.columns]
        # The parent's column comes first: in SQLite its collation decides
        pairs = zip((f"parent.{spell(self.engine, column)}" for column in self.key.parent_columns), own, strict=True)
        same = " AND ".join(f"{theirs} = {mine}" for theirs, mine in pairs)
        there = " AND ".join(f"{mine} IS NOT NULL" for mine in own)
        return f"{there} AND NOT EXISTS (SELECT 1 FROM {self.parent_name} AS parent WHERE {same})"

    @property
    def count(self) -> str:
        """The query that counts them."""
        return f"SELECT count(*) FROM {self.child_name} WHERE {self.orphaned}"

    @property
    def target(self) -> Target:
        """What a diagnosis is about."""
        return Target(self.child.schema, self.child.name, self.key.name, self.key.columns)


def link(schema: Schema, engine: Engine, child: Table, key: ForeignKey) -> Link | None:
    """Return a foreign key with both of its tables; None where the parent or its key is not there."""
    parent = schema.find(key.parent, key.parent_schema)
    if parent is None or len(key.parent_columns) != len(key.columns):
        return None
    return Link(engine, child, key, parent)


def check(schema: Schema, database: Database) -> Findings:
    """Count the orphans of every foreign key, also of those that the engine believes to hold."""
    for table in schema.tables:
        for key in table.foreign_keys:
            found = link(schema, database.engine, table, key)
            if not database.allows("read", key.parent_schema, key.parent):
                continue
            if found is None:
                own = ", ".join(key.columns)
                yield f"{table.name} ({own}) refers to {key.parent}, or a key of it, that is not there."
                continue
            yield from _counted(found, database)


def diagnose(case: Case, database: Database) -> Findings:
    """Find the rows, or the row, that an error of a foreign key is about."""
    if re.search(r"update or delete on table|is still referenced", case.said):
        yield "The row that was to go still has children: delete or move these first. Nothing is wrong in the database."
        return
    table = _child(case)
    if table is None:
        yield "The error does not say which table it is about; pass the statement that failed."
        return
    keys = _keys(case, table)
    writes = case.statement is not None and isinstance(case.statement.tree, exp.Insert | exp.Update)
    found: list[Finding] = []
    for key in keys:
        one = link(case.schema, database.engine, table, key)
        if one is not None and writes:
            found += _unwritten(one, case)
        elif one is not None:
            found += _counted(one, database, case.complaint)
    yield from found
    if not found:
        yield f"Every row of {table.name} that was looked at has its parent: the error is of another state."


def propose(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:
    """Propose to make the parents, to point the rows nowhere, or to put them aside: a person chooses."""
    schema, target = database.schema(), diagnosis.target
    child = schema.find(target.table, target.schema)
    statement = parse(diagnosis.complaint.sql, diagnosis.complaint.values, database.engine)
    if child is None:
        return
    known = [key for key in child.foreign_keys if key.columns == target.columns] or _added(
        diagnosis.complaint.sql, schema
    )
    found = link(schema, database.engine, child, known[0]) if known else None
    if found is None:
        return
    if statement is not None and isinstance(statement.tree, exp.Insert | exp.Update):
        yield from _one_parent(diagnosis, found, statement)
        return
    probes = [Probe("none", found.count, what=f"rows of {child.name} without a parent")]
    if diagnosis.complaint.sql:
        probes.append(Probe("statement", diagnosis.complaint.sql, tuple(diagnosis.complaint.values)))
    yield from _parents(diagnosis, found, database, probes)
    yield from _nowhere(diagnosis, found, probes)
    yield _aside(diagnosis, found, schema, probes)


def _counted(found: Link, database: Database, complaint: Complaint = NOTHING) -> Findings:
    try:
        count = database.number(found.count)
    except NotAnsweredError as error:
        yield f"The orphans of {found.child.name} ({', '.join(found.key.columns)}) were not counted: {error}."
        return
    if not count:
        return
    own = ", ".join(found.key.columns)
    rows = "row names a parent" if count == 1 else "rows name parents"
    message = (
        f"{count:,} {rows} that {'is' if count == 1 else 'are'} not in {found.parent.name}: {found.child.name} ({own})."
    )
    evidence = [f"the parents {_some(found, database)} are not there"]
    needed = _needed(found)
    if needed:
        evidence.append(f"they cannot be made from this: {found.parent.name} needs {', '.join(needed)}, too")
    yield Diagnosis("orphan_rows", found.target, message, tuple(evidence), "certain", complaint)


def _unwritten(found: Link, case: Case) -> Iterator[Diagnosis]:
    keys = dict(case.symptom.keys) or _values(found, case.statement)
    if not keys:
        return
    spelled = ", ".join(f"{column} {value}" for column, value in keys.items())
    message = f"The statement names a parent that is not in {found.parent.name}: {spelled}."
    needed = _needed(found)
    missing = f"{found.parent.name} needs {', '.join(needed)}, too: insert the parent first." if needed else ""
    yield Diagnosis("orphan_rows", found.target, message, (case.symptom.how,), "certain", case.complaint, missing)


def _one_parent(diagnosis: Diagnosis, found: Link, statement: Statement) -> Iterator[Proposal]:
    keys = _values(found, statement)
    if len(keys) != len(found.key.columns):
        return
    columns = spell_all(found.engine, found.key.parent_columns)
    values = [literal(value) for value in keys.values()]
    same = " AND ".join(
        f"{spell(found.engine, column)} = {value}"
        for column, value in zip(found.key.parent_columns, values, strict=True)
    )
    always = " OVERRIDING SYSTEM VALUE" if found.engine == "postgresql" else ""
    yield Proposal(
        diagnosis,
        f"Insert the parent into {found.parent.name}",
        (f"INSERT INTO {found.parent_name} ({columns}){always} VALUES ({', '.join(values)})",),
        (f"DELETE FROM {found.parent_name} WHERE {same}",),
        Risk("medium", (f"{found.parent.name} gets a row that has nothing but its key and defaults",)),
        (Probe("statement", statement.text, statement.values),),
        choice=True,
        also=((found.parent.schema, found.parent.name),),
    )


def _parents(diagnosis: Diagnosis, found: Link, database: Database, probes: Sequence[Probe]) -> Iterator[Proposal]:
    if _needed(found):
        return
    engine = found.engine
    own, theirs = spell_all(engine, found.key.columns), spell_all(engine, found.key.parent_columns)
    keys = _missing_keys(found, database)
    undo: tuple[str, ...] = ()
    if 0 < len(keys) <= _LISTED:
        tuples = ", ".join(f"({', '.join(literal(str(value)) for value in key)})" for key in keys)
        listed = tuples if len(found.key.columns) == 1 else f"VALUES {tuples}"
        undo = (f"DELETE FROM {found.parent_name} WHERE ({theirs}) IN ({listed})",)
    always = " OVERRIDING SYSTEM VALUE" if engine == "postgresql" else ""
    count = f"{len(keys):,}" if len(keys) <= _LISTED else f"more than {_LISTED}"
    yield Proposal(
        diagnosis,
        f"Insert the missing parents into {found.parent.name}",
        (
            f"INSERT INTO {found.parent_name} ({theirs}){always} SELECT DISTINCT {own} FROM {found.child_name}"
            f" WHERE {found.orphaned}",
        ),
        undo,
        Risk("medium", (f"{found.parent.name} gets {count} rows that have nothing but their keys and defaults",)),
        tuple(probes),
        no_undo="" if undo else f"there are more than {_LISTED} keys to list",
        choice=True,
        also=((found.parent.schema, found.parent.name),),
    )


def _nowhere(diagnosis: Diagnosis, found: Link, probes: Sequence[Probe]) -> Iterator[Proposal]:
    columns = [found.child.column(name) for name in found.key.columns]
    if any(column is None or column.not_null or column.name in found.child.key for column in columns):
        return
    cleared = ", ".join(f"{spell(found.engine, name)} = NULL" for name in found.key.columns)
    yield Proposal(
        diagnosis,
        f"Let the rows of {found.child.name} name no parent",
        (f"UPDATE {found.child_name} SET {cleared} WHERE {found.orphaned}",),
        (),
        Risk("high", ("the rows stay, but which parents they named is lost",)),
        tuple(probes),
        no_undo="which parents the rows named is kept nowhere",
        choice=True,
    )


def _aside(diagnosis: Diagnosis, found: Link, schema: Schema, probes: Sequence[Probe]) -> Proposal:
    aside = free_name([found.child.name, "orphans"], schema.names())
    kept = spell_in(found.engine, found.child.schema, aside)
    lock = (f"LOCK TABLE {found.child_name} IN SHARE ROW EXCLUSIVE MODE",) if found.engine == "postgresql" else ()
    referring = [
        table.name
        for table in schema.tables
        for key in table.foreign_keys
        if (key.parent_schema, fold(key.parent)) == (found.child.schema, fold(found.child.name))
    ]
    reasons = [f"the rows leave {found.child.name} and stay in {aside}", _locks(found)]
    if referring:
        reasons.append(f"{', '.join(dict.fromkeys(referring))} may refer to them: deleted too, or in the way")
    return Proposal(
        diagnosis,
        f"Move the rows into a table of their own, {aside}",
        (
            *lock,
            f"CREATE TABLE {kept} AS SELECT * FROM {found.child_name} WHERE {found.orphaned}",
            f"DELETE FROM {found.child_name} WHERE {found.orphaned}",
        ),
        (),
        Risk("high", tuple(reasons)),
        tuple(probes),
        no_undo=f"once their parents are there: INSERT INTO {found.child_name} SELECT * FROM {kept}",
        choice=True,
        also=((found.child.schema, aside),),
    )


def _locks(found: Link) -> str:
    return "others cannot write to it meanwhile" if found.engine == "postgresql" else "nobody can write meanwhile"


def _child(case: Case) -> Table | None:
    schema, _, name = case.symptom.table.rpartition(".")
    if name:
        return case.schema.find(name, schema)
    if case.statement is not None and case.statement.tables:
        use = case.statement.tables[0]
        return case.schema.find(use.name, use.schema)
    return None


def _keys(case: Case, table: Table) -> list[ForeignKey]:
    """Return the foreign keys that the error may be about: the one it names, the one to be added, or all."""
    named = [key for key in table.foreign_keys if key.name and key.name == case.symptom.constraint]
    return named or _added(case.complaint.sql, case.schema) or list(table.foreign_keys)


def _added(sql: str, schema: Schema) -> list[ForeignKey]:
    """Return the foreign key that an ALTER TABLE was to add."""
    found = _ADDING.search(sql)
    if found is None:
        return []
    place, _, name = found["parent"].rpartition(".")
    parent = schema.find(_bare(name), _bare(place))
    if parent is None:
        return []
    own = tuple(_bare(part) for part in found["own"].split(","))
    others = tuple(_bare(part) for part in found["others"].split(",")) if found["others"] else parent.key
    return [ForeignKey(_bare(found["name"] or ""), own, parent.schema, parent.name, others, valid=False)]


def _bare(name: str) -> str:
    name = name.strip()
    return name[1:-1].replace('""', '"') if name.startswith('"') else fold(name)


def _needed(found: Link) -> list[str]:
    """Return the columns of the parent that a row needs beside its key."""
    key = {fold(column) for column in found.key.parent_columns}
    return [
        column.name
        for column in found.parent.columns
        if column.not_null and not column.has_default and fold(column.name) not in key
    ]


def _values(found: Link, statement: Statement | None) -> dict[str, str]:
    """Return the key that a statement writes, as texts; nothing where it does not write all of it plainly."""
    if statement is None:
        return {}
    values: dict[str, str] = {}
    for column in found.key.columns:
        for node in _written(column, statement):
            known, value = statement.value_of(node)
            if known and value is not None:
                values[column] = str(value)
    return values if len(values) == len(found.key.columns) else {}


def _written(column: str, statement: Statement) -> Iterator[Any]:
    tree = statement.tree
    if isinstance(tree, exp.Insert) and isinstance(tree.this, exp.Schema) and isinstance(tree.expression, exp.Values):
        names = [fold(node.name) for node in tree.this.expressions]
        if fold(column) in names:
            for row in tree.expression.expressions:
                yield row.expressions[names.index(fold(column))]
    elif isinstance(tree, exp.Update):
        for change in tree.expressions:
            if isinstance(change, exp.EQ) and fold(change.this.name) == fold(column):
                yield change.expression


def _missing_keys(found: Link, database: Database) -> list[tuple[Any, ...]]:
    own = spell_all(found.engine, found.key.columns)
    return database.rows(
        f"SELECT DISTINCT {own} FROM {found.child_name} WHERE {found.orphaned} ORDER BY {own} LIMIT {_LISTED + 1}"
    )


def _some(found: Link, database: Database) -> str:
    try:
        keys = _missing_keys(found, database)
    except NotAnsweredError:
        return "of some rows"
    shown = [", ".join(map(str, key))[:60] for key in keys[:5]]
    return "; ".join(shown) + (" …" if len(keys) > len(shown) else "")
