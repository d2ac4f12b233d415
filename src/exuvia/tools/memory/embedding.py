"""Which collection of vectors a search by meaning goes to, and what embeds its question."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from exuvia.tools.frame import ArgumentError, Call, ToolError

if TYPE_CHECKING:
    from exuvia.store import AsyncStore
    from exuvia.store.embedders import Embedder
    from exuvia.store.vectors import Collection

_MOST: Final = 100


class NoMeaningError(ToolError):
    """A search by meaning has no vectors to search, or nothing that embeds its question."""

    family = "meaning"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a search by meaning needs.

    Args:
        collection: The collection's name.
        embedder: Makes the question's vector.
    """

    collection: str
    embedder: Embedder


async def meaning(call: Call, store: AsyncStore, named: str | None) -> Meaning:
    """Return the collection that is meant, and an embedder of its model.

    Args:
        call: The call.
        store: The store, bound to the project.
        named: The collection that the caller named; None for the only one.

    Raises:
        NoMeaningError: There are no vectors, or their model is not at hand.
        ArgumentError: There is no such collection, or there are several.
    """
    chosen = _chosen((await store.vectors.collections(limit=_MOST)).items, named)
    name = call.desk.settings.embedder or chosen.model
    if name is None:
        raise NoMeaningError(
            f"The collection {chosen.name} does not tell what made its vectors.",
            hint="A person sets EXUVIA_EMBEDDER: minilm, openai:MODEL or python:module:name.",
            code="no_embedder",
        )
    return Meaning(chosen.name, _embedder(name, trusted=name == call.desk.settings.embedder))


def _chosen(found: tuple[Collection, ...], named: str | None) -> Collection:
    names = sorted({each.name for each in found})
    chosen = named if named is not None else (names[0] if len(names) == 1 else None)
    if chosen in names:
        return next(each for each in found if each.name == chosen)
    if not names:
        raise NoMeaningError(
            "There are no vectors here to search by meaning.",
            hint="search_text searches by words. A person makes vectors by Python: store.vectors.create('memory', 384, "
            "model=MiniLM.model), then store.vectors.embed_entries('memory', MiniLM()).",
            code="no_collection",
        )
    said = "There are several collections of vectors." if named is None else f"There is no collection {named!r}."
    raise ArgumentError("collection", said, hint=f"Name one of: {', '.join(names)}.", code="collection")


@lru_cache(maxsize=8)
def _embedder(name: str, *, trusted: bool) -> Embedder:
    """Return an embedder. A collection's own word is a model's name: it never makes the server import anything."""
    from exuvia.store.embedders import EndpointEmbedder, embedder_named
    from exuvia.store.embedders.endpoint import DEFAULT_URL, KEYS
    from exuvia.store.embedders.minilm import MODEL
    from exuvia.store.embedders.naming import URL

    if trusted or name == MODEL:
        return embedder_named(name)
    if os.environ.get(URL) or any(os.environ.get(key) for key in KEYS):
        return EndpointEmbedder(name, os.environ.get(URL) or DEFAULT_URL)
    raise NoMeaningError(
        f"The vectors are of the model {name[:80]}, which is not at hand.",
        hint="A person sets EXUVIA_EMBEDDER (minilm, openai:MODEL or python:module:name), or EXUVIA_EMBEDDER_URL.",
        code="no_embedder",
    )
