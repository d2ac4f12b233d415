"""From what is wrong to what would mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from exuvia.ops.heal import columns, foreign_keys
from exuvia.ops.heal.database import Database
from exuvia.ops.heal.model import Diagnosis, Kind, Proposal

_BY_KIND: Final[dict[Kind, Callable[[Diagnosis, Database], Iterator[Proposal]]]] = {
    "missing_column": columns.propose,
    "missing_index": foreign_keys.propose,
}


def propose(database: Database, diagnosis: Diagnosis) -> tuple[Proposal, ...]:
    """Propose what would mend something, the best way first; nothing where nothing can be told."""
    return () if diagnosis.missing else tuple(_BY_KIND[diagnosis.kind](diagnosis, database))
