"""Frozen dataclasses as rows: which columns they have, and how a row becomes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any, Generic, TypeVar, get_type_hints

from exuvia.store.core.requests import Row
from exuvia.store.core.values import decode_json

R = TypeVar("R")
Decoder = Callable[[Any], Any]


def _texts(written: str | bytes) -> tuple[str, ...]:
    return tuple(decode_json(written))


def time_of(stored: datetime | str) -> datetime:
    """Return a time as either engine gives it back."""
    return datetime.fromisoformat(stored) if isinstance(stored, str) else stored


class Shape(Generic[R]):
    """A frozen dataclass whose fields are columns of the same names, in the same order.

    Times, flags and JSON come back as Python's own values whichever engine they come from. A field whose annotation
    is ``Json`` or a mapping is a JSON document, one of ``tuple[str, ...]`` a JSON array of texts.

    Args:
        record: The dataclass.
    """

    def __init__(self, record: type[R]) -> None:
        hints = get_type_hints(record)
        self._record = record
        self.names = tuple(field.name for field in fields(record))  # type: ignore[arg-type]
        self._columns = ", ".join(self.names)
        found = ((place, _decoder(hints[name])) for place, name in enumerate(self.names))
        self._decoders = tuple((place, decoder) for place, decoder in found if decoder is not None)

    def columns(self, table: str = "") -> str:
        """Return the columns for a SELECT or RETURNING, each with the table's name or alias before it."""
        return ", ".join(f"{table}.{name}" for name in self.names) if table else self._columns

    def read(self, row: Row) -> R:
        """Make a record from a row of ``columns``."""
        values = list(row)
        for place, decode in self._decoders:
            if values[place] is not None:
                values[place] = decode(values[place])
        return self._record(*values)

    def read_all(self, rows: Iterable[Row]) -> tuple[R, ...]:
        """Make a record from each row."""
        return tuple(map(self.read, rows))

    def first(self, rows: list[Row]) -> R | None:
        """Make a record from the first row, if there is one."""
        return self.read(rows[0]) if rows else None


def _decoder(hint: Any) -> Decoder | None:
    shown = str(hint)
    if hint is Any or "dict[" in shown or "Mapping[" in shown or "list[" in shown:
        return decode_json
    if "tuple[str" in shown:
        return _texts
    if "datetime" in shown:
        return time_of
    return bool if "bool" in shown else None
