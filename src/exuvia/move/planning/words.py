"""The words for what columns hold, in singular and plural."""

from __future__ import annotations

from exuvia.values.facts import TextForm

Words = tuple[str, str]

ROW: Words = ("row", "rows")
INTEGER: Words = ("integer", "integers")
REAL: Words = ("real", "reals")
TEXT: Words = ("text", "texts")
BLOB: Words = ("BLOB", "BLOBs")
DIGIT: Words = ("digit", "digits")
DECIMAL: Words = ("decimal", "decimals")
CHARACTER: Words = ("character", "characters")
VALUE: Words = ("value", "values")

FORMS: dict[TextForm, Words] = {
    TextForm.MALFORMED: ("text that is not UTF-8", "texts that are not UTF-8"),
    TextForm.NUL: ("text with a NUL character", "texts with NUL characters"),
    TextForm.EMPTY: ("empty text", "empty texts"),
    TextForm.INTEGER: ("integer as text", "integers as text"),
    TextForm.DECIMAL: ("decimal number as text", "decimal numbers as text"),
    TextForm.FLOAT: ("number with an exponent as text", "numbers with an exponent as text"),
    TextForm.BOOLEAN: ("boolean word", "boolean words"),
    TextForm.UUID: ("UUID", "UUIDs"),
    TextForm.UUID_HEX: ("UUID without dashes", "UUIDs without dashes"),
    TextForm.DATE: ("date", "dates"),
    TextForm.TIME: ("time of day", "times of day"),
    TextForm.TIMESTAMP: ("timestamp without a zone", "timestamps without a zone"),
    TextForm.TIMESTAMP_ZONE: ("timestamp with a zone", "timestamps with a zone"),
    TextForm.JSON_OBJECT: ("JSON object", "JSON objects"),
    TextForm.JSON_ARRAY: ("JSON array", "JSON arrays"),
    TextForm.JSON_SCALAR: ("JSON scalar", "JSON scalars"),
    TextForm.OTHER: ("other text", "other texts"),
}


def counted(count: int, words: Words) -> str:
    """Return a count with its noun: ``1 date``, ``2,000 dates``."""
    return f"{count:,} {words[0] if count == 1 else words[1]}"


def listed(parts: list[str]) -> str:
    """Return parts as people list them: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
