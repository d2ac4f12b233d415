"""The forward pass of a small BERT encoder, in numpy: mean of the last layer's states, of length 1.

Devlin et al.: BERT, NAACL 2019; Reimers, Gurevych: Sentence-BERT, EMNLP 2019. For six layers of 384 numbers it needs
neither PyTorch nor its two gigabytes, and is loaded in a tenth of a second.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

# Abramowitz, Stegun: Handbook of Mathematical Functions, 7.1.26; wrong by 1.5e-7 at most
_ERF: Final = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
_ERF_SCALE: Final = np.float32(0.3275911)


class Bert:
    """An encoder.

    Args:
        folder: Has ``config.json`` and ``model.safetensors``.
    """

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        self._weights = read_safetensors(folder / "model.safetensors")
        self._layers: int = config["num_hidden_layers"]
        self._heads: int = config["num_attention_heads"]
        self._epsilon = np.float32(config["layer_norm_eps"])
        self.dimension: int = config["hidden_size"]

    def encode(self, tokens: Numbers, mask: Numbers) -> Floats:
        """Return a vector of length 1 for each row of tokens.

        Args:
            tokens: The tokens' numbers, one text a row.
            mask: 1 for a token, 0 for padding.
        """
        states = self._embedded(tokens)
        unseen = np.where(mask[:, None, None, :] == 1, np.float32(0), np.float32(-1e9))
        for layer in range(self._layers):
            states = self._layer(states, unseen, f"encoder.layer.{layer}.")
        weights = mask[:, :, None].astype(np.float32)
        mean = (states * weights).sum(axis=1) / weights.sum(axis=1)
        found: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return found

    def _embedded(self, tokens: Numbers) -> Floats:
        of = self._weights
        states = of["embeddings.word_embeddings.weight"][tokens]
        states = states + of["embeddings.position_embeddings.weight"][: tokens.shape[1]]
        states = states + of["embeddings.token_type_embeddings.weight"][0]
        return self._normalised(states, "embeddings.LayerNorm")

    def _layer(self, states: Floats, unseen: Floats, name: str) -> Floats:
        attended = self._dense(
            self._attended(states, unseen, f"{name}attention.self."), f"{name}attention.output.dense"
        )
        states = self._normalised(states + attended, f"{name}attention.output.LayerNorm")
        inner = _gelu(self._dense(states, f"{name}intermediate.dense"))
        return self._normalised(states + self._dense(inner, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _attended(self, states: Floats, unseen: Floats, name: str) -> Floats:
        query, key, value = (self._by_head(self._dense(states, name + part)) for part in ("query", "key", "value"))
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(query.shape[-1])) + unseen
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        found: Floats = (scores @ value).transpose(0, 2, 1, 3).reshape(states.shape)
        return found

    def _by_head(self, states: Floats) -> Floats:
        texts, length, _ = states.shape
        return states.reshape(texts, length, self._heads, -1).transpose(0, 2, 1, 3)

    def _dense(self, states: Floats, name: str) -> Floats:
        flat = states.reshape(-1, states.shape[-1]) @ self._weights[f"{name}.weight"].T
        found: Floats = (flat + self._weights[f"{name}.bias"]).reshape(*states.shape[:-1], -1)
        return found

    def _normalised(self, states: Floats, name: str) -> Floats:
        centred = states - states.mean(axis=-1, keepdims=True)
        deviation = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + self._epsilon)
        found: Floats = centred / deviation * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return found


def read_safetensors(path: Path) -> Mapping[str, NDArray[Any]]:
    """Read a file of weights: see https://github.com/huggingface/safetensors#format."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    mapped = np.memmap(path, np.uint8, mode="r", offset=8 + length)
    types = {"F32": "<f4", "I64": "<i8"}
    return {  # copied, since BLAS takes only what is aligned
        name: np.array(mapped[slice(*about["data_offsets"])]).view(types[about["dtype"]]).reshape(about["shape"])
        for name, about in header.items()
        if name != "__metadata__"
    }


def _gelu(values: Floats) -> Floats:
    scaled = values * np.float32(np.sqrt(0.5))
    size = np.abs(scaled)
    part = 1 / (1 + _ERF_SCALE * size)
    polynomial = np.zeros_like(part)
    for factor in _ERF:
        polynomial = (polynomial + np.float32(factor)) * part
    erf = np.copysign(1 - polynomial * np.exp(-size * size), scaled)
    found: Floats = values * np.float32(0.5) * (1 + erf)
    return found
