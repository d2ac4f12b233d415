"""The create stage: one bare table, without what the server refuses of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import psycopg

from exuvia.engines.postgres import ddl
from exuvia.move.plan import Fate, ObjectPlan, TablePlan


@dataclass(frozen=True, slots=True)
class Created:
    """A table as it was made, and what was left out of it."""

    table: TablePlan
    objects: tuple[ObjectPlan, ...] = ()


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
        connection.execute(ddl.create_table(table.target).encode())
    except psycopg.DatabaseError as error:
        generated = [column for column in table.columns if column.target.generated is not None]
        if not generated or connection.closed:
            raise
        reason = f"PostgreSQL refused the expression: {error.diag.message_primary}; the values are copied"
    else:
        return Created(table)
    plain = _without_expressions(table)
    connection.execute(ddl.create_table(plain.target).encode())
    return Created(
        plain,
        tuple(
            ObjectPlan(
                "generated column",
                column.source.name,
                table.source.name,
                Fate.LEFT_OUT,
                reason,
                column.source.generated.expression if column.source.generated else "",
            )
            for column in generated
        ),
    )


def _without_expressions(table: TablePlan) -> TablePlan:
    columns = tuple(replace(column, target=replace(column.target, generated=None)) for column in table.columns)
    target = replace(table.target, columns=tuple(column.target for column in columns))
    return replace(table, columns=columns, target=target)
