"""Operations for Alembic: full text, vectors, trigram and JSONB indexes, with an equivalent or nothing on SQLite.

Importing the module, in ``env.py``, adds them to ``op``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Literal

from alembic.operations import MigrateOperation, Operations
from sqlalchemy import text

from exuvia.errors import ConfigError
from exuvia.integrations.sqlalchemy import migration_sql as sql
from exuvia.integrations.sqlalchemy.migration_sql import Place

logger = logging.getLogger("exuvia.integrations.sqlalchemy")

_EXTENSIONS = {"trigram": "pg_trgm", "vector": "vector"}


@Operations.register_operation("create_tsvector_column")
class CreateTsvectorColumnOp(MigrateOperation):
    """Makes a column of words that the database keeps up to date, and its index."""

    def __init__(
        self, table: str, column: str, sources: Sequence[str], config: str = "simple", schema: str | None = None
    ) -> None:
        self.table = table
        self.column = column
        self.sources = tuple(sources)
        self.config = config
        self.schema = schema

    @classmethod
    def create_tsvector_column(
        cls,
        operations: Operations,
        table: str,
        column: str,
        sources: Sequence[str],
        *,
        config: str = "simple",
        schema: str | None = None,
    ) -> None:
        """Add a full-text column: a generated ``tsvector`` with GIN; on SQLite a generated text with FTS5.

        Args:
            operations: Alembic's.
            table: The table; on SQLite it needs an INTEGER PRIMARY KEY.
            column: The new column, for ``TSVector`` and ``matches``.
            sources: The columns whose texts are searched.
            config: The text search configuration; FTS5 stems words for ``english`` only.
            schema: The table's schema on PostgreSQL.

        Raises:
            ConfigError: The table on SQLite has no INTEGER PRIMARY KEY.
        """
        operations.invoke(cls(table, column, sources, config, schema))

    def to_diff_tuple(self) -> tuple[str | None, ...]:
        """Return what ``alembic check`` shows."""
        return ("create_tsvector_column", self.schema, self.table, self.column)

    def reverse(self) -> MigrateOperation:
        """Return what takes it back."""
        return DropTsvectorColumnOp(self.table, self.column, self.schema, self)


@Operations.register_operation("drop_tsvector_column")
class DropTsvectorColumnOp(MigrateOperation):
    """Removes a full-text column."""

    def __init__(
        self, table: str, column: str, schema: str | None = None, made_by: CreateTsvectorColumnOp | None = None
    ) -> None:
        self.table = table
        self.column = column
        self.schema = schema
        self.made_by = made_by

    @classmethod
    def drop_tsvector_column(
        cls, operations: Operations, table: str, column: str, *, schema: str | None = None
    ) -> None:
        """Remove a column that ``create_tsvector_column`` made, with its index."""
        operations.invoke(cls(table, column, schema))

    def to_diff_tuple(self) -> tuple[str | None, ...]:
        """Return what ``alembic check`` shows."""
        return ("drop_tsvector_column", self.schema, self.table, self.column)

    def reverse(self) -> MigrateOperation:
        """Return what takes it back."""
        if self.made_by is None:
            raise NotImplementedError(f"What {self.table}.{self.column} was made of is not known.")
        return self.made_by


@Operations.register_operation("create_vector_column")
class CreateVectorColumnOp(MigrateOperation):
    """Makes a column of vectors."""

    def __init__(self, table: str, column: str, dimensions: int, schema: str | None = None) -> None:
        self.table = table
        self.column = column
        self.dimensions = dimensions
        self.schema = schema

    @classmethod
    def create_vector_column(
        cls, operations: Operations, table: str, column: str, dimensions: int, *, schema: str | None = None
    ) -> None:
        """Add a column for ``Vector``: pgvector's ``vector``, a BLOB on SQLite, a text where pgvector is missing.

        Args:
            operations: Alembic's.
            table: The table.
            column: The new column.
            dimensions: How many numbers each vector has.
            schema: The table's schema on PostgreSQL.
        """
        operations.invoke(cls(table, column, dimensions, schema))

    def to_diff_tuple(self) -> tuple[str | None, ...]:
        """Return what ``alembic check`` shows."""
        return ("create_vector_column", self.schema, self.table, self.column)

    def reverse(self) -> MigrateOperation:
        """Return what takes it back."""
        return DropVectorColumnOp(self.table, self.column, self.schema, self.dimensions)


@Operations.register_operation("drop_vector_column")
class DropVectorColumnOp(MigrateOperation):
    """Removes a column of vectors."""

    def __init__(self, table: str, column: str, schema: str | None = None, dimensions: int | None = None) -> None:
        self.table = table
        self.column = column
        self.schema = schema
        self.dimensions = dimensions

    @classmethod
    def drop_vector_column(cls, operations: Operations, table: str, column: str, *, schema: str | None = None) -> None:
        """Remove a column that ``create_vector_column`` made, with its index."""
        operations.invoke(cls(table, column, schema))

    def to_diff_tuple(self) -> tuple[str | None, ...]:
        """Return what ``alembic check`` shows."""
        return ("drop_vector_column", self.schema, self.table, self.column)

    def reverse(self) -> MigrateOperation:
        """Return what takes it back."""
        if self.dimensions is None:
            raise NotImplementedError(f"How many numbers {self.table}.{self.column} had is not known.")
        return CreateVectorColumnOp(self.table, self.column, self.dimensions, self.schema)


@Operations.register_operation("create_trigram_index")
@Operations.register_operation("create_jsonb_index")
@Operations.register_operation("create_vector_index")
class CreateColumnIndexOp(MigrateOperation):
    """Makes an index that only PostgreSQL has; SQLite answers the same questions by reading the table."""

    def __init__(self, kind: str, table: str, column: str, schema: str | None = None, **options: Any) -> None:
        self.kind = kind
        self.table = table
        self.column = column
        self.schema = schema
        self.options = options

    @classmethod
    def create_trigram_index(
        cls, operations: Operations, table: str, column: str, *, schema: str | None = None
    ) -> None:
        """Index a text column for LIKE, ILIKE and similarity by pg_trgm, where the server has it."""
        operations.invoke(cls("trigram", table, column, schema))

    @classmethod
    def create_jsonb_index(
        cls, operations: Operations, table: str, column: str, *, path_ops: bool = True, schema: str | None = None
    ) -> None:
        """Index a ``jsonb`` column by GIN.

        Args:
            operations: Alembic's.
            table: The table.
            column: The column.
            path_ops: The smaller index that serves ``@>`` and paths, not the operators for keys (``?``).
            schema: The table's schema.
        """
        operations.invoke(cls("jsonb", table, column, schema, path_ops=path_ops))

    @classmethod
    def create_vector_index(
        cls,
        operations: Operations,
        table: str,
        column: str,
        *,
        distance: Literal["cosine", "l2", "inner_product"] = "cosine",
        m: int = 16,
        ef_construction: int = 64,
        schema: str | None = None,
    ) -> None:
        """Index a column of vectors by pgvector's HNSW, where the server has it.

        Args:
            operations: Alembic's.
            table: The table.
            column: The column.
            distance: What rows are ordered by.
            m: The connections of each node.
            ef_construction: How many candidates are looked at for each new node.
            schema: The table's schema.
        """
        options = {"distance": distance, "m": m, "ef_construction": ef_construction}
        operations.invoke(cls("vector", table, column, schema, **options))

    def reverse(self) -> MigrateOperation:
        """Return what takes it back."""
        return DropColumnIndexOp(self.kind, self.table, self.column, self.schema, self)


@Operations.register_operation("drop_trigram_index")
@Operations.register_operation("drop_jsonb_index")
@Operations.register_operation("drop_vector_index")
class DropColumnIndexOp(MigrateOperation):
    """Removes an index that only PostgreSQL has."""

    def __init__(
        self,
        kind: str,
        table: str,
        column: str,
        schema: str | None = None,
        made_by: CreateColumnIndexOp | None = None,
    ) -> None:
        self.kind = kind
        self.table = table
        self.column = column
        self.schema = schema
        self.made_by = made_by

    @classmethod
    def drop_trigram_index(cls, operations: Operations, table: str, column: str, *, schema: str | None = None) -> None:
        """Remove an index that ``create_trigram_index`` made."""
        operations.invoke(cls("trigram", table, column, schema))

    @classmethod
    def drop_jsonb_index(cls, operations: Operations, table: str, column: str, *, schema: str | None = None) -> None:
        """Remove an index that ``create_jsonb_index`` made."""
        operations.invoke(cls("jsonb", table, column, schema))

    @classmethod
    def drop_vector_index(cls, operations: Operations, table: str, column: str, *, schema: str | None = None) -> None:
        """Remove an index that ``create_vector_index`` made."""
        operations.invoke(cls("vector", table, column, schema))

    def reverse(self) -> MigrateOperation:
        """Return what takes it back."""
        if self.made_by is None:
            raise NotImplementedError(f"How the index of {self.table}.{self.column} was made is not known.")
        return self.made_by


@Operations.implementation_for(CreateTsvectorColumnOp)
def _create_tsvector(operations: Operations, operation: CreateTsvectorColumnOp) -> None:
    place = _place(operations, operation)
    if not place.is_postgres:
        _need_stable_rowid(operations, place)
    _run(operations, sql.create_tsvector(place, operation.sources, operation.config))


@Operations.implementation_for(DropTsvectorColumnOp)
def _drop_tsvector(operations: Operations, operation: DropTsvectorColumnOp) -> None:
    _run(operations, sql.drop_tsvector(_place(operations, operation)))


@Operations.implementation_for(CreateVectorColumnOp)
def _create_vector(operations: Operations, operation: CreateVectorColumnOp) -> None:
    place = _place(operations, operation)
    has_pgvector = place.is_postgres and _has(operations, "vector")
    if place.is_postgres and not has_pgvector:
        logger.warning("The server lacks pgvector: %s.%s becomes a text.", operation.table, operation.column)
    _run(operations, sql.create_vector(place, operation.dimensions, has_pgvector=has_pgvector))


@Operations.implementation_for(DropVectorColumnOp)
def _drop_vector(operations: Operations, operation: DropVectorColumnOp) -> None:
    _run(operations, sql.drop_column(_place(operations, operation)))


@Operations.implementation_for(CreateColumnIndexOp)
def _create_index(operations: Operations, operation: CreateColumnIndexOp) -> None:
    place = _place(operations, operation)
    if not place.is_postgres:
        return
    extension = _EXTENSIONS.get(operation.kind)
    if extension and not _has(operations, extension):
        logger.warning(
            "The server lacks %s: %s.%s has no %s index.", extension, operation.table, operation.column, operation.kind
        )
        return
    _run(operations, sql.create_index(place, operation.kind, operation.options))


@Operations.implementation_for(DropColumnIndexOp)
def _drop_index(operations: Operations, operation: DropColumnIndexOp) -> None:
    place = _place(operations, operation)
    if place.is_postgres:
        _run(operations, sql.drop_index(place, operation.kind))


def _place(operations: Operations, operation: Any) -> Place:
    return Place(operations.migration_context.dialect, operation.table, operation.column, operation.schema)


def _run(operations: Operations, statements: Sequence[str]) -> None:
    for statement in statements:
        operations.execute(text(statement.replace(":", "\\:")))


def _has(operations: Operations, extension: str) -> bool:
    """Return whether the server has an extension, which is created if need be; a script of SQL takes it for granted."""
    if not operations.migration_context.as_sql:
        given = {"name": extension}
        connection = operations.get_bind()
        if connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = :name"), given).scalar():
            return True
        if not connection.execute(text("SELECT 1 FROM pg_available_extensions WHERE name = :name"), given).scalar():
            return False
    operations.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    return True


def _need_stable_rowid(operations: Operations, place: Place) -> None:
    """Refuse a table whose rows VACUUM may number anew: FTS5 would find others in their place."""
    if operations.migration_context.as_sql:
        return
    rows = operations.get_bind().execute(text(f"PRAGMA table_info({place.quoted_table})")).all()
    keys = [row.type.upper() for row in rows if row.pk]
    if keys != ["INTEGER"]:
        raise ConfigError(
            f"The table {place.table} has no INTEGER PRIMARY KEY, which full-text search on SQLite needs.",
            hint="Give it one (in SQLAlchemy an Integer, not a BigInteger or a text), and the other key a UNIQUE.",
            code="fts5",
        )
