"""ChromaDB's file as documents: what its tables, and the index files beside it, hold about one document in one row.

https://cookbook.chromadb.dev/core/storage-layout/: ``embeddings`` has a row per document, ``embedding_metadata`` its
text (under ``chroma:document``) and its metadata, ``embeddings_queue`` the changes, with vectors as float32, that were
made last, and the index of a collection's vector segment the vectors of those before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

import apsw

from exuvia.catalog.model import Affinity, Column, Key, Table, VectorIndex
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.chroma_files import sequence
from exuvia.engines.sqlite.functions import EXISTED, FAULT, INDEXED

NAME = "chroma_documents"

_NEEDED: Mapping[str, frozenset[str]] = {
    "collections": frozenset({"id", "name"}),
    "segments": frozenset({"id", "scope", "collection"}),
    "embeddings": frozenset({"id", "segment_id", "embedding_id", "seq_id"}),
    "embedding_metadata": frozenset({"id", "key", "string_value", "int_value", "float_value"}),
    "embeddings_queue": frozenset({"seq_id", "operation", "topic", "id", "vector", "encoding"}),
    "max_seq_id": frozenset({"segment_id", "seq_id"}),
}
_ADD, _UPDATE, _UPSERT, _DELETE = range(4)
_TENANCY: Mapping[str, frozenset[str]] = {
    "collections": frozenset({"database_id"}),
    "databases": frozenset({"id", "name", "tenant_id"}),
}
_ARRAYS = "embedding_metadata_array"

# Of a document: the first change after its last deletion that added it, and the last that set a vector whether the
# document existed or not. ChromaDB ignores the addition of a document that exists. A topic ends with the collection's
# UUID, of 36 characters.
_CHANGES = f"""
SELECT collection, document, deleted, added,
    max(CASE WHEN operation IN ({_UPDATE}, {_UPSERT}) THEN change END) AS written
FROM (
    SELECT *, min(CASE WHEN operation IN ({_ADD}, {_UPSERT}) THEN change END)
        OVER (PARTITION BY collection, document) AS added
    FROM (
        SELECT substr(topic, -36) AS collection, id AS document, seq_id AS change, operation,
            vector IS NOT NULL AND encoding = 'FLOAT32' AS has_vector,
            max(CASE operation WHEN {_DELETE} THEN seq_id END) OVER (PARTITION BY substr(topic, -36), id) AS deleted
        FROM main.embeddings_queue
    )
    WHERE has_vector AND change > ifnull(deleted, -1)
)
GROUP BY collection, document
"""
_FROM = f"""
FROM main.embeddings e
LEFT JOIN main.segments s ON s.id = e.segment_id
LEFT JOIN main.collections c ON c.id = s.collection
LEFT JOIN main.segments i ON i.collection = c.id AND i.scope = 'VECTOR'
LEFT JOIN main.max_seq_id p ON p.segment_id = i.id
LEFT JOIN ({_CHANGES}) q ON q.collection = c.id AND q.document = e.embedding_id
LEFT JOIN main.embeddings_queue v ON v.seq_id = CASE
    WHEN q.added IS NULL THEN q.written
    WHEN q.deleted IS NULL AND {EXISTED}(i.id, e.embedding_id, e.seq_id, p.seq_id, q.added) THEN q.written
    ELSE max(q.added, ifnull(q.written, q.added)) END
"""
_DATABASE = "LEFT JOIN main.databases d ON d.id = c.database_id"
_DOCUMENT = "SELECT m.string_value FROM main.embedding_metadata m WHERE m.id = e.id AND m.key = 'chroma:document'"


def derived(tables: Iterable[Table]) -> Table | None:
    """Return the documents of a ChromaDB file as a table; None where the tables are not ChromaDB's."""
    found = _columns(tables)
    if fold(NAME) in found or not _has(found, _NEEDED):
        return None
    tenancy = _has(found, _TENANCY)
    items = [(column, sql) for column, sql in _items(found) if tenancy or column.name not in ("tenant", "database")]
    listed = ",\n    ".join(f"{sql} AS {column.name}" for column, sql in items)
    return Table(
        name=NAME,
        columns=tuple(column for column, _ in items),
        primary_key=Key(("id",)),
        rowid_column="id",
        rowid_name=None,
        query=f"SELECT {listed}{_FROM}{_DATABASE if tenancy else ''}",
    )


def is_documents(table: Table) -> bool:
    """Whether a table is the one that `derived` makes."""
    return table.name == NAME and _FROM in table.query


@dataclass(frozen=True, slots=True)
class _Collection:
    key: str
    name: str
    segment: str | None
    distance: str


def vector_indexes(connection: apsw.Connection, tables: Iterable[Table]) -> Iterator[VectorIndex]:
    """Yield the index of each collection.

    Args:
        connection: A connection with the functions of derived tables.
        tables: The tables of a ChromaDB file.

    Raises:
        apsw.Error: SQLite cannot read them.
    """
    found = _columns(tables)
    for each in list(_collections(connection, found)):
        asked = (each.segment, each.distance)
        (fault,) = connection.execute(f"SELECT {FAULT}(?, ?)", asked).fetchone() or (None,)
        lost = 0
        if fault is not None:
            counted = f"SELECT count(*) {_FROM} WHERE c.id = ? AND {_vector(found)} IS NULL"
            lost = _integer(connection, counted, each.key)
        yield VectorIndex(each.name, each.distance, str(fault or ""), lost, _pending(connection, each.key))


