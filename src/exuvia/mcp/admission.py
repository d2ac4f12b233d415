"""Bearer tokens: whose they are. Those of the store, and one that the server itself was started with."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exuvia.errors import ConfigError, ExuviaError
from exuvia.mcp.callers import Caller
from exuvia.mcp.variables import TOKEN, TOKEN_FILE
from exuvia.store.errors import NotFoundError, TokenError
from exuvia.tools.frame.call import SCOPES, Desk, Scope

if TYPE_CHECKING:
    from exuvia.store import AsyncStore
    from exuvia.store.tokens import Principal

_SHORTEST: Final = 20
_RECHECK_SECONDS: Final = 300.0
_REMEMBERED: Final = 1_000


class RefusedError(ExuviaError):
    """Somebody is not let in.

    Args:
        status: HTTP's status: 401, 403, 429 or 503.
        error: RFC 6750's code; empty when no token came at all.
        message: Why.
        hint: What to do.
        retry_after: Seconds to wait; None when waiting does not help.
    """

    family = "refused"

    def __init__(
        self, status: int, error: str, message: str, *, hint: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint, code=error)
        self.status = status
        self.error = error
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A token of the store that was checked."""

    principal: Principal
    generation: int
    at: float


class Admission:
    """Who is let in by which token.

    The store checks and logs a token when it comes first, and every five minutes: hashing it takes up to 100 ms. In
    between, each request looks whether it was revoked, rotated, or has expired.

    Args:
        desk: The databases; a store among them knows tokens.
        own: The server's own token; None for none.
        caller: Who comes with the server's own token.
    """

    def __init__(self, desk: Desk, *, own: str | None, caller: Caller) -> None:
        self._desk = desk
        self._own = None if own is None else _digest(own)
        self._caller = caller
        self._salt = secrets.token_bytes(16)
        self._admitted: OrderedDict[bytes, _Admitted] = OrderedDict()

    async def admit(self, token: str | None, address: str) -> Caller:
        """Return whose a token is.

        Args:
            token: As it was sent; None when none was.
            address: Where from, by which wrong ones are counted.

        Raises:
            RefusedError: It is not valid, allows nothing here, or cannot be checked now.
        """
        if token is None:
            raise RefusedError(401, "", "A token is needed.", hint="Send the header Authorization: Bearer TOKEN.")
        if self._own is not None and hmac.compare_digest(self._own, _digest(token)):
            return self._caller
        if not self._desk.has_store:
            raise _invalid("The token is not valid.")
        try:
            return _caller(await self._principal(token, address))
        except TokenError as error:
            raise _refused(error) from None
        except RefusedError:
            raise
        except ExuviaError as error:
            raise RefusedError(503, "unreachable", error.message, hint=error.hint, retry_after=5) from None

    async def _principal(self, token: str, address: str) -> Principal:
        store, key = await self._desk.store(), hmac.digest(self._salt, token.encode(), "sha256")
        known = self._admitted.get(key)
        if known is not None and await _still(store, known):
            return known.principal
        principal = await store.tokens.check(token, caller=address)
        found = await store.tokens.get(principal.token_id, project=principal.project_id)
        self._admitted[key] = _Admitted(principal, found.generation, time.monotonic())
        self._admitted.move_to_end(key)
        while len(self._admitted) > _REMEMBERED:
            self._admitted.popitem(last=False)
        return principal


def own_token(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the server's own token, from the environment or from the file that it names; None when there is none.

    Raises:
        ConfigError: The file cannot be read, or the token is no such.
    """
    token, file = environment.get(TOKEN), environment.get(TOKEN_FILE)
    if file and not token:
        try:
            token = Path(file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{file}, which {TOKEN_FILE} names, cannot be read: {type(error).__name__}.", code="mcp_token"
            ) from None
    if not token and not file:
        return None
    if not token or len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(
            f"The token of {TOKEN_FILE if file else TOKEN} has less than {_SHORTEST} characters, or such as no header "
            "can carry.",
            hint="Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            code="mcp_token",
        )
    return token


async def _still(store: AsyncStore, known: _Admitted) -> bool:
    """Whether a token that was checked is what it was then."""
    if time.monotonic() - known.at > _RECHECK_SECONDS:
        return False
    now, ends = datetime.now(UTC), known.principal.expires_at
    if ends is not None and ends <= now:
        return False
    try:
        found = await store.tokens.get(known.principal.token_id, project=known.principal.project_id)
    except NotFoundError:
        return False
    return found.revoked_at is None and found.generation == known.generation


def _caller(principal: Principal) -> Caller:
    scopes: frozenset[Scope] = frozenset(scope for scope in SCOPES if scope in principal.scopes)
    if not scopes:
        raise RefusedError(
            403,
            "insufficient_scope",
            f"The token {principal.name!r} allows none of {', '.join(SCOPES)}.",
            hint="Ask whoever runs this server for another one.",
        )
    return Caller(principal.name, principal.project_id, confined=True, scopes=scopes)


def _refused(error: TokenError) -> RefusedError:
    if error.retry_after is not None:
        return RefusedError(429, "slow_down", error.message, hint=error.hint, retry_after=error.retry_after)
    return _invalid(error.message)


def _invalid(message: str) -> RefusedError:
    return RefusedError(401, "invalid_token", message, hint="Ask whoever runs this server for another one.")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
