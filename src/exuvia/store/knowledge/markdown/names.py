"""Names of files: made of ids, alike on every system, and in only one way."""

from __future__ import annotations

import re
from typing import Final

import xxhash

_LONGEST: Final = 120
_OTHER: Final = re.compile(r"[^A-Za-z0-9._-]")
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


class Names:
    """Gives the files of one directory their names.

    Names that differ in case only would be one file on some systems, so the later one gets a digest of its id.
    """

    def __init__(self) -> None:
        self._given: set[str] = set()

    def of(self, id: str) -> str:
        """Return the name for an id, without an ending."""
        plain = _OTHER.sub(_quoted, id)
        plain = f"%2E{plain[1:]}" if plain.startswith(".") else plain
        if len(plain) > _LONGEST or plain.casefold() in self._given or _DEVICE.fullmatch(plain):
            plain = f"{plain[:_LONGEST]}~{xxhash.xxh3_64_hexdigest(id.encode())}"
        self._given.add(plain.casefold())
        return plain


def _quoted(character: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in character[0].encode())
