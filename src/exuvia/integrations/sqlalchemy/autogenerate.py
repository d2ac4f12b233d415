"""What Alembic has to know of the types and operations, to write revisions, too; ``env.py`` passes ``SETTINGS``."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.rewriter import Rewriter
from alembic.operations import MigrateOperation, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column

from exuvia.integrations.sqlalchemy.migration_sql import SUFFIXES
from exuvia.integrations.sqlalchemy.migrations import (
    CreateTsvectorColumnOp,
    CreateVectorColumnOp,
    DropTsvectorColumnOp,
    DropVectorColumnOp,
)
from exuvia.integrations.sqlalchemy.types import JSONB, PostgresVector, TSVector, Vector

_FTS5: Final = re.compile(r"_fts(_data|_idx|_content|_docsize|_config)?$")
_INDEX: Final = re.compile(rf"^ix_.*_({'|'.join(SUFFIXES.values())})$")
_TYPES: Final = "from exuvia.integrations.sqlalchemy import types as exuvia_types"

rewriter = Rewriter()


def include_object(_object: Any, name: str | None, kind: str, reflected: bool, compared: Any) -> bool:
    """Leave out what belongs to the operations: FTS5's tables, and indexes that models do not declare."""
    if not reflected or compared is not None or name is None:
        return True
    return not ((kind == "table" and _FTS5.search(name)) or (kind == "index" and _INDEX.match(name)))


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Write the types with the import they need."""
    if kind != "type" or not (item is JSONB or isinstance(item, TSVector | Vector)):
        return False
    context.imports.add(_TYPES)
    return "exuvia_types.JSONB" if item is JSONB else f"exuvia_types.{item!r}"


def compare_type(_context: Any, _inspected: Any, _column: Any, found: Any, declared: Any) -> bool | None:
    """Take a vector's dimensions as reflection tells them, and a text where pgvector was missing, for the same."""
    if isinstance(declared, Vector):
        return isinstance(found, PostgresVector) and found.dimensions not in (None, declared.dimensions)
    return False if isinstance(declared, TSVector) else None


@rewriter.rewrites(ops.CreateTableOp)
def _create_table(_context: MigrationContext, _revision: Any, op: ops.CreateTableOp) -> list[MigrateOperation]:
    later = [made for column in op.columns if (made := _made(op.table_name, column, op.schema)) is not None]
    names = {made.column for made in later}
    op.columns = [column for column in op.columns if not (isinstance(column, Column) and column.name in names)]
    return [op, *later]


@rewriter.rewrites(ops.AddColumnOp)
def _add_column(_context: MigrationContext, _revision: Any, op: ops.AddColumnOp) -> MigrateOperation:
    return _made(op.table_name, op.column, op.schema) or op


@rewriter.rewrites(ops.DropColumnOp)
def _drop_column(_context: MigrationContext, _revision: Any, op: ops.DropColumnOp) -> MigrateOperation:
    made = _made(op.table_name, op.to_column(), op.schema)
    return made.reverse() if made else op


@rewriter.rewrites(ops.DropTableOp)
def _drop_table(_context: MigrationContext, _revision: Any, op: ops.DropTableOp) -> list[MigrateOperation]:
    table = op.to_table()
    made = [_made(op.table_name, column, op.schema) for column in table.columns]
    return [*(each.reverse() for each in made if isinstance(each, CreateTsvectorColumnOp)), op]


def _made(table: str, column: Any, schema: str | None) -> CreateTsvectorColumnOp | CreateVectorColumnOp | None:
    """Return the operation that makes a column, if it is one of those that need it."""
    kind = getattr(column, "type", None)
    if isinstance(kind, TSVector) and kind.sources:
        return CreateTsvectorColumnOp(table, column.name, kind.sources, kind.config, schema)
    if isinstance(kind, Vector):
        return CreateVectorColumnOp(table, column.name, kind.dimensions, schema)
    return None


@renderers.dispatch_for(CreateTsvectorColumnOp)
def _render_create_tsvector(_context: AutogenContext, op: CreateTsvectorColumnOp) -> str:
    return _call("create_tsvector_column", op, list(op.sources), config=op.config)


@renderers.dispatch_for(DropTsvectorColumnOp)
def _render_drop_tsvector(_context: AutogenContext, op: DropTsvectorColumnOp) -> str:
    return _call("drop_tsvector_column", op)


@renderers.dispatch_for(CreateVectorColumnOp)
def _render_create_vector(_context: AutogenContext, op: CreateVectorColumnOp) -> str:
    return _call("create_vector_column", op, op.dimensions)


@renderers.dispatch_for(DropVectorColumnOp)
def _render_drop_vector(_context: AutogenContext, op: DropVectorColumnOp) -> str:
    return _call("drop_vector_column", op)


def _call(name: str, op: Any, *arguments: Any, **named: Any) -> str:
    if op.schema is not None:
        named["schema"] = op.schema
    given = [repr(each) for each in (op.table, op.column, *arguments)]
    return f"op.{name}({', '.join([*given, *(f'{key}={value!r}' for key, value in named.items())])})"


SETTINGS: Final[dict[str, Any]] = {
    "include_object": include_object,
    "render_item": render_item,
    "compare_type": compare_type,
    "process_revision_directives": rewriter,
    "transactional_ddl": True,
}
"""Arguments for ``context.configure`` in ``env.py``; schema changes roll back on connections of ``engine()`` only."""
