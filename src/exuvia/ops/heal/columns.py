"""Columns that a statement names and no table has: the right name for them, or the columns."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from exuvia.catalog.names import fold
from exuvia.ops.heal.cases import Case, Findings
from exuvia.ops.heal.column_types import Reasoned, type_of
from exuvia.ops.heal.database import Database
from exuvia.ops.heal.model import Diagnosis, Probe, Proposal, Risk, Target
from exuvia.ops.heal.names import spell, spell_in
from exuvia.ops.heal.near import nearest
from exuvia.ops.heal.schema import Schema, Table
from exuvia.ops.heal.statement import Statement, parse, rename, resolve

_NO_STATEMENT = "Pass the statement that failed (and its values): it tells which table is meant, and the type."
_NO_TYPE = (
    "Nothing tells the type: pass the statement with the values of its parameters, where it compares the column with a"
    " value or another column, or gives it one; or add the column by hand."
)


def diagnose(case: Case) -> Findings:
    """Find the table that lacks a column, and what it has instead."""
    qualifier, _, name = case.symptom.column.rpartition(".")
    if not name and case.statement is None:
        yield "The error names no column; pass the statement that failed."
        return
    table = _owner(case, qualifier, name)
    if table is None:
        yield from _without_table(case, name)
        return
    missing = _missing_from(case, table, name)
    if not missing:
        yield f"{table.schema}.{table.name} has the column {name}: the error is of another database, or an older state."
        return
    spelled = ", ".join(missing)
    near = {column: nearest(column, (known.name for known in table.columns), most=1) for column in missing}
    meant = ", ".join(found[0] for found in near.values() if found)
    message = f"{table.schema}.{table.name} has no column {spelled}" + (f"; it has {meant}" if meant else "")
    evidence = (case.symptom.how, f"its columns: {', '.join(column.name for column in table.columns[:40])}")
    target = Target(table.schema, table.name, columns=missing)
    lacking = "" if meant or _types(missing, case.statement, case.schema) else _lacking(case.statement, table)
    yield Diagnosis("missing_column", target, f"{message}.", evidence, "certain", case.complaint, lacking)


def propose(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:
    """Propose other names for what has a near one, and to add what has none; or to add all."""
    schema = database.schema()
    table = schema.find(diagnosis.target.table, diagnosis.target.schema)
    statement = parse(diagnosis.complaint.sql, diagnosis.complaint.values, database.engine)
    if table is None or statement is None:
        return
    missing = diagnosis.target.columns
    near = {
        column: found[0]
        for column in missing
        if (found := nearest(column, (known.name for known in table.columns), most=1))
    }
    rest = tuple(column for column in missing if column not in near)
    types = _types(missing, statement, schema)
    if near and (not rest or all(column in types for column in rest)):
        yield _proposal(diagnosis, table, statement, near, {column: types[column] for column in rest}, choice=False)
    if len(types) == len(missing) and table.kind != "view":
        yield _proposal(diagnosis, table, statement, {}, types, choice=bool(near))


def _proposal(
    diagnosis: Diagnosis,
    table: Table,
    statement: Statement,
    renamed: dict[str, str],
    types: dict[str, Reasoned],
    *,
    choice: bool,
) -> Proposal:
    engine = statement.engine
    place = spell_in(engine, table.schema, table.name)
    text = statement.text
    for wrong, right in renamed.items():
        text = rename(text, wrong, spell(engine, right) if right != fold(right) or engine == "sqlite" else right)
    probe = Probe("statement", text, statement.values)
    words = [f"read {right} instead of {wrong}" for wrong, right in renamed.items()]
    words += [f"add the column {column} {one.type} ({one.reason})" for column, one in types.items()]
    title = " and ".join(words)
    statements: tuple[str, ...]
    undo: tuple[str, ...]
    if engine == "postgresql":
        parts = [f"ADD COLUMN {spell(engine, column)} {one.type}" for column, one in types.items()]
        backwards = [f"DROP COLUMN {spell(engine, column)}" for column in types]
        statements = (f"ALTER TABLE {place} {', '.join(parts)}",) if parts else ()
        undo = (f"ALTER TABLE {place} {', '.join(backwards)}",) if parts else ()
    else:
        statements = tuple(f"ALTER TABLE {place} ADD COLUMN {spell(engine, c)} {one.type}" for c, one in types.items())
        undo = tuple(f"ALTER TABLE {place} DROP COLUMN {spell(engine, column)}" for column in types)
    return Proposal(
        diagnosis,
        title[:1].upper() + title[1:],
        statements,
        undo,
        _risk(table, added=bool(types)),
        (probe,),
        choice=choice,
        rewritten=text if renamed else "",
    )


def _risk(table: Table, *, added: bool) -> Risk:
    if not added:
        return Risk("low", ("nothing in the database changes: the query has to",))
    return Risk(
        "low",
        (
            f"locks all of {table.name} for a moment, and touches none of its about {table.rows:,} rows",
            "taking it back loses what was written into the column",
        ),
    )


def _types(missing: tuple[str, ...], statement: Statement | None, schema: Schema) -> dict[str, Reasoned]:
    if statement is None:
        return {}
    return {column: found for column in missing if (found := type_of(column, statement, schema)) is not None}


def _lacking(statement: Statement | None, table: Table) -> str:
    if table.kind == "view":
        return f"{table.name} is a view: its query has to give the column."
    return _NO_STATEMENT if statement is None else _NO_TYPE


def _owner(case: Case, qualifier: str, name: str) -> Table | None:
    """Return the table that should have the column."""
    if case.symptom.table:
        schema, _, relation = case.symptom.table.rpartition(".")
        return case.schema.find(relation, schema)
    if case.statement is None:
        return case.schema.find(qualifier) if qualifier else None
    if qualifier:
        use = case.statement.uses_of(qualifier.rpartition(".")[2])
        return resolve(use, case.schema) if use is not None else case.schema.find(qualifier)
    target = next((use for use in case.statement.tables if use.is_target), None)
    if target is not None:
        return resolve(target, case.schema)
    tables = [table for use in case.statement.tables if (table := resolve(use, case.schema)) is not None]
    if len(tables) > 1 and name:
        # Of several tables the one is meant that has almost such a column
        near = [table for table in tables if nearest(name, (column.name for column in table.columns))]
        return near[0] if len(near) == 1 else None
    return tables[0] if tables else None


def _missing_from(case: Case, table: Table, name: str) -> tuple[str, ...]:
    """Return the column that the error names, and the others of the statement that the table lacks as well."""
    statement = case.statement
    is_used = statement is None or any(fold(use.name) == fold(name) for use in statement.columns)
    found = [name] if name and is_used and table.column(name) is None else []
    if statement is not None:
        aliases = {fold(use.alias) for use in statement.tables if resolve(use, case.schema) is table}
        only = len(statement.tables) == 1
        outputs = {fold(alias.alias) for alias in statement.tree.find_all(exp.Alias)}
        for use in statement.columns:
            mine = fold(use.qualifier) in aliases or (not use.qualifier and only)
            if mine and table.column(use.name) is None and fold(use.name) not in outputs | {"rowid", "oid", "ctid"}:
                found.append(use.name)
    first: dict[str, str] = {}
    for column in found:
        first.setdefault(fold(column), column)
    return tuple(first.values())


def _without_table(case: Case, name: str) -> Findings:
    tables = [use.name for use in case.statement.tables] if case.statement is not None else []
    if len(tables) > 1:
        yield f"The column {name} could be of any of {', '.join(tables)}: write the table before it."
        return
    near = [
        f"{table.name}.{found}"
        for table in case.schema.tables
        for found in nearest(name, (column.name for column in table.columns), most=1)
    ]
    meant = f" There are {', '.join(near[:5])}." if near else ""
    yield f"The error does not say which table lacks the column {name}.{meant} {_NO_STATEMENT}"
