"""What tools are asked: documents that are checked before anything runs, and say what is wrong by the argument."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from exuvia.tools.frame.errors import ArgumentError
from exuvia.tools.frame.schemas import slim

DEFAULT_TOKENS: Final = 2_000
LONGEST_SQL: Final = 100_000
"""Characters of a statement, which is read before it is judged: nobody else is served meanwhile."""


class Arguments(BaseModel):
    """The arguments of a tool. Unknown ones are refused, and a text is not taken for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """Check what a caller passed.

        Raises:
            ArgumentError: About the first argument that is wrong.
        """
        try:
            return cls.model_validate_json(_document(given)) if given else cls.model_validate({})
        except ValidationError as error:
            raise _explained(cls, error) from None

    @classmethod
    def schema_for_callers(cls) -> dict[str, Any]:
        """Return the JSON Schema of the arguments, without what says nothing to a reader."""
        return slim(cls.model_json_schema())


class Budgeted(Arguments):
    """The arguments of a tool whose answer can be long."""

    max_tokens: int = Field(DEFAULT_TOKENS, ge=200, le=100_000, description="About how long the answer may be.")
    after: str | None = Field(None, description="`next` of the answer before.")
    _given_at: datetime = PrivateAttr(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    @property
    def given_at(self) -> datetime:
        """When the call came, to the second."""
        return self._given_at


class Paged(Budgeted):
    """The arguments of a tool that answers a list."""

    limit: int = Field(50, ge=1, le=1000, description="Rows at most.")


def _document(given: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(given)
    except orjson.JSONEncodeError:  # it has integers of more than 64 bits, or texts that are no Unicode
        return json.dumps(given).encode()


def _explained(model: type[Arguments], error: ValidationError) -> ArgumentError:
    errors = error.errors(include_url=False, include_input=True)
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])  # a misspelt name says most
    path = ".".join(str(part) for part in first["loc"] if not _is_branch(str(part))) or "arguments"
    if first["type"] == "extra_forbidden":
        return _unknown(path, str(first["loc"][-1]), model.model_fields)
    if first["type"] == "json_invalid":
        return ArgumentError(path, "The arguments are no valid JSON.", hint="Send texts as UTF-8.", code="json")
    if first["type"] == "missing":
        return ArgumentError(path, f"The argument {path} is missing.", hint=_told(model, path), code="missing")
    shown = repr(first["input"])
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    said = first["msg"].removeprefix("Value error, ").replace("valid tuple", "valid array")
    said = said[:1].lower() + said[1:]
    return ArgumentError(path, f"The argument {path} cannot be {shown}: {said}.", hint=_told(model, path), code="wrong")


def _is_branch(part: str) -> bool:
    """Whether a part of an error's place names a branch of a union, which no caller has written."""
    return part in {"str", "int", "float", "bool", "none"} or "[" in part


def _unknown(path: str, name: str, fields: Iterable[str]) -> ArgumentError:
    near = get_close_matches(name, list(fields), n=1, cutoff=0.6)
    known = ", ".join(fields) or "none"
    hint = f"Did you mean {near[0]}? " if near and "." not in path else ""
    return ArgumentError(path, f"There is no argument {path}.", hint=f"{hint}It takes: {known}.", code="unknown")


def _told(model: type[Arguments], path: str) -> str:
    field = model.model_fields.get(path.partition(".")[0])
    return f"{path.partition('.')[0]}: {field.description}" if field is not None and field.description else ""
