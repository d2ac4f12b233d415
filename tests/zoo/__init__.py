"""A zoo of hostile and realistic SQLite databases; each specimen's name says what is hard about it."""

from __future__ import annotations

from zoo import (
    agents,
    applications,
    files,
    frameworks,
    json_values,
    keys,
    names,
    numbers,
    objects,
    queries,
    references,
    sizes,
    texts,
    times,
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
    agents,
)

ZOO: tuple[Specimen, ...] = registered()

__all__ = ["ZOO", "Maker", "Specimen"]
