"""Search by words and by meaning at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from exuvia.store.core.composing import Ask, Steps, composed
from exuvia.store.core.listing import check_limit
from exuvia.store.core.operations import M
from exuvia.store.embedders.protocol import Embedder
from exuvia.store.errors import InvalidValueError
from exuvia.store.filters import Filter
from exuvia.store.search.finding import Key
from exuvia.store.search.fusion import fuse
from exuvia.store.search.highlighting import Highlight
from exuvia.store.search.records import Hit
from exuvia.store.search.search import PLAIN, TextSearch
from exuvia.store.search.syntax import Joining, parse, terms
from exuvia.store.vectors import Hit as Near
from exuvia.store.vectors import Vectors
from exuvia.store.vectors.records import Vector

DEPTH: Final = 100
"""How many places of each ranking are joined at least."""


class Search(TextSearch[M]):
    """Search everything that has texts: ``store.search("red fox")``, ``store.search.hybrid("red fox", "notes", …)``."""

    @composed
    def hybrid(
        self,
        text: str,
        collection: str,
        *,
        vector: Vector | None = None,
        embedder: Embedder | None = None,
        project: str | None = None,
        kind: str | None = None,
        type: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        match: Joining = "any",
        weights: tuple[float, float] = (1.0, 1.0),
        highlight: Highlight = PLAIN,
        limit: int = 20,
    ) -> Steps[tuple[Hit, ...]]:
        """Find entries by their words and by a collection of vectors, and join the two by reciprocal rank fusion.

        The filters hold in both searches. Vectors that are not of an entry, as those of ``embed_entries`` are, cannot
        be found by it.

        Args:
            text: The query, as ``store.search`` takes it.
            collection: The collection of vectors.
            vector: The query's vector; else ``embedder`` makes one of the text.
            embedder: Makes vectors; of the collection's model.
            project: The project; None for all that the store may see.
            kind: A kind of entries, such as ``plan``.
            type: A type of entries.
            since: The earliest time, inclusive.
            until: The latest time, inclusive.
            filter: What the entry's ``data`` has to be like, and the vector's.
            match: Whether all words that stand beside each other have to be found, or any of them.
            weights: How much the words and the vectors count.
            highlight: How the found words are marked.
            limit: Hits at most, 1 to 1,000.

        Returns:
            The best first. A score is the sum of the weights divided by 60 plus the places in the two rankings.

        Raises:
            InvalidValueError: The query is malformed, has no vector, or another argument cannot be one.
            NotFoundError: There is no such collection.
            StateError: The embedder is of another model than the collection.
            TenantError: The store is bound to another project.
        """
        check_limit(limit)
        query = parse(text, match)
        within = self.within(
            project=project, kinds=kind or (), types=type or (), session=None, since=since, until=until, filter=filter
        )
        _check(vector, embedder, weights)
        depth = max(limit, DEPTH)
        by_words: Sequence[Key] = yield Ask(partial(self.best, query, within, depth))
        vectors: Vectors[M] = Vectors(self._runner)
        near: Sequence[Near] = yield Ask(
            partial(
                vectors.search,
                collection,
                text if vector is None else vector,
                embedder=embedder,
                limit=depth,
                project=project,
                kind=kind,
                type=type,
                since=since,
                until=until,
                filter=filter,
            )
        )
        joined = fuse([by_words, _keys(near)], weights)[:limit]
        hits: tuple[Hit, ...] = yield Ask(partial(self.hits, joined, terms(query), highlight))
        return hits


def _keys(near: Sequence[Near]) -> list[Key]:
    """Return the entries that vectors are of, the nearest first, each once."""
    items = (hit.item for hit in near)
    return list(
        dict.fromkeys(
            (item.project_id, item.kind, item.entry_id)
            for item in items
            if item.kind is not None and item.entry_id is not None
        )
    )


def _check(vector: object, embedder: object, weights: Sequence[float]) -> None:
    if vector is None and embedder is None:
        raise InvalidValueError(
            "There is neither a vector to search by nor an embedder.",
            hint="Pass vector=… or embedder=…, or use store.search(text).",
            code="embedder",
        )
    if len(weights) != 2 or not all(weight >= 0 for weight in weights) or not any(weights):
        raise InvalidValueError(
            f"{weights!r} cannot be the weights.", hint="Pass two numbers: for words, for vectors.", code="weights"
        )
