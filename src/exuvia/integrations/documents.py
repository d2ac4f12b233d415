"""Other programs' documents and texts in the store, which come back as they were."""

from __future__ import annotations

import json
from typing import Final

from exuvia.store.core.values import Json, encode_json
from exuvia.store.errors import InvalidValueError

_WRITTEN: Final = "$json"


def storable(document: Json) -> Json:
    """Return a document in a form that the store takes: one with U+0000, NaN, half of a surrogate pair or an integer
    beyond 64 bits in it, which PostgreSQL's JSON has not, becomes a document that holds it in writing.

    Raises:
        InvalidValueError: It cannot be written as JSON at all.
    """
    if not (isinstance(document, dict) and _WRITTEN in document):
        try:
            encode_json(document)
        except InvalidValueError as refused:
            return _written(document, refused)
        return document
    return _written(document, None)


def restored(document: Json) -> Json:
    """Return the document of which ``storable`` made this one."""
    if isinstance(document, dict) and document.keys() == {_WRITTEN}:
        return json.loads(document[_WRITTEN])
    return document


def storable_text(text: str) -> str:
    """Return a text without the characters that PostgreSQL does not take; for titles and for search."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def _written(document: Json, refused: InvalidValueError | None) -> Json:
    try:
        return {_WRITTEN: json.dumps(document)}
    except (TypeError, ValueError) as error:
        raise refused or InvalidValueError(
            f"The data cannot be written as JSON: {error}.", hint="Use what JSON has.", code="json"
        ) from error
