"""JSON Lines: a row is an object, zstd around all.

Integers, reals (always with a point or an exponent), texts and NULL are plain JSON. What JSON has no value for is an
object with one key: ``{"$blob": base64}``, ``{"$text": base64}`` for text that is not UTF-8, ``{"$real": "Infinity"}``.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from exuvia.errors import SourceError
from exuvia.move.portable.files import DigestingFile
from exuvia.move.portable.manifest import PortableColumn
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.packed import offsets_and_data
from exuvia.values.reals import shortest_texts
from exuvia.values.utf8 import malformed, used_bytes

BLOB: Final = "$blob"
TEXT: Final = "$text"
REAL: Final = "$real"

_BLOCK = 4 << 20
_VECTORISED = 16 << 20
_SPECIAL = np.array([byte < 0x20 or byte in b'"\\' for byte in range(256)])
_NULL = pa.scalar(b"null", pa.binary())


def write(file: DigestingFile, columns: Sequence[PortableColumn], batches: Iterable[Sequence[Cells]]) -> int:
    """Write batches of rows and return how many rows they had.

    Args:
        file: Where to.
        columns: The columns.
        batches: Each batch's columns, in the same order.
    """
    keys = [orjson.dumps(column.name) for column in columns]
    rows = 0
    with pa.CompressedOutputStream(pa.PythonFile(file, "w"), "zstd") as stream:
        for batch in batches:
            rows += batch[0].length
            for data in lines(keys, batch):
                stream.write(data)
    return rows


def lines(keys: Sequence[bytes], batch: Sequence[Cells]) -> Iterator[Any]:
    """Yield the lines of a batch in a few buffers.

    Args:
        keys: The columns' names as JSON.
        batch: The columns' values.
    """
    if not batch[0].length:
        return
    if sum(array.nbytes for cells in batch for array in cells.parts().values()) > _VECTORISED:
        # A value of SQLite may have 1 GB, and its lines then more than Arrow's 2 GB
        if batch[0].length > 1:
            half = batch[0].length // 2
            yield from lines(keys, [_slice(cells, 0, half) for cells in batch])
            yield from lines(keys, [_slice(cells, half, cells.length - half) for cells in batch])
            return
        for number, (key, cells) in enumerate(zip(keys, batch, strict=True)):
            yield b"{" * (not number) + b"," * bool(number) + key + b":"
            yield _one(cells)
        yield b"}\n"
        return
    parts: list[Any] = []
    for number, (key, cells) in enumerate(zip(keys, batch, strict=True)):
        parts += [(b"," if number else b"{") + key + b":", values(cells)]
    joined = pc.binary_join_element_wise(
        *(pa.scalar(part, pa.binary()) if isinstance(part, bytes) else part for part in parts),
        pa.scalar(b"}\n", pa.binary()),
        pa.scalar(b"", pa.binary()),
    )
    yield used_bytes(joined).data


def values(cells: Cells) -> pa.Array:
    """Return each value of a column as JSON, as binary without nulls."""
    found = [_JSON[kind](array).cast(pa.binary()) for kind, array in cells.parts().items()]
    present = [array for array in found if array.null_count < len(array)]
    if not present:
        return pa.repeat(_NULL, cells.length)
    return present[0] if present[0].null_count == 0 else pc.coalesce(*present, _NULL)


def _one(cells: Cells) -> bytes:
    """Return the only value of a column as JSON."""
    for kind, array in cells.parts().items():
        value = array[0].as_py()
        if value is None:
            continue
        if kind is StorageClass.TEXT:
            return _text(value)
        if kind is StorageClass.BLOB:
            return _tagged(BLOB, value)
        return bytes(_JSON[kind](array).cast(pa.binary())[0].as_py())
    return b"null"


def _slice(cells: Cells, start: int, length: int) -> Cells:
    parts = (cells.integers, cells.reals, cells.texts, cells.blobs)
    return Cells(length, *(None if part is None else part.slice(start, length) for part in parts))


def _integers(array: pa.Array) -> pa.Array:
    return array.cast(pa.string())


def _reals(array: pa.Array) -> pa.Array:
    mask = array.is_valid()
    numbers = pc.fill_null(array, 0.0).to_numpy(zero_copy_only=False)
    finite = np.isfinite(numbers)
    texts = shortest_texts(np.where(finite, numbers, 0.0))
    if not finite.all():
        positive = pc.if_else(pa.array(numbers > 0), f'{{"{REAL}":"Infinity"}}', f'{{"{REAL}":"-Infinity"}}')
        texts = pc.if_else(pa.array(finite), texts, positive)
    return texts if array.null_count == 0 else pc.if_else(mask, texts, pa.scalar(None, pa.string()))


def _texts(array: pa.Array) -> pa.Array:
    """Quote texts; only those with a character to escape, or that are not UTF-8, are looked at one by one."""
    plain = pc.binary_join_element_wise(_QUOTE, array, _QUOTE, _EMPTY)
    rows = np.flatnonzero(_to_escape(array))
    if not len(rows):
        return plain
    mask = np.zeros(len(array), np.bool_)
    mask[rows] = True
    chosen = pa.array(mask)
    return pc.replace_with_mask(plain, chosen, pa.array(map(_text, array.filter(chosen).to_pylist()), pa.binary()))


def _to_escape(array: pa.Array) -> Any:
    offsets, data = offsets_and_data(array)
    first, last = int(offsets[0]), int(offsets[-1])
    special = _SPECIAL[data[first:last]]
    wrong = malformed(array)
    if not special.any():
        return np.zeros(len(array), np.bool_) if wrong is None else wrong
    before = np.concatenate(([0], np.cumsum(special, dtype=np.int64)))
    places = offsets.astype(np.int64) - first
    found = before[places[1:]] > before[places[:-1]]
    if array.null_count:
        found &= array.is_valid().to_numpy(zero_copy_only=False)
    return found if wrong is None else found | wrong


def _text(value: bytes) -> bytes:
    try:
        return orjson.dumps(value.decode())
    except UnicodeDecodeError:
        return _tagged(TEXT, value)


def _tagged(tag: str, value: bytes) -> bytes:
    return b'{"%b":"%b"}' % (tag.encode(), b64encode(value))


def _blobs(array: pa.Array) -> pa.Array:
    return pa.array((None if value is None else _tagged(BLOB, value) for value in array.to_pylist()), pa.binary())


_QUOTE = pa.scalar(b'"', pa.binary())
_EMPTY = pa.scalar(b"", pa.binary())
_JSON = {
    StorageClass.INTEGER: _integers,
    StorageClass.REAL: _reals,
    StorageClass.TEXT: _texts,
    StorageClass.BLOB: _blobs,
}


def read(path: Path, columns: Sequence[PortableColumn]) -> Iterator[list[Cells]]:
    """Yield the rows of a file in batches of about 4 MB of JSON.

    Raises:
        SourceError: ``malformed``: the file is not what the manifest says.
    """
    done = 0
    schema = _schema(columns)
    for block in _blocks(path):
        try:
            batch = _plain_cells(block, columns, schema) if schema is not None else None
            if batch is None:
                rows = orjson.loads(b"[" + block.replace(b"\n", b",") + b"]")
                batch = [_cells(column, [row[column.name] for row in rows]) for column in columns]
            yield batch
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, pa.ArrowInvalid, OverflowError) as error:
            raise SourceError(
                f"{path} is malformed after row {done:,}: {error}.", hint="Export again.", code="malformed"
            ) from error
        done += batch[0].length


def _schema(columns: Sequence[PortableColumn]) -> pa.Schema | None:
    """Return the types of columns whose values are plain JSON, but for what ``_plain_cells`` refuses; else None."""
    if any(column.holds not in _PLAIN or column.raw_text for column in columns):
        return None
    return pa.schema([pa.field(column.name, _PLAIN[column.holds]) for column in columns])


def _plain_cells(block: bytes, columns: Sequence[PortableColumn], schema: pa.Schema) -> list[Cells] | None:
    """Decode a block in C, without Python's lock; None where a value needs a closer look, such as an infinity."""
    read = pj.ReadOptions(use_threads=False, block_size=len(block) + 1)
    parse = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    try:
        table = pj.read_json(pa.BufferReader(block), read_options=read, parse_options=parse)
    except pa.ArrowException:
        return None
    cells = []
    for column, chunked in zip(columns, table.columns, strict=True):
        array = chunked.combine_chunks()
        array = array.view(pa.binary()) if column.holds == (StorageClass.TEXT,) else array
        cells.append(Cells(len(array), **{f"{kind.value}s": array for kind in column.holds}))
    return cells


