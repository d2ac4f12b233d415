"""What an engine can do here: found out when the store is opened, never assumed."""

from __future__ import annotations

from dataclasses import dataclass

from exuvia.store.core.dialect import Engine


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the engine, its version and its extensions allow. Whatever is missing the store does without, or refuses.

    Args:
        engine: Which engine it is.
        version: Its version, such as ``18.1`` or ``3.54.1``.
        vector: The version of pgvector or of sqlite-vec; None without.
        trigrams: Trigrams by index: pg_trgm, or FTS5's trigram tokenizer.
        unaccent: Accents are taken off by the engine: the extension unaccent, or FTS5's tokenizer.
        full_text: Full-text search by index; always so on PostgreSQL, FTS5 on SQLite.
        jsonb: JSON is kept in, or can be made, a binary form that is quick to look into.
        row_security: A store that is bound to a project is held to it by the database: on PostgreSQL by row-level
            security under a role of its own, on SQLite by the connection.
        read_only: Nothing can be written: a standby, a read-only file, or a user without the right.
        search_path: PostgreSQL's schemas in which extensions are, beside the store's own and ``public``.
    """

    engine: Engine
    version: str
    vector: str | None = None
    trigrams: bool = False
    unaccent: bool = False
    full_text: bool = True
    jsonb: bool = True
    row_security: bool = False
    read_only: bool = False
    search_path: tuple[str, ...] = ()
