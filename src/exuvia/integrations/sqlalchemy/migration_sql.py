"""What the operations of ``migrations`` do, as SQL of each engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Dialect

from exuvia.integrations.sqlalchemy.types import fts_table

_STEMMED: Final = "porter unicode61"
_PLAIN: Final = "unicode61"
_VECTOR_CLASSES: Final = {"cosine": "vector_cosine_ops", "l2": "vector_l2_ops", "inner_product": "vector_ip_ops"}
SUFFIXES: Final = {"trigram": "trgm", "jsonb": "gin", "vector": "hnsw", "tsvector": "fts"}


@dataclass(frozen=True, slots=True)
class Place:
    """A column, and how its engine writes names.

    Args:
        dialect: The engine's.
        table: The table's name.
        column: The column's name.
        schema: The table's schema on PostgreSQL; None for the first of the search path.
    """

    dialect: Dialect
    table: str
    column: str
    schema: str | None = None

    @property
    def is_postgres(self) -> bool:
        """Whether the engine is PostgreSQL."""
        return self.dialect.name == "postgresql"

    @property
    def quoted_table(self) -> str:
        """The table in SQL."""
        return self.in_schema(self.table)

    @property
    def quoted_column(self) -> str:
        """The column in SQL."""
        return self.quote(self.column)

    def quote(self, name: str) -> str:
        """Return a name in SQL."""
        return self.dialect.identifier_preparer.quote_identifier(name)

    def in_schema(self, name: str) -> str:
        """Return the name of something in the table's schema, in SQL."""
        return f"{self.quote(self.schema)}.{self.quote(name)}" if self.schema else self.quote(name)

    def index(self, kind: str) -> str:
        """Return the name of the column's index of a kind."""
        return f"ix_{self.table}_{self.column}_{SUFFIXES[kind]}"


def create_tsvector(place: Place, sources: Sequence[str], config: str) -> list[str]:
    """Return what makes a column of words and its index."""
    text = " || ' ' || ".join(f"coalesce({place.quote(source)}, '')" for source in sources)
    add = f"ALTER TABLE {place.quoted_table} ADD COLUMN {place.quoted_column}"
    if not place.is_postgres:
        return [f"{add} TEXT GENERATED ALWAYS AS ({text}) VIRTUAL", *_fts5(place, config)]
    index = f"CREATE INDEX {place.quote(place.index('tsvector'))} ON {place.quoted_table} USING gin"
    return [
        f"{add} tsvector GENERATED ALWAYS AS (to_tsvector({_literal(config)}, {text})) STORED",
        f"{index} ({place.quoted_column})",
    ]


def drop_tsvector(place: Place) -> list[str]:
    """Return what removes a column of words with all that belongs to it."""
    drop = f"ALTER TABLE {place.quoted_table} DROP COLUMN {place.quoted_column}"
    if place.is_postgres:
        return [drop]
    name = fts_table(place.table, place.column)
    triggers = [f"DROP TRIGGER {place.quote(f'{name}_{event}')}" for event in ("insert", "update", "delete")]
    return [*triggers, f"DROP TABLE {place.quote(name)}", drop]


def create_vector(place: Place, dimensions: int, *, has_pgvector: bool) -> list[str]:
    """Return what makes a column of vectors."""
    kind = (f"vector({dimensions})" if has_pgvector else "text") if place.is_postgres else "BLOB"
    return [f"ALTER TABLE {place.quoted_table} ADD COLUMN {place.quoted_column} {kind}"]


def drop_column(place: Place) -> list[str]:
    """Return what removes a column."""
    return [f"ALTER TABLE {place.quoted_table} DROP COLUMN {place.quoted_column}"]


def create_index(place: Place, kind: str, options: Mapping[str, Any]) -> list[str]:
    """Return what makes an index of a kind on PostgreSQL."""
    method = _method(place.quoted_column, kind, options)
    return [f"CREATE INDEX {place.quote(place.index(kind))} ON {place.quoted_table} USING {method}"]


def drop_index(place: Place, kind: str) -> list[str]:
    """Return what removes an index of a kind on PostgreSQL, where there may be none."""
    return [f"DROP INDEX IF EXISTS {place.in_schema(place.index(kind))}"]


def _method(column: str, kind: str, options: Mapping[str, Any]) -> str:
    if kind == "trigram":
        return f"gin ({column} gin_trgm_ops)"
    if kind == "jsonb":
        return f"gin ({column}{' jsonb_path_ops' if options['path_ops'] else ''})"
    size = f"m = {int(options['m'])}, ef_construction = {int(options['ef_construction'])}"
    return f"hnsw ({column} {_VECTOR_CLASSES[options['distance']]}) WITH ({size})"


def _fts5(place: Place, config: str) -> list[str]:
    name = fts_table(place.table, place.column)
    fts, column, table = place.quote(name), place.quoted_column, place.quoted_table
    tokenizer = _STEMMED if config == "english" else _PLAIN
    add = f"INSERT INTO {fts} (rowid, {column}) VALUES (new.rowid, new.{column})"
    remove = f"INSERT INTO {fts} ({fts}, rowid, {column}) VALUES ('delete', old.rowid, old.{column})"
    bodies = {"insert": add, "update": f"{remove}; {add}", "delete": remove}
    return [
        f"CREATE VIRTUAL TABLE {fts} USING fts5({column}, content={_literal(place.table)}, tokenize='{tokenizer}')",
        f"INSERT INTO {fts} ({fts}) VALUES ('rebuild')",
        *(
            f"CREATE TRIGGER {place.quote(f'{name}_{event}')} AFTER {event.upper()} ON {table} BEGIN {body}; END"
            for event, body in bodies.items()
        ),
    ]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
