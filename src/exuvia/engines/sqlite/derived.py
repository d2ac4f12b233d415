"""Tables that a file does not store as such: rows of virtual tables, and documents that lie in several tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import apsw

from exuvia.catalog.model import Table, VectorIndex, VirtualTable
from exuvia.engines.sqlite import chroma, fulltext, vec0
from exuvia.engines.sqlite.chroma_files import Indexes
from exuvia.engines.sqlite.functions import is_registered, register


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


def vector_indexes(
    connection: apsw.Connection, tables: Iterable[Table], derived: Iterable[Table]
) -> tuple[VectorIndex, ...]:
    """Look at the index files beside a ChromaDB file; there are none beside others.

    Args:
        connection: A connection, of a snapshot or not.
        tables: The ordinary tables.
        derived: What `derived_tables` makes of them.

    Raises:
        apsw.Error: SQLite cannot read the tables.
    """
    if not any(chroma.is_documents(table) for table in derived):
        return ()
    if is_registered(connection):
        return tuple(chroma.vector_indexes(connection, tables))
    with closing(Indexes(Path(connection.filename))) as indexes:
        register(connection, indexes)
        return tuple(chroma.vector_indexes(connection, tables))
