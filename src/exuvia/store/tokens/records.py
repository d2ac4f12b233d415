"""What service tokens are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json

Outcome = Literal["used", "wrong", "expired", "revoked", "scope"]


@dataclass(frozen=True, slots=True)
class Token:
    """A service token, without its secrets.

    Args:
        project_id: The project.
        id: Its id, which stays when it is rotated.
        name: What it is for.
        scopes: What it allows.
        generation: 1, and one more with each rotation.
        data: Anything else.
        created_at: When it was made.
        expires_at: From when on it is not accepted; None for never.
        revoked_at: When it was revoked.
    """

    project_id: str
    id: str
    name: str
    scopes: tuple[str, ...]
    generation: int
    data: Json
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it is shown once.

    Args:
        token: Its record.
        secret: The whole text that the service sends; it cannot be found out again.
    """

    token: Token
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenSecret:
    """One of a token's secrets: the newest, and those before it, which end with the overlap of a rotation.

    Args:
        project_id: The project.
        prefix: The public part, after ``exu_``.
        token_id: The token.
        generation: Of which generation it is.
        method: How it is hashed: hmac-sha256 or scrypt.
        key_id: The key's id, for hmac-sha256.
        created_at: When it was made.
        ends_at: From when on it is not accepted; None for never.
        uses: How often it was accepted.
        checks: How often it was accepted or refused.
        last_used_at: When it was last accepted.
        last_checked_at: When it was last accepted or refused.
        last_outcome: What came of that.
        last_caller: Who asked then.
    """

    project_id: str
    prefix: str
    token_id: str
    generation: int
    method: str
    key_id: str | None
    created_at: datetime
    ends_at: datetime | None
    uses: int
    checks: int
    last_used_at: datetime | None
    last_checked_at: datetime | None
    last_outcome: Outcome | None
    last_caller: str | None


@dataclass(frozen=True, slots=True)
class TokenUse:
    """An entry of the log of use.

    Args:
        project_id: The project.
        prefix: Whose secret was shown.
        seq: 1, 2, 3 … for each prefix.
        token_id: The token.
        at: When.
        outcome: used, wrong (another secret), expired, revoked, or scope (it allows too little).
        caller: Who asked, as the application names them.
    """

    project_id: str
    prefix: str
    seq: int
    token_id: str
    at: datetime
    outcome: Outcome
    caller: str | None


TOKEN: Final = Shape(Token)
TOKEN_SECRET: Final = Shape(TokenSecret)
TOKEN_USE: Final = Shape(TokenUse)
