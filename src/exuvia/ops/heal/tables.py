"""Tables that a statement names and nobody has: the right name for them, or the table, where its columns are told."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from exuvia.catalog.names import fold
from exuvia.ops.heal.cases import Case, Findings
from exuvia.ops.heal.column_types import Reasoned, type_of
from exuvia.ops.heal.database import Database
from exuvia.ops.heal.model import Diagnosis, Engine, Probe, Proposal, Risk, Target
from exuvia.ops.heal.names import spell, spell_in
from exuvia.ops.heal.near import nearest
from exuvia.ops.heal.schema import Schema
from exuvia.ops.heal.statement import Statement, parse, rename, resolve

_UNTOLD = (
    "Nothing tells which columns the table has. An INSERT that names its columns and gives each a value does; or make"
    " it by the migration or the script that made it elsewhere."
)


def diagnose(case: Case) -> Findings:
    """Find what a missing table may be called, and whether anything tells its columns."""
    named = case.symptom.table
    if not named and case.statement is not None:
        named = next((use.name for use in case.statement.tables if resolve(use, case.schema) is None), "")
    if not named:
        yield "The error names no table; pass the statement that failed."
        return
    schema, _, name = named.rpartition(".")
    found = case.schema.find(name, schema)
    if found is not None:
        yield f"There is a table {found.schema}.{found.name}: the error is of another database, or an older state."
        return
    place = schema or case.schema.path[0]
    near = _near(case.schema, name, schema)
    message = f"There is no table {place}.{name}" + (f"; there is {', '.join(near)}" if near else "") + "."
    told = _columns(case.statement, name, case.schema)
    missing = "" if told or (near and case.statement is not None) else _UNTOLD
    if near and case.statement is None and not told:
        missing = "Pass the statement that failed, to see whether it runs with the other name."
    evidence = (case.symptom.how,) if case.symptom.how else ()
    yield Diagnosis("missing_table", Target(place, name), message, evidence, "certain", case.complaint, missing)


def propose(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:
    """Propose each near name, and to make the table where a statement tells all of its columns."""
    schema, target = database.schema(), diagnosis.target
    statement = parse(diagnosis.complaint.sql, diagnosis.complaint.values, database.engine)
    if statement is None:
        return
    near = _near(schema, target.table, "" if target.schema == schema.path[0] else target.schema)
    for other in near:
        yield _renamed(diagnosis, statement, other, choice=len(near) > 1)
    told = _columns(statement, target.table, schema)
    if told:
        yield _made(diagnosis, statement, told, database.engine, choice=bool(near))


def _near(schema: Schema, name: str, given: str) -> list[str]:
    """Return the names that may be meant: the same one in another schema first; qualified where need be."""
    elsewhere = [table for table in schema.tables if fold(table.name) == fold(name) and table.schema != given]
    found = [f"{table.schema}.{table.name}" for table in elsewhere if table.schema not in schema.path]
    here = (given,) if given else schema.path
    same_case = [table.name for table in elsewhere if table.schema in here]
    return same_case + found + nearest(name, (table.name for table in schema.tables if table.schema in here), most=2)


def _renamed(diagnosis: Diagnosis, statement: Statement, other: str, *, choice: bool) -> Proposal:
    engine = statement.engine
    schema, _, table = other.rpartition(".")
    spelled = spell_in(engine, schema, table) if schema else spell(engine, table)
    text = rename(statement.text, diagnosis.target.table, spelled)
    return Proposal(
        diagnosis,
        f"Read {other} instead of {diagnosis.target.table}",
        (),
        (),
        Risk("low", ("nothing in the database changes: the query has to",)),
        (Probe("statement", text, statement.values),),
        choice=choice,
        rewritten=text,
    )


def _made(
    diagnosis: Diagnosis, statement: Statement, columns: dict[str, Reasoned], engine: Engine, *, choice: bool
) -> Proposal:
    place = spell_in(engine, diagnosis.target.schema, diagnosis.target.table)
    listed = ", ".join(f"{spell(engine, column)} {one.type}" for column, one in columns.items())
    return Proposal(
        diagnosis,
        f"Make the table {diagnosis.target.table} with the columns that the statement writes",
        (f"CREATE TABLE {place} ({listed})",),
        (f"DROP TABLE {place}",),
        Risk(
            "medium",
            (
                "the types are those of the statement's values; it has no key and no constraints",
                "taking it back loses the rows that were written meanwhile",
            ),
        ),
        (Probe("statement", statement.text, statement.values),),
        choice=choice,
    )


def _columns(statement: Statement | None, name: str, schema: Schema) -> dict[str, Reasoned]:
    """Return the columns that an INSERT into the table writes; none unless all of their types are told."""
    if statement is None or not isinstance(statement.tree, exp.Insert):
        return {}
    target = next((use for use in statement.tables if use.is_target), None)
    if target is None or fold(target.name) != fold(name) or not isinstance(statement.tree.this, exp.Schema):
        return {}
    names = [node.name for node in statement.tree.this.expressions]
    types = {column: type_of(column, statement, schema) for column in names}
    told = {column: one for column, one in types.items() if one is not None}
    return told if len(told) == len(names) else {}
