"""SQLite's schema as the stages of healing need it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from exuvia.engines.sqlite.tokens import closing, split, tokenize
from exuvia.ops.heal.schema import Column, ForeignKey, Index, Schema, Table

Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

_TABLES: Final = """
SELECT l.name, l.type, l.wr FROM pragma_table_list AS l
WHERE l.schema = 'main' AND l.type IN ('table', 'view', 'virtual') AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
ORDER BY l.name
"""
_COLUMNS: Final = (
    'SELECT name, type, "notnull", dflt_value IS NOT NULL, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1'
)
_INDEXES: Final = """
SELECT l.name, l."unique", l.partial, s.sql FROM pragma_index_list(?) AS l
LEFT JOIN main.sqlite_schema AS s ON s.type = 'index' AND s.name = l.name ORDER BY l.name
"""
_PARTS: Final = "SELECT name FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno"
_FOREIGN_KEYS: Final = 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq'
_COUNTED: Final = 100_000


def read_schema(ask: Ask) -> Schema:
    """Read every table of the file.

    Args:
        ask: Runs a query with its values.
    """
    kinds = {name: (kind, bool(without_rowid)) for name, kind, without_rowid in ask(_TABLES, ())}
    columns = {name: ask(_COLUMNS, (name,)) for name in kinds}
    keys = {name: _key(found) for name, found in columns.items()}
    tables = []
    for name, (kind, without_rowid) in kinds.items():
        is_table = kind == "table"
        tables.append(
            Table(
                "main",
                name,
                "table" if is_table else "view",
                tuple(Column(each[0], each[1], bool(each[2]), bool(each[3])) for each in columns[name]),
                keys[name],
                tuple(_indexes(ask, name, columns[name], rowid=not without_rowid)) if is_table else (),
                tuple(_foreign_keys(ask, name, keys)) if is_table else (),
                _rows(ask, name, rowid=not without_rowid) if is_table else 0,
                folds=True,
            )
        )
    return Schema(tuple(tables), ("main",))


def _key(columns: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    return tuple(name for _, name in sorted((each[4], each[0]) for each in columns if each[4]))


def _indexes(ask: Ask, table: str, columns: Sequence[tuple[Any, ...]], *, rowid: bool) -> list[Index]:
    found = []
    key = [each for each in columns if each[4]]
    if rowid and len(key) == 1 and key[0][1].upper() == "INTEGER":
        found.append(Index("the rowid", (key[0][0],), unique=True))
    for name, unique, partial, sql in ask(_INDEXES, (table,)):
        expressions = _expressions(sql or "")
        parts = tuple(
            part if part is not None else expressions[place] if place < len(expressions) else "(?)"
            for place, (part,) in enumerate(ask(_PARTS, (name,)))
        )
        found.append(Index(name, parts, bool(unique), bool(partial)))
    return found


def _expressions(sql: str) -> list[str]:
    """Return the parts of a CREATE INDEX, each in parentheses."""
    tokens = list(tokenize(sql))
    opening = next((place for place, token in enumerate(tokens) if token.text == "("), None)
    if opening is None:
        return []
    pieces = split(tokens[opening + 1 : closing(tokens, opening)])
    return [f"({sql[piece[0].start : piece[-1].end]})" for piece in pieces if piece]


def _foreign_keys(ask: Ask, table: str, keys: dict[str, tuple[str, ...]]) -> list[ForeignKey]:
    parts: dict[int, list[tuple[str, str, str | None]]] = {}
    for number, parent, own, other in ask(_FOREIGN_KEYS, (table,)):
        parts.setdefault(number, []).append((parent, own, other))
    folded = {name.lower(): key for name, key in keys.items()}
    found = []
    for pieces in parts.values():
        parent = pieces[0][0]
        named = tuple(other for _, _, other in pieces if other is not None)
        others = named if len(named) == len(pieces) else folded.get(parent.lower(), ())
        found.append(ForeignKey("", tuple(own for _, own, _ in pieces), "main", parent, others))
    return found


def _rows(ask: Ask, table: str, *, rowid: bool) -> int:
    """Return about how many rows there are: at most the largest rowid, which is found at once."""
    quoted = '"' + table.replace('"', '""') + '"'
    if rowid:
        return int(ask(f"SELECT max(_rowid_) FROM {quoted}", ())[0][0] or 0)
    return int(ask(f"SELECT count(*) FROM (SELECT 1 FROM {quoted} LIMIT {_COUNTED})", ())[0][0])
