"""Collections of vectors carried from a SQLite store into another one, which keeps them in its own engine's form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

import apsw

from exuvia.errors import VerifyError
from exuvia.store.core.operations import M, idempotent, reading
from exuvia.store.core.requests import Operation, Row, Statement
from exuvia.store.core.values import decode_json
from exuvia.store.memory import Store
from exuvia.store.vectors.encoding import Form, code
from exuvia.store.vectors.records import BYTES_STORAGE, COLLECTION, Collection
from exuvia.store.vectors.replacing import Replacing

_COLUMNS: Final = ("id", "kind", "entry_id", "type", "at", "text", "data", "changed")
_BATCH: Final = 500


class Carrying(Replacing[M]):
    """What a move needs of collections, beyond what applications do."""

    @idempotent
    def adopt(self, collection: Collection) -> Operation[Collection]:
        """Make a collection as another store has it, its id included; return it as it is kept here."""
        form = (collection.dimension, collection.metric, collection.model, collection.half, collection.index_type)
        storage = yield from self._storage_of(collection.name, form)
        kept = replace(collection, storage=storage)
        values = {name: getattr(kept, name) for name in COLLECTION.names}
        if not self.dialect.is_postgres:
            values["half"] = int(kept.half)
        yield Statement(
            f"INSERT INTO vector_collections ({COLLECTION.columns()}) VALUES"
            f" ({', '.join(f':{name}' for name in COLLECTION.names)}) ON CONFLICT DO NOTHING",
            values,
        )
        return kept

    @idempotent
    def restore(self, collection: Collection, rows: list[Row]) -> Operation[None]:
        """Put rows of ``carried_columns`` as they are."""
        source, target = Form(replace(collection, storage=BYTES_STORAGE)), Form(collection)
        sets = []
        for row in rows:
            vector = source.decode(row[-1])
            given: dict[str, Any] = dict(zip(_COLUMNS, row[:-1], strict=True))
            given |= {"at": datetime.fromisoformat(given["at"]), "embedding": target.encode(vector)}
            sets.append(given if target.is_native else given | {"code": code(vector)})
        yield from self._insert(collection, sets)

    @idempotent
    def index_restored(self, collection: Collection) -> Operation[None]:
        """Make the index of a collection that was carried here, if there is none."""
        if self.dialect.is_postgres and not (yield from self._has_index(collection.storage)):
            yield from self._index_made(collection)

    @reading
    def carried(self, collection: Collection, after: str) -> Operation[list[Row]]:
        """Return rows of a collection, by id."""
        return (
            yield Statement(
                f"SELECT {', '.join(_COLUMNS)}, {Form(collection).column} FROM {collection.storage}"
                " WHERE project_id = :project AND collection_id = :collection AND id > :after ORDER BY id LIMIT :limit",
                {"project": collection.project_id, "collection": collection.id, "after": after, "limit": _BATCH},
            )
        )


def carry(source: apsw.Connection, store: Store) -> None:
    """Put every collection of a SQLite store into another store, and compare every value of them.

    Raises:
        VerifyError: Something is not the same.
    """
    vectors = Carrying(store._runner)
    for collection in _collections(source):
        kept = vectors.adopt(collection)
        rows = _rows(source, collection)
        while batch := list(islice(rows, _BATCH)):
            vectors.restore(kept, batch)
        vectors.index_restored(kept)
    compare(source, store)


def compare(source: apsw.Connection, store: Store) -> None:
    """Compare every collection of a SQLite store with another store's.

    Raises:
        VerifyError: Something is not the same.
    """
    vectors = Carrying(store._runner)
    for collection in _collections(source):
        kept = vectors.collection(collection.name, project=collection.project_id)
        theirs = _kept_rows(vectors, kept)
        for row in _rows(source, collection):
            other = next(theirs, None)
            if other is None or _values(row, collection) != _values(other, kept):
                raise _unlike(collection, row[0])
        if (surplus := next(theirs, None)) is not None:
            raise _unlike(collection, surplus[0])


def _collections(source: apsw.Connection) -> list[Collection]:
    there = source.execute("SELECT 1 FROM sqlite_schema WHERE name = 'vector_collections'").fetchall()
    sql = f"SELECT {COLLECTION.columns()} FROM vector_collections WHERE replaces IS NULL ORDER BY project_id, name"
    return list(COLLECTION.read_all(source.execute(sql).fetchall())) if there else []


def _rows(source: apsw.Connection, collection: Collection) -> Iterator[Row]:
    return source.execute(
        f"SELECT {', '.join(_COLUMNS)}, embedding FROM vector_items"
        " WHERE project_id = ? AND collection_id = ? ORDER BY id",
        (collection.project_id, collection.id),
    )


def _kept_rows(vectors: Carrying[Any], collection: Collection) -> Iterator[Row]:
    last = ""
    while rows := vectors.carried(collection, last):
        yield from rows
        last = rows[-1][0]


def _values(row: Row, collection: Collection) -> tuple[Any, ...]:
    given = dict(zip(_COLUMNS, row[:-1], strict=True))
    at = given["at"]
    given |= {"at": datetime.fromisoformat(at) if isinstance(at, str) else at, "data": decode_json(given["data"])}
    return *given.values(), Form(collection).decode(row[-1]).tobytes()


def _unlike(collection: Collection, id: str) -> VerifyError:
    return VerifyError(
        f"The vector {id!r} of the collection {collection.name!r} (project {collection.project_id!r}) is not the same"
        " on both sides.",
        hint="Was the target written since? Else move again, into an empty store.",
        code="vectors",
    )
