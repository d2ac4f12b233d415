"""What a person should know about the documents of a ChromaDB file."""

from __future__ import annotations

from collections.abc import Mapping

from exuvia.engines.sqlite.chroma import NAME, is_documents
from exuvia.move.plan import Problem
from exuvia.move.planning.constraints import Found, Shape
from exuvia.move.planning.words import counted
from exuvia.values.facts import ColumnFacts

_VECTORS = ("document's vector is", "documents' vectors are")


def tell_documents(shapes: Mapping[str, Shape], found: Found) -> None:
    """Tell what the table of ChromaDB's documents is, and how many of their vectors the file no longer holds."""
    shape = shapes.get(NAME)
    if shape is None or not is_documents(shape.table):
        return
    message = "It is put together of ChromaDB's tables: a row per document, with its text, metadata and vector."
    found.problems.append(Problem("note", NAME, message, choices=("exclude = true leaves it out",)))
    facts = shape.profile.columns.get("embedding", ColumnFacts())
    if facts.nulls and "embedding" in shape.columns:
        message = (
            f"{counted(facts.nulls, _VECTORS)} not in the file but in ChromaDB's index beside it "
            "(the directories <segment>/data_level0.bin), which is not read: they are NULL."
        )
        choices = ("UPDATE them from collection.get(include=['embeddings'])", "embed the documents again")
        found.problems.append(
            Problem("warning", f"{NAME}.embedding", message, facts.null_examples, facts.nulls, choices)
        )
