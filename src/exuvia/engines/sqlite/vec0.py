"""vec0 tables of sqlite-vec 0.1 as ordinary tables, read from their shadow tables without the module.

The layout is that of ARCHITECTURE.md at https://github.com/asg017/sqlite-vec: ``<t>_rowids`` says in which chunk
and at which place of it a row is; ``<t>_vector_chunks00`` holds a chunk's vectors one after the other, in a BLOB per
chunk, ``<t>_metadatachunks00`` its metadata likewise, ``<t>_auxiliary`` the other columns row by row. Functions of
exuvia's read the parts of these BLOBs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from exuvia.catalog.model import Affinity, Column, Key, Table, VirtualTable
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.functions import DOUBLE, INTEGER, PART, REVERSED, SHORT_TEXT, WIDENED
from exuvia.engines.sqlite.order import literal, quote
from exuvia.engines.sqlite.tokens import Token, split, tokenize

MODULE = "vec0"

_VECTOR = re.compile(r"(float|f32|float32|int8|i8|bit)\s*\[\s*(\d+)\s*\]", re.IGNORECASE)
_ELEMENTS = {"float": "float32", "f32": "float32", "float32": "float32", "int8": "int8", "i8": "int8", "bit": "bit"}
_TEXT_VIEW = 16  # bytes per row: a length of 4 and the first 12 bytes of the text


class Role(StrEnum):
    """What a column of a vec0 table is."""

    KEY = "key"
    VECTOR = "vector"
    PARTITION = "partition"
    METADATA = "metadata"
    AUXILIARY = "auxiliary"


@dataclass(frozen=True, slots=True)
class VecColumn:
    """A column: its declared type in small letters, and of a vector the kind of its elements, how many they are and
    the distance by which it is searched."""

    name: str
    role: Role
    type: str = ""
    elements: str = ""
    size: int = 0
    distance: str = "l2"


@dataclass(frozen=True, slots=True)
class Vec0:
    """A vec0 table."""

    name: str
    columns: tuple[VecColumn, ...] = field(default=())

    def of(self, role: Role) -> list[VecColumn]:
        """Return the columns of a role, in order."""
        return [column for column in self.columns if column.role is role]


def is_vec0(table: VirtualTable) -> bool:
    """Whether a virtual table is of the module vec0."""
    return fold(table.module) == MODULE


def vec0(table: VirtualTable) -> Vec0:
    """Read the declaration of a vec0 table."""
    tokens = list(tokenize(table.sql))
    opening = next((at for at, token in enumerate(tokens) if token.text == "("), len(tokens))
    found = (_column(table.sql, argument) for argument in split(tokens[opening + 1 : -1]) if argument)
    return Vec0(table.name, tuple(column for column in found if column is not None))


def _column(sql: str, argument: Sequence[Token]) -> VecColumn | None:
    if len(argument) > 1 and argument[1].text == "=":
        return None
    auxiliary = argument[0].text == "+"
    argument = argument[1:] if auxiliary else argument
    if len(argument) < 2:
        return None
    name, rest = argument[0].value, fold(sql[argument[1].start : argument[-1].end])
    vector = _VECTOR.match(rest)
    kind = rest.split()[0]
    if auxiliary:
        return VecColumn(name, Role.AUXILIARY, kind)
    if vector is not None:
        distance = re.search(r"distance_metric\s*=\s*(\w+)", rest)
        measure = "hamming" if _ELEMENTS[vector[1]] == "bit" else distance[1] if distance else "l2"
        return VecColumn(name, Role.VECTOR, kind, _ELEMENTS[vector[1]], int(vector[2]), measure)
    if "primary" in rest.split():
        return VecColumn(name, Role.KEY, kind)
    return VecColumn(name, Role.PARTITION if "partition" in rest.split() else Role.METADATA, kind)


def derived(table: VirtualTable) -> Table | None:
    """Return a vec0 table's rows as an ordinary table; None where the shadow tables are not those of the layout.

    Vectors are BLOBs: float32 elements as the application wrote them, int8 elements as float32, which holds them
    exactly, and bits packed, each byte beginning with its highest.
    """
    found = vec0(table)
    shadows = {fold(name): name for name in table.shadows}
    layout = _Layout(table.name, shadows)
    if not found.of(Role.VECTOR) or not layout.has("rowids", "chunks"):
        return None
    try:
        items = list(_items(found, layout))
    except KeyError:
        return None
    key = found.of(Role.KEY)
    rowid = key[0].name if key and key[0].type != "text" else "rowid"
    primary = (key[0].name,) if key else (rowid,)
    joins = "".join(f" LEFT JOIN {source} {alias} ON {on}" for source, alias, on in layout.joined.values())
    listed = ", ".join(f"{sql} AS {quote(column.name)}" for column, sql in items)
    return Table(
        name=table.name,
        columns=tuple(column for column, _ in items),
        primary_key=Key(primary),
        rowid_column=rowid,
        rowid_name=None,
        sql=table.sql,
        query=f"SELECT {listed} FROM {layout.table('rowids')} r{joins}",
    )


@dataclass(slots=True)
class _Layout:
    """The shadow tables of one vec0 table, and those that the query reads."""

    name: str
    shadows: dict[str, str]
    joined: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def has(self, *suffixes: str) -> bool:
        return all(fold(f"{self.name}_{suffix}") in self.shadows for suffix in suffixes)

    def table(self, suffix: str) -> str:
        return f"main.{quote(self.shadows[fold(f'{self.name}_{suffix}')])}"

    def part(self, suffix: str, column: str, length: int, place: str = "r.chunk_offset") -> str:
        """SQL of the bytes at a place in a chunk's BLOB, of which each place has as many."""
        table = literal(self.shadows[fold(f"{self.name}_{suffix}")])
        return f"{PART}({table}, {literal(column)}, r.chunk_id, {place} * {length}, {length})"

    def join(self, suffix: str, key: str, of_row: str) -> str:
        """Read a shadow table too, and return its alias."""
        if suffix not in self.joined:
            alias = f"j{len(self.joined)}"
            # The plus takes the affinity off, with which SQLite would not use the index of an untyped column
            self.joined[suffix] = (self.table(suffix), alias, f"{alias}.{key} = +r.{of_row}")
        return self.joined[suffix][1]


