"""Tables that a file does not store as such: rows of virtual tables, and documents that lie in several tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exuvia.catalog.model import Table, VirtualTable
from exuvia.engines.sqlite import chroma, fulltext, vec0


def derived_tables(tables: Iterable[Table], virtual: Iterable[VirtualTable]) -> Iterator[Table]:
    """Yield a table of the same name for each virtual table whose shadow tables hold rows of its own, and the documents
    of a ChromaDB file.

    Args:
        tables: The ordinary tables.
        virtual: The virtual tables.
    """
    documents = chroma.derived(tables)
    if documents is not None:
        yield documents
    for table in virtual:
        found = None
        if fulltext.is_full_text(table):
            found = fulltext.derived(table)
        elif vec0.is_vec0(table):
            found = vec0.derived(table)
        if found is not None:
            yield found
