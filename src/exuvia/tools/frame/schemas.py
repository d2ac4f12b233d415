"""JSON Schemas short enough to be read by a model with every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def slim(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's schema with its references resolved, and without what says nothing to a reader.

    Left out: titles, the description of the whole, empty defaults, and that an optional value may be null.

    Args:
        schema: What pydantic makes of a model.
    """
    definitions = schema.get("$defs", {})
    told = {key: value for key, value in schema.items() if key not in {"$defs", "description"}}
    slimmer: dict[str, Any] = _slim(told, definitions)
    slimmer.setdefault("properties", {})
    return slimmer


def _slim(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_slim(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **rest}
    branches = [branch for branch in schema.get("anyOf", ()) if branch != {"type": "null"}]
    if len(branches) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return _slim({**branches[0], **rest}, definitions)
    return {key: _told(key, value, definitions) for key, value in schema.items() if not _is_dull(key, value)}


def _told(key: str, value: Any, definitions: Mapping[str, Any]) -> Any:
    if key == "properties":
        return {name: _slim(part, definitions) for name, part in value.items()}
    return _slim(value, definitions)


def _is_dull(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value in (None, "", [], {}))
