"""Statements that find entries and count the words in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.listing import Where
from exuvia.store.core.requests import Row, Statement, Value
from exuvia.store.core.shapes import time_of
from exuvia.store.filters import Filter
from exuvia.store.search.records import ENTRY
from exuvia.store.search.rendering import condition, fts5, has_phrase, spaced, tsquery
from exuvia.store.search.syntax import Node, Term, every_term, terms
from exuvia.store.search.typos import Piece

_FIELDS: Final = tuple(f"split_part(folded, chr(10), {place})" for place in (1, 2, 3))


Key = tuple[str, str, str]
"""An entry's project, kind and id."""


@dataclass(frozen=True, slots=True)
class Within:
    """Where to search: every condition but the words.

    Args:
        project: The project; None for all.
        kinds: Kinds of entries; none for all.
        types: Types of entries; none for all.
        session: The session; None for all.
        since: The earliest time.
        until: The latest time.
        filter: What the entry's ``data`` has to be like.
        among: The numbers of the only entries that come into question, on PostgreSQL; None for all.
    """

    project: str | None
    kinds: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    session: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    filter: Filter | None = None
    among: tuple[int, ...] | None = None

    def where(self, dialect: Dialect) -> Where:
        """Return the conditions on ``search_entries AS e``.

        Raises:
            InvalidValueError: A time has no zone, or the filter is none.
        """
        where = Where().equal("e.project_id", self.project).equal("e.session_id", self.session)
        if self.kinds:
            where.also(dialect.any_of("e.kind", "kinds"), kinds=dialect.array(self.kinds))
        if self.types:
            where.also(dialect.any_of("e.type", "types"), types=dialect.array(self.types))
        if self.among is not None:
            numbers = f"{{{','.join(map(str, self.among))}}}"
            where.also("e.entry = ANY (CAST(:among AS bigint[]))", among=numbers)
        return where.during("e.at", self.since, self.until).json("e.data", self.filter, dialect)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that may match, before it is known how well.

    Args:
        entry: Its number.
        project_id: Its project.
        kind: Its kind.
        id: Its id.
        at: Its time.
    """

    entry: int
    project_id: str
    kind: str
    id: str
    at: datetime

    def __hash__(self) -> int:
        return self.entry

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.project_id, self.kind, self.id

    @classmethod
    def read(cls, row: Row) -> Candidate:
        """Make one from a row of ``newest`` or ``like``."""
        return cls(row[0], row[1], row[2], row[3], time_of(row[4]))


def newest(query: Node, within: Within, most: int, dialect: Dialect) -> Statement:
    """Find the entries that match and were entered last.

    Args:
        query: The query, or a branch of it.
        within: The other conditions.
        most: How many at most.
        dialect: The engine's.

    Returns:
        A statement whose rows end in the counts of the query's terms, for ``ranking.numbers``.
    """
    if dialect.is_postgres:
        return _postgres(query, within.where(dialect), _last(within, dialect), most)
    return _sqlite(query, within, most, dialect)


def like(words: Sequence[Sequence[Piece]], within: Within, most: int, dialect: Dialect) -> Statement:
    """Find the entries that were entered last and have, of each word, one of its pieces in the title.

    Args:
        words: The pieces of each word.
        within: The other conditions.
        most: How many at most.
        dialect: The engine's.

    Returns:
        A statement whose rows end in the title.
    """
    where = within.where(dialect).also("e.kind <> 'event'")
    for number, pieces in enumerate(words):
        if dialect.is_postgres:
            _like_in_postgres(where, pieces, number)
        else:
            _like_in_sqlite(where, pieces, number)
    return Statement(
        f"""
        SELECT e.entry, e.project_id, e.kind, e.id, e.at, e.title
        FROM search_entries AS e WHERE {where}
        ORDER BY {_last(within, dialect)} DESC LIMIT :most
        """,
        where.parameters | {"most": most},
        prepared=False,
    )


def _last(within: Within, dialect: Dialect) -> str:
    """Return what entries are ordered by; PostgreSQL has an index for all projects that is of an expression."""
    return "e.entry + 0" if dialect.is_postgres and within.project is None else "e.entry"


def _like_in_postgres(where: Where, pieces: Sequence[Piece], number: int) -> None:
    named = {f"piece{number}_{place}": _sought(piece) for place, piece in enumerate(pieces)}
    asked = " OR ".join(f"search_has(split_part(e.folded, chr(10), 1), CAST(:{name} AS text))" for name in named)
    where.also(f"({asked})", **named)


def _sought(piece: Piece) -> str:
    """Return how a piece stands in a folded text."""
    return f"  {piece.text}" if piece.begins else piece.text


def _like_in_sqlite(where: Where, pieces: Sequence[Piece], number: int) -> None:
    asked = {
        "search_names": [f'"{piece.text}"' for piece in pieces if not piece.begins],
        "search_words": [f'title : "{piece.text}" *' for piece in pieces if piece.begins],
    }
    chosen = [
        f"SELECT rowid FROM {table} WHERE {table} MATCH :{table}{number}" for table, queries in asked.items() if queries
    ]
    queries = {f"{table}{number}": " OR ".join(queries) for table, queries in asked.items() if queries}
    where.also(f"e.entry IN ({' UNION '.join(chosen)})", **queries)


def entries(keys: Sequence[Key], dialect: Dialect) -> Statement:
    """Read entries by their keys."""
    given, parameters = dialect.table({"project_id": "text", "kind": "text", "id": "text"}, keys)
    # by this order of the tables a bound store, too, reads them by key on SQLite
    return Statement(
        f"""
        SELECT {ENTRY.columns("e")} FROM {given} CROSS JOIN search_entries AS e
        WHERE e.project_id = given.project_id AND e.kind = given.kind AND e.id = given.id
        """,
        parameters,
    )


def matches(query: Node, most: int) -> Statement:
    """Find the numbers of a bound store's entries that match, on PostgreSQL, beside its row-level security."""
    asked: dict[str, Value] = {"match": tsquery(query), "most": most}
    return Statement("SELECT search_matches(CAST(:match AS tsquery), CAST(:most AS integer))", asked)


