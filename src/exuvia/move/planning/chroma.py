"""What a person should know about the documents of a ChromaDB file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from exuvia.catalog.model import Catalog, Table, VectorIndex
from exuvia.engines.sqlite.chroma import NAME, is_documents
from exuvia.move.plan import Problem
from exuvia.move.planning.constraints import Found, Shape
from exuvia.move.planning.words import counted
from exuvia.values.facts import ColumnFacts

_VECTORS = ("document's vector is", "documents' vectors are")
_COLUMN = f"{NAME}.embedding"


def document_distances(table: Table, indexes: Sequence[VectorIndex]) -> dict[str, str]:
    """Return the distance by which all collections of ChromaDB's documents are searched, by the column of the vectors;
    nothing where they are not searched by one.

    Args:
        table: A table of the source.
        indexes: ChromaDB's.
    """
    distances = {index.distance for index in indexes}
    return {"embedding": distances.pop()} if is_documents(table) and len(distances) == 1 else {}


def tell_documents(catalog: Catalog, shapes: Mapping[str, Shape], found: Found) -> None:
    """Tell what the table of ChromaDB's documents is, by which distances its collections are searched, and which
    vectors cannot be read."""
    shape = shapes.get(NAME)
    if shape is None or not is_documents(shape.table):
        return
    message = (
        "It is put together of ChromaDB's tables and index files: a row per document, with text, metadata and vector."
    )
    found.problems.append(Problem("note", NAME, message, choices=("exclude = true leaves it out",)))
    found.problems += _pending(catalog.vector_indexes)
    if "embedding" in shape.columns:
        found.problems += _distances(catalog.vector_indexes)
        found.problems += _lost(catalog.vector_indexes, shape.profile.columns.get("embedding", ColumnFacts()))


def _distances(indexes: Sequence[VectorIndex]) -> list[Problem]:
    by_distance: dict[str, list[str]] = defaultdict(list)
    for index in indexes:
        by_distance[index.distance].append(index.collection)
    found: list[Problem] = []
    if "cosine" in by_distance:
        message = (
            f"ChromaDB's index keeps vectors of {_listed(by_distance['cosine'])} divided by their length, for cosine "
            "distance. They are multiplied by it again, as ChromaDB itself gives them, which may change the last digit "
            "of a float32; those still in its queue are as they were written."
        )
        found.append(Problem("note", _COLUMN, message))
    if len(by_distance) > 1:
        told = "; ".join(f"{distance} in {_listed(names)}" for distance, names in sorted(by_distance.items()))
        message = f"ChromaDB searches by more than one distance: {told}. One index serves one distance."
        choices = tuple(f'distance = "{distance}"' for distance in sorted(by_distance))
        found.append(Problem("note", _COLUMN, message, choices=choices))
    return found


def _pending(indexes: Sequence[VectorIndex]) -> list[Problem]:
    words = ("change is", "changes are")
    choices = ("open the collection once with ChromaDB: collection.get(limit=1)",)
    return [
        Problem(
            "warning",
            NAME,
            f"{counted(index.pending, words)} in ChromaDB's queue and not yet made to the documents of the collection "
            f"{index.collection}: they are in the table embeddings_queue, not in this one.",
            count=index.pending,
            choices=choices,
        )
        for index in indexes
        if index.pending
    ]


def _lost(indexes: Sequence[VectorIndex], facts: ColumnFacts) -> list[Problem]:
    """Vectors that are neither in the queue nor in an index that can be read."""
    found: list[Problem] = []
    choices = ("put the segment's directory back beside the file", "embed the documents again")
    for index in indexes:
        if index.lost:
            message = (
                f"{counted(index.lost, _VECTORS)} lost in the collection {index.collection}, and NULL: {index.fault}."
            )
            found.append(Problem("warning", _COLUMN, message, count=index.lost, choices=choices))
    missing = facts.nulls - sum(index.lost for index in indexes)
    if missing > 0:
        message = f"{counted(missing, _VECTORS)} neither in ChromaDB's queue nor in its index, and NULL."
        found.append(Problem("warning", _COLUMN, message, facts.null_examples, missing, choices[1:]))
    return found


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3:,} more"
