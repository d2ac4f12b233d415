"""Vectors as SQLite keeps them, little-endian float32 BLOBs, and the distances between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NUMBER = np.dtype("<f4")


def pack(vector: Sequence[float] | NDArray[np.floating]) -> bytes:
    """Return a vector as a BLOB, which is also sqlite-vec's form."""
    return np.asarray(vector, NUMBER).tobytes()


def unpack(blob: bytes) -> list[float]:
    """Return the numbers of a BLOB."""
    numbers: list[float] = np.frombuffer(blob, NUMBER).tolist()
    return numbers


def cosine_distance(left: bytes | None, right: bytes | None) -> float | None:
    """Return 1 minus the cosine of two vectors' angle, as pgvector's ``<=>``; None if one is missing or zero."""
    if left is None or right is None:
        return None
    a, b = np.frombuffer(left, NUMBER).astype(np.float64), np.frombuffer(right, NUMBER).astype(np.float64)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return 1.0 - max(-1.0, min(1.0, float(a @ b) / lengths)) if lengths else None


def l2_distance(left: bytes | None, right: bytes | None) -> float | None:
    """Return the Euclidean distance between two vectors, as pgvector's ``<->``; None if one is missing."""
    if left is None or right is None:
        return None
    a, b = np.frombuffer(left, NUMBER).astype(np.float64), np.frombuffer(right, NUMBER).astype(np.float64)
    return float(np.linalg.norm(a - b))
