"""Collections of vectors, which each engine keeps in its own way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import numpy as np

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Many, Operation, Statement
from exuvia.store.dual.forms import Key, NeutralRow
from exuvia.store.dual.rows import NOTHING_OWN, Rows
from exuvia.store.dual.tables import COLLECTIONS, VECTORS, Table
from exuvia.store.errors import MissingReferenceError
from exuvia.store.vectors.encoding import Form, code
from exuvia.store.vectors.records import BYTES_STORAGE, COLLECTION, Collection, Floats

_VECTOR_KEY: Final = "project_id, collection_id, id"


class _Part(NamedTuple):
    collection: Collection
    form: Form


def rows_of(table: Table, dialect: Dialect) -> Rows:
    """Return what reads and writes a table's rows."""
    kind = {COLLECTIONS: CollectionRows, VECTORS: VectorRows}.get(table.name, Rows)
    return kind(table, dialect)


class CollectionRows(Rows):
    """Collections: which table one's vectors are in is each database's own affair."""

    def write(self, rows: Mapping[Key, NeutralRow]) -> Operation[None]:
        """Insert collections, each with a place for its vectors, or change those that are there."""
        for key, row in rows.items():
            there = yield from self.read([key])
            storage = BYTES_STORAGE if there else (yield from self._place(self.bind(row)))
            request = self.upsert(self.table.name, [row], once=("storage",))
            yield Many(request.sql, [{**one, "storage": storage} for one in request.sets])

    def _place(self, given: Mapping[str, Any]) -> Operation[str]:
        if not self.dialect.is_postgres:
            return BYTES_STORAGE
        found = yield Statement(
            "SELECT coalesce((SELECT name FROM vector_collections"
            " WHERE project_id = :project AND id = :replaces), :id)",
            {"project": given["project_id"], "replaces": given["replaces"], "id": given["id"]},
        )
        wanted = {name: given[name] for name in ("model", "dimension", "metric", "half", "index_type")}
        ((storage,),) = yield Statement(
            "SELECT vector_storage(:name, :model, CAST(:dimension AS integer), :metric, CAST(:half AS boolean),"
            " :index_type)",
            {**wanted, "name": given["name"] or found[0][0]},
        )
        if storage != BYTES_STORAGE:
            yield Statement(f"SELECT outbox_watch(:storage, '{VECTORS}', '{_VECTOR_KEY}')", {"storage": storage})
            if given["index_type"] == "hnsw":
                yield Statement(
                    "SELECT vector_index(:storage, :metric, 'hnsw', 0) WHERE to_regclass(:index) IS NULL",
                    {"storage": storage, "metric": given["metric"], "index": f"{storage}_near"},
                )
        return str(storage)

    def delete(self, keys: Sequence[Key]) -> Operation[None]:
        """Delete collections, and the tables that were theirs only."""
        if not keys:
            return
        request = self.deletion(self.table.name, keys)
        rows = yield Statement(f"{request.sql} RETURNING storage", request.parameters)
        for storage in sorted({storage for (storage,) in rows} - {BYTES_STORAGE}):
            yield Statement("SELECT vector_storage_drop(:storage)", {"storage": storage})


