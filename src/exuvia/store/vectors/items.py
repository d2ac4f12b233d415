"""Putting, reading and deleting vectors."""

from __future__ import annotations

import secrets
from collections.abc import Collection as Several
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import xxhash

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, reading, writing
from exuvia.store.core.requests import Many, Operation, Statement, Value
from exuvia.store.core.values import LONGEST_ID, checked_id, checked_text, checked_time, encode_json, new_id
from exuvia.store.errors import InvalidValueError, NotFoundError
from exuvia.store.filters import Filter
from exuvia.store.vectors.collections import Collections, check_model
from exuvia.store.vectors.encoding import Form, checked_vector, code
from exuvia.store.vectors.records import ITEM, Collection, NewVector, Vector, VectorItem


class Items(Collections[M]):
    """The vectors of collections, and what they stand for."""

    @writing
    def put_many(
        self, collection: str, items: Several[NewVector], *, model: str | None = None, project: str | None = None
    ) -> Operation[tuple[str, ...]]:
        """Put vectors, all or none; those whose ids are there already are replaced.

        Args:
            collection: The collection.
            items: The vectors.
            model: The model that made them, to be compared with the collection's.
            project: The project; not needed in a bound store.

        Returns:
            Their ids.

        Raises:
            NotFoundError: There is no such collection.
            StateError: The collection is of another model.
            InvalidValueError: A vector is of another dimension, has NaN, an infinity, or only zeros under the cosine.
            MissingReferenceError: There is no entry of that kind and id.
        """
        owner = self.scope.own(project)
        found = yield from self._definition(owner, collection, self.dialect.for_share)
        check_model(found, model)
        now = self.now()
        rows = [new_row(found, item, now) for item in several(items)]
        yield from self._insert(found, rows)
        return tuple(str(row["id"]) for row in rows)

    @writing
    def put(
        self,
        collection: str,
        embedding: Vector,
        *,
        id: str | None = None,
        text: str | None = None,
        kind: str | None = None,
        entry_id: str | None = None,
        type: str | None = None,
        at: datetime | None = None,
        data: Any = None,
        model: str | None = None,
        project: str | None = None,
    ) -> Operation[str]:
        """Put a vector, as ``put_many`` does; return its id. See ``NewVector`` for the arguments."""
        item = NewVector(embedding, id, text, kind, entry_id, type, at, {} if data is None else data)
        keys: tuple[str, ...] = yield from Items.put_many.steps(self, collection, [item], model=model, project=project)
        return keys[0]

    def _insert(self, collection: Collection, rows: Sequence[dict[str, Value]]) -> Operation[None]:
        """Insert rows that ``new_row`` made, or replace those that are there."""
        form = Form(collection)
        names = ["id", "kind", "entry_id", "type", "at", "text", "data", "changed"]
        values = {name: f":{name}" for name in names} | {"embedding": form.placeholder}
        if not form.is_native:
            values["code"] = ":code"
        changes = ", ".join(f"{name} = excluded.{name}" for name in values if name != "id")
        sql = f"""
            INSERT INTO {collection.storage} (project_id, collection_id, {", ".join(values)})
            VALUES (:project, :collection, {", ".join(values.values())})
            ON CONFLICT (project_id, collection_id, id)
              DO UPDATE SET {changes}
            """
        about: dict[str, Value] = {"project": collection.project_id, "collection": collection.id}
        if rows:
            yield Many(sql, [{**about, **row} for row in rows])

    @reading
    def get(self, collection: str, id: str, *, project: str | None = None) -> Operation[VectorItem]:
        """Return what a vector stands for.

        Raises:
            NotFoundError: It or the collection is not there.
        """
        found = yield from self._definition(self.scope.own(project), collection)
        return ITEM.read((yield from self._one(found, id, ITEM.columns())))

    @reading
    def embedding(self, collection: str, id: str, *, project: str | None = None) -> Operation[tuple[float, ...]]:
        """Return a vector's numbers, as they were rounded to 32 or 16 bits.

        Raises:
            NotFoundError: It or the collection is not there.
        """
        found = yield from self._definition(self.scope.own(project), collection)
        form = Form(found)
        (stored,) = yield from self._one(found, id, form.column)
        return tuple(form.decode(stored).tolist())

    def _one(self, collection: Collection, id: str, columns: str) -> Operation[Any]:
        rows = yield Statement(
            f"SELECT {columns} FROM {collection.storage}"
            " WHERE project_id = :project AND collection_id = :collection AND id = :id",
            {"project": collection.project_id, "collection": collection.id, "id": checked_id(id)},
        )
        if not rows:
            raise NotFoundError(
                f"There is no vector {id!r} in the collection {collection.name!r}.",
                hint="List them: store.vectors.list(collection).",
                code="vector",
            )
        return rows[0]

    @reading
    def list(
        self,
        collection: str,
        *,
        kind: str | None = None,
        type: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[VectorItem]]:
        """List what the vectors of a collection stand for, by id."""
        found = yield from self._definition(self.scope.own(project), collection)
        where = filtered(of_collections([found], self.dialect), self.dialect, kind, type, since, until, filter)
        return (yield from Listing(ITEM, found.storage, where, (Key("id"),)).page(limit, after))

    @writing
    def delete(self, collection: str, ids: str | Several[str], *, project: str | None = None) -> Operation[int]:
        """Delete vectors; return how many there were."""
        found = yield from self._definition(self.scope.own(project), collection)
        keys = [checked_id(key) for key in several(ids)]
        rows = yield Statement(
            f"DELETE FROM {found.storage} WHERE project_id = :project AND collection_id = :collection"
            f" AND {self.dialect.any_of('id', 'ids')} RETURNING id",
            {"project": found.project_id, "collection": found.id, "ids": self.dialect.array(keys)},
        )
        return len(rows)


