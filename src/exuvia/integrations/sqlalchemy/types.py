"""Column types and conditions for models that run on both engines: JSONB, full text, vectors."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import JSON, Alias, ColumnClause, ColumnElement, Dialect, Float, LargeBinary, Text, bindparam
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.sql.roles import ExpressionElementRole
from sqlalchemy.types import Boolean, TypeDecorator, TypeEngine, UserDefinedType

from exuvia.integrations.sqlalchemy.vectors import NUMBER, pack, unpack

JSONB: Final = JSON().with_variant(postgresql.JSONB(), "postgresql")
"""``jsonb`` on PostgreSQL, JSON in a text column on SQLite."""

_WORD: Final = re.compile(r"\w+")


class TSVector(TypeDecorator[str]):
    """A column of words to search in, computed by the database: ``tsvector`` on PostgreSQL, a text with FTS5 on SQLite.

    Declare it with ``FetchedValue()``, which keeps it out of INSERT and UPDATE, and make it by
    ``op.create_tsvector_column``.

    Args:
        sources: The columns whose texts it is made of; only autogenerate needs them.
        config: The text search configuration, such as ``english``; ``simple`` takes words as they are written.
    """

    impl = Text
    cache_ok = True

    def __init__(self, sources: tuple[str, ...] = (), config: str = "simple") -> None:
        super().__init__()
        self.sources = sources
        self.config = config

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that an engine has for it."""
        return dialect.type_descriptor(postgresql.TSVECTOR() if dialect.name == "postgresql" else Text())

    def __repr__(self) -> str:
        return f"TSVector({self.sources!r}, config={self.config!r})"


class PostgresVector(UserDefinedType[Any]):
    """pgvector's ``vector``, as ``Vector`` uses it on PostgreSQL and as reflection finds it."""

    cache_ok = True

    def __init__(self, dimensions: int | None = None) -> None:
        self.dimensions = dimensions

    def get_col_spec(self, **_: Any) -> str:
        """Return the type as SQL."""
        return "vector" if self.dimensions is None else f"vector({self.dimensions})"


ischema_names.setdefault("vector", PostgresVector)


class Vector(TypeDecorator[Sequence[float]]):
    """A vector of 32-bit numbers: pgvector's ``vector`` on PostgreSQL, a BLOB of little-endian numbers on SQLite.

    Values are lists of floats. Where ``op.create_vector_column`` found a PostgreSQL without pgvector the column is a
    text in pgvector's own form, which the type reads and writes as well.

    Args:
        dimensions: How many numbers each vector has; others are refused with ``ValueError``.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.dimensions = dimensions

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that an engine has for it."""
        is_postgres = dialect.name == "postgresql"
        return dialect.type_descriptor(PostgresVector(self.dimensions) if is_postgres else LargeBinary())

    def process_bind_param(self, value: Sequence[float] | None, dialect: Dialect) -> Any:
        """Write a vector."""
        if value is None:
            return None
        numbers = np.asarray(value, NUMBER).tolist()
        if len(numbers) != self.dimensions or not all(map(math.isfinite, numbers)):
            raise ValueError(f"A vector of {self.dimensions} finite numbers is wanted, not one of {len(numbers)}.")
        if dialect.name != "postgresql":
            return pack(numbers)
        return "[" + ",".join(f"{number:.9g}" for number in numbers) + "]"

    def process_result_value(self, value: Any, _dialect: Dialect) -> list[float] | None:
        """Read a vector."""
        if value is None:
            return None
        if isinstance(value, bytes):
            return unpack(value)
        return [float(number) for number in (json.loads(value) if isinstance(value, str) else value)]

    def __repr__(self) -> str:
        return f"Vector({self.dimensions})"


