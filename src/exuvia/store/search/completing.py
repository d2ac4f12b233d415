"""What PostgreSQL derives from an entry, for entries that came past its triggers, as a move's do."""

from __future__ import annotations

from typing import Final

from exuvia.store.core.requests import Operation, Statement

_AT_ONCE: Final = 10_000

# What the triggers derive is never empty
_NEXT: Final = "SELECT min(entry) FROM search_entries WHERE entry > :after AND folded = ''"
_DERIVE: Final = """
WITH derived AS (
  SELECT project_id, kind, id, search_folded(title, tags, body) AS folded
  FROM search_entries WHERE entry BETWEEN :first AND :last AND folded = ''
)
UPDATE search_entries AS entry SET folded = derived.folded, words = CAST(derived.folded AS tsvector)
FROM derived WHERE (entry.project_id, entry.kind, entry.id) = (derived.project_id, derived.kind, derived.id)
"""


def derive_next(after: int) -> Operation[int | None]:
    """Complete the next entries that lack what is derived; return the number to go on after, None at the end.

    Args:
        after: The number up to which entries are complete.
    """
    first = (yield Statement(_NEXT, {"after": after}))[0][0]
    if first is None:
        return None
    last: int = first + _AT_ONCE - 1
    yield Statement(_DERIVE, {"first": first, "last": last})
    return last
