"""Which objects of a schema are exuvia's own."""

from __future__ import annotations

PREFIX = "_exuvia_"
LIKE_OWN = r"name LIKE '\_exuvia\_%' ESCAPE '\'"
"""The condition, in SQL, of names like these; names in other encodings or malformed ones are not even read."""

LOG, STATE = PREFIX + "log", PREFIX + "state"
MARK = "/* exuvia: live move */"
"""Stands in the text of every object that capture makes, so that an application's table of that name is not ours."""


def is_own(name: str, sql: str) -> bool:
    """Return whether an object of a schema is one that capture made.

    Args:
        name: The object's name.
        sql: The text that defines it.
    """
    return name.startswith(PREFIX) and MARK in sql