def _items(found: Vec0, layout: _Layout) -> Iterator[tuple[Column, str]]:
    """Yield the table's columns with the SQL of their values."""
    key = found.of(Role.KEY)
    if not key or key[0].type == "text":
        yield Column("rowid", "INTEGER", Affinity.INTEGER, not_null=True), "r.rowid"
    numbers = dict.fromkeys(Role, 0)
    for column in found.columns:
        number = numbers[column.role]
        numbers[column.role] += 1
        if column.role is Role.KEY:
            declared = Column(column.name, column.type.upper(), _AFFINITIES.get(column.type, Affinity.BLOB))
            yield declared, "r.id" if column.type == "text" else "r.rowid"
        elif column.role is Role.VECTOR:
            vector = layout.part(f"vector_chunks{number:02}", "vectors", _bytes(column))
            type_name = f"{'BIT' if column.elements == 'bit' else 'FLOAT'}[{column.size}]"
            function = {"int8": WIDENED, "bit": REVERSED}.get(column.elements, "")
            yield Column(column.name, type_name), f"{function}({vector})"
        elif column.role is Role.PARTITION:
            alias = layout.join("chunks", "chunk_id", "chunk_id")
            yield _declared(column), f"{alias}.partition{number:02}"
        elif column.role is Role.AUXILIARY:
            alias = layout.join("auxiliary", "rowid", "rowid")
            yield _declared(column), f"{alias}.value{number:02}"
        else:
            yield _declared(column), _metadata(column, number, layout)


_AFFINITIES = {"text": Affinity.TEXT, "integer": Affinity.INTEGER, "int": Affinity.INTEGER, "float": Affinity.REAL}


def _declared(column: VecColumn) -> Column:
    return Column(column.name, column.type.upper(), _AFFINITIES.get(column.type, Affinity.BLOB))


def _bytes(column: VecColumn) -> int:
    return {"float32": 4 * column.size, "int8": column.size, "bit": (column.size + 7) // 8}[column.elements]


def _metadata(column: VecColumn, number: int, layout: _Layout) -> str:
    chunks = f"metadatachunks{number:02}"
    if column.type == "text":
        longer = layout.table(f"metadatatext{number:02}")
        return (
            f"ifnull(CAST({SHORT_TEXT}({layout.part(chunks, 'data', _TEXT_VIEW)}) AS TEXT),"
            f" (SELECT t.data FROM {longer} t WHERE t.rowid = +r.rowid))"
        )
    if column.type in ("bool", "boolean"):
        eight = layout.part(chunks, "data", 1, "(r.chunk_offset / 8)")
        return f"({INTEGER}({eight}) >> (r.chunk_offset % 8)) & 1"
    value = layout.part(chunks, "data", 8)
    return f"{DOUBLE if column.type in ('float', 'double', 'real') else INTEGER}({value})"