class _Query(TypeDecorator[str]):
    """Words to look for, as a query of the engine's: whatever is typed is words and never syntax that fails."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name == "postgresql":
            return value
        return " ".join(f'"{word}"' for word in _WORD.findall(value)) or '""'


class _Matches(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()


class _CosineDistance(FunctionElement[float]):
    inherit_cache = True
    type = Float()


class _L2Distance(FunctionElement[float]):
    inherit_cache = True
    type = Float()


def matches(column: ExpressionElementRole[Any], words: str) -> ColumnElement[bool]:
    """Return the condition that a ``TSVector`` column has all of the words.

    On PostgreSQL the words are a query as ``websearch_to_tsquery`` reads it; on SQLite they are words, whatever stands
    between them.

    Args:
        column: A column made by ``op.create_tsvector_column``.
        words: What to look for.
    """
    kind = getattr(column, "type", None)
    config = kind.config if isinstance(kind, TSVector) else "simple"
    return _Matches(column, bindparam(None, words, _Query(), unique=True), bindparam(None, config, Text(), unique=True))


def cosine_distance(column: ExpressionElementRole[Any], vector: Sequence[float]) -> ColumnElement[float]:
    """Return 1 minus the cosine of the angle between a ``Vector`` column and a vector; order by it for the nearest.

    Rows without a vector have no distance: leave them out, since SQLite puts NULL first and PostgreSQL last. On SQLite,
    engines made by ``engine`` and ``async_engine`` have the function it needs.
    """
    return _CosineDistance(column, _bound(column, vector))


def l2_distance(column: ExpressionElementRole[Any], vector: Sequence[float]) -> ColumnElement[float]:
    """Return the Euclidean distance between a ``Vector`` column and a vector; see ``cosine_distance``."""
    return _L2Distance(column, _bound(column, vector))


def _bound(column: ExpressionElementRole[Any], vector: Sequence[float]) -> ColumnElement[Any]:
    kind = getattr(column, "type", None)
    return bindparam(None, vector, kind if isinstance(kind, Vector) else Vector(len(vector)), unique=True)


def fts_table(table: str, column: str) -> str:
    """Return the name of the FTS5 table behind a ``TSVector`` column on SQLite."""
    return f"{table}_{column}_fts"


@compiles(_Matches, "postgresql")
def _matches_postgres(element: _Matches, compiler: SQLCompiler, **options: Any) -> str:
    column, words, config = (compiler.process(each, **options) for each in element.clauses)
    return f"({column} @@ websearch_to_tsquery(CAST({config} AS regconfig), {words}))"


@compiles(_Matches, "sqlite")
def _matches_sqlite(element: _Matches, compiler: SQLCompiler, **options: Any) -> str:
    column, words, _ = element.clauses
    if not isinstance(column, ColumnClause) or column.table is None:
        raise TypeError("matches() needs a column of a table")
    table: Any = column.table
    while isinstance(table, Alias):
        table = table.element
    rowid = compiler.process(ColumnClause("rowid", _selectable=column.table), **options)
    fts = compiler.preparer.quote(fts_table(table.name, column.name))
    found = f"SELECT rowid FROM {fts} WHERE {fts} MATCH {compiler.process(words, **options)}"
    return f"({rowid} IN ({found}))"


@compiles(_CosineDistance, "postgresql")
def _cosine_postgres(element: _CosineDistance, compiler: SQLCompiler, **options: Any) -> str:
    return _operator("<=>", element, compiler, options)


@compiles(_L2Distance, "postgresql")
def _l2_postgres(element: _L2Distance, compiler: SQLCompiler, **options: Any) -> str:
    return _operator("<->", element, compiler, options)


@compiles(_CosineDistance, "sqlite")
def _cosine_sqlite(element: _CosineDistance, compiler: SQLCompiler, **options: Any) -> str:
    return f"exuvia_cosine_distance({compiler.process(element.clauses, **options)})"


@compiles(_L2Distance, "sqlite")
def _l2_sqlite(element: _L2Distance, compiler: SQLCompiler, **options: Any) -> str:
    return f"exuvia_l2_distance({compiler.process(element.clauses, **options)})"


def _operator(sign: str, element: FunctionElement[float], compiler: SQLCompiler, options: dict[str, Any]) -> str:
    column, vector = (compiler.process(each, **options) for each in element.clauses)
    return f"({column} {sign} CAST({vector} AS vector))"
