"""Documents: resources, the collections they are in, what cites what, and annotations.

Of several who change the same record at once nobody's change is lost: ``update`` refuses what was read too early, and
``edit`` locks the row, reads it, and writes what a function makes of it.
"""

from exuvia.store.documents.documents import Documents
from exuvia.store.documents.records import Annotation, Citation, CitationCounts, Collection, ReadStatus, Resource

__all__ = ["Annotation", "Citation", "CitationCounts", "Collection", "Documents", "ReadStatus", "Resource"]
