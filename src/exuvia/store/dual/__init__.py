"""One store in two databases: what is written to the primary is carried over to the secondary.

Triggers note the keys of changed rows in the primary's outbox, in the same transaction. A worker reads these rows anew
and makes the secondary's the same, in one transaction of the secondary, then drops the notes. Doing that again is
harmless, so whatever is killed at any moment, nothing is lost and nothing is doubled.
"""

from exuvia.store.dual.drift import Difference, Drift, TableDigest
from exuvia.store.dual.opening import DualOpening, open_dual
from exuvia.store.dual.pair import DualStatus, Pair
from exuvia.store.dual.store import AsyncDual, AsyncDualStore, Dual, DualStore

__all__ = [
    "AsyncDual",
    "AsyncDualStore",
    "Difference",
    "Drift",
    "Dual",
    "DualOpening",
    "DualStatus",
    "DualStore",
    "Pair",
    "TableDigest",
    "open_dual",
]
