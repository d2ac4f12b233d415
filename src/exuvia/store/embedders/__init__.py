"""Embedders: what makes vectors of texts."""

from exuvia.store.embedders.endpoint import EndpointEmbedder
from exuvia.store.embedders.minilm import MiniLM
from exuvia.store.embedders.naming import embedder_named
from exuvia.store.embedders.protocol import Embedder, FunctionEmbedder

__all__ = ["Embedder", "EndpointEmbedder", "FunctionEmbedder", "MiniLM", "embedder_named"]