_PLAIN = {
    (): pa.null(),
    (StorageClass.INTEGER,): pa.int64(),
    (StorageClass.REAL,): pa.float64(),
    (StorageClass.TEXT,): pa.string(),
}


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield whole lines, without the newline at the end."""
    rest: list[bytes] = []
    try:
        with pa.OSFile(str(path)) as raw, pa.CompressedInputStream(raw, "zstd") as stream:
            while data := stream.read(_BLOCK):
                end = data.rfind(b"\n")
                if end < 0:
                    rest.append(data)
                    continue
                yield b"".join([*rest, data[:end]])
                rest = [data[end + 1 :]] if end + 1 < len(data) else []
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(f"{path} cannot be unpacked: {error}.", hint="Export again.", code="malformed") from error
    if rest:
        raise SourceError(f"{path} is cut off within a line.", hint="Export again.", code="truncated")


def _cells(column: PortableColumn, found: list[Any]) -> Cells:
    holds: Mapping[StorageClass, Any]
    if len(column.holds) == 1 and column.holds[0] is StorageClass.INTEGER:
        return Cells(len(found), integers=pa.array(found, pa.int64()))
    if column.holds == (StorageClass.TEXT,) and not column.raw_text:
        return Cells(len(found), texts=pa.array(found, pa.string()).view(pa.binary()))
    if column.holds == (StorageClass.BLOB,):
        blobs = [None if value is None else b64decode(value[BLOB]) for value in found]
        return Cells(len(found), blobs=pa.array(blobs, pa.binary()))
    if column.holds == (StorageClass.REAL,) and not any(type(value) is dict for value in found):
        return Cells(len(found), reals=pa.array(found, pa.float64()))
    untagged = [_untagged(value) if type(value) is dict else value for value in found]
    holds = {kind: _part(kind, untagged) for kind in column.holds}
    return Cells(
        len(found),
        integers=holds.get(StorageClass.INTEGER),
        reals=holds.get(StorageClass.REAL),
        texts=holds.get(StorageClass.TEXT),
        blobs=holds.get(StorageClass.BLOB),
    )


class _RawText(bytes):
    """The bytes of a text that is not UTF-8."""

    __slots__ = ()


def _untagged(value: dict[str, str]) -> object:
    ((tag, content),) = value.items()
    if tag == REAL:
        return float(content)
    if tag == TEXT:
        return _RawText(b64decode(content))
    if tag == BLOB:
        return b64decode(content)
    raise ValueError(f"unknown kind of value {tag!r}")


def _part(kind: StorageClass, values: list[Any]) -> pa.Array:
    if kind is StorageClass.INTEGER:
        return pa.array([value if type(value) is int else None for value in values], pa.int64())
    if kind is StorageClass.REAL:
        return pa.array([value if type(value) is float else None for value in values], pa.float64())
    if kind is StorageClass.TEXT:
        texts = [
            value.encode() if type(value) is str else bytes(value) if type(value) is _RawText else None
            for value in values
        ]
        return pa.array(texts, pa.binary())
    return pa.array([value if type(value) is bytes else None for value in values], pa.binary())
