"""Window functions (https://sqlite.org/windowfunctions.html)."""

from __future__ import annotations

from typing import Any

from exuvia.engines.postgres.translate_values import NotExact, Value


def over(compiler: Any, node: Any, names: frozenset[str]) -> Value:
    """Return a window function; NotExact when that cannot be exact."""
    raise NotExact(f"{node.this} is a window function")
