"""The memory of agents, alike on SQLite and PostgreSQL.

``exuvia.open(url)`` opens it. ``Store`` and ``AsyncStore`` have the same subsystems with the same methods; each method
is written once, as a generator of SQL statements (see ``exuvia.store.core``).
"""

from exuvia.store.core.listing import Page
from exuvia.store.core.options import StoreOptions
from exuvia.store.filters import Field, Filter, field
from exuvia.store.memory import AsyncStore, Store
from exuvia.store.opening import Opening, open_store

__all__ = ["AsyncStore", "Field", "Filter", "Opening", "Page", "Store", "StoreOptions", "field", "open_store"]