def _pending(connection: apsw.Connection, collection: str) -> int:
    """How many changes ChromaDB has queued and not yet made to a collection's documents."""
    made = connection.execute(
        "SELECT p.seq_id FROM main.max_seq_id p JOIN main.segments s ON s.id = p.segment_id"
        " WHERE s.collection = ? AND s.scope = 'METADATA'",
        (collection,),
    ).fetchone()
    if made is None or not isinstance(made[0], int | bytes):
        return 0
    queued = "SELECT count(*) FROM main.embeddings_queue WHERE substr(topic, -36) = ? AND seq_id > ?"
    return _integer(connection, queued, collection, sequence(made[0]))


def _integer(connection: apsw.Connection, sql: str, *arguments: apsw.SQLiteValue) -> int:
    return int(str((connection.execute(sql, arguments).fetchone() or (0,))[0]))


def _collections(connection: apsw.Connection, found: Mapping[str, Set[str]]) -> Iterator[_Collection]:
    query = (
        f"SELECT c.id, c.name, i.id, {_distance(found)} FROM main.collections c"
        " LEFT JOIN main.segments i ON i.collection = c.id AND i.scope = 'VECTOR' ORDER BY c.name, c.id"
    )
    for key, name, segment, distance in connection.execute(query):
        yield _Collection(str(key), str(name), segment if isinstance(segment, str) else None, str(distance))


_CONFIGURED = {
    "schema_str": ('$.keys."#embedding".float_list.vector_index.config.space',),
    "config_json_str": ("$.vector_index.hnsw.space", "$.hnsw_configuration.space"),
}


def _distance(found: Mapping[str, Set[str]]) -> str:
    """SQL of a collection's distance, which ChromaDB has kept in five places in the course of time."""
    said = [
        f"(SELECT str_value FROM main.{table} WHERE {key} AND key = 'hnsw:space')"
        for table, key in (("segment_metadata", "segment_id = i.id"), ("collection_metadata", "collection_id = c.id"))
        if table in found
    ]
    for column, paths in _CONFIGURED.items():
        if column in found["collections"]:
            said += [f"json_extract(iif(json_valid(c.{column}), c.{column}, '{{}}'), '{path}')" for path in paths]
    listed = ", ".join([*said, "NULL", "NULL"])
    return f"CASE coalesce({listed}) WHEN 'cosine' THEN 'cosine' WHEN 'ip' THEN 'inner' ELSE 'l2' END"


def _vector(found: Mapping[str, Set[str]]) -> str:
    """SQL of a document's vector."""
    indexed = f"{INDEXED}(i.id, e.embedding_id, {_distance(found)})"
    return f"CASE WHEN v.seq_id IS NULL THEN {indexed} ELSE v.vector END"


def _columns(tables: Iterable[Table]) -> Mapping[str, Set[str]]:
    return {fold(table.name): {fold(column.name) for column in table.columns} for table in tables}


def _has(found: Mapping[str, Set[str]], needed: Mapping[str, Set[str]]) -> bool:
    return all(columns <= found.get(name, set()) for name, columns in needed.items())


def _items(found: Mapping[str, Set[str]]) -> Iterator[tuple[Column, str]]:
    """Yield the table's columns with the SQL of their values."""
    yield Column("id", "INTEGER", Affinity.INTEGER, not_null=True), "e.id"
    yield _text("tenant"), "d.tenant_id"
    yield _text("database"), "d.name"
    yield _text("collection"), "c.name"
    yield _text("document_id"), "e.embedding_id"
    yield _text("document"), f"({_DOCUMENT})"
    yield Column("metadata", "JSON"), _metadata(found)
    yield Column("embedding", "FLOAT[]"), _vector(found)


def _text(name: str) -> Column:
    return Column(name, "TEXT", Affinity.TEXT)


def _metadata(found: Mapping[str, Set[str]]) -> str:
    """SQL of a document's metadata; values of a key in the table of arrays are one."""
    single = _value("bool_value" in found["embedding_metadata"])
    rows = (
        f"SELECT m.key AS key, {single} AS value FROM main.embedding_metadata m"
        " WHERE m.id = e.id AND m.key <> 'chroma:document'"
    )
    if _ARRAYS in found:
        ordered = (
            f"SELECT m.key AS key, {_value(True)} AS value FROM main.{_ARRAYS} m WHERE m.id = e.id ORDER BY m.rowid"
        )
        rows += f" UNION ALL SELECT key, json_group_array(json(value)) FROM ({ordered}) GROUP BY key"
    return f"(SELECT json_group_object(key, json(value)) FROM ({rows}))"


def _value(has_booleans: bool) -> str:
    """SQL of a value as JSON text."""
    boolean = "CASE m.bool_value WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE 'null' END" if has_booleans else "'null'"
    return (
        "CASE WHEN m.string_value IS NOT NULL THEN json_quote(m.string_value)"
        " WHEN m.int_value IS NOT NULL THEN json_quote(m.int_value)"
        f" WHEN m.float_value IS NOT NULL THEN json_quote(m.float_value) ELSE {boolean} END"
    )