def of_collections(collections: Sequence[Collection], dialect: Dialect) -> Where:
    """Say that a row is of one of these collections, which are kept in one table."""
    if len(collections) == 1:
        only = collections[0]
        return Where().equal("project_id", only.project_id).equal("collection_id", only.id)
    ids = dialect.array(each.id for each in collections)
    return Where().also(dialect.any_of("collection_id", "collections"), collections=ids)


def several(given: str | Several[Any]) -> Several[Any]:
    """Return one or several as a collection. An iterator would be empty when the call is tried again.

    Raises:
        InvalidValueError: It is neither.
    """
    if isinstance(given, str):
        return [given]
    if isinstance(given, Several):
        return given
    raise InvalidValueError(f"{given!r:.60} is no collection.", hint="Pass a list or a tuple.", code="collection")


def filtered(  # noqa: PLR0917 - what every list takes, in its order
    where: Where,
    dialect: Dialect,
    kind: str | None,
    type: str | None,
    since: datetime | None,
    until: datetime | None,
    filter: Filter | None,
) -> Where:
    """Add the filters that every list of vectors takes."""
    return where.equal("kind", kind).equal("type", type).during("at", since, until).json("data", filter, dialect)


def entry_key(kind: str, id: str) -> str:
    """Return the id of an entry's vector."""
    key = f"{kind}:{id}"
    return key if len(key) <= LONGEST_ID else f"{kind[:100]}:{xxhash.xxh3_128_hexdigest(id.encode())}"


def new_row(collection: Collection, item: NewVector, now: datetime) -> dict[str, Value]:
    """Return a vector as parameters of ``_insert``.

    Raises:
        InvalidValueError: Something of it cannot be stored.
    """
    vector = checked_vector(item.embedding, collection)
    own = new_id() if item.kind is None or item.entry_id is None else entry_key(item.kind, item.entry_id)
    row: dict[str, Value] = {
        "id": own if item.id is None else checked_id(item.id),
        "kind": None if item.kind is None else checked_text(item.kind, what="kind", longest=255),
        "entry_id": None if item.entry_id is None else checked_id(item.entry_id, what="entry"),
        "type": None if item.type is None else checked_text(item.type, what="type", longest=255),
        "at": now if item.at is None else checked_time(item.at, what="at"),
        "text": None if item.text is None else checked_text(item.text, what="text"),
        "data": encode_json({} if item.data is None else item.data),
        "embedding": Form(collection).encode(vector),
        "changed": secrets.randbits(62),
    }
    return row if Form(collection).is_native else row | {"code": code(vector)}
