"""Embedders: what makes vectors of texts."""

from exuvia.store.embedders.protocol import Embedder, FunctionEmbedder

__all__ = ["Embedder", "FunctionEmbedder"]
