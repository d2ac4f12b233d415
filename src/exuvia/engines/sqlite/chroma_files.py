"""The index files that ChromaDB keeps beside its SQLite file, in a directory per segment.

``index_metadata.pickle`` says which label a document has, ``header.bin`` how ``data_level0.bin`` is laid out, which
holds a vector and its label per element. An index for cosine distance holds vectors divided by their length, which is
in ``length.bin``; in those for other distances that file says nothing. The layout is that of chroma-hnswlib
(hnswlib/hnswalg.h at https://github.com/chroma-core/hnswlib), the same from ChromaDB 0.4 to 1.5.
"""

from __future__ import annotations

import os
import pickle
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from exuvia.errors import SourceError

METADATA, HEADER, DATA, LENGTHS = "index_metadata.pickle", "header.bin", "data_level0.bin", "length.bin"
COSINE = "cosine"

_HEADER = struct.Struct("<i6Qii3QdQ")
_VERSION = 1
_LABEL, _LENGTH = 8, 4  # bytes
_BLOCK = 4 << 20
_State = tuple[int, int, int]


class _DamagedError(Exception):
    """A file is not what ChromaDB writes; the message names it."""


class _Data:
    """Stands for ChromaDB's class PersistentData, of which the pickles of 0.4 and 0.5 hold one."""


class _Unpickler(pickle.Unpickler):
    """Reads containers, numbers and texts; what names any other class or function is refused."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) == ("chromadb.segment.impl.vector.local_persistent_hnsw", "PersistentData"):
            return _Data
        raise pickle.UnpicklingError(f"it names {module_name}.{global_name}")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where an element's vector and label are, in bytes from its beginning, and how many elements there are."""

    count: int
    element: int
    vector: int
    label: int

    @property
    def vector_bytes(self) -> int:
        return self.label - self.vector


@dataclass(frozen=True, slots=True)
class _Index:
    """One index: its files, the second -1 where it cannot be read, each document's place in them, and the number of the
    last change that is in it, where known."""

    layout: _Layout
    data: int
    lengths: int
    places: dict[str, int]
    changes: dict[str, int]


class Indexes:
    """The indexes beside one database; any thread may ask.

    An index is opened when it is first asked for. Of its vectors only those asked for are read; which document has
    which is in memory, some 200 bytes per document.

    Args:
        database: ChromaDB's SQLite file.
    """

    def __init__(self, database: Path) -> None:
        self._folder = database.parent
        self._lock = threading.Lock()
        self._found: dict[str, _Index | str] = {}
        self._states: dict[Path, _State | None] = {}

    def fault(self, segment: str | None, distance: str) -> str | None:
        """Return why a segment's index cannot be read, None where it can be."""
        found = self._index(segment)
        if isinstance(found, str):
            return found
        if distance == COSINE and found.lengths < 0:
            return f"{self._folder / str(segment) / LENGTHS} is missing or too short"
        return None

    def vector(self, segment: str | None, document: str, distance: str) -> bytes | None:
        """Return a document's vector as ChromaDB gives it, as little-endian float32; None where the index does not hold
        it. One for cosine distance is multiplied by its length again, which may change its last digit.

        Raises:
            SourceError: ``changed``: a file ends before it.
        """
        found = self._index(segment)
        place = None if isinstance(found, str) else found.places.get(document)
        if place is None or isinstance(found, str) or (distance == COSINE and found.lengths < 0):
            return None
        layout = found.layout
        data = os.pread(found.data, layout.vector_bytes, place * layout.element + layout.vector)
        length = os.pread(found.lengths, _LENGTH, place * _LENGTH) if distance == COSINE else bytes(_LENGTH)
        if len(data) < layout.vector_bytes or len(length) < _LENGTH:
            raise _changed(self._folder / str(segment) / DATA)
        return (np.frombuffer(data, "<f4") * np.frombuffer(length, "<f4")).tobytes() if distance == COSINE else data

    def existed(
        self, segment: str | None, document: str, last: int | bytes, persisted: int | bytes | None, change: int
    ) -> bool:
        """Return whether a document existed before a change in the queue that adds it.

        Args:
            segment: The segment of the collection's vectors.
            document: The document's id in its collection.
            last: The last change that ChromaDB made to the document: an addition that it ignored is none.
            persisted: The last change that the index has, which counts where it does not say that of each document.
            change: The change's number.
        """
        if sequence(last) < change:
            return True
        found = self._index(segment)
        if isinstance(found, str) or document not in found.places or persisted is None:
            return False
        return found.changes.get(document, sequence(persisted)) < change

    def changed(self) -> Path | None:
        """Return a file that was changed since its index was opened."""
        with self._lock:
            return next((path for path, state in self._states.items() if _state(path) != state), None)

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for found in self._found.values():
                for descriptor in (found.data, found.lengths) if isinstance(found, _Index) else ():
                    if descriptor >= 0:
                        os.close(descriptor)
            self._found.clear()

    def _index(self, segment: str | None) -> _Index | str:
        if segment is None:
            return "its collection has no segment of vectors"
        with self._lock:
            if segment not in self._found:
                self._found[segment] = self._open(segment)
            return self._found[segment]

    def _open(self, segment: str) -> _Index | str:
        folder = self._folder / segment
        if folder.parent != self._folder or segment in (".", "..") or "\0" in segment:
            return f"{segment!r} is no name of a directory"
        try:
            for name in (METADATA, HEADER, DATA, LENGTHS):
                self._states[folder / name] = _state(folder / name)
            return _open(folder)
        except FileNotFoundError as error:
            return f"{error.filename} is missing"
        except OSError as error:
            return f"{error.filename} cannot be read: {error.strerror}"
        except _DamagedError as error:
            return str(error)


