"""ChromaDB's file as documents: what its tables hold about one document, put together in one row.

https://cookbook.chromadb.dev/core/storage-layout/: ``embeddings`` has a row per document, ``embedding_metadata`` its
text (under ``chroma:document``) and its metadata, ``embeddings_queue`` the vectors, as float32, that were written last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from exuvia.catalog.model import Affinity, Column, Key, Table
from exuvia.catalog.names import fold

NAME = "chroma_documents"

_NEEDED: Mapping[str, frozenset[str]] = {
    "collections": frozenset({"id", "name"}),
    "segments": frozenset({"id", "collection"}),
    "embeddings": frozenset({"id", "segment_id", "embedding_id"}),
    "embedding_metadata": frozenset({"id", "key", "string_value", "int_value", "float_value", "bool_value"}),
    "embeddings_queue": frozenset({"seq_id", "topic", "id", "vector", "encoding"}),
}
# A topic ends with the collection's UUID, of 36 characters. The last vector that was written is the document's.
_QUERY = """
SELECT e.id AS id, c.name AS collection, e.embedding_id AS document_id,
    (SELECT m.string_value FROM main.embedding_metadata m WHERE m.id = e.id AND m.key = 'chroma:document') AS document,
    (SELECT json_group_object(m.key, CASE
        WHEN m.string_value IS NOT NULL THEN json_quote(m.string_value) WHEN m.int_value IS NOT NULL THEN m.int_value
        WHEN m.float_value IS NOT NULL THEN m.float_value
        ELSE json(CASE m.bool_value WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE 'null' END) END)
     FROM main.embedding_metadata m WHERE m.id = e.id AND m.key <> 'chroma:document') AS metadata,
    v.vector AS embedding
FROM main.embeddings e
LEFT JOIN main.segments s ON s.id = e.segment_id
LEFT JOIN main.collections c ON c.id = s.collection
LEFT JOIN (
    SELECT substr(topic, -36) AS collection, id AS document_id, max(seq_id) AS seq_id FROM main.embeddings_queue
    WHERE vector IS NOT NULL AND encoding = 'FLOAT32' GROUP BY 1, 2
) q ON q.collection = s.collection AND q.document_id = e.embedding_id
LEFT JOIN main.embeddings_queue v ON v.seq_id = q.seq_id
"""


def derived(tables: Iterable[Table]) -> Table | None:
    """Return the documents of a ChromaDB file as a table; None where the tables are not ChromaDB's."""
    found = {fold(table.name): {fold(column.name) for column in table.columns} for table in tables}
    if fold(NAME) in found or any(not columns <= found.get(name, set()) for name, columns in _NEEDED.items()):
        return None
    return Table(
        name=NAME,
        columns=(
            Column("id", "INTEGER", Affinity.INTEGER, not_null=True),
            Column("collection", "TEXT", Affinity.TEXT),
            Column("document_id", "TEXT", Affinity.TEXT),
            Column("document", "TEXT", Affinity.TEXT),
            Column("metadata", "JSON"),
            Column("embedding", "FLOAT[]"),
        ),
        primary_key=Key(("id",)),
        rowid_column="id",
        rowid_name=None,
        query=_QUERY,
    )


def is_documents(table: Table) -> bool:
    """Whether a table is the one that `derived` makes."""
    return table.name == NAME and table.query == _QUERY
