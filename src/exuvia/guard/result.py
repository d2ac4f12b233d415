"""What a statement answered, in values that JSON can hold, and no more of it than was asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from exuvia.errors import TargetError
from exuvia.guard.policy import Policy

Json = Any
Row = tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which part of an answer is wanted, and what a change must come to.

    Args:
        skip: Rows to leave out at the beginning.
        rows: Rows at most, below the policy's own cap; None for that.
        affected: How many rows have to be changed; with another number the statement is undone. None for any.
    """

    skip: int = 0
    rows: int | None = None
    affected: int | None = None


WHOLE: Final = Bounds()


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one statement.

    Args:
        columns: The columns' names; none for a statement that returns no rows.
        rows: The rows, up to the policy's caps: null, booleans, numbers, text, lists and objects. What JSON has no
            exact type for (numeric, times, bytes) is text as the engine spells it.
        truncated: Whether rows are missing.
        notice: What is missing and what to do, in one sentence; empty otherwise.
        affected: How many rows were changed; None for a statement that changes none.
        duration_s: Seconds from sending the statement to having its answer.
        skipped: How many rows at the beginning were left out because the caller did not want them.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    truncated: bool
    notice: str
    affected: int | None
    duration_s: float
    skipped: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as plain values."""
        return {
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "truncated": self.truncated,
            "notice": self.notice,
            "affected": self.affected,
            "duration_s": self.duration_s,
        }


@dataclass(slots=True)
class Harvest:
    """Rows as they come, until there are enough.

    Args:
        policy: Its caps.
        plain: Turns a driver's value into one that JSON can hold.
        bounds: Which part of the answer is wanted.
    """

    policy: Policy
    plain: Callable[[Any], Json]
    bounds: Bounds = WHOLE
    rows: list[Row] = field(default_factory=list)
    skipped: int = 0
    bytes: int = 0
    full: str = ""

    def skip(self) -> bool:
        """Whether the next row is one of those at the beginning that are left out."""
        if self.skipped >= self.bounds.skip:
            return False
        self.skipped += 1
        return True

    def add(self, row: Sequence[Any]) -> bool:
        """Take a row, unless it is over a cap. Returns whether more are wanted."""
        if self.full:
            return False
        most = self.policy.max_rows if self.bounds.rows is None else min(self.bounds.rows, self.policy.max_rows)
        if len(self.rows) >= most:
            self.full = f"{most:,} rows"
            return False
        values = tuple(self.plain(value) for value in row)
        self.bytes += sum(_size(value) for value in values)
        if self.bytes > self.policy.max_bytes:
            self.full = f"{self.policy.max_bytes:,} bytes"
            return False
        self.rows.append(values)
        return True

    @property
    def notice(self) -> str:
        """What a person is told when rows are missing."""
        if not self.full:
            return ""
        return (
            f"Only the first {len(self.rows):,} rows are here, because an answer has at most {self.full}: "
            "ask for fewer columns or rows (WHERE, LIMIT), or let the database add up."
        )


def unexpected(bounds: Bounds, affected: int | None) -> TargetError | None:
    """Return the error for a statement that changed another number of rows than it was to; None for the right one."""
    if bounds.affected is None or affected is None or affected == bounds.affected:
        return None
    return TargetError(
        f"The statement would have changed {affected:,} rows and not {bounds.affected:,}, and was undone.",
        hint="Read the rows that its condition means with a SELECT, then correct the condition or the number.",
        code="affected",
    )


def number(value: float) -> Json:
    """Return a float as JSON can hold it: NaN and the infinities are texts."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _size(value: Json) -> int:
    """About how many bytes a value takes in JSON."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace")) + 2
    if isinstance(value, list):
        return sum(map(_size, value)) + 2 * len(value)
    if isinstance(value, dict):
        return sum(len(key) + 4 + _size(item) for key, item in value.items()) + 2
    return len(str(value))
