"""A zoo of hostile and realistic SQLite databases; each specimen's name says what is hard about it."""

from __future__ import annotations

from pathlib import Path

from zoo import (
    agents,
    applications,
    files,
    frameworks,
    json_values,
    keys,
    messages,
    names,
    numbers,
    objects,
    queries,
    references,
    sizes,
    texts,
    times,
    tools,
    virtual,
)
from zoo.registry import Maker, Specimen, registered

_MODULES = (
    numbers,
    times,
    json_values,
    texts,
    keys,
    references,
    objects,
    queries,
    names,
    virtual,
    files,
    sizes,
    frameworks,
    applications,
    messages,
    tools,
    agents,
)

ZOO: tuple[Specimen, ...] = registered()

_FILES = sorted((Path(__file__).parents[1] / "data" / "real").glob("*.sqlite"))

# A BLOB among texts that is no text itself.
_REAL_REJECTS = {"pgloader-bad-utf8": {"files": 1}}

REAL: tuple[Specimen, ...] = tuple(
    Specimen(path.stem, "real files", path, _REAL_REJECTS.get(path.stem, {})) for path in _FILES
)

__all__ = ["REAL", "ZOO", "Maker", "Specimen"]
