"""Which objects of a database are capture's own."""

from __future__ import annotations

from exuvia.catalog.names import fit, qualify

TRIGGER_PREFIX = "_exuvia_"
MARK = "exuvia: live move"
"""The comment of the schema that capture makes, so that somebody else's schema of that name is not ours."""


def own_schema(schema: str) -> str:
    """Return the name of the schema that holds the log of another schema's tables."""
    return fit(f"exuvia_reverse_{schema}")


def own(schema: str, name: str) -> str:
    """Return an object of capture's own as SQL.

    Args:
        schema: The schema whose tables are logged.
        name: The object.
    """
    return qualify(own_schema(schema), name)


def log_name(number: int) -> str:
    """Return the name of the log of a table, by its number."""
    return f"log_{number}"