def sequence(value: int | bytes) -> int:
    """Return the number of a change, which ChromaDB before 1.0 wrote as 8 bytes."""
    return int.from_bytes(value, "big") if isinstance(value, bytes) else value


def _open(folder: Path) -> _Index:
    labels, changes, dimensions = _metadata(folder / METADATA)
    layout = _layout(folder / HEADER)
    if dimensions is not None and layout.vector_bytes != 4 * dimensions:
        told = f"vectors of {layout.vector_bytes} bytes, {METADATA} of {dimensions} numbers"
        raise _DamagedError(f"{folder / HEADER} tells of {told}")
    size, needed = (folder / DATA).stat().st_size, layout.count * layout.element
    if size < needed:
        raise _DamagedError(f"{folder / DATA} ends after {size:,} of {needed:,} bytes")
    data = os.open(folder / DATA, os.O_RDONLY)
    try:
        places = _places(data, layout, labels, folder / DATA)
    except BaseException:
        os.close(data)
        raise
    return _Index(layout, data, _lengths(folder / LENGTHS, layout), places, changes)


def _lengths(path: Path, layout: _Layout) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return -1
    if os.fstat(descriptor).st_size >= layout.count * _LENGTH:
        return descriptor
    os.close(descriptor)
    return -1


def _metadata(path: Path) -> tuple[dict[str, int], dict[str, int], int | None]:
    """Return documents' labels and last changes, and the size of the vectors where it is told."""
    with path.open("rb") as file:
        try:
            content = _Unpickler(file).load()
        except OSError:
            raise
        except Exception as error:  # a pickle of anything else fails in many ways
            raise _DamagedError(f"{path} is not what ChromaDB writes: {error or type(error).__name__}") from error
    content = vars(content) if type(content) is _Data else content
    labels = content.get("id_to_label") if isinstance(content, dict) else None
    if not _is_numbers(labels):
        raise _DamagedError(f"{path} is not what ChromaDB writes: it does not say which document has which label")
    changes, size = content.get("id_to_seq_id"), content.get("dimensionality")
    return labels, changes if _is_numbers(changes) else {}, size if isinstance(size, int) else None


def _is_numbers(value: object) -> TypeGuard[dict[str, int]]:
    return isinstance(value, dict) and all(
        type(key) is str and type(number) is int and 0 <= number < 1 << 63 for key, number in value.items()
    )


def _layout(path: Path) -> _Layout:
    data = path.read_bytes()
    if len(data) != _HEADER.size:
        raise _DamagedError(f"{path} has {len(data)} bytes instead of {_HEADER.size}")
    version, _, room, count, element, label, vector, *_ = _HEADER.unpack(data)
    if version != _VERSION:
        raise _DamagedError(f"{path} is of version {version}, which exuvia does not know")
    numbers = label - vector
    if not (0 <= vector < label <= element - _LABEL and numbers % 4 == 0 and count <= room and element <= _BLOCK):
        raise _DamagedError(f"{path} describes no vectors")
    return _Layout(count, element, vector, label)


def _places(descriptor: int, layout: _Layout, labels: dict[str, int], path: Path) -> dict[str, int]:
    """Find each document's element by its label; one whose label is not there has none."""
    stored = np.empty(layout.count, np.uint64)
    step = max(1, _BLOCK // layout.element)
    for start in range(0, layout.count, step):
        count = min(step, layout.count - start)
        block = os.pread(descriptor, count * layout.element, start * layout.element)
        if len(block) < count * layout.element:
            raise _changed(path)
        column = np.frombuffer(block, np.uint8).reshape(count, layout.element)[:, layout.label : layout.label + _LABEL]
        stored[start : start + count] = np.ascontiguousarray(column).view("<u8").ravel()
    wanted = np.fromiter(labels.values(), np.uint64, len(labels))
    return dict(_matched(labels, stored, wanted))


def _matched(
    labels: dict[str, int], stored: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64]
) -> list[tuple[str, int]]:
    if not len(stored):
        return []
    by_label = np.argsort(stored, kind="stable")
    at = np.minimum(np.searchsorted(stored, wanted, sorter=by_label), len(stored) - 1)
    places = by_label[at]
    there = stored[places] == wanted
    return [(name, place) for name, place, is_there in zip(labels, places.tolist(), there, strict=True) if is_there]


def _state(path: Path) -> _State | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _changed(path: Path) -> SourceError:
    return SourceError(
        f"{path} was changed by another program while it was read.",
        hint="Stop the program that uses ChromaDB, and begin again.",
        code="changed",
    )


def refuse_change(indexes: Indexes) -> None:
    """Raise SourceError (``changed``) where an index was changed since it was opened."""
    path = indexes.changed()
    if path is not None:
        raise _changed(path)
