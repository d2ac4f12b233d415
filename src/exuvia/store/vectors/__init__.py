"""Vectors: collections of embeddings, searched by nearness, on pgvector, on sqlite-vec, and without either."""

from exuvia.store.vectors.records import Collection, Hit, NewVector, VectorItem
from exuvia.store.vectors.vectors import Vectors

__all__ = ["Collection", "Hit", "NewVector", "VectorItem", "Vectors"]
