"""What tools answer: small documents whose schema is known, without what is empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from exuvia.tools.frame.schemas import slim

Json = Any


class Output(BaseModel):
    """An answer. What is None or as by default is left out of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON holds it."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)

    @classmethod
    def schema_for_callers(cls) -> dict[str, Any]:
        """Return the JSON Schema of the answer, without what says nothing to a reader."""
        return slim(cls.model_json_schema())


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call came to.

    Args:
        data: The answer, or the error: ``error`` (its code), ``message``, ``hint``, and for a wrong argument
            ``argument`` and ``example``, arguments of a right call.
        failed: Whether it is an error.
    """

    data: Mapping[str, Any]
    failed: bool


class Table(Output):
    """Rows under the names of their columns, which are said once.

    Args:
        columns: The columns' names, in the order of each row's values.
        rows: The rows.
        total: How many there are in all; None when nobody counted.
        next: Passed as ``after`` with the same arguments, it gives the rows that follow; None after the last.
        notice: What is missing or was cut, in one sentence.
    """

    columns: list[str]
    rows: list[list[Json]]
    total: int | None = None
    next: str | None = Field(None, description="Pass as `after`, with the same arguments, for the rest.")
    notice: str = ""
