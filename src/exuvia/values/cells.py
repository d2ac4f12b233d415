"""Values exactly as SQLite stores them, a column at a time, in Arrow arrays.

A SQLite column may hold several storage classes at once. ``Cells`` keeps one Arrow array per class that occurs; in
each, the rows of another class are null. A column of one class is one array, without copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class StorageClass(StrEnum):
    """SQLite's storage classes (https://sqlite.org/datatype3.html, section 2), NULL apart."""

    INTEGER = "integer"
    REAL = "real"
    TEXT = "text"
    BLOB = "blob"


@dataclass(frozen=True, slots=True)
class Cells:
    """One column of one batch.

    Args:
        length: Number of rows; every array has this length.
        integers: int64, or None when no row of the batch may hold an integer.
        reals: float64, likewise.
        texts: binary, the raw bytes of TEXT values as UTF-8, NOT validated: they may hold NUL or malformed bytes.
        blobs: binary, the bytes of BLOB values.

    A row that is null in every array is SQL NULL.
    """

    length: int
    integers: pa.Array | None = None
    reals: pa.Array | None = None
    texts: pa.Array | None = None
    blobs: pa.Array | None = None

    def parts(self) -> Mapping[StorageClass, pa.Array]:
        """Return the arrays that are present, by storage class."""
        found = {
            StorageClass.INTEGER: self.integers,
            StorageClass.REAL: self.reals,
            StorageClass.TEXT: self.texts,
            StorageClass.BLOB: self.blobs,
        }
        return {kind: array for kind, array in found.items() if array is not None}