class VectorRows(Rows):
    """Vectors: floats as bytes, or pgvector's own type in a table for each kind of collection."""

    def read(self, keys: Iterable[Key]) -> Operation[dict[Key, NeutralRow]]:
        """Read the vectors that are there, by key."""
        found: dict[Key, NeutralRow] = {}
        for (project, collection), own in _by_collection(keys):
            part = yield from self._part(project, collection)
            if part is not None:
                given, parameters = self.given(own)
                columns = self._columns(part)
                rows = yield Statement(
                    f"SELECT {columns} FROM {part.collection.storage} AS kept"
                    f" WHERE ({_VECTOR_KEY}) IN (SELECT {_VECTOR_KEY} FROM {given})",
                    parameters,
                )
                found |= dict(self._read(row, part) for row in rows)
        return found

    def scan(self, after: Key | None, limit: int) -> Operation[list[tuple[Key, NeutralRow]]]:
        """Read the next vectors, of one collection at a time."""
        return (yield from self._next(after, limit, whole=True))

    def keys(self, after: Key | None, limit: int) -> Operation[list[Key]]:
        """Read the next keys, in order."""
        return [key for key, _ in (yield from self._next(after, limit, whole=False))]

    def children(self, _columns: Sequence[str], parents: Iterable[Key]) -> Operation[list[Key]]:
        """Read the keys of the vectors of collections."""
        found: list[Key] = []
        for project, collection in parents:
            part = yield from self._part(project, collection)
            if part is not None:
                rows = yield Statement(
                    f"SELECT {_VECTOR_KEY} FROM {part.collection.storage}"
                    " WHERE project_id = :project AND collection_id = :collection",
                    {"project": project, "collection": collection},
                )
                found += [tuple(row) for row in rows]
        return found

    def write(self, rows: Mapping[Key, NeutralRow]) -> Operation[None]:
        """Insert vectors, or change those that are there."""
        place = self.table.names.index("embedding")
        for (project, collection), own in _by_collection(rows):
            part = yield from self._part(project, collection)
            if part is None:
                raise MissingReferenceError(f"The collection {collection!r} is not there yet.", code="missing")
            native = part.form.is_native
            request = self.upsert(
                part.collection.storage,
                [rows[key] for key in own],
                own={"embedding": part.form.placeholder} if native else NOTHING_OWN,
                also=() if native else ("code",),
            )
            vectors = (_floats(rows[key][place], part.collection) for key in own)
            yield Many(
                request.sql,
                [
                    {**one, "embedding": part.form.encode(vector), "code": code(vector)}
                    for one, vector in zip(request.sets, vectors, strict=True)
                ],
            )

    def delete(self, keys: Sequence[Key]) -> Operation[None]:
        """Delete vectors."""
        for (project, collection), own in _by_collection(keys):
            part = yield from self._part(project, collection)
            if part is not None:
                yield self.deletion(part.collection.storage, own)

    def _next(self, after: Key | None, limit: int, *, whole: bool) -> Operation[list[tuple[Key, NeutralRow]]]:
        while True:
            rows = yield Statement(
                "SELECT project_id, id FROM vector_collections WHERE (project_id, id) >= (:project, :id)"
                " ORDER BY project_id, id LIMIT 2",
                {"project": after[0] if after else "", "id": after[1] if after else ""},
            )
            if not rows:
                return []
            project, collection = rows[0]
            begun = after is not None and after[:2] == (project, collection)
            part = yield from self._part(project, collection)
            columns = self._columns(part) if part and whole else _VECTOR_KEY
            found = yield Statement(
                f"SELECT {columns} FROM {part.collection.storage if part else VECTORS} AS kept"
                " WHERE project_id = :project AND collection_id = :collection AND id > :after"
                f" ORDER BY id LIMIT {limit}",
                {"project": project, "collection": collection, "after": after[2] if begun and after else ""},
            )
            if found:
                return [self._read(row, part) if whole and part else (tuple(row), ()) for row in found]
            if len(rows) < 2:
                return []
            after = (*rows[1], "")

    def _part(self, project: Any, collection: Any) -> Operation[_Part | None]:
        rows = yield Statement(
            f"SELECT {COLLECTION.columns()} FROM vector_collections WHERE project_id = :project AND id = :id",
            {"project": project, "id": collection},
        )
        found = COLLECTION.first(rows)
        return None if found is None else _Part(found, Form(found))

    def _columns(self, part: _Part) -> str:
        return ", ".join(part.form.column if name == "embedding" else f"kept.{name}" for name in self.table.names)

    def _read(self, row: Any, part: _Part) -> tuple[Key, NeutralRow]:
        place = self.table.names.index("embedding")
        values = list(row)
        vector = part.form.decode(values[place])
        values[place] = vector.astype("<f2" if part.collection.half else "<f4").tobytes()
        return self.neutral(tuple(values))


def _by_collection(keys: Iterable[Key]) -> Iterator[tuple[Key, list[Key]]]:
    for collection, own in groupby(sorted(keys), key=lambda key: key[:2]):
        yield collection, list(own)


def _floats(stored: Any, collection: Collection) -> Floats:
    found: Floats = np.frombuffer(stored, "<f2" if collection.half else "<f4").astype(np.float32)
    return found
