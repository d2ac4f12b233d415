"""Making, listing and deleting collections of vectors."""

from __future__ import annotations

from typing import Any, Final

from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import checked_id, checked_text, new_id
from exuvia.store.errors import ConflictError, InvalidValueError, NotFoundError, StateError
from exuvia.store.vectors.records import (
    BYTES_STORAGE,
    COLLECTION,
    INDEX_TYPES,
    METRICS,
    Collection,
    IndexType,
    Metric,
)

LARGEST_DIMENSION: Final = 16_000


class Collections(Subsystem[M]):
    """Collections: each of one dimension, one metric and, if it is told, one model."""

    @writing
    def create(
        self,
        name: str,
        dimension: int,
        *,
        metric: Metric = "cosine",
        model: str | None = None,
        half: bool = False,
        index: IndexType = "hnsw",
        deferred: bool = False,
        project: str | None = None,
    ) -> Operation[Collection]:
        """Make a collection, or return the one that is there already if it is alike.

        Args:
            name: Its name in the project.
            dimension: How many numbers a vector has, 1 to 16,000.
            metric: How distances are measured: ``cosine``, ``l2`` or ``inner_product``.
            model: The model that makes the vectors; others are refused then.
            half: Keep numbers in 16 bits: half the room, three digits.
            index: ``hnsw``, or ``ivfflat``, which ``build_index`` makes once the vectors are there, for approximate
                search; ``none`` for exact search. An engine without pgvector does with what it has.
            deferred: Leave ``hnsw`` to ``build_index``, too: the quicker way for many vectors. Searches are exact until
                then.
            project: The project; not needed in a bound store.

        Raises:
            ConflictError: There is one with this name that is different.
            InvalidValueError: An argument is out of range.
        """
        owner = self.scope.own(project)
        _check_options(dimension, metric, index)
        wanted = (
            dimension,
            metric,
            None if model is None else checked_text(model, what="model", longest=255),
            bool(half),
            index,
        )
        made = yield from self._made(owner, checked_id(name, what="collection"), wanted, deferred=deferred)
        if made is not None:
            return made
        found = yield from self._definition(owner, name)
        if (found.dimension, found.metric, found.model, found.half, found.index_type) != wanted:
            raise ConflictError(
                f"There is a collection {name!r} already, of {found.dimension} dimensions, {found.metric},"
                f" model {found.model}, index {found.index_type}{', half' if found.half else ''}.",
                hint="Choose another name, or delete it first: store.vectors.delete_collection(name).",
                code="collection",
            )
        return found

    def _made(
        self, owner: str, name: str, wanted: tuple[Any, ...], *, replaces: str | None = None, deferred: bool = False
    ) -> Operation[Collection | None]:
        """Make a collection, to take another's place later where ``replaces`` is one's id; None if there is one."""
        dimension, metric, model, half, index = wanted
        storage = yield from self._storage_of(name, wanted)
        wanted_now = index == "hnsw" and not deferred and storage != BYTES_STORAGE
        if wanted_now and not (yield from self._has_index(storage)):
            yield Statement("SELECT vector_index(:storage, :metric, 'hnsw', 0)", {"storage": storage, "metric": metric})
        shown = COLLECTION.columns().replace("name", "CAST(:name AS text) AS name")
        rows = yield Statement(
            f"""
            INSERT INTO vector_collections
              (project_id, id, name, replaces, dimension, metric, model, half, index_type, storage, created_at)
            VALUES (:project, :id, :own, :replaces, :dimension, :metric, :model, :half, :index, :storage, :now)
            ON CONFLICT DO NOTHING RETURNING {shown}
            """,
            {
                "name": name,
                "dimension": dimension,
                "metric": metric,
                "model": model,
                "index": index,
                "project": owner,
                "id": new_id(),
                "own": None if replaces else name,
                "replaces": replaces,
                "half": half if self.dialect.is_postgres else int(half),
                "storage": storage,
                "now": self.now(),
            },
        )
        return COLLECTION.first(rows)

    def _storage_of(self, name: str, wanted: tuple[Any, ...]) -> Operation[str]:
        """Return the table that collections of a name and a form are kept in; make it, if it is not there."""
        if not self.dialect.is_postgres:
            return BYTES_STORAGE
        names = ("dimension", "metric", "model", "half", "index")
        ((storage,),) = yield Statement(
            "SELECT vector_storage(:name, :model, CAST(:dimension AS integer), :metric, CAST(:half AS boolean),"
            " :index)",
            {"name": name, **dict(zip(names, wanted, strict=True))},
        )
        return str(storage)

    @reading
    def collection(self, name: str, *, project: str | None = None) -> Operation[Collection]:
        """Return a collection.

        Raises:
            NotFoundError: The project has none of this name.
        """
        return (yield from self._definition(self.scope.own(project), name))

    @reading
    def collections(
        self, *, project: str | None = None, limit: int = 100, after: str | None = None
    ) -> Operation[Page[Collection]]:
        """List collections by name."""
        where = Where().equal("project_id", self.scope.among(project))
        where.also("replaces IS NULL")
        order = (Key("name"), Key("project_id"))
        return (yield from Listing(COLLECTION, "vector_collections", where, order).page(limit, after))

    @writing
    def delete_collection(self, name: str, *, project: str | None = None) -> Operation[bool]:
        """Delete a collection with all its vectors; return whether it was there."""
        owner = self.scope.own(project)
        rows = yield Statement(
            "DELETE FROM vector_collections WHERE project_id = :project AND name = :name RETURNING storage",
            {"project": owner, "name": checked_id(name, what="collection")},
        )
        for (storage,) in rows:
            yield from self._drop_storage(storage)
        return bool(rows)

    def _drop_storage(self, storage: str) -> Operation[None]:
        """Drop the table of collections that are gone."""
        if storage != BYTES_STORAGE:
            yield Statement("SELECT vector_storage_drop(:storage)", {"storage": storage})

    @writing
    def build_index(
        self, name: str, *, lists: int | None = None, memory: int = 512, project: str | None = None
    ) -> Operation[bool]:
        """Make a collection's index anew, whatever time that takes; return whether it has one.

        For ``ivfflat`` once the vectors are there, and for ``hnsw`` after most of them were deleted. Others cannot
        write to the collection meanwhile.

        Args:
            name: The collection.
            lists: IVFFlat's lists; one for each 1,000 vectors if None.
            memory: Megabytes that the server may take; HNSW is made several times quicker where all vectors fit in.
            project: The project; not needed in a bound store.
        """
        found = yield from self._definition(self.scope.own(project), name)
        return (yield from self._index_made(found, lists, memory))

    def _index_made(self, collection: Collection, lists: int | None = None, memory: int = 512) -> Operation[bool]:
        """Make the index of a collection's table anew; return whether it has one."""
        if collection.storage == BYTES_STORAGE or collection.index_type == "none":
            return False
        ((rows,),) = yield Statement(f"SELECT count(*) FROM {collection.storage}")
        yield Statement(f"SET LOCAL statement_timeout = 0; SET LOCAL maintenance_work_mem = '{int(memory)}MB'")
        ((there,),) = yield Statement(
            "SELECT vector_index(:storage, :metric, :index, CAST(:lists AS integer))",
            {
                "storage": collection.storage,
                "metric": collection.metric,
                "index": collection.index_type,
                "lists": rows // 1000 if lists is None else lists,
            },
        )
        return bool(there)

    def _has_index(self, storage: str) -> Operation[bool]:
        """Tell whether a table of vectors has its index."""
        return (yield Statement("SELECT to_regclass(:index)", {"index": f"{storage}_near"}))[0][0] is not None

    def _definition(self, owner: str, name: str, lock: str = "") -> Operation[Collection]:
        """Read a collection; ``lock`` ends the SELECT.

        Raises:
            NotFoundError: There is none.
        """
        look = Statement(
            f"SELECT {COLLECTION.columns()} FROM vector_collections WHERE project_id = :project AND name = :name{lock}",
            {"project": owner, "name": checked_id(name, what="collection")},
        )
        rows = yield look
        if lock and not rows:
            rows = yield look  # it was replaced while its lock was waited for
        if not rows:
            raise _no_collection(name)
        return COLLECTION.read(rows[0])

    @reading
    def collections_named(self, name: str, *, project: str | None = None) -> Operation[list[Collection]]:
        """Return every project's collection of a name, by project.

        Raises:
            NotFoundError: There is none.
        """
        where = Where().equal("project_id", self.scope.among(project))
        where.equal("name", checked_id(name, what="collection"))
        rows = yield Statement(
            f"SELECT {COLLECTION.columns()} FROM vector_collections WHERE {where} ORDER BY project_id", where.parameters
        )
        if not rows:
            raise _no_collection(name)
        return list(COLLECTION.read_all(rows))

    def _alike(self, name: str, project: str | None) -> Operation[list[Collection]]:
        """Return the collections of a name that are searched together.

        Raises:
            NotFoundError: There is none.
            StateError: They differ in dimension, metric or model.
        """
        found: list[Collection] = yield from Collections.collections_named.steps(self, name, project=project)
        if len({(each.dimension, each.metric, each.model) for each in found}) > 1:
            raise StateError(
                f"The projects' collections {name!r} are of several models, dimensions or metrics.",
                hint="Search one project at a time, or embed them anew by one model.",
                code="unlike",
            )
        return found


