"""Names as each engine's SQL spells them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from exuvia.catalog.names import fit, quote
from exuvia.ops.heal.model import Engine


def spell(engine: Engine, name: str) -> str:
    """Return a name as SQL: in SQLite always in quotes, in PostgreSQL where it takes them."""
    return quote(name) if engine == "postgresql" else '"' + name.replace('"', '""') + '"'


def spell_in(engine: Engine, schema: str, name: str) -> str:
    """Return a name with its schema; SQLite's ``main`` is left out."""
    if engine == "sqlite" and schema in ("", "main"):
        return spell(engine, name)
    return f"{spell(engine, schema)}.{spell(engine, name)}"


def spell_all(engine: Engine, names: Iterable[str]) -> str:
    """Return names as SQL, with commas; an expression in parentheses stays as it is."""
    return ", ".join(name if name.startswith("(") else spell(engine, name) for name in names)


def literal(text: str) -> str:
    """Return a text as SQL; with a backslash it is the same under PostgreSQL's standard_conforming_strings."""
    return "'" + text.replace("'", "''") + "'"


def free_name(wanted: Iterable[str], taken: Collection[str]) -> str:
    """Return a name of these words that nothing has yet, in at most 63 bytes."""
    base = "_".join("".join(mark if mark.isalnum() else "_" for mark in word).strip("_") for word in wanted)
    candidate, number = fit(base), 1
    while candidate in taken:
        number += 1
        candidate = fit(f"{base}_{number}")
    return candidate
