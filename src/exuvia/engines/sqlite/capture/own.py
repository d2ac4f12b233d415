"""Which objects of a schema are exuvia's own."""

from __future__ import annotations

PREFIX = "_exuvia_"
LOG, STATE = PREFIX + "log", PREFIX + "state"
MARK = "/* of exuvia's live move */"
"""Stands in the text of every object that capture makes, so that an application's table of that name is not ours."""


def is_own(name: str, sql: str) -> bool:
    """Return whether an object of a schema is one that capture made.

    Args:
        name: The object's name.
        sql: The text that defines it.
    """
    return name.startswith(PREFIX) and MARK in sql
