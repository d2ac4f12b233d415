"""Full-text search in PostgreSQL: the expressions of generated tsvector columns, and how a query is asked of them."""

from __future__ import annotations

from collections.abc import Sequence

from exuvia.catalog.names import quote
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres.ddl import literal
from exuvia.engines.postgres.match import translate_match, weight

_TEXTS = (Base.TEXT, Base.VARCHAR)
# Types whose text PostgreSQL calls immutable, which a generated column asks for.
_AS_TEXT = (
    Base.SMALLINT,
    Base.INTEGER,
    Base.BIGINT,
    Base.DOUBLE,
    Base.NUMERIC,
    Base.BOOLEAN,
    Base.UUID,
    Base.JSON,
    Base.JSONB,
)
_EXAMPLE = "red fox*"


def can_be_searched(type_: SqlType) -> bool:
    """Whether a generated tsvector column can be made of a column of this type."""
    return type_.base in _TEXTS or type_.base in _AS_TEXT


def search_expression(columns: Sequence[tuple[str, SqlType]], config: str) -> str:
    """Return the expression of a tsvector over columns, weighted A, B, C and D in their order.

    Args:
        columns: Target names and types; all of them can be searched.
        config: The text search configuration.
    """
    parts = []
    for position, (name, type_) in enumerate(columns):
        text = quote(name) if type_.base in _TEXTS else f"{quote(name)}::text"
        vector = f"to_tsvector({literal(config)}::regconfig, coalesce({text}, ''))"
        parts.append(f"setweight({vector}, '{weight(position)}')" if len(columns) > 1 else vector)
    return " || ".join(parts)


def query_hint(table: str, full_text: str, search: str, first: str, config: str) -> str:
    """Return how the queries of an application change, in a sentence.

    Args:
        table: The target table.
        full_text: The name of the full-text table in SQLite.
        search: The tsvector column.
        first: The first searched column.
        config: The text search configuration.
    """
    column = f"{quote(table)}.{quote(search)}"
    query = f"to_tsquery({literal(config)}, {literal(translate_match(_EXAMPLE, config).tsquery or '')})"
    return (
        f"WHERE {quote(full_text)} MATCH {literal(_EXAMPLE)} becomes WHERE {column} @@ {query}; bm25() and rank become "
        f"-ts_rank({column}, query), highlight() and snippet() ts_headline({literal(config)}, {quote(first)}, query)"
    )


def trigram_hint(table: str, full_text: str, first: str) -> str:
    """Return how queries of a full-text table of trigrams change, in a sentence."""
    return (
        f"WHERE {quote(full_text)} MATCH 'part of a word' becomes "
        f"WHERE {quote(table)}.{quote(first)} ILIKE '%part of a word%'"
    )
