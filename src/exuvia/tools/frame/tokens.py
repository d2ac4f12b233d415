"""About how many tokens a text is, without a model's vocabulary."""

from __future__ import annotations

import re
from typing import Final

# What is one token each: a word of up to 7 letters or 5 of a longer one, 3 digits, 2 signs, 2 letters of the scripts
# from Greek to Georgian (4 of Cyrillic), any one letter of other scripts, or a space.
_TOKEN: Final = re.compile(
    r" ?[A-Za-z]{1,7}(?![A-Za-z])| ?[A-Za-z]{5}|[0-9]{1,3}|\s+|[!-/:-@[-`{-~]{1,2}"
    r"| ?[\u0400-\u052f]{1,4}| ?[\u0370-\u10ff]{1,2}|[^\x00-\x7f]|[\x00-\x1f\x7f]"
)
_RUN: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,}")
_PART: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[+/_-]")
_PART_LENGTH: Final = 2.5  # characters that a part of random text has at most, on average
_RANDOM_TOKENS: Final = 0.7  # for each character of random text
_SAMPLE: Final = 256


def estimate(text: str) -> int:
    """Return about how many tokens a text is: what byte-pair encodings make of words, numbers and signs.

    Rather a little too many than too few. Random text, such as base64, has more tokens than words of its length have,
    and is told by how often it changes between cases and digits.

    Args:
        text: Any text.
    """
    return len(_TOKEN.findall(text)) + sum(map(_surplus, _RUN.findall(text)))


def _surplus(run: str) -> int:
    if run.islower() or run.isupper():
        return 0
    sample = run[:_SAMPLE]
    if len(sample) >= _PART_LENGTH * len(_PART.findall(sample)):
        return 0
    return int(len(run) * (_RANDOM_TOKENS - len(_TOKEN.findall(sample)) / len(sample)))
