"""The health of full-text tables, as far as it can be told without writing.

FTS5's and FTS4's own command ``INSERT INTO t(t) VALUES ('integrity-check')`` counts as a write. Their structure is
checked by ``PRAGMA quick_check(t)`` instead (xIntegrity, since SQLite 3.44), and which rows they hold by comparing
keys.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from exuvia.catalog.model import VirtualTable
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.fulltext import full_text
from exuvia.engines.sqlite.observe.visits import Visits
from exuvia.engines.sqlite.order import quote
from exuvia.errors import SourceError


@dataclass(frozen=True, slots=True)
class SearchHealth:
    """A full-text table.

    Args:
        name: The table.
        problems: What is wrong with it.
        unchecked: What could not be checked, and why.
    """

    name: str
    problems: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


def search_health(visits: Visits, table: VirtualTable, tables: Collection[str]) -> SearchHealth:
    """Check a full-text table.

    Args:
        visits: The database.
        table: The table.
        tables: The ordinary tables of the database, case-folded.
    """
    problems: list[str] = []
    unchecked: list[str] = []
    _structure(visits, table, problems, unchecked)
    _rows(visits, table, tables, problems, unchecked)
    return SearchHealth(table.name, tuple(problems), tuple(unchecked))


def _structure(visits: Visits, table: VirtualTable, problems: list[str], unchecked: list[str]) -> None:
    try:
        found = visits.ask(f"PRAGMA main.quick_check({quote(table.name)})")
    except SourceError as error:
        unchecked.append(f"structure: {error.message}")
        return
    if found is None:
        unchecked.append("structure: the check takes longer than the database may be read at a time")
    else:
        problems += [str(row[0]) for row in found if row[0] != "ok"]


def _rows(
    visits: Visits, table: VirtualTable, tables: Collection[str], problems: list[str], unchecked: list[str]
) -> None:
    declared = full_text(table)
    sizes = next((name for name in table.shadows if fold(name) == fold(f"{table.name}_docsize")), None)
    if declared.content is None:
        return
    if not declared.content:
        unchecked.append("rows: the table keeps no text to compare with")
        return
    if sizes is None or fold(declared.content) not in tables:
        unchecked.append("rows: the rows that are indexed cannot be listed")
        return
    key = "id" if declared.module == "fts5" else "docid"
    content = f"SELECT {quote(declared.content_rowid)} FROM main.{quote(declared.content)}"
    indexed = f"SELECT {key} FROM main.{quote(sizes)}"
    for these, those, words in ((content, indexed, "not in the index"), (indexed, content, "in the index but gone")):
        try:
            found = visits.ask(f"SELECT count(*) FROM ({these} EXCEPT {those})")
        except SourceError as error:
            unchecked.append(f"rows: {error.message}")
            return
        if found is None:
            unchecked.append("rows: the comparison takes longer than the database may be read at a time")
            return
        if found[0][0]:
            problems.append(f"{found[0][0]:,} rows of {declared.content} are {words}")
    unchecked.append("text: whether the indexed words are those of the rows can only be checked by a write")
