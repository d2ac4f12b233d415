"""Parquet: a column of one storage class is a typed column; one of several is a struct with a field for each.

The fields are ``integer``, ``real``, ``text``, ``blob`` and, for texts that are not UTF-8, ``raw_text``; at most one
of them is not null. The file's key-value metadata repeats the table's name and columns from the manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from exuvia.errors import SourceError
from exuvia.move.portable.files import DigestingFile
from exuvia.move.portable.manifest import FORMAT, VERSION, PortableColumn
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.utf8 import malformed

METADATA: Final = b"exuvia.portable"
RAW_TEXT: Final = "raw_text"

_GROUP_ROWS = 262_144
_GROUP_BYTES = 32 << 20
_BATCH_ROWS = 65_536
_TYPES: Final = {
    StorageClass.INTEGER: pa.int64(),
    StorageClass.REAL: pa.float64(),
    StorageClass.TEXT: pa.string(),
    StorageClass.BLOB: pa.binary(),
}


def write(
    file: DigestingFile, table: str, columns: Sequence[PortableColumn], batches: Iterable[Sequence[Cells]]
) -> int:
    """Write batches of rows and return how many rows they had.

    Args:
        file: Where to.
        table: The table's name.
        columns: The columns.
        batches: Each batch's columns, in the same order.
    """
    schema = pa.schema([pa.field(column.name, _type(column)) for column in columns])
    schema = schema.with_metadata({METADATA: _description(table, columns)})
    rows = 0
    waiting: list[pa.RecordBatch] = []
    with pq.ParquetWriter(pa.PythonFile(file, "w"), schema, compression="zstd") as writer:
        for batch in batches:
            arrays = [_array(column, cells) for column, cells in zip(columns, batch, strict=True)]
            rows += batch[0].length
            waiting.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
            if _is_full(waiting):
                writer.write_table(pa.Table.from_batches(waiting, schema))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, schema))
    return rows


def read(path: Path, table: str, columns: Sequence[PortableColumn]) -> Iterator[list[Cells]]:
    """Yield the rows of a file in batches.

    Raises:
        SourceError: ``malformed``: the file is not what the manifest says.
    """
    try:
        with pq.ParquetFile(path) as file:
            metadata = file.schema_arrow.metadata or {}
            if metadata.get(METADATA) != _description(table, columns):
                raise SourceError(
                    f"{path} does not hold the columns that the manifest lists.", hint="Export again.", code="malformed"
                )
            for batch in file.iter_batches(_BATCH_ROWS):
                yield [_cells(column, array) for column, array in zip(columns, batch.columns, strict=True)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}.", hint="Export again.", code="malformed") from error


def _description(table: str, columns: Sequence[PortableColumn]) -> bytes:
    return orjson.dumps(
        {"format": FORMAT, "version": VERSION, "table": table, "columns": [asdict(column) for column in columns]}
    )


def _is_full(waiting: Sequence[pa.RecordBatch]) -> bool:
    rows, size = sum(batch.num_rows for batch in waiting), sum(batch.nbytes for batch in waiting)
    return bool(rows >= _GROUP_ROWS or size >= _GROUP_BYTES)


def _is_struct(column: PortableColumn) -> bool:
    return len(column.holds) > 1 or column.raw_text


def _type(column: PortableColumn) -> pa.DataType:
    if not _is_struct(column):
        return _TYPES[column.holds[0]] if column.holds else pa.string()
    fields = [pa.field(kind.value, _TYPES[kind]) for kind in column.holds]
    return pa.struct([*fields, *([pa.field(RAW_TEXT, pa.binary())] if column.raw_text else [])])


def _array(column: PortableColumn, cells: Cells) -> pa.Array:
    parts = cells.parts()
    if not _is_struct(column):
        kind = column.holds[0] if column.holds else StorageClass.TEXT
        return _typed(kind, parts.get(kind), cells.length)
    type_ = _type(column)
    arrays = {kind.value: _typed(kind, parts.get(kind), cells.length) for kind in column.holds}
    if column.raw_text:
        arrays["text"], arrays[RAW_TEXT] = _split(parts.get(StorageClass.TEXT), cells.length)
    children = [arrays[field.name] for field in type_]
    present = np.zeros(cells.length, np.bool_)
    for child in children:
        present |= child.is_valid().to_numpy(zero_copy_only=False)
    return pa.StructArray.from_arrays(children, fields=list(type_), mask=pa.array(~present))


def _typed(kind: StorageClass, array: pa.Array | None, length: int) -> pa.Array:
    if array is None:
        return pa.nulls(length, _TYPES[kind])
    return array.view(pa.string()) if kind is StorageClass.TEXT else array


def _split(array: pa.Array | None, length: int) -> tuple[pa.Array, pa.Array]:
    """Return the texts that are UTF-8, and the bytes of the others."""
    if array is None:
        return pa.nulls(length, pa.string()), pa.nulls(length, pa.binary())
    wrong = malformed(array)
    if wrong is None:
        return array.view(pa.string()), pa.nulls(length, pa.binary())
    mask, none = pa.array(wrong), pa.scalar(None, pa.binary())
    return pc.if_else(mask, none, array).view(pa.string()), pc.if_else(mask, array, none)


def _cells(column: PortableColumn, array: Any) -> Cells:
    length = len(array)
    if not _is_struct(column):
        return _of(length, dict.fromkeys(column.holds, array))
    fields = dict(zip((field.name for field in array.type), array.flatten(), strict=True))
    parts = {kind: fields[kind.value] for kind in column.holds}
    if column.raw_text:
        texts = fields["text"].view(pa.binary())
        parts[StorageClass.TEXT] = pc.coalesce(texts, fields[RAW_TEXT])
    return _of(length, parts)


def _of(length: int, parts: dict[StorageClass, pa.Array]) -> Cells:
    texts = parts.get(StorageClass.TEXT)
    return Cells(
        length,
        integers=parts.get(StorageClass.INTEGER),
        reals=parts.get(StorageClass.REAL),
        texts=texts.view(pa.binary()) if texts is not None and texts.type == pa.string() else texts,
        blobs=parts.get(StorageClass.BLOB),
    )
