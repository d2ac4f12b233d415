"""Foreign keys without an index: each delete or change of a parent's key reads all of the child."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exuvia.ops.heal.building import build_index
from exuvia.ops.heal.cases import Findings
from exuvia.ops.heal.database import Database
from exuvia.ops.heal.model import Diagnosis, Proposal, Target
from exuvia.ops.heal.names import spell, spell_in
from exuvia.ops.heal.schema import ForeignKey, Schema, Table

WORTH_IT: Final = 1_000
"""Rows below which reading all of a table costs no more than its index."""


def diagnose(schema: Schema) -> Findings:
    """Find the foreign keys of tables with some rows that no index serves."""
    for table in schema.tables:
        for key in table.foreign_keys:
            parent = schema.find(key.parent, key.parent_schema)
            if table.rows < WORTH_IT or parent is None or not key.parent_columns or table.serves(key.columns):
                continue
            message = (
                f"The foreign key {table.name} ({', '.join(key.columns)}) has no index: each delete or change of a key"
                f" in {key.parent} reads all of {table.name}."
            )
            evidence = (f"no index of {table.name} begins with these columns", f"about {table.rows:,} rows")
            yield Diagnosis("missing_index", Target(table.schema, table.name, columns=key.columns), message, evidence)


def propose(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:
    """Propose an index over the key's columns."""
    schema = database.schema()
    table = schema.find(diagnosis.target.table, diagnosis.target.schema)
    keys = table.foreign_keys if table is not None else ()
    key = next((key for key in keys if key.columns == diagnosis.target.columns), None)
    if table is not None and key is not None:
        sql = _lookup(table, key, database)
        yield build_index(diagnosis, database, table, key.columns, sql=sql, own=True, taken=schema.names())


def _lookup(table: Table, key: ForeignKey, database: Database) -> str:
    """Return what the engine does for a deleted parent: look for its children. The planner cannot know which."""
    engine = database.engine
    parent = spell_in(engine, key.parent_schema, key.parent)
    mine = ", ".join(f"child.{spell(engine, column)}" for column in key.columns)
    others = [f"parent.{spell(engine, column)}" for column in key.parent_columns]
    order = ", ".join(f"{column} DESC" for column in others)
    newest = f"SELECT {', '.join(others)} FROM {parent} AS parent ORDER BY {order} LIMIT 1"
    child = spell_in(engine, table.schema, table.name)
    left = mine if len(key.columns) == 1 else f"({mine})"
    return f"SELECT 1 FROM {child} AS child WHERE {left} = ({newest})"
