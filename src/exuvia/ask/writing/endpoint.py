"""Answers written by any server that speaks OpenAI's protocol: OpenAI, Azure, vLLM, Ollama, LM Studio, llama.cpp …"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exuvia.ask.records import Interpretation, Source, WriterError
from exuvia.ask.writing.protocol import SYSTEM, prompt

if TYPE_CHECKING:
    import httpx

KEY: Final = "EXUVIA_ASK_KEY"
KEY_FILE: Final = "EXUVIA_ASK_KEY_FILE"
_MOST_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class EndpointWriter:
    """Asks ``POST {url}/chat/completions``.

    Args:
        model: The model's name.
        url: Where the server is, such as ``http://localhost:11434/v1``.
        key: The server's key. None for EXUVIA_ASK_KEY of the environment, or the file that EXUVIA_ASK_KEY_FILE names.
            Never logged or shown.
        timeout: Seconds that the request may take.
    """

    model: str
    url: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 60

    async def __call__(self, question: str, interpretation: Interpretation, sources: Sequence[Source], /) -> str:
        """Return the model's answer.

        Raises:
            WriterError: The server cannot be reached, refuses, or answers something else; or httpx is not installed.
        """
        if find_spec("httpx") is None:
            raise WriterError("httpx is not installed.", hint="pip install 'exuvia[endpoint]'", code="not_installed")
        import httpx

        asked: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": prompt(question, interpretation, sources)},
            ],
        }
        try:
            async with httpx.AsyncClient(timeout=self.timeout, headers=self._headers()) as client:
                answer = await client.post(f"{self.url.rstrip('/')}/chat/completions", json=asked)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise WriterError(
                f"{self._where} cannot be reached: {type(error).__name__}.",
                hint="Check ask_url and that the server runs.",
                code="unreachable",
            ) from None
        return self._text(answer)

    def _headers(self) -> dict[str, str]:
        key = self.key or os.environ.get(KEY) or _key_of_file()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _text(self, answer: httpx.Response) -> str:
        if not answer.is_success:
            hint = {
                401: f"Set the key in the environment: {KEY}, or {KEY_FILE} for a file that has it.",
                403: f"Set the key in the environment: {KEY}, or {KEY_FILE} for a file that has it.",
                404: "Check ask_url, which ends where /chat/completions begins, and ask_model.",
                429: "The server's limit is reached: try later.",
            }.get(answer.status_code, "Look at the server.")
            raise WriterError(f"{self._where} answered {answer.status_code}.", hint=hint, code="refused")
        try:
            text = answer.json()["choices"][0]["message"]["content"] if len(answer.content) <= _MOST_BYTES else None
        except (ValueError, KeyError, IndexError, TypeError):
            text = None
        if not isinstance(text, str):
            raise WriterError(
                f"{self._where} answered something else than a completion.",
                hint="Check that ask_url ends where /chat/completions begins, such as http://localhost:11434/v1.",
                code="answer",
            )
        return text

    @property
    def _where(self) -> str:
        return f"The server at {self.url.split('?')[0].rpartition('@')[2]}"


def _key_of_file() -> str | None:
    """Return the key in the file that the environment names.

    Raises:
        WriterError: The file cannot be read.
    """
    named = os.environ.get(KEY_FILE)
    if not named:
        return None
    try:
        return Path(named).expanduser().read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise WriterError(
            f"The file that {KEY_FILE} names cannot be read: {type(error).__name__}.",
            hint="Name a file with nothing but the key in it.",
            code="key_file",
        ) from None
