"""The manifest: what a portable copy consists of, and how each part of it is checked."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import xxhash
from pydantic import TypeAdapter, ValidationError

from exuvia.engines.sqlite.stored import Definition, Settings
from exuvia.errors import SourceError
from exuvia.values.cells import StorageClass

FORMAT: Final = "exuvia.portable"
VERSION: Final = 1
NAME: Final = "manifest.json"

Form = Literal["jsonl", "parquet"]
SUFFIXES: Final[dict[Form, str]] = {"jsonl": ".jsonl.zst", "parquet": ".parquet"}

_SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")


@dataclass(frozen=True, slots=True)
class PortableColumn:
    """A column of a file.

    Args:
        name: The column's name in its table.
        holds: The storage classes that occur, in the order integer, real, text, blob; none when all values are NULL.
        raw_text: Whether some texts are not UTF-8.
        generated: Whether the database computes the values, so that they are not loaded.
        rowid: Whether this is the rowid, which is no column of the table.
    """

    name: str
    holds: tuple[StorageClass, ...]
    raw_text: bool = False
    generated: bool = False
    rowid: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file: its name in the directory, its rows, its size in bytes and the xxh3-128 of its bytes."""

    name: str
    rows: int
    bytes: int
    xxh3_128: str


@dataclass(frozen=True, slots=True)
class PortableTable:
    """A table. ``digest`` is that of its values, which does not depend on the form of the files."""

    name: str
    rows: int
    digest: str
    columns: tuple[PortableColumn, ...]
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An object of the source that the copy does not contain, and why."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole copy. ``digest`` is the xxh3-128 of the manifest itself, with this field empty and keys sorted;
    ``catalog`` is the source's ``exuvia.catalog.model.Catalog``; ``notes`` say what the copy of a PostgreSQL schema
    does not hold exactly."""

    form: Form
    exuvia: str
    source: str
    created: str
    settings: Settings
    definitions: tuple[Definition, ...]
    tables: tuple[PortableTable, ...]
    left_out: tuple[LeftOut, ...]
    catalog: dict[str, Any]
    notes: tuple[str, ...] = ()
    format: str = FORMAT
    version: int = VERSION
    digest: str = ""

    def dump(self) -> bytes:
        """Return the manifest as JSON, with its digest."""
        sealed = replace(self, digest=_digest(asdict(replace(self, digest=""))))
        return orjson.dumps(asdict(sealed), option=orjson.OPT_INDENT_2) + b"\n"


def load(directory: Path) -> Manifest:
    """Read the manifest of a copy.

    Raises:
        SourceError: ``not_found``, ``manifest`` (malformed, changed, or not a manifest) or ``too_new``.
    """
    path = directory / NAME
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(
            f"There is no portable copy in {directory}: it has no {NAME}.",
            hint="Name the directory that 'exuvia export' wrote. An unfinished one is called DIRECTORY.partial.",
            code="not_found",
        ) from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.", code="permission") from error
    document = _document(text, path)
    try:
        manifest = _READER.validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SourceError(f"{path} is malformed at {where}: {first['msg']}.", hint=_AGAIN, code="manifest") from None
    if _digest(document | {"digest": ""}) != manifest.digest:
        raise SourceError(f"{path} was changed after it was written.", hint=_AGAIN, code="manifest")
    _check_names(manifest, path)
    return manifest


_AGAIN = "Copy the whole directory again, or export again."


def _document(text: bytes, path: Path) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SourceError(
            f"{path} is truncated or malformed: {error.msg}, line {error.lineno}.", hint=_AGAIN, code="manifest"
        ) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise SourceError(f"{path} is not the manifest of a portable copy.", hint=_AGAIN, code="manifest")
    version = document.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise SourceError(
            f"{path} has format version {version}; this exuvia reads versions up to {VERSION}.",
            hint="Update exuvia.",
            code="too_new",
        )
    return document


def _digest(document: dict[str, Any]) -> str:
    return str(xxhash.xxh3_128_hexdigest(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)))


def _check_names(manifest: Manifest, path: Path) -> None:
    """Refuse names that lead out of the directory or name one file twice."""
    seen: set[str] = set()
    suffix = SUFFIXES[manifest.form]
    for table in manifest.tables:
        for file in table.files:
            if _SAFE_NAME.fullmatch(file.name) is None or not file.name.endswith(suffix):
                raise SourceError(
                    f"{path} lists the file {file.name!r}, which is no name for a file of a copy.",
                    hint="The manifest does not come from exuvia: do not trust this copy.",
                    code="manifest",
                )
            if file.name.casefold() in seen:
                raise SourceError(f"{path} lists the file {file.name!r} twice.", hint=_AGAIN, code="manifest")
            seen.add(file.name.casefold())


_READER: TypeAdapter[Manifest] = TypeAdapter(Manifest)
