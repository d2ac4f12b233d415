"""Indexes for nearest neighbours, and vec0 tables in the target."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from exuvia.catalog.model import Catalog, VirtualTable
from exuvia.catalog.names import quote
from exuvia.catalog.target import TargetColumn, TargetIndex, TargetIndexPart, TargetTable
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.sqlite.vec0 import Role, is_vec0, vec0
from exuvia.move.plan import Fate, ObjectPlan, Problem
from exuvia.move.planning.chroma import document_distances
from exuvia.move.planning.constraints import Found, Shape
from exuvia.move.planning.naming import Names
from exuvia.move.planning.overrides import EXCLUDED
from exuvia.move.planning.search import TargetAbilities, Wishes

_METHOD = "hnsw"
_MAX_VECTOR, _MAX_HALFVEC, _MAX_BIT = 2000, 4000, 64_000  # dimensions that pgvector's HNSW takes
_CLASSES = {"cosine": "cosine", "l2": "l2", "inner": "ip", "l1": "l1"}
_OPERATORS = {"cosine": "<=>", "l2": "<->", "inner": "<#>", "l1": "<+>", "hamming": "<~>"}
_CLASS = re.compile(r"(?:vector|halfvec|bit)_(cosine|l2|ip|l1|hamming)_ops$")
_ELEMENTS = {
    "int8": "Its elements of int8 are numbers of float32 in the target, which holds them exactly.",
    "bit": (
        "Element i of a vector is bit i of the string, as binary_quantize() makes it, where sqlite-vec begins with the "
        "lowest bit of each byte."
    ),
}
_SEARCHED = (Base.VECTOR, Base.BIT)


def plan_vectors(
    catalog: Catalog,
    shapes: Mapping[str, Shape],
    wishes: Wishes,
    *,
    names: Names,
    found: Found,
) -> dict[str, tuple[TargetIndex, ...]]:
    """Plan an HNSW index for every column of vectors, by source table, and the fates of vec0 tables.

    Args:
        catalog: What the source declares.
        shapes: The tables that are moved.
        wishes: What a person says, and what the target can take.
        names: The target's names.
        found: Takes fates and problems.
    """
    virtual = {table.name: table for table in catalog.virtual_tables if is_vec0(table)}
    result: dict[str, tuple[TargetIndex, ...]] = {}
    for source, shape in shapes.items():
        declared = vec0(virtual[source]).columns if source in virtual else ()
        measures = {column.name: column.distance for column in declared}
        measures |= document_distances(shape.table, catalog.vector_indexes)
        for name in shape.columns:
            said = wishes.overrides.table(source).column(name).distance
            usual = "hamming" if shape.types[name].base is Base.BIT else "cosine"
            measures[name] = said or measures.get(name, usual)
        result[source] = tuple(_indexes(shape, measures, wishes.abilities, names, found))
    for table in virtual.values():
        _fate(table, shapes.get(table.name), table.name in wishes.excluded, found)
    return result


def distance_of(table: TargetTable, column: TargetColumn) -> str | None:
    """Return the distance by which a vector's index finds the nearest, 'none' without one; None for other columns."""
    if column.type.base not in _SEARCHED:
        return None
    for index in table.indexes:
        match = _CLASS.search(index.parts[0].sql) if index.method == _METHOD else None
        if match is not None and index.parts[0].sql.startswith((f"{quote(column.name)} ", f"({quote(column.name)}::")):
            return {"ip": "inner"}.get(match[1], match[1])
    return "none"


def _indexes(
    shape: Shape, distances: Mapping[str, str], abilities: TargetAbilities, names: Names, found: Found
) -> Iterator[TargetIndex]:
    for source, type_ in shape.types.items():
        if type_.base not in _SEARCHED or source not in shape.columns:
            continue
        problem = _refusal(type_, distances[source], abilities)
        if problem is not None:
            level, message, choices = problem
            found.problems.append(Problem(level, f"{shape.table.name}.{source}", message, choices=choices))
        if problem is not None or distances[source] == "none":
            continue
        name = shape.columns[source]
        if type_.base is Base.BIT:
            part = f"{quote(name)} bit_hamming_ops"
        elif (type_.size or 0) <= _MAX_VECTOR:
            part = f"{quote(name)} vector_{_CLASSES[distances[source]]}_ops"
        else:
            part = f"({quote(name)}::halfvec({type_.size})) halfvec_{_CLASSES[distances[source]]}_ops"
            message = (
                f"HNSW indexes take at most {_MAX_VECTOR:,} dimensions of vector: it is over halfvec({type_.size})."
            )
            found.problems.append(Problem("note", f"{shape.table.name}.{source}", message))
        index = names.claim(shape.schema, f"{shape.name}_{name}_{_METHOD}")
        yield TargetIndex(index, (TargetIndexPart(part),), method=_METHOD)


def _refusal(
    type_: SqlType, distance: str, abilities: TargetAbilities
) -> tuple[Literal["note", "error"], str, tuple[str, ...]] | None:
    """Why a column cannot have an index: the problem's level, its message and what to do."""
    bits = type_.base is Base.BIT
    if not abilities.pgvector and not bits:
        message = f"It is to be {type_}, but the target has no pgvector, or the user may not create it."
        return "error", message, ('type = "real[]"', 'type = "bytea"')
    if distance == "none":
        return None
    if not abilities.pgvector:
        message = "The target has no pgvector, whose index would serve it: ORDER BY bit_count(… # …) reads every row."
        return "note", message, ()
    if bits != (distance == "hamming"):
        usual = 'distance = "hamming"' if bits else 'distance = "cosine"'
        return "error", f"No index of {type_} finds the nearest by {distance}.", (usual, 'distance = "none"')
    most = _MAX_BIT if bits else _MAX_HALFVEC
    if (type_.size or 0) > most:
        return "note", f"HNSW indexes take at most {most:,} dimensions: a search reads every vector.", ()
    return None


def _fate(table: VirtualTable, shape: Shape | None, excluded: bool, found: Found) -> None:
    if shape is None:
        reason = EXCLUDED if excluded else "its shadow tables are gone, or not laid out as sqlite-vec 0.1 does it"
        found.left_out("virtual table", table.name, "", reason, table.sql)
        if not excluded:
            found.problems.append(Problem("warning", table.name, f"The vec0 table is left out: {reason}."))
        for shadow in table.shadows:
            found.left_out("shadow table", shadow, table.name, f"belongs to the vec0 table {table.name}")
        return
    reason = f"its rows are in the table {shape.name}{_query(table, shape)}"
    found.objects.append(ObjectPlan("virtual table", table.name, "", Fate.REPLACED, reason, table.sql))
    for column in vec0(table).of(Role.VECTOR):
        if column.elements in _ELEMENTS and column.name in shape.columns:
            found.problems.append(Problem("note", f"{table.name}.{column.name}", _ELEMENTS[column.elements]))
    for shadow in table.shadows:
        why = f"belongs to the vec0 table {table.name}, which is replaced"
        found.objects.append(ObjectPlan("shadow table", shadow, table.name, Fate.REPLACED, why))


def _query(table: VirtualTable, shape: Shape) -> str:
    """How queries of the table's first vector change."""
    for column in vec0(table).of(Role.VECTOR):
        type_ = shape.types.get(column.name)
        if type_ is not None and type_.base in _SEARCHED:
            operator = _OPERATORS.get(column.distance, "<->")
            name = quote(shape.columns[column.name])
            return (
                f": WHERE {quote(column.name)} MATCH ? AND k = 10 becomes "
                f"ORDER BY {name} {operator} '[…]'::{type_} LIMIT 10"
            )
    return ""
