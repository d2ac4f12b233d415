"""The functions by which derived tables read what SQL reaches badly or not at all: parts of large BLOBs, and files.

SQLite reads the whole of a BLOB of another row's for each ``substr()`` of it; incremental I/O
(https://sqlite.org/c3ref/blob_open.html) reads the pages of the part alone.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable

import apsw
import numpy as np

from exuvia.engines.sqlite.chroma_files import Indexes
from exuvia.engines.sqlite.order import quote

PART = "exuvia_part"
INTEGER = "exuvia_integer"
DOUBLE = "exuvia_double"
SHORT_TEXT = "exuvia_short_text"
WIDENED = "exuvia_widened"
REVERSED = "exuvia_reversed"
EXISTED = "exuvia_chroma_existed"
INDEXED = "exuvia_chroma_vector"
FAULT = "exuvia_chroma_fault"

_OPEN_BLOBS = 64
_SHORT_TEXT = 12  # bytes of a text that vec0 keeps with its length


def register(connection: apsw.Connection, indexes: Indexes) -> None:
    """Give a connection the functions that queries of derived tables call.

    Args:
        connection: The connection; its views and triggers cannot call them, since its schema is not trusted.
        indexes: ChromaDB's index files beside the database.
    """
    functions: dict[str, Callable[..., apsw.SQLiteValue]] = {
        PART: _Parts(connection),
        INTEGER: _integer,
        DOUBLE: _double,
        SHORT_TEXT: _short_text,
        WIDENED: _widened,
        REVERSED: _reversed,
        EXISTED: indexes.existed,
        INDEXED: indexes.vector,
        FAULT: indexes.fault,
    }
    for name, function in functions.items():
        connection.create_scalar_function(name, function)


def is_registered(connection: apsw.Connection) -> bool:
    """Whether `register` was called for a connection."""
    known = "SELECT 1 FROM pragma_function_list WHERE name = ?"
    return connection.execute(known, (PART,)).fetchone() is not None


class _Parts:
    """``exuvia_part(table, column, row, start, length)``: bytes of the BLOB in the row whose column ``rowid`` is that.

    It keeps BLOBs open, since the rows of one are read one after the other, and the last part, since SQLite evaluates
    an expression as often as a statement names its column.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._blobs: OrderedDict[tuple[str, str, int], apsw.Blob | None] = OrderedDict()
        self._last: tuple[tuple[object, ...], bytes | None] = ((), None)

    def __call__(self, table: str, column: str, row: int | None, start: int, length: int) -> bytes | None:
        asked = (table, column, row, start, length)
        if asked != self._last[0]:
            self._last = (asked, None if row is None else self._read(self._blob(table, column, row), start, length))
        return self._last[1]

    def _read(self, blob: apsw.Blob | None, start: int, length: int) -> bytes | None:
        if blob is None or start + length > blob.length():
            return None
        blob.seek(start)
        return blob.read(length)

    def _blob(self, table: str, column: str, row: int) -> apsw.Blob | None:
        key = (table, column, row)
        if key in self._blobs:
            self._blobs.move_to_end(key)
            return self._blobs[key]
        if len(self._blobs) >= _OPEN_BLOBS:
            _, oldest = self._blobs.popitem(last=False)
            if oldest is not None:
                oldest.close()
        # The shadow tables have an ordinary column "rowid", so that after VACUUM their true rowids may be others
        found = self._connection.execute(f"SELECT _rowid_ FROM main.{quote(table)} WHERE rowid = ?", (row,)).fetchone()
        blob = None if found is None else self._connection.blob_open("main", table, column, int(str(found[0])), False)
        self._blobs[key] = blob
        return blob


def _integer(data: bytes | None) -> int | None:
    """The little-endian integer in 8 bytes, or the unsigned one in fewer."""
    return None if data is None else int.from_bytes(data, "little", signed=len(data) == 8)


def _double(data: bytes | None) -> float | None:
    return None if data is None else float(struct.unpack("<d", data)[0])


def _short_text(data: bytes | None) -> bytes | None:
    """The text in vec0's 16 bytes of a text; None where they hold only its beginning."""
    length = None if data is None else int.from_bytes(data[:4], "little")
    return None if data is None or length is None or length > _SHORT_TEXT else data[4 : 4 + length]


def _widened(data: bytes | None) -> bytes | None:
    """Elements of int8 as those of float32, which hold them exactly."""
    return None if data is None else np.frombuffer(data, np.int8).astype("<f4").tobytes()


def _reversed(data: bytes | None) -> bytes | None:
    """Bits of which the first is the lowest of its byte, as sqlite-vec has them, with the first as the highest."""
    return None if data is None else data.translate(_MIRRORED)


_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
