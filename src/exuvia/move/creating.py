"""The create stage: the bare tables of a move in their staging schemas, and the ledger beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import psycopg

from exuvia.engines.postgres import ddl, ledger, staging
from exuvia.engines.postgres.staging import staging_name
from exuvia.move.back import origin
from exuvia.move.finishing import staged
from exuvia.move.plan import Fate, ObjectPlan, Plan, TablePlan
from exuvia.move.resuming import Begun, header_of


@dataclass(frozen=True, slots=True)
class Created:
    """A table as it was made, and what was left out of it."""

    table: TablePlan
    objects: tuple[ObjectPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class Staged:
    """The tables of one source in their staging schemas, what was left out of them, and the move's ledger."""

    tables: tuple[TablePlan, ...]
    objects: tuple[ObjectPlan, ...]
    begun: Begun


def begin(connection: psycopg.Connection, plans: Sequence[Plan], schemas: Sequence[str]) -> tuple[Staged, ...]:
    """Make staging schemas, tables and ledger, all or none, discarding what a dead move left there.

    Args:
        connection: A connection in autocommit mode.
        plans: The plans of the move's sources.
        schemas: The target schemas of all of them, sorted.

    Returns:
        What was made, by plan.
    """
    for schema in schemas:
        staging.discard(connection, schema)
    with connection.transaction():
        for schema in schemas:
            staging.create(connection, schema)
        created = [[create(connection, staged(table, staging_name)) for table in plan.tables] for plan in plans]
        for made in chain.from_iterable(created):
            connection.execute(ddl.comment(made.table.target, origin.comment(made.table)).encode())
        plain = [sorted({one.table for table in tables for one in table.objects}) for tables in created]
        header = header_of(plans, schemas, plain)
        ledger.begin(connection, header)
    return tuple(
        _staged(tables, Begun(header, plan.catalog.label, {})) for plan, tables in zip(plans, created, strict=True)
    )


def _staged(created: Sequence[Created], begun: Begun) -> Staged:
    objects = tuple(one for table in created for one in table.objects)
    return Staged(tuple(one.table for one in created), objects, begun)


def go_on(plan: Plan, begun: Begun) -> Staged:
    """Return the tables of a source whose move was interrupted."""
    made_plain = {name for one in begun.header.sources if one.source == begun.source for name in one.plain}
    tables: list[TablePlan] = []
    objects: list[ObjectPlan] = []
    for table in plan.tables:
        is_plain = table.source.name in made_plain
        if is_plain:
            objects += _left_out(table, "PostgreSQL refused the expression; the values are copied")
        tables.append(staged(_without_expressions(table) if is_plain else table, staging_name))
    return Staged(tuple(tables), tuple(objects), begun)


def create(connection: psycopg.Connection, table: TablePlan) -> Created:
    """Make a table in the target.

    A generated column whose expression the server refuses (because it is not immutable, say) makes all generated
    columns of the table ordinary ones, which are filled with the source's values.

    Args:
        connection: A connection in autocommit mode.
        table: The table's plan.

    Raises:
        psycopg.Error: The server refuses the table itself.
    """
    try:
        with connection.transaction():
            connection.execute(ddl.create_table(table.target).encode())
    except psycopg.DatabaseError as error:
        if connection.closed or all(column.target.generated is None for column in table.columns):
            raise
        reason = f"PostgreSQL refused the expression: {error.diag.message_primary}; the values are copied"
    else:
        return Created(table)
    plain = _without_expressions(table)
    connection.execute(ddl.create_table(plain.target).encode())
    return Created(plain, tuple(_left_out(table, reason)))


def _left_out(table: TablePlan, reason: str) -> Iterator[ObjectPlan]:
    for column in table.columns:
        if column.target.generated is not None and column.source.generated is not None:
            name, expression = column.source.name, column.source.generated.expression
            yield ObjectPlan("generated column", name, table.source.name, Fate.LEFT_OUT, reason, expression)


def _without_expressions(table: TablePlan) -> TablePlan:
    columns = tuple(replace(column, target=replace(column.target, generated=None)) for column in table.columns)
    target = replace(table.target, columns=tuple(column.target for column in columns))
    return replace(table, columns=columns, target=target)
