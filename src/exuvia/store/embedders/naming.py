"""Embedders by name, for the command line."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Final

from exuvia.store.embedders.endpoint import DEFAULT_URL, EndpointEmbedder
from exuvia.store.embedders.minilm import MODEL, MiniLM
from exuvia.store.embedders.protocol import Embedder, FunctionEmbedder
from exuvia.store.errors import EmbedderError

URL: Final = "EXUVIA_EMBEDDER_URL"


def embedder_named(name: str) -> Embedder:
    """Return an embedder.

    Args:
        name: ``minilm``; ``openai:MODEL`` for the server that EXUVIA_EMBEDDER_URL names, or else OpenAI's; or
            ``python:module:name`` for an embedder, or a function of a list of texts, of the caller's own.

    Raises:
        EmbedderError: There is no such embedder.
    """
    kind, _, rest = name.partition(":")
    if name in {"minilm", MODEL}:
        return MiniLM()
    if kind == "openai" and rest:
        return EndpointEmbedder(rest, os.environ.get(URL) or DEFAULT_URL)
    if kind == "python" and ":" in rest:
        return _own(rest)
    raise EmbedderError(
        f"There is no embedder {name!r}.",
        hint="Pass minilm, openai:MODEL or python:module:name.",
        code="unknown",
    )


def _own(name: str) -> Embedder:
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise EmbedderError(
            f"The embedder {name!r} cannot be imported: {error}.",
            hint="Name a module that Python finds from here, and an embedder in it.",
            code="unknown",
        ) from error
    if hasattr(found, "embed"):
        own: Embedder = found() if isinstance(found, type) else found
        return own
    return FunctionEmbedder(found, name)
