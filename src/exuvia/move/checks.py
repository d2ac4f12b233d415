"""Questions to both sides that stand apart from a move: does an edited plan fit, does a target hold its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import psycopg

from exuvia.catalog.types import SqlType
from exuvia.engines.postgres.existing import read_tables
from exuvia.engines.postgres.inspect import column_types
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import PlanError
from exuvia.move.existing.bridges import bridge, parsed
from exuvia.move.lending import Lender
from exuvia.move.plan import ColumnPlan, Plan, TablePlan
from exuvia.move.results import Difference, DifferingRows, Proof, TableProof
from exuvia.move.trial import misfits
from exuvia.move.verify import Verifier
from exuvia.values.facts import ColumnFacts


def tried(snapshot: Snapshot, plan: Plan, edited: Sequence[tuple[TablePlan, ColumnPlan]], jobs: int) -> Plan:
    """Convert every value of the columns that a person edited, and add what does not fit to the plan's problems.

    Args:
        snapshot: The source.
        plan: The plan.
        edited: The columns whose misfits nobody has decided about.
        jobs: Chunks read at once.
    """
    if not edited:
        return plan
    return replace(plan, problems=plan.problems + misfits(snapshot, edited, jobs))


def verify_existing(verifier: Verifier, connections: Lender[psycopg.Connection], plan: Plan) -> Proof:
    """Compare a source with the tables that a target has now, whatever types their columns have.

    Args:
        verifier: Compares.
        connections: Connections to the target.
        plan: Names of tables and columns, and how values are converted.
    """
    found, missing = found_in(connections, plan)
    proof = verifier.verify(found, verifier.snapshot.interrupt)
    return replace(proof, tables=(*proof.tables, *missing), equal=proof.equal and not missing)


def found_in(connections: Lender[psycopg.Connection], plan: Plan) -> tuple[list[TablePlan], list[TableProof]]:
    """Return a plan's tables with the types that the target has, and the proofs of those that it lacks.

    Args:
        connections: Connections to the target.
        plan: Names of tables and columns, and how values are converted.

    Raises:
        PlanError: A column has a type that exuvia does not know.
    """
    found: list[TablePlan] = []
    missing: list[TableProof] = []
    with connections.lend() as connection:
        for table in plan.tables:
            adopted = as_found(connection, table)
            if isinstance(adopted, TablePlan):
                found.append(adopted)
            else:
                missing.append(_missing(table, adopted))
    return found, missing


def as_found(connection: psycopg.Connection, table: TablePlan) -> TablePlan | list[str]:
    """Return a table's plan with the types that the target has, or the columns that the target lacks (empty when it
    lacks the whole table).

    Args:
        connection: A connection to the target.
        table: The table's plan.

    Raises:
        PlanError: A column has a type that exuvia does not know.
    """
    types = column_types(connection, table.target.schema, table.target.name)
    lacking = [column.target.name for column in table.columns if column.target.name not in types]
    if lacking or not types:
        return lacking if types else []
    if any(parsed(types[column.target.name]) is None for column in table.columns):
        return _as_read(connection, table, types)
    return replace(table, columns=tuple(_as_found(table, one, types) for one in table.columns))


def _as_read(connection: psycopg.Connection, table: TablePlan, printed: Mapping[str, str]) -> TablePlan:
    """The plan of a table some of whose columns are read through an expression."""
    found = [one for one in read_tables(connection, [table.target.schema]) if one.name == table.target.name]
    types = {column.name: column.type for one in found for column in one.columns}
    if not types:
        return replace(table, columns=tuple(_as_found(table, one, printed) for one in table.columns))
    columns: list[ColumnPlan] = []
    for column in table.columns:
        facts = table.profile.columns.get(column.source.name, ColumnFacts())
        way = bridge(types[column.target.name], column.source, facts)
        target = replace(column.target, type=way.staged, read_as=way.reading(column.target.name))
        columns.append(replace(column, rule=replace(column.rule, type=way.staged), target=target))
    return replace(table, columns=tuple(columns))


def _as_found(table: TablePlan, column: ColumnPlan, types: Mapping[str, str]) -> ColumnPlan:
    text = types[column.target.name]
    try:
        type_ = SqlType.parse(text)
    except PlanError as error:
        raise PlanError(
            f"{table.target.name}.{column.target.name} is of type {text} in the target, which exuvia cannot compare.",
            hint="Leave the table out with --exclude.",
            code="type",
        ) from error
    return replace(column, rule=replace(column.rule, type=type_), target=replace(column.target, type=type_))


def _missing(table: TablePlan, columns: Sequence[str]) -> TableProof:
    """The proof of a table that the target lacks, wholly or in some columns."""
    what = f"columns {', '.join(columns)}" if columns else "table"
    place = f"{table.target.schema}.{table.target.name}"
    return TableProof(
        table=table.source.name,
        schema=table.target.schema,
        name=table.target.name,
        rows_source=table.profile.rows,
        rows_target=0,
        rows_rejected=0,
        values_compared=0,
        equal=False,
        method="multiset",
        digest="",
        target_digest="",
        columns={},
        differences=(Difference(table.source.name, "", "", f"{table.profile.rows:,} rows", f"(no {what} in {place})"),),
        differing=DifferingRows(missing=table.profile.rows),
    )
