"""Embeddings from any server that speaks OpenAI's protocol: OpenAI, Azure, vLLM, Ollama, LM Studio, TEI …"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from exuvia.store.errors import EmbedderError

if TYPE_CHECKING:
    import httpx

DEFAULT_URL: Final = "https://api.openai.com/v1"
KEYS: Final = ("EXUVIA_EMBEDDER_KEY", "OPENAI_API_KEY")
_AGAIN: Final = frozenset({408, 409, 429, 500, 502, 503, 504})
_LONGEST_WAIT: Final = 30.0


@dataclass(frozen=True, slots=True)
class EndpointEmbedder:
    """Asks ``POST {url}/embeddings``.

    Args:
        model: The model's name.
        url: Where the server is.
        dimension: What to ask the model for, if it can give several.
        key: The server's key; EXUVIA_EMBEDDER_KEY or OPENAI_API_KEY of the environment if None. Never logged or shown.
        batch: Texts in a request.
        timeout: Seconds that a request may take.
        tries: How often a request is made at most, when the server is busy or away.
    """

    model: str
    url: str = DEFAULT_URL
    dimension: int | None = None
    key: str | None = field(default=None, repr=False)
    batch: int = 128
    timeout: float = 60
    tries: int = 5

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each text.

        Raises:
            EmbedderError: The server cannot be reached, refuses, or answers something else.
        """
        if find_spec("httpx") is None:
            raise EmbedderError("httpx is not installed.", hint="pip install 'exuvia[endpoint]'", code="not_installed")
        import httpx

        found: list[list[float]] = []
        with httpx.Client(timeout=self.timeout, headers=self._headers()) as client:
            for begin in range(0, len(texts), self.batch):
                found += self._batch(client, list(texts[begin : begin + self.batch]))
        return found

    def _headers(self) -> dict[str, str]:
        key = self.key or next((os.environ[name] for name in KEYS if os.environ.get(name)), None)
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _batch(self, client: httpx.Client, texts: list[str]) -> list[list[float]]:
        asked: dict[str, Any] = {"model": self.model, "input": texts, "encoding_format": "float"}
        if self.dimension is not None:
            asked["dimensions"] = self.dimension
        answer = self._ask(client, asked)
        try:
            rows = sorted(answer.json()["data"], key=lambda row: row["index"])
            vectors = [row["embedding"] for row in rows]
        except (ValueError, KeyError, TypeError):
            vectors = []
        if len(vectors) != len(texts):
            raise EmbedderError(
                f"{self._where} answered something else than {len(texts)} embeddings.",
                hint="Check that the URL ends where /embeddings begins, such as http://localhost:11434/v1.",
                code="answer",
            )
        return vectors

    def _ask(self, client: httpx.Client, asked: dict[str, Any]) -> httpx.Response:
        import httpx

        for attempt in range(1, self.tries + 1):
            wait = random.uniform(0.5, 1) * min(_LONGEST_WAIT, 0.5 * 2**attempt)  # noqa: S311 - not a secret
            try:
                answer = client.post(f"{self.url.rstrip('/')}/embeddings", json=asked)
            except httpx.TransportError as error:
                if attempt == self.tries:
                    raise self._unreachable(error) from None
            else:
                if answer.is_success:
                    return answer
                if answer.status_code not in _AGAIN or attempt == self.tries:
                    raise self._refused(answer)
                wait = _told_wait(answer, wait)
            time.sleep(wait)
        raise AssertionError

    @property
    def _where(self) -> str:
        return f"The embedding server at {self.url.rpartition('@')[2]}"

    def _unreachable(self, error: Exception) -> EmbedderError:
        return EmbedderError(
            f"{self._where} cannot be reached: {type(error).__name__}.",
            hint="Check the URL and that the server runs.",
            code="unreachable",
        )

    def _refused(self, answer: httpx.Response) -> EmbedderError:
        hint = {
            401: f"Set the key in the environment: {' or '.join(KEYS)}.",
            403: f"Set the key in the environment: {' or '.join(KEYS)}.",
            404: "Check the URL and the model's name.",
            429: "The server's limit is reached: try later, or with fewer workers.",
        }.get(answer.status_code, "Look at the server.")
        return EmbedderError(f"{self._where} answered {answer.status_code}.", hint=hint, code="refused")


def _told_wait(answer: httpx.Response, otherwise: float) -> float:
    """Return the seconds of the answer's Retry-After, within reason."""
    try:
        return min(_LONGEST_WAIT, max(0.0, float(answer.headers["retry-after"])))
    except (KeyError, ValueError):
        return otherwise
