"""Service tokens: made, rotated, revoked, listed, and the log of their use."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from exuvia.store.core.composing import Ask, Outside, Steps, composed
from exuvia.store.core.deleting import delete_one
from exuvia.store.core.listing import Key, Listing, Page, Where, falling
from exuvia.store.core.operations import M, idempotent, reading, writing, writing_once
from exuvia.store.core.requests import Operation, Statement, Value
from exuvia.store.core.values import Json, checked_id, checked_text, checked_time, chosen_id, encode_json
from exuvia.store.errors import ConflictError, InvalidValueError, NotFoundError, StateError
from exuvia.store.tokens.checking import FORGOTTEN_AFTER, Checking, scopes_of
from exuvia.store.tokens.hashing import Clear, Hashed, hashed, new_clear
from exuvia.store.tokens.records import (
    TOKEN,
    TOKEN_SECRET,
    TOKEN_USE,
    NewToken,
    Outcome,
    Token,
    TokenSecret,
    TokenUse,
)

_OVERLAP: Final = timedelta(hours=24)


class Tokens(Checking[M]):
    """Make, check, rotate, revoke and list service tokens."""

    @composed
    def create(
        self,
        name: str,
        *,
        scopes: Iterable[str] = (),
        expires_at: datetime | None = None,
        data: Json = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Steps[NewToken]:
        """Make a token. This is the only time that its secret is shown.

        Args:
            name: What it is for.
            scopes: What it allows, such as ``runs:read``.
            expires_at: From when on it is not accepted; None for never.
            data: A JSON document.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            ConflictError: There is a token with this id.
            InvalidValueError: It would have expired already.
        """
        allowed = scopes_of(scopes)
        clear, digest = yield from self._make()
        token = yield Ask(
            lambda: self._insert(
                clear.prefix, digest, name, allowed, expires_at=expires_at, data=data, id=id, project=project
            )
        )
        return NewToken(token, clear.reveal())

    @composed
    def rotate(
        self, id: str, *, overlap: timedelta = _OVERLAP, generation: int | None = None, project: str | None = None
    ) -> Steps[NewToken]:
        """Give a token a new secret. Those before are accepted until the overlap ends, and no longer than before.

        Args:
            id: The token.
            overlap: How long the old secrets are still accepted.
            generation: Rotate only if it is at this generation; None for whatever it is at.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is no such token.
            StateError: It was revoked, or has expired.
            ConflictError: It is at another generation: somebody else was faster.
        """
        if not isinstance(overlap, timedelta) or overlap < timedelta():
            raise InvalidValueError(f"{overlap!r} cannot be the overlap.", hint="Pass a timedelta.", code="overlap")
        clear, digest = yield from self._make()
        token = yield Ask(
            lambda: self._replace(clear.prefix, digest, id, overlap, generation=generation, project=project)
        )
        return NewToken(token, clear.reveal())

    @idempotent
    def revoke(self, id: str, *, project: str | None = None) -> Operation[Token]:
        """Refuse a token, with all its secrets, from now on. Doing it again changes nothing.

        Raises:
            NotFoundError: There is no such token.
        """
        owner, now = self.scope.own(project), self.now()
        rows = yield Statement(
            f"""
            UPDATE service_tokens SET revoked_at = coalesce(revoked_at, :now) WHERE project_id = :project AND id = :id
            RETURNING {TOKEN.columns()}
            """,
            {"project": owner, "id": checked_id(id), "now": now},
        )
        if not rows:
            raise _missing(id)
        yield Statement(
            """
            UPDATE service_token_secrets SET revoked_at = :now
            WHERE project_id = :project AND token_id = :id AND revoked_at IS NULL
            """,
            {"project": owner, "id": id, "now": now},
        )
        return TOKEN.read(rows[0])

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[Token]:
        """Return a token.

        Raises:
            NotFoundError: There is none with this id.
        """
        return (yield from self._one(self.scope.own(project), id, ""))

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        scope: str | None = None,
        revoked: bool | None = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Token]]:
        """List tokens, the newest first.

        Args:
            project: The project; all of them if None.
            scope: Those that allow this.
            revoked: Those that were not (False) or were revoked (True), or all (None).
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project))
        if scope is not None:
            where.also(self.dialect.has_element("scopes", "scope"), scope=scope)
        if revoked is not None:
            where.also(f"revoked_at IS {'NOT ' if revoked else ''}NULL")
        order = falling("created_at", "project_id", "id")
        return (yield from Listing(TOKEN, "service_tokens", where, order).page(limit, after))

    @reading
    def secrets(
        self, id: str, *, project: str | None = None, limit: int = 100, after: str | None = None
    ) -> Operation[Page[TokenSecret]]:
        """List a token's secrets, the newest first: until when they are accepted, and how often they were."""
        where = Where().equal("project_id", self.scope.own(project)).equal("token_id", checked_id(id))
        order = (Key("generation", descending=True),)
        return (yield from Listing(TOKEN_SECRET, "service_token_secrets", where, order).page(limit, after))

    @reading
    def uses(
        self,
        id: str | None = None,
        *,
        project: str | None = None,
        outcome: Outcome | None = None,
        caller: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[TokenUse]]:
        """List what came of checks, the newest first.

        Args:
            id: The token; all of them if None.
            project: The project; all of them if None.
            outcome: used, wrong, expired, revoked or scope.
            caller: Who asked.
            since: Then or later.
            until: Then or earlier.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("token_id", id)
        where.equal("outcome", outcome).equal("caller", caller).during("at", since, until)
        order = falling("at", "project_id", "prefix", "seq")
        return (yield from Listing(TOKEN_USE, "service_token_uses", where, order).page(limit, after))

    @writing
    def prune(self, *, before: datetime, project: str | None = None) -> Operation[int]:
        """Delete entries of the log, and secrets that ended, before a time; and failures that are forgotten anyway.

        Returns:
            How many entries of the log were deleted.
        """
        key: dict[str, Value] = {"project": self.scope.own(project), "before": checked_time(before, what="before")}
        rows = yield Statement(
            "DELETE FROM service_token_uses WHERE project_id = :project AND at < :before RETURNING seq", key
        )
        yield Statement("DELETE FROM service_token_secrets WHERE project_id = :project AND ends_at < :before", key)
        yield Statement(
            "DELETE FROM service_token_failures WHERE project_id = :project AND failed_at < :before",
            key | {"before": self.now() - FORGOTTEN_AFTER},
        )
        return len(rows)

    @writing_once
    def delete(self, id: str, *, project: str | None = None) -> Operation[bool]:
        """Delete a token with the log of its use; return whether it was there."""
        return (yield from delete_one("service_tokens", self.scope.own(project), id))

    def _make(self) -> Steps[tuple[Clear, Hashed]]:
        clear, keys = new_clear(), self._found_keys()
        return clear, (yield Outside(lambda: hashed(clear, keys)))

    @writing
    def _insert(
        self,
        prefix: str,
        digest: Hashed,
        name: str,
        scopes: tuple[str, ...],
        *,
        expires_at: datetime | None,
        data: Json,
        id: str | None,
        project: str | None,
    ) -> Operation[Token]:
        now = self.now()
        expires = None if expires_at is None else checked_time(expires_at, what="expires_at")
        if expires is not None and expires <= now:
            raise InvalidValueError("The token would have expired already.", hint="Name a later time.", code="expired")
        rows = yield Statement(
            f"""
            INSERT INTO service_tokens (project_id, id, name, scopes, generation, data, created_at, expires_at)
            VALUES (:project, :id, :name, :scopes, 1, :data, :now, :expires)
            RETURNING {TOKEN.columns()}
            """,
            {
                "project": self.scope.own(project),
                "id": chosen_id(id),
                "name": checked_text(name, what="name", longest=255),
                "scopes": encode_json(scopes, what="scopes"),
                "data": encode_json({} if data is None else data),
                "now": now,
                "expires": expires,
            },
        )
        token = TOKEN.read(rows[0])
        yield from self._add(token, prefix, digest)
        return token

    @writing
    def _replace(
        self, prefix: str, digest: Hashed, id: str, overlap: timedelta, *, generation: int | None, project: str | None
    ) -> Operation[Token]:
        found = yield from self._one(self.scope.own(project), id, self.dialect.for_update)
        now = self.now()
        if found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now):
            state = "has expired" if found.revoked_at is None else "was revoked"
            raise StateError(f"The token {id!r} {state}.", hint="Make a new one: store.tokens.create().", code="ended")
        if generation is not None and found.generation != generation:
            raise ConflictError(
                f"The token {id!r} is at generation {found.generation}, not {generation}.",
                hint="Somebody has rotated it: use that secret, or read it again.",
                code="generation",
            )
        rows = yield Statement(
            f"""
            UPDATE service_tokens SET generation = generation + 1 WHERE project_id = :project AND id = :id
            RETURNING {TOKEN.columns()}
            """,
            {"project": found.project_id, "id": id},
        )
        yield Statement(
            """
            UPDATE service_token_secrets SET ends_at = :end
            WHERE project_id = :project AND token_id = :id AND (ends_at IS NULL OR ends_at > :end)
            """,
            {"project": found.project_id, "id": id, "end": now + overlap},
        )
        token = TOKEN.read(rows[0])
        yield from self._add(token, prefix, digest)
        return token

    def _add(self, token: Token, prefix: str, digest: Hashed) -> Operation[None]:
        yield Statement(
            """
            INSERT INTO service_token_secrets
              (project_id, prefix, token_id, generation, method, key_id, salt, digest, created_at, ends_at)
            VALUES (:project, :prefix, :id, :generation, :method, :key, :salt, :digest, :now, :ends)
            """,
            {
                "project": token.project_id,
                "prefix": prefix,
                "id": token.id,
                "generation": token.generation,
                "method": digest.method,
                "key": digest.key_id,
                "salt": digest.salt,
                "digest": digest.digest,
                "now": self.now(),
                "ends": token.expires_at,
            },
        )

    def _one(self, project: str, id: str, lock: str) -> Operation[Token]:
        rows = yield Statement(
            f"SELECT {TOKEN.columns()} FROM service_tokens WHERE project_id = :project AND id = :id{lock}",
            {"project": project, "id": checked_id(id)},
        )
        if not rows:
            raise _missing(id)
        return TOKEN.read(rows[0])


def _missing(id: str) -> NotFoundError:
    return NotFoundError(f"There is no token {id!r}.", hint="Make it: store.tokens.create().", code="token")
