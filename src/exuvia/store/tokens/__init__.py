"""Service tokens: shown once, kept as hashes, checked in constant time, rotated without a break.

A token is ``exu_<prefix>_<secret>``. The prefix is public and finds the row; the secret has 256 random bits, of which
only a hash is stored: HMAC-SHA256 under a key of ``EXUVIA_TOKEN_KEYS``, or scrypt where there is no key.
"""

from exuvia.store.tokens.checking import Principal
from exuvia.store.tokens.records import NewToken, Token, TokenSecret, TokenUse
from exuvia.store.tokens.tokens import Tokens

__all__ = ["NewToken", "Principal", "Token", "TokenSecret", "TokenUse", "Tokens"]
