"""How the values of one column become values of a target type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from exuvia.catalog.types import SqlType

if TYPE_CHECKING:
    import pyarrow as pa

NaiveTime = Literal["utc", "local", "as-is"]
Style = Literal["faithful", "native"]


class Epoch(StrEnum):
    """What a number in a date or time column counts.

    ``AUTO`` tells seconds, milliseconds, microseconds and nanoseconds apart by magnitude, value by value:
    below 1e11 seconds, below 1e14 milliseconds, below 1e17 microseconds, else nanoseconds.
    ``CORE_DATA`` counts seconds from 2001-01-01, ``WEBKIT`` microseconds from 1601-01-01.
    """

    AUTO = "auto"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    MICROSECONDS = "microseconds"
    JULIAN = "julian"
    CORE_DATA = "core_data"
    WEBKIT = "webkit"


@dataclass(frozen=True, slots=True)
class Rule:
    """The conversion of one column.

    Args:
        type: The target type.
        epoch: How numbers become dates and times; None means that a number does not fit such a type.
        naive_time: For timestamptz, what a time without a zone means: UTC, or the local zone of this machine
            ('as-is' is for plans whose target type has no zone).
        separator: What stands between the elements of a text value that becomes ``text[]``.
    """

    type: SqlType
    epoch: Epoch | None = None
    naive_time: NaiveTime = "utc"
    separator: str = ","


@dataclass(frozen=True, slots=True)
class Converted:
    """Values of one batch in the canonical Arrow type of their target type.

    Args:
        array: One value per row; null where the source is NULL and where the value was rejected.
        rejected: Row position in the batch to the reason why its value does not fit the target type.
    """

    array: pa.Array
    rejected: Mapping[int, str]
