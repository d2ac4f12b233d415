"""Search: full text, typing errors forgiven, and the fusion of several rankings."""

from exuvia.store.search.fusion import fuse
from exuvia.store.search.highlighting import Highlight
from exuvia.store.search.hybrid import Search
from exuvia.store.search.records import Entry, Hit

__all__ = ["Entry", "Highlight", "Hit", "Search", "fuse"]