def check_model(collection: Collection, model: str | None) -> None:
    """Refuse vectors of another model than the collection's, where both are told.

    Raises:
        StateError: They are of another.
    """
    if model is not None and collection.model is not None and model != collection.model:
        raise StateError(
            f"The collection {collection.name!r} has vectors of {collection.model}; these are of {model}.",
            hint=f"Use {collection.model}, or embed the collection anew: exuvia store reembed {collection.name}.",
            code="model",
        )


def _check_options(dimension: object, metric: object, index: object) -> None:
    if not isinstance(dimension, int) or isinstance(dimension, bool) or not 1 <= dimension <= LARGEST_DIMENSION:
        raise InvalidValueError(
            f"{dimension!r} cannot be the dimension.", hint=f"It is 1 to {LARGEST_DIMENSION:,}.", code="dimension"
        )
    for what, given, known in (("metric", metric, METRICS), ("index", index, INDEX_TYPES)):
        if given not in known:
            raise InvalidValueError(f"{given!r} cannot be the {what}.", hint=f"One of {', '.join(known)}.", code=what)


def _no_collection(name: str) -> NotFoundError:
    return NotFoundError(
        f"There is no collection {name!r}.",
        hint="Make it: store.vectors.create(name, dimension).",
        code="collection",
    )
