"""Indexes for nearest neighbours, and vec0 tables in the target."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from exuvia.catalog.model import Catalog, VirtualTable
from exuvia.catalog.names import quote
from exuvia.catalog.target import TargetColumn, TargetIndex, TargetIndexPart, TargetTable
from exuvia.catalog.types import Base
from exuvia.engines.sqlite.vec0 import Role, is_vec0, vec0
from exuvia.move.plan import Fate, ObjectPlan, Problem
from exuvia.move.planning.chroma import document_distances
from exuvia.move.planning.constraints import Found, Shape
from exuvia.move.planning.naming import Names
from exuvia.move.planning.overrides import EXCLUDED
from exuvia.move.planning.search import TargetAbilities, Wishes

_METHOD = "hnsw"
_MAX_VECTOR, _MAX_HALFVEC = 2000, 4000  # dimensions that pgvector's HNSW takes
_CLASSES = {"cosine": "cosine", "l2": "l2", "inner": "ip", "l1": "l1"}
_OPERATORS = {"cosine": "<=>", "l2": "<->", "inner": "<#>", "l1": "<+>"}
_CLASS = re.compile(r"(?:vector|halfvec)_(cosine|l2|ip|l1)_ops$")


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
            measures[name] = said or measures.get(name, "cosine")
        result[source] = tuple(_indexes(shape, measures, wishes.abilities, names, found))
    for table in virtual.values():
        _fate(table, shapes.get(table.name), table.name in wishes.excluded, found)
    return result


def distance_of(table: TargetTable, column: TargetColumn) -> str | None:
    """Return the distance by which a vector's index finds the nearest, 'none' without one; None for other columns."""
    if column.type.base is not Base.VECTOR:
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
        if type_.base is not Base.VECTOR or source not in shape.columns:
            continue
        where, name, size = f"{shape.table.name}.{source}", shape.columns[source], type_.size or 0
        if not abilities.pgvector:
            message = f"It is to be {type_}, but the target has no pgvector, or the user may not create it."
            found.problems.append(Problem("error", where, message, choices=('type = "real[]"', 'type = "bytea"')))
            continue
        distance = distances[source]
        if distance == "none":
            continue
        if size > _MAX_HALFVEC:
            message = f"HNSW indexes take at most {_MAX_HALFVEC:,} dimensions: a search reads every vector."
            found.problems.append(Problem("note", where, message))
            continue
        kind = "vector" if size <= _MAX_VECTOR else "halfvec"
        expression = quote(name) if kind == "vector" else f"({quote(name)}::halfvec({size}))"
        if kind == "halfvec":
            message = f"HNSW indexes take at most {_MAX_VECTOR:,} dimensions of vector: it is over halfvec({size})."
            found.problems.append(Problem("note", where, message))
        index = names.claim(shape.schema, f"{shape.name}_{name}_{_METHOD}")
        yield TargetIndex(index, (TargetIndexPart(f"{expression} {kind}_{_CLASSES[distance]}_ops"),), method=_METHOD)


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
        if column.elements != "float32" and column.name in shape.columns:
            message = f"Its vectors of {column.elements} elements stay bytes, which no index searches."
            found.problems.append(Problem("warning", f"{table.name}.{column.name}", message))
    for shadow in table.shadows:
        why = f"belongs to the vec0 table {table.name}, which is replaced"
        found.objects.append(ObjectPlan("shadow table", shadow, table.name, Fate.REPLACED, why))


def _query(table: VirtualTable, shape: Shape) -> str:
    """How queries of the table's first vector change."""
    for column in vec0(table).of(Role.VECTOR):
        type_ = shape.types.get(column.name)
        if type_ is not None and type_.base is Base.VECTOR:
            operator = _OPERATORS.get(column.distance, "<->")
            name = quote(shape.columns[column.name])
            return (
                f": WHERE {quote(column.name)} MATCH ? AND k = 10 becomes "
                f"ORDER BY {name} {operator} '[…]'::{type_} LIMIT 10"
            )
    return ""
