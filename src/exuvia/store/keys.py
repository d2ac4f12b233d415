"""Keys that are kept outside of the database: in the environment, or in a file."""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exuvia.errors import ConfigError

KEY_BYTES: Final = 32
_FORM: Final = "Write id:key, the newest first, apart by commas or lines; exuvia.store.keys.new_key() makes a key."


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by their ids. The first one is used for what is new; the others still read what is old.

    Args:
        keys: 32 bytes each.

    Raises:
        ConfigError: There is none, or one is of another size.
    """

    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.keys or any(
            not name or set(name) & set(":,\n") or len(key) != KEY_BYTES for name, key in self.keys.items()
        ):
            raise ConfigError(f"A key ring needs keys of {KEY_BYTES} bytes, with ids.", hint=_FORM, code="keys")

    @property
    def current(self) -> str:
        """The id of the key for what is new."""
        return next(iter(self.keys))

    @classmethod
    def parse(cls, text: str, *, where: str = "the text") -> KeyRing:
        """Read ``id:key`` pairs, each key in URL-safe base64, the newest first, apart by commas or lines.

        Args:
            text: The pairs; lines that begin with # are comments.
            where: Where the text is from, for errors.

        Raises:
            ConfigError: It is malformed; the error shows nothing of it.
        """
        lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
        pairs = [pair.strip() for line in lines for pair in line.split(",") if pair.strip()]
        keys: dict[str, bytes] = {}
        for place, pair in enumerate(pairs, 1):
            name, _, written = pair.partition(":")
            try:
                key = urlsafe_b64decode(written.strip() + "=" * (-len(written.strip()) % 4))
            except ValueError:
                key = b""
            if not name.strip() or len(key) != KEY_BYTES or name.strip() in keys:
                raise ConfigError(f"Key {place} of {where} is malformed or there twice.", hint=_FORM, code="keys")
            keys[name.strip()] = key
        if not keys:
            raise ConfigError(f"There is no key in {where}.", hint=_FORM, code="keys")
        return cls(keys)

    @classmethod
    def find(cls, name: str) -> KeyRing | None:
        """Read the keys from the environment variable ``name``, or the file that ``name`` with ``_FILE`` names.

        Returns:
            The keys; None where neither variable is set.

        Raises:
            ConfigError: They are malformed, or the file cannot be read.
        """
        if text := os.environ.get(name):
            return cls.parse(text, where=name)
        path = os.environ.get(f"{name}_FILE")
        if not path:
            return None
        try:
            return cls.parse(Path(path).read_text("utf-8"), where=path)
        except (OSError, UnicodeDecodeError):
            raise ConfigError(
                f"The file of keys {path} cannot be read.", hint=f"{name}_FILE has to name a text file.", code="keys"
            ) from None


def new_key() -> str:
    """Return a new random key as ``KeyRing.parse`` reads it after the id."""
    return urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("=")
