"""What makes vectors of texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from exuvia.store.errors import EmbedderError, StoreError


class Embedder(Protocol):
    """Makes vectors of texts. Several threads may use it at once."""

    @property
    def model(self) -> str:
        """The model's name, as collections record it."""

    def embed(self, texts: Sequence[str]) -> Any:
        """Return a vector for each text, in order: a matrix, or a list of lists of numbers.

        Raises:
            EmbedderError: It cannot.
        """


@dataclass(frozen=True, slots=True)
class FunctionEmbedder:
    """The caller's own function as an embedder.

    Args:
        function: Takes a list of texts, and returns a vector for each.
        model: What its vectors are to be known as.
    """

    function: Callable[[list[str]], Any]
    model: str

    def embed(self, texts: Sequence[str]) -> Any:
        """Return what the function does."""
        return self.function(list(texts))


def embedded(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the vectors of texts as the rows of a matrix.

    Raises:
        EmbedderError: The embedder has failed, or gave something else.
    """
    try:
        found: NDArray[np.float32] = np.asarray(embedder.embed(texts), np.float32)
    except StoreError:
        raise
    except Exception as error:
        raise EmbedderError(
            f"The embedder {embedder.model} has failed: {type(error).__name__}: {error}",
            hint="Look at the embedder; what was stored before stays.",
            code="failed",
        ) from error
    if found.ndim != 2 or len(found) != len(texts):
        raise EmbedderError(
            f"The embedder {embedder.model} gave an array of the shape {found.shape} for {len(texts)} texts.",
            hint="It has to return one vector for each text.",
            code="shape",
        )
    return found
