"""About how many tokens a text is, without a model's vocabulary."""

from __future__ import annotations

import re
from typing import Final

_PIECE: Final = re.compile(r" ?[A-Za-z]+|[0-9]+|[^\sA-Za-z0-9]+|\s+")
_LETTERS_PER_TOKEN: Final = 6
_DIGITS_PER_TOKEN: Final = 3
_SIGNS_PER_TOKEN: Final = 2


def estimate(text: str) -> int:
    """Return about how many tokens a text is: what byte-pair encodings make of words, numbers and signs.

    Args:
        text: Any text; letters outside of ASCII count one token each, which is more than most take.
    """
    return sum(map(_size, _PIECE.findall(text)))


def _size(piece: str) -> int:
    first = piece[-1]
    if not first.isascii():
        return len(piece)
    if first.isalpha():
        return 1 + (len(piece) - 1) // _LETTERS_PER_TOKEN if len(piece) > _LETTERS_PER_TOKEN + 2 else 1
    if first.isdigit():
        return -(-len(piece) // _DIGITS_PER_TOKEN)
    return 1 if first.isspace() else -(-len(piece) // _SIGNS_PER_TOKEN)
