"""Names as each engine's SQL spells them."""

from __future__ import annotations

import re
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


class Expression(str):
    """A part of an index that is SQL already, in parentheses; any other text is a column's name, whatever it holds."""

    __slots__ = ()


def spell_all(engine: Engine, names: Iterable[str]) -> str:
    """Return names as SQL, with commas."""
    return ", ".join(name if isinstance(name, Expression) else spell(engine, name) for name in names)


def literal(text: str) -> str:
    """Return a text as SQL; in PostgreSQL standard_conforming_strings has to be on, so that a backslash is one."""
    return "'" + text.replace("'", "''") + "'"


def free_name(wanted: Iterable[str], taken: Collection[str]) -> str:
    """Return a name of these words that nothing has yet, in at most 63 bytes."""
    base = re.sub(r"\W+|__+", "_", "_".join(word.strip("()") for word in wanted))
    candidate, number = fit(base), 1
    while candidate in taken:
        number += 1
        candidate = fit(f"{base}_{number}")
    return candidate
