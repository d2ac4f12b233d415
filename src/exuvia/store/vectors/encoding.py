"""Vectors as the engines keep them, and distances where the engine cannot compute them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from exuvia.store.core.requests import Value
from exuvia.store.errors import InvalidValueError
from exuvia.store.vectors.records import BYTES_STORAGE, Collection, Floats, Metric, Vector

_OPERATORS: Final[dict[Metric, str]] = {"cosine": "<=>", "l2": "<->", "inner_product": "<#>"}
_SHORTEST: Final = 1e-30  # squared; what engines compute in 32 bits has no digits left below
_LARGEST_INDEXED: Final = 2000  # dimensions of pgvector's indexes on vector; as half ones twice that


def checked_vector(given: Vector, collection: Collection, *, what: str = "embedding") -> Floats:
    """Return a vector as the collection keeps its numbers, widened to 32 bits.

    Raises:
        InvalidValueError: It is not of the collection's dimension, has a number that is not finite, or only zeros where
            the metric is the cosine.
    """
    try:
        wide = np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise _refused(what, f"is not a list of numbers ({error})", "type") from None
    if wide.ndim != 1 or len(wide) != collection.dimension:
        shown = len(wide) if wide.ndim == 1 else f"{wide.ndim} axes, not"
        raise InvalidValueError(
            f"The {what} has {shown} dimensions; the collection {collection.name!r} has {collection.dimension}.",
            hint="Use the model that the collection was made for, or make another collection.",
            code="dimension",
        )
    with np.errstate(over="ignore"):
        kept: Floats = wide.astype(_type(collection)).astype(np.float32)
    if not np.isfinite(kept).all():
        size = 16 if collection.half else 32
        raise _refused(what, f"holds NaN, an infinity, or a number beyond {size} bits", "not_finite")
    with np.errstate(over="ignore", under="ignore"):
        length = np.square(kept).sum(dtype=np.float32)
    if not np.isfinite(length):
        raise _refused(what, "is too long: the sum of its squares is beyond 32 bits", "not_finite")
    if collection.metric == "cosine" and length < _SHORTEST:
        raise _refused(what, "is (nearly) all zeros, which have no direction and so no cosine", "zero")
    return kept


@dataclass(frozen=True, slots=True)
class Form:
    """How a collection's vectors are written in SQL.

    Args:
        collection: The collection.
    """

    collection: Collection

    @property
    def is_native(self) -> bool:
        """Whether the engine has a type for vectors."""
        return self.collection.storage != BYTES_STORAGE

    @property
    def placeholder(self) -> str:
        """The parameter ``embedding`` as the column's value."""
        return f"CAST(:embedding AS {self._native_type})" if self.is_native else ":embedding"

    @property
    def column(self) -> str:
        """The column, to be read by ``decode``."""
        return "CAST(embedding AS text)" if self.is_native else "embedding"

    @property
    def distance(self) -> str:
        """pgvector's distance to the parameter ``embedding``."""
        return f"embedding {_OPERATORS[self.collection.metric]} {self.placeholder}"

    @property
    def indexed_distance(self) -> str:
        """The same, in the form that the index is of."""
        if self.collection.half or not _LARGEST_INDEXED < self.collection.dimension <= 2 * _LARGEST_INDEXED:
            return self.distance
        half = f"halfvec({self.collection.dimension})"
        operator = _OPERATORS[self.collection.metric]
        return f"CAST(embedding AS {half}) {operator} CAST(:embedding AS {half})"

    def encode(self, vector: Floats) -> Value:
        """Return a vector as the parameter ``embedding``."""
        if self.is_native:
            return orjson.dumps(np.ascontiguousarray(vector), option=orjson.OPT_SERIALIZE_NUMPY).decode()
        return vector.astype(_type(self.collection)).tobytes()

    def decode(self, stored: Any) -> Floats:
        """Read what was stored."""
        if self.is_native:
            return np.array(orjson.loads(stored), np.float32)
        found: Floats = self.decode_all([stored])[0]
        return found

    def decode_all(self, stored: list[bytes]) -> Floats:
        """Read several that were stored as bytes, as the rows of a matrix."""
        matrix = np.frombuffer(b"".join(stored), _type(self.collection))
        found: Floats = matrix.reshape(len(stored), -1).astype(np.float32, copy=False)
        return found

    @property
    def _native_type(self) -> str:
        return f"{'halfvec' if self.collection.half else 'vector'}({self.collection.dimension})"


def code(vector: Floats) -> bytes:
    """Return a bit for each number, 1 if it is positive: vectors of a small angle have few bits that differ.

    Charikar: Similarity estimation techniques from rounding algorithms, STOC 2002. Padded to whole 64 bits.
    """
    bits = np.packbits(vector > 0).tobytes()
    return bits + b"\0" * (-len(bits) % 8)


def hamming(codes: bytes, of: bytes) -> NDArray[np.int64]:
    """Return how many bits each of the codes, one behind the other, has unlike one."""
    own = np.frombuffer(of, np.uint64)
    different: NDArray[np.int64] = np.bitwise_count(np.frombuffer(codes, np.uint64).reshape(-1, len(own)) ^ own).sum(
        axis=1, dtype=np.int64
    )
    return different


def distances(matrix: Floats, query: Floats, metric: Metric) -> NDArray[np.float64]:
    """Return the distance of each row of a matrix to a vector; rows that are alike have the same one, to the bit."""
    rows, one = matrix.astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        found: NDArray[np.float64] = np.sqrt(np.square(rows - one).sum(axis=1))
        return found
    products: NDArray[np.float64] = (rows * one).sum(axis=1)
    if metric == "inner_product":
        return -products
    lengths = np.sqrt(np.square(rows).sum(axis=1) * np.square(one).sum())
    far: NDArray[np.float64] = 1 - np.clip(products / lengths, -1, 1)
    return far


def _type(collection: Collection) -> str:
    return "<f2" if collection.half else "<f4"


def _refused(what: str, why: str, code: str) -> InvalidValueError:
    return InvalidValueError(f"The {what} {why}.", hint="Pass finite numbers, as a model gives them.", code=code)
