"""Tables and views that may be read: which there are, what they are called, and what names are near to one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Protocol

from exuvia.catalog.names import fold, quote
from exuvia.guard.policy import Policy
from exuvia.tools.database.descriptions import Description

_PART: Final = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
SQLITE_SCHEMA: Final = "main"
_TELLING: Final = 3  # letters that tell one name from others


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a view.

    Args:
        schema: Its schema; ``main`` in SQLite.
        name: Its name.
        kind: ``table``, ``view``, ``partitioned table``, ``materialized view``, ``foreign table``, ``virtual table``.
        shown: Its name as SQL takes it, without a schema where none is needed.
        key: What the database calls it inside.
    """

    schema: str
    name: str
    kind: str
    shown: str
    key: int = 0

    @property
    def qualified(self) -> str:
        """Its name with the schema, in quotes."""
        parts = (self.schema, self.name)
        return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


@dataclass(frozen=True, slots=True)
class Measure:
    """About how many rows a relation has, what it takes on the disk with its indexes, and its comment."""

    rows: int | None = None
    bytes: int | None = None
    comment: str = ""


class Inspector(Protocol):
    """Tells what is in a database, and nothing of what may not be read."""

    async def relations(self) -> Sequence[Relation]:
        """Return the tables and views that may be read, by schema and name."""

    async def measures(self, relations: Sequence[Relation]) -> Sequence[Measure]:
        """Return what each relation measures."""

    async def columns(self, relations: Sequence[Relation]) -> dict[Relation, list[str]]:
        """Return the columns' names."""

    async def describe(self, relation: Relation) -> Description:
        """Return everything that is declared for a relation."""


def shown_in_postgres(policy: Policy, schema: str, name: str) -> str:
    """Return a name as a statement under a policy would write it."""
    return quote(name) if schema == policy.default_schema else f"{quote(schema)}.{quote(name)}"


def shown_in_sqlite(name: str) -> str:
    """Return a name as a statement would write it: SQLite does not care for capitals."""
    return name if _WORD.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def find(text: str, relations: Sequence[Relation], default_schema: str) -> Relation | None:
    """Return the relation that a name means: as it is written, or else without regard to capitals; None for none.

    Args:
        text: A name, with or without a schema, with or without quotes.
        relations: Those that there are.
        default_schema: Where a name without a schema is looked for.
    """
    parts = [quoted.replace('""', '"') if quoted else plain.strip() for quoted, plain in _PART.findall(text)]
    schema, name = (parts[-2], parts[-1]) if len(parts) > 1 else (default_schema, parts[-1] if parts else "")
    exact = [one for one in relations if (one.schema, one.name) in ((schema, name), (default_schema, text))]
    folded = [one for one in relations if (fold(one.schema), fold(one.name)) == (fold(schema), fold(name))]
    return next(iter(exact or folded), None)


def near(name: str, known: Sequence[str], *, most: int = 3) -> list[str]:
    """Return the names that somebody may have meant."""
    by_folded = {fold(one): one for one in reversed(known)}
    wanted = fold(name.rpartition(".")[2].strip('"'))
    found = get_close_matches(wanted, by_folded, n=most, cutoff=0.6)
    found += [one for one in by_folded if len(wanted) >= _TELLING and wanted in one and one not in found]
    return [by_folded[one] for one in found[:most]]
