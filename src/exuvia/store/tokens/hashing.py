"""The form of tokens, and how their secrets are hashed."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

from exuvia.store.errors import TokenError
from exuvia.store.keys import KeyRing

KEYS: Final = "EXUVIA_TOKEN_KEYS"
_FORM: Final = re.compile(r"exu_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
# RFC 7914; https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
_COST, _BLOCK, _LANES = 2**14, 8, 5
_ROOM: Final = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Clear:
    """A token in clear.

    Args:
        prefix: The public part.
        secret: The other one.
    """

    prefix: str
    secret: str = field(repr=False)

    def __str__(self) -> str:
        return f"exu_{self.prefix}_…"

    def reveal(self) -> str:
        """Return the whole token."""
        return f"exu_{self.prefix}_{self.secret}"


@dataclass(frozen=True, slots=True)
class Hashed:
    """A hashed secret.

    Args:
        method: hmac-sha256 or scrypt.
        key_id: The key's id, for hmac-sha256.
        salt: 16 random bytes, in hexadecimal digits.
        digest: 32 bytes, in hexadecimal digits.
    """

    method: str
    key_id: str | None
    salt: str
    digest: str = field(repr=False)

    @property
    def is_slow(self) -> bool:
        """Whether it takes long to compute."""
        return self.method == "scrypt"

    def matches(self, clear: Clear, keys: KeyRing | None) -> bool:
        """Tell, in constant time, whether a token is the one that was hashed.

        Raises:
            TokenError: The key is not there.
        """
        return hmac.compare_digest(_digest(clear, self.method, self.key_id, self.salt, keys), self.digest)


def new_clear() -> Clear:
    """Return a new random token."""
    return Clear(secrets.token_hex(8), secrets.token_urlsafe(32))


def hashed(clear: Clear, keys: KeyRing | None) -> Hashed:
    """Hash a token: by HMAC under the newest key, or by scrypt where there are no keys."""
    method, key_id = ("scrypt", None) if keys is None else ("hmac-sha256", keys.current)
    salt = secrets.token_hex(16)
    return Hashed(method, key_id, salt, _digest(clear, method, key_id, salt, keys))


def parsed(token: object) -> Clear:
    """Take a token apart.

    Raises:
        TokenError: It has not the form of one; the error shows nothing of it.
    """
    found = _FORM.fullmatch(token) if isinstance(token, str) else None
    if found is None:
        raise invalid()
    return Clear(found[1], found[2])


def invalid() -> TokenError:
    """Return the error for a token that is not known, malformed or wrong: which of these is not told."""
    return TokenError("The token is not valid.", hint="Send a token as it was shown when it was made.", code="invalid")


def _digest(clear: Clear, method: str, key_id: str | None, salt: str, keys: KeyRing | None) -> str:
    secret, salted = clear.secret.encode(), bytes.fromhex(salt)
    if method == "scrypt":
        return hashlib.scrypt(secret, salt=salted, n=_COST, r=_BLOCK, p=_LANES, maxmem=_ROOM, dklen=32).hex()
    key = None if keys is None or key_id is None else keys.keys.get(key_id)
    if key is None:
        raise TokenError(
            f"The token was hashed under the key {key_id!r}, which is not there.",
            hint=f"Keep old keys in {KEYS}, after the newest.",
            code="key",
        )
    return hmac.new(
        key, b"\0".join((b"exuvia token", salted, clear.prefix.encode(), secret)), hashlib.sha256
    ).hexdigest()
