"""The server's log: on standard error, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import Final

from exuvia.location import HIDDEN

_TOKENS: Final = re.compile(r"(?i)(bearer\s+|exu_[0-9a-f]{16}_)[^\s\"']+|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)")


class Discreet(logging.Formatter):
    """Formats entries, and takes secrets out of them wherever they stand, tracebacks included.

    Args:
        secrets: Texts that must not appear, besides whatever looks like a token or a URL's password.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or the lines, of an entry."""
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _TOKENS.sub(lambda found: f"{found[1] or ''}{HIDDEN}", text)


def write_logs(secrets: Iterable[str]) -> None:
    """Write warnings and errors of this process to standard error.

    Args:
        secrets: Texts that must not appear.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Discreet(secrets))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
