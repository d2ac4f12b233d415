"""Searching collections of vectors, and filling them with what the memory has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from exuvia.store.core.composing import Ask, Outside, Steps, composed
from exuvia.store.core.listing import Where, check_limit
from exuvia.store.core.operations import M, reading
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.embedders.protocol import Embedder, embedded
from exuvia.store.errors import InvalidValueError
from exuvia.store.filters import Filter
from exuvia.store.vectors.collections import check_model
from exuvia.store.vectors.encoding import Form, checked_vector
from exuvia.store.vectors.items import entry_key, filtered, of_collections
from exuvia.store.vectors.nearest import Nearest
from exuvia.store.vectors.records import ENTRY, Entry, Hit, NewVector, Vector
from exuvia.store.vectors.replacing import Replacing

BATCH: Final = 256  # texts that are embedded and put at a time


class Vectors(Replacing[M]):
    """Collections of vectors: making, filling and searching them."""

    @composed
    def search(
        self,
        collection: str,
        query: Vector | str,
        *,
        embedder: Embedder | None = None,
        limit: int = 10,
        project: str | None = None,
        kind: str | None = None,
        type: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        within: float | None = None,
        exact: bool = False,
    ) -> Steps[tuple[Hit, ...]]:
        """Find the vectors that are nearest to one, or to a text.

        Args:
            collection: The collection's name.
            query: The vector, or a text for the embedder.
            embedder: Makes the vector of a text; of the model that made the collection's.
            limit: Hits at most, 1 to 1,000.
            project: The project; None for every project's collection of this name.
            kind: The kind of entry.
            type: The type.
            since: The earliest time.
            until: The latest time.
            filter: What ``data`` has to be like.
            within: The largest distance.
            exact: Compare every vector, whatever that takes.

        Returns:
            The nearest first; of those equally far the first by project and id.

        Raises:
            NotFoundError: There is no such collection.
            StateError: The embedder is of another model than the collection, or the projects' collections differ.
            InvalidValueError: The query is of another dimension, or a filter is wrong.
        """
        given = (kind, type, since, until, filter)
        ask = partial(
            self._search_near, collection, given=given, limit=limit, project=project, within=within, exact=exact
        )
        if not isinstance(query, str):
            hits: tuple[Hit, ...] = yield Ask(partial(ask, query))
            return hits
        if embedder is None:
            raise InvalidValueError(
                "A text was given to search for, and no embedder.", hint="Pass embedder=….", code="embedder"
            )
        yield Ask(partial(self._check_model, collection, embedder.model, project=project))
        vectors = yield Outside(partial(embedded, embedder, [query]))
        hits = yield Ask(partial(ask, vectors[0], model=embedder.model))
        return hits

    @reading
    def _check_model(self, collection: str, model: str, *, project: str | None = None) -> Operation[None]:
        """Make sure that a collection's vectors are of a model.

        Raises:
            StateError: They are of another.
        """
        for each in (yield from self._alike(collection, project)):
            check_model(each, model)

    @reading
    def _search_near(
        self,
        collection: str,
        query: Vector,
        *,
        given: tuple[Any, ...],
        model: str | None = None,
        project: str | None,
        limit: int,
        within: float | None,
        exact: bool,
    ) -> Operation[tuple[Hit, ...]]:
        """Search for a vector: see ``search``; ``given`` are its filters."""
        check_limit(limit)
        found = yield from self._alike(collection, project)
        check_model(found[0], model)
        vector = checked_vector(query, found[0], what="query")
        hits: list[Hit] = []
        for storage in sorted({each.storage for each in found}):
            own = [each for each in found if each.storage == storage]
            nearest = Nearest(
                self.dialect,
                self.capabilities,
                Form(own[0]),
                of_collections(own, self.dialect),
                filtered(of_collections(own, self.dialect), self.dialect, *given),
                vector,
                limit,
            )
            hits += yield from nearest.find(exact=exact)
        hits.sort(key=lambda hit: (hit.distance, hit.item.project_id, hit.item.id))
        return tuple(hit for hit in hits[:limit] if within is None or hit.distance <= within)

    @composed
    def embed_entries(
        self,
        collection: str,
        embedder: Embedder,
        *,
        kinds: Sequence[str] | None = None,
        project: str | None = None,
        limit: int | None = None,
    ) -> Steps[int]:
        """Embed what the memory has (plans, sessions, events, frames …) and the collection has not, or not as it is.

        Each batch is stored by itself, so that what was interrupted goes on where it was. A vector's id is the entry's
        kind and id, joined by a colon; its text is the entry's title and text.

        Args:
            collection: The collection.
            embedder: Makes the vectors; of the collection's model.
            kinds: The kinds of entries; all if None.
            project: The project; not needed in a bound store.
            limit: Entries at most; all if None.

        Returns:
            How many were embedded.
        """
        owner = self.scope.own(project)
        yield Ask(lambda: self._check_model(collection, embedder.model, project=owner))
        done = 0
        last: tuple[str, str] | None = None
        while limit is None or done < limit:
            size = BATCH if limit is None else min(BATCH, limit - done)
            entries: list[Entry] = yield Ask(partial(self._entries_to_embed, collection, kinds, owner, last, size))
            if not entries:
                break
            vectors = yield Outside(partial(embedded, embedder, [entry.text for entry in entries]))
            items = [_of_entry(entry, vector) for entry, vector in zip(entries, vectors, strict=True)]
            yield Ask(partial(self.put_many, collection, items, model=embedder.model, project=owner))
            done += len(entries)
            last = (entries[-1].kind, entries[-1].id)
        return done

    @reading
    def _entries_to_embed(
        self, collection: str, kinds: Sequence[str] | None, owner: str, after: tuple[str, str] | None, limit: int
    ) -> Operation[list[Entry]]:
        """Return entries that the collection has no vector of, or one of another text, by kind and id."""
        found = yield from self._definition(owner, collection)
        text = """CASE WHEN title = '' THEN body WHEN body = '' THEN title
          ELSE title || CAST(:newline AS text) || body END"""
        where = Where().equal("entry.project_id", owner)
        if kinds is not None:
            where.also(self.dialect.any_of("entry.kind", "kinds"), kinds=self.dialect.array(kinds))
        if after is not None:
            where.also("(entry.kind, entry.id) > (:after_kind, :after_id)", after_kind=after[0], after_id=after[1])
        rows = yield Statement(
            f"""
            SELECT entry.kind, entry.id, entry.type, entry.at, {text}, entry.data FROM search_entries AS entry
            WHERE {where} AND (title <> '' OR body <> '') AND NOT EXISTS (
              SELECT 1 FROM {found.storage} AS kept
              WHERE kept.project_id = entry.project_id AND kept.collection_id = :collection
                AND kept.kind = entry.kind AND kept.entry_id = entry.id AND coalesce(kept.text, {text}) = {text})
            ORDER BY entry.kind, entry.id LIMIT :limit
            """,
            {**where.parameters, "collection": found.id, "newline": "\n", "limit": limit},
        )
        return [ENTRY.read(row) for row in rows]


def _of_entry(entry: Entry, vector: Vector) -> NewVector:
    return NewVector(
        vector,
        id=entry_key(entry.kind, entry.id),
        text=entry.text,
        kind=entry.kind,
        entry_id=entry.id,
        type=entry.type,
        at=entry.at,
        data=entry.data,
    )
