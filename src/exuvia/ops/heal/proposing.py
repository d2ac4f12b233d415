"""From what is wrong to what would mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from exuvia.ops.heal import columns, foreign_keys, orphans, slow, tables
from exuvia.ops.heal.database import Database
from exuvia.ops.heal.model import Diagnosis, Engine, Kind, Proposal
from exuvia.ops.heal.postgres import bloat, invalid, sequences, unchecked
from exuvia.ops.heal.sqlite import checks

_Propose = Callable[[Diagnosis, Database], Iterator[Proposal]]
_BOTH: Final[dict[Kind, _Propose]] = {
    "missing_column": columns.propose,
    "missing_table": tables.propose,
    "missing_index": foreign_keys.propose,
    "slow_query": slow.propose,
    "orphan_rows": orphans.propose,
}
_BY_ENGINE: Final[dict[Engine, dict[Kind, _Propose]]] = {
    "postgresql": {
        **_BOTH,
        "sequence_behind": sequences.propose,
        "invalid_index": invalid.propose,
        "not_valid_constraint": unchecked.propose,
        "bloat": bloat.propose,
    },
    "sqlite": {
        **_BOTH,
        "sequence_behind": checks.count_on,
        "invalid_index": checks.rebuild,
        "bloat": checks.give_back,
    },
}


def propose(database: Database, diagnosis: Diagnosis) -> tuple[Proposal, ...]:
    """Propose what would mend something, the best way first; nothing where nothing can be told."""
    return () if diagnosis.missing else tuple(_BY_ENGINE[database.engine][diagnosis.kind](diagnosis, database))
