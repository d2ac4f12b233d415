"""What collections of vectors are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json

Metric = Literal["cosine", "l2", "inner_product"]
IndexType = Literal["hnsw", "ivfflat", "none"]
Vector = Sequence[float] | NDArray[Any]
"""An embedding, as the caller has it."""
Floats = NDArray[np.float32]

METRICS: Final[tuple[Metric, ...]] = get_args(Metric)
INDEX_TYPES: Final[tuple[IndexType, ...]] = get_args(IndexType)
BYTES_STORAGE: Final = "vector_items"
"""The table of vectors that the engine itself does not understand."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Vectors of one model, of one dimension.

    Args:
        project_id: The project.
        id: What tells it from the one that it replaces.
        name: Its name.
        dimension: How many numbers a vector has.
        metric: How distances are measured: ``cosine`` (1 minus the cosine), ``l2`` (Euclidean), or ``inner_product``
            (its negative).
        model: The model that made the vectors; None where that is the caller's own business.
        half: Numbers are kept in 16 bits.
        index_type: ``hnsw`` or ``ivfflat`` for approximate search, ``none`` for exact search always.
        storage: The table that it is kept in.
        created_at: When it was made.
    """

    project_id: str
    id: str
    name: str
    dimension: int
    metric: Metric
    model: str | None
    half: bool
    index_type: IndexType
    storage: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VectorItem:
    """What a vector stands for.

    Args:
        project_id: The project.
        id: Its id.
        kind: The kind of the memory's entry that it is of, such as plan, session, event or frame; None if of none.
        entry_id: That entry's id.
        type: The caller's own word for what it is.
        at: Its time.
        text: What was embedded.
        data: Anything else.
    """

    project_id: str
    id: str
    kind: str | None
    entry_id: str | None
    type: str | None
    at: datetime
    text: str | None
    data: Json


@dataclass(frozen=True, slots=True)
class NewVector:
    """A vector to be put.

    Args:
        embedding: Its numbers.
        id: The caller's own id; that of the entry, or a new UUID, if None. One that is there already is replaced.
        text: What was embedded; without it the vector cannot be made anew by another model.
        kind: The kind of an entry of the memory, if it is of one; deleted together with it.
        entry_id: That entry's id.
        type: Any word, to filter by.
        at: Its time; now if None.
        data: A JSON document, to filter by.
    """

    embedding: Vector
    id: str | None = None
    text: str | None = None
    kind: str | None = None
    entry_id: str | None = None
    type: str | None = None
    at: datetime | None = None
    data: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hit:
    """What a search has found.

    Args:
        item: What the vector stands for.
        distance: How far it is from the query by the collection's metric: the least is the nearest.
    """

    item: VectorItem
    distance: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What the memory has, with the text to embed.

    Args:
        kind: Its kind.
        id: Its id.
        type: Its type.
        at: Its time.
        text: Its title and text.
        data: Anything else.
    """

    kind: str
    id: str
    type: str | None
    at: datetime
    text: str
    data: Json


COLLECTION: Final = Shape(Collection)
ITEM: Final = Shape(VectorItem)
ENTRY: Final = Shape(Entry)
