"""How often words stand in a row that FTS5 has found: an auxiliary function for SQLite's connections.

See https://www.sqlite.org/fts5.html#custom_auxiliary_functions.
"""

from __future__ import annotations

from typing import Final

import apsw

from exuvia.store.core.requests import Value

NAME: Final = "search_counts"
COLUMNS: Final = 3
"""The columns that are counted in: the first ones of the full-text table."""


def count_words(found: apsw.FTS5ExtensionApi, *phrases: Value) -> str:
    """Count phrases of the query in each column of the row.

    Args:
        found: The row that was found.
        phrases: Which ones, by their places in the query.

    Returns:
        The counts, phrase by phrase and column by column, then the last column's words, joined by commas.
    """
    counts = []
    for phrase in phrases:
        assert isinstance(phrase, int)  # by the statement's own text
        width = len(found.phrases[phrase])
        counts += [_apart(found.phrase_column_offsets(phrase, column), width) for column in range(COLUMNS)]
    counts.append(found.column_size(COLUMNS - 1))
    return ",".join(map(str, counts))


def _apart(places: list[int], width: int) -> int:
    """Count, from the left, the places of a phrase that do not overlap."""
    if width == 1:
        return len(places)
    count, free = 0, 0
    for place in places:
        if place >= free:
            count, free = count + 1, place + width
    return count
