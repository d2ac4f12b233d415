"""Digests of values as SQLite stores them: an integer 1, a real 1.0 and a text '1' are three different values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from exuvia.values.cells import Cells, StorageClass
from exuvia.values.digest import Digest, Hashes, digest_hashes, hash_values

_SALTS = {
    StorageClass.INTEGER: np.uint64(0x2D358DCCAA6C78A5),
    StorageClass.REAL: np.uint64(0x8BB84B93962EACC9),
    StorageClass.TEXT: np.uint64(0x4B33A62ED433D4A3),
    StorageClass.BLOB: np.uint64(0x4D5A2DA51DE1AA47),
}
_NULL = np.uint64(0xA0761D6478BD642F)


def digest_cells(columns: Sequence[Cells], rows: int) -> Digest:
    """Digest one batch of rows.

    The digest depends on values and their storage classes alone, not on the arrays that a reader chose for them.

    Args:
        columns: The columns, all of length ``rows``.
        rows: How many rows the batch has.
    """
    return digest_hashes([hash_cells(column) for column in columns], rows)


def hash_cells(cells: Cells) -> Hashes:
    """Hash each value of a column to 64 bits; NULL has a hash of its own."""
    hashes = np.full(cells.length, _NULL)
    for kind, array in cells.parts().items():
        if array.null_count == len(array):
            continue
        found = hash_values(_plain(array)) ^ _SALTS[kind]
        if array.null_count:
            mask = array.is_valid().to_numpy(zero_copy_only=False)
            hashes[mask] = found[mask]
        else:
            hashes = found
    return hashes


def _plain(array: pa.Array) -> pa.Array:
    return array.view(pa.binary()) if pa.types.is_string(array.type) else array