def namesakes(words: Sequence[Sequence[Piece]], most: int) -> Statement:
    """Find the numbers of a bound store's entries that ``like`` may find, by the longest of the words."""
    chosen = max(words, key=lambda pieces: min(len(piece.text) for piece in pieces))
    asked: dict[str, Value] = {"pieces": [_sought(piece) for piece in chosen], "most": most}
    return Statement("SELECT search_namesakes(CAST(:pieces AS text[]), CAST(:most AS integer))", asked)


def _sqlite(query: Node, within: Within, most: int, dialect: Dialect) -> Statement:
    phrases = list(every_term(query))
    counted = ", ".join(str(phrases.index(term)) for term in terms(query))
    where = within.where(dialect).also("search_words MATCH :match", match=_scoped(fts5(query), within))
    return Statement(
        f"""
        SELECT e.entry, e.project_id, e.kind, e.id, e.at, search_counts(search_words, {counted})
        FROM search_words CROSS JOIN search_entries AS e ON e.entry = search_words.rowid
        WHERE {where}
        ORDER BY search_words.rowid DESC LIMIT :most
        """,
        where.parameters | {"most": most},
    )


def _scoped(asked: str, within: Within) -> str:
    """Add the project and the kinds, as words of the index, to an FTS5 query."""
    parts = [f"{{title tags body}} : {asked}"]
    if within.project is not None:
        parts.append(f"scope : {_scope_word('p', within.project)}")
    if within.kinds:
        parts.append(f"scope : ({' OR '.join(_scope_word('k', kind) for kind in within.kinds)})")
    return " AND ".join(parts)


def _scope_word(mark: str, value: str) -> str:
    return f'"{mark}{value.encode().hex()}"'


def _postgres(query: Node, where: Where, order: str, most: int) -> Statement:
    where.also("e.words @@ CAST(:match AS tsquery)", match=tsquery(query))
    asked: dict[Term, str] = {}
    values: dict[str, Value] = {}

    def named(term: Term) -> str:
        if term not in asked:
            asked[term] = f"term{len(asked)}"
            values[asked[term]] = spaced(term)
        return asked[term]

    if has_phrase(query):
        where.also(condition(query, lambda term: f"strpos(e.folded, CAST(:{named(term)} AS text)) > 0"))
    counts = [_count(field, named(term)) for term in terms(query) for field in _FIELDS]
    length = f"(octet_length({_FIELDS[2]}) - octet_length(translate({_FIELDS[2]}, ' ', ''))) / 2 - 1"
    return Statement(
        f"""
        SELECT entry, project_id, kind, id, at, array_to_string(ARRAY[{", ".join([*counts, length])}], ',')
        FROM (
          SELECT e.entry, e.project_id, e.kind, e.id, e.at, e.folded
          FROM search_entries AS e WHERE {where}
          ORDER BY {order} DESC LIMIT :most
        ) AS found
        ORDER BY entry DESC
        """,
        where.parameters | values | {"most": most},
        prepared=False,
    )


def _count(field: str, name: str) -> str:
    term = f"CAST(:{name} AS text)"
    return f"(octet_length({field}) - octet_length(replace({field}, {term}, ''))) / octet_length({term})"
