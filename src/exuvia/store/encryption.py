"""Encryption of chosen values, by AES-256-GCM under keys that are kept outside of the database (NIST SP 800-38D)."""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from exuvia.store.core.values import Json, decode_json, encode_json
from exuvia.store.errors import CapabilityError, EncryptionError
from exuvia.store.keys import KeyRing, new_key

__all__ = ["KeyRing", "Vault", "new_key"]

KEYS: Final = "EXUVIA_SECRET_KEYS"
_MARK: Final = "$encrypted"
_FORM: Final = "exuvia1"
_NONCE: Final = 12


class Vault:
    """Encrypts by the newest key of a ring, and decrypts by any of them.

    Args:
        keys: The keys.

    Raises:
        CapabilityError: The package cryptography is not installed.
    """

    def __init__(self, keys: KeyRing) -> None:
        self.keys = keys
        self._ciphers = {name: _cipher(key) for name, key in keys.keys.items()}

    @classmethod
    def find(cls) -> Vault:
        """Make one with the keys of ``EXUVIA_SECRET_KEYS``, or of the file that ``EXUVIA_SECRET_KEYS_FILE`` names.

        Raises:
            ConfigError: The keys are malformed.
            EncryptionError: There are none.
        """
        keys = KeyRing.find(KEYS)
        if keys is None:
            raise EncryptionError(
                "There is no key for secrets.",
                hint=f"Set {KEYS} to id:key, or {KEYS}_FILE; exuvia.store.keys.new_key() makes a key.",
                code="no_keys",
            )
        return cls(keys)

    def encrypt(self, value: Json, *place: str) -> str:
        """Encrypt a JSON value.

        Args:
            value: The value.
            place: Where it belongs, such as project, table, row and field: it can be decrypted for this place only.

        Returns:
            ``exuvia1:<id of the key>:<nonce and ciphertext>``.

        Raises:
            InvalidValueError: It is not JSON.
        """
        name, nonce = self.keys.current, os.urandom(_NONCE)
        sealed = self._ciphers[name].encrypt(nonce, encode_json(value, what="value").encode(), _bound(name, place))
        return f"{_FORM}:{name}:{urlsafe_b64encode(nonce + sealed).decode()}"

    def decrypt(self, written: str, *place: str) -> Json:
        """Decrypt what ``encrypt`` has made for the same place.

        Raises:
            EncryptionError: Its key is not there, it was changed, or it belongs to another place.
        """
        name, sealed = _parts(written)
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise EncryptionError(
                f"The value was encrypted under the key {name!r}, which is not there.",
                hint="Keep old keys, after the newest, until everything was encrypted anew.",
                code="key",
            )
        from cryptography.exceptions import InvalidTag

        try:
            return decode_json(cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(name, place)))
        except InvalidTag:
            raise EncryptionError(
                f"The value was changed, belongs to another place, or the key {name!r} is another one than then.",
                hint="Restore the value, or the key, from a backup.",
                code="tampered",
            ) from None

    def is_current(self, written: str) -> bool:
        """Tell whether a value is encrypted under the newest key."""
        return _parts(written)[0] == self.keys.current

    def encrypt_fields(self, data: Mapping[str, Json], fields: Iterable[str], *place: str) -> dict[str, Json]:
        """Return a document in which these of its fields, where it has them, are encrypted."""
        chosen = set(fields)
        return {
            field: {_MARK: self.encrypt(value, *place, field)} if field in chosen else value
            for field, value in data.items()
        }

    def decrypt_fields(self, data: Mapping[str, Json], *place: str) -> dict[str, Json]:
        """Return a document whose encrypted fields are in clear again.

        Raises:
            EncryptionError: One cannot be decrypted.
        """
        return {
            field: self.decrypt(value[_MARK], *place, field)
            if isinstance(value, Mapping) and value.keys() == {_MARK}
            else value
            for field, value in data.items()
        }


def _cipher(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise CapabilityError(
            "The package cryptography is not installed.", hint="pip install 'exuvia[encryption]'", code="encryption"
        ) from None
    return AESGCM(key)


def _bound(name: str, place: tuple[str, ...]) -> bytes:
    return orjson.dumps([_FORM, name, *place])


def _parts(written: object) -> tuple[str, bytes]:
    """Return the key's id, and nonce and ciphertext."""
    form, _, rest = written.partition(":") if isinstance(written, str) else ("", "", "")
    name, _, sealed = rest.rpartition(":")
    try:
        given = urlsafe_b64decode(sealed)
    except ValueError:
        given = b""
    if form != _FORM or len(given) <= _NONCE:
        raise EncryptionError("The value is not an encrypted one.", hint="Encrypt it first.", code="form")
    return name, given
