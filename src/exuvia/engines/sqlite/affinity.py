"""SQLite's type affinity, from a column's declared type."""

from __future__ import annotations

from exuvia.catalog.model import Affinity

_TEXT = ("CHAR", "CLOB", "TEXT")
_REAL = ("REAL", "FLOA", "DOUB")


def affinity(declared_type: str, *, strict: bool = False) -> Affinity:
    """Return the affinity that SQLite gives to a column.

    Source of the rules: https://sqlite.org/datatype3.html, section 3.1, and https://sqlite.org/stricttables.html.

    Args:
        declared_type: The type as declared, ``""`` when there is none.
        strict: Whether the table is STRICT, where ``ANY`` keeps every value as it came.
    """
    name = declared_type.upper()
    if strict and name == "ANY":
        return Affinity.BLOB
    if "INT" in name:
        return Affinity.INTEGER
    if any(part in name for part in _TEXT):
        return Affinity.TEXT
    if not name or "BLOB" in name:
        return Affinity.BLOB
    if any(part in name for part in _REAL):
        return Affinity.REAL
    return Affinity.NUMERIC
