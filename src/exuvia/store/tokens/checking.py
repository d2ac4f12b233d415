"""Checking a token: who is it, and may they?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple, Self

from exuvia.store.core.composing import Ask, Outside, Steps, composed
from exuvia.store.core.listing import Where
from exuvia.store.core.operations import M, Runner, Subsystem, reading, writing, writing_once, writing_together
from exuvia.store.core.requests import Operation, Statement, Value
from exuvia.store.core.shapes import Shape, time_of
from exuvia.store.core.values import checked_text
from exuvia.store.errors import InvalidValueError, TokenError
from exuvia.store.keys import KeyRing
from exuvia.store.tokens.hashing import KEYS, Clear, Hashed, hashed, invalid, parsed
from exuvia.store.tokens.records import Outcome

FREE_FAILURES: Final = 5
LONGEST_DELAY: Final = 900.0
FORGOTTEN_AFTER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who has shown a valid token.

    Args:
        project_id: The token's project.
        token_id: The token.
        name: What it is for.
        scopes: What it allows.
        prefix: The public part of the secret that was shown.
        expires_at: From when on this secret is not accepted; after a rotation the end of the overlap.
    """

    project_id: str
    token_id: str
    name: str
    scopes: tuple[str, ...]
    prefix: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Known:
    """A secret, as a check needs it, and the failures of this caller with it."""

    project_id: str
    token_id: str
    name: str
    scopes: tuple[str, ...]
    prefix: str
    ends_at: datetime | None
    revoked_at: datetime | None
    method: str
    key_id: str | None
    salt: str
    digest: str = field(repr=False)
    failures: int | None
    failed_at: datetime | None


class _Found(NamedTuple):
    """What is known under a prefix, and how many seconds the caller has to wait."""

    known: _Known | None
    wait: float


_KNOWN: Final = Shape(_Known)
_COLUMNS: Final = (
    "t.project_id, t.id, t.name, t.scopes, s.prefix, s.ends_at, s.revoked_at, s.method, s.key_id, s.salt, s.digest,"
    " f.failures, f.failed_at"
)


class Checking(Subsystem[M]):
    """Check tokens.

    Args:
        runner: Runs the operations.
        keys: The keys of the hashes; None for those of ``EXUVIA_TOKEN_KEYS`` or ``EXUVIA_TOKEN_KEYS_FILE``.
    """

    def __init__(self, runner: Runner, keys: KeyRing | None = None) -> None:
        super().__init__(runner)
        self._keys = keys

    def using(self, keys: KeyRing) -> Self:
        """Return the same tokens, hashed and checked by these keys."""
        return type(self)(self._runner, keys)

    @composed
    def check(
        self, token: str, *, scopes: Iterable[str] = (), caller: str | None = None, project: str | None = None
    ) -> Steps[Principal]:
        """Accept a token, or refuse it; either is recorded.

        After five failures a caller is refused, unheard, for 1, 2, 4 … 900 seconds after each further one. Failures are
        counted for a caller and a prefix, so that nobody slows others down; see docs/store-tokens.md.

        Args:
            token: The token as it was sent.
            scopes: What it has to allow, all of it.
            caller: Who sends it, such as the client's address; failures are counted by it.
            project: The project; that of the token if None.

        Returns:
            Whose it is.

        Raises:
            TokenError: It is not valid, has expired, was revoked, allows too little, or comes too soon after failures.
        """
        wanted = scopes_of(scopes)
        asking = "" if caller is None else checked_text(caller, what="caller", longest=255)
        clear = parsed(token)
        found: _Found = yield Ask(partial(self._look, clear.prefix, asking, project))
        if found.wait > 0:
            raise _too_soon(found.wait)
        known, keys = found.known, self._found_keys()
        if not (yield from _matches(clear, known, keys)) or known is None:
            yield Ask(partial(self._refuse, clear.prefix, asking, project, known))
            raise invalid()
        outcome = _outcome(known, wanted, self.now())
        if not (yield Ask(partial(self._record, known, outcome, asking))):
            outcome = "expired"
        if outcome != "used":
            raise _refused(outcome, known, wanted)
        if known.failures:
            yield Ask(partial(self._forgive, known, asking))
        return Principal(known.project_id, known.token_id, known.name, known.scopes, known.prefix, known.ends_at)

    def _found_keys(self) -> KeyRing | None:
        return KeyRing.find(KEYS) if self._keys is None else self._keys

    @reading
    def _look(self, prefix: str, caller: str, project: str | None) -> Operation[_Found]:
        chosen = self.scope.among(project)
        where = Where().equal("s.project_id", chosen).equal("s.prefix", prefix)
        rows = yield Statement(
            f"""
            SELECT {_COLUMNS} FROM service_token_secrets AS s
            JOIN service_tokens AS t ON t.project_id = s.project_id AND t.id = s.token_id
            LEFT JOIN service_token_failures AS f
              ON f.project_id = s.project_id AND f.prefix = s.prefix AND f.caller = :caller
            WHERE {where}
            """,
            where.parameters | {"caller": caller},
        )
        if (known := _KNOWN.first(rows)) is not None:
            return _Found(known, self._wait(known.failures, known.failed_at))
        if chosen is None:
            return _Found(None, 0)
        failed = yield Statement(
            """
            SELECT failures, failed_at FROM service_token_failures
            WHERE project_id = :project AND prefix = '' AND caller = :caller
            """,
            {"project": chosen, "caller": caller},
        )
        return _Found(None, self._wait(failed[0][0], time_of(failed[0][1])) if failed else 0)

    def _wait(self, failures: int | None, failed_at: datetime | None) -> float:
        if failures is None or failed_at is None or failures < FREE_FAILURES:
            return 0
        delay = min(2.0 ** min(failures - FREE_FAILURES, 32), LONGEST_DELAY)
        return delay - (self.now() - failed_at).total_seconds()

    @writing
    def _refuse(self, prefix: str, caller: str, project: str | None, known: _Known | None) -> Operation[None]:
        owner = self.scope.among(project) if known is None else known.project_id
        if owner is None:
            return
        now = self.now()
        yield Statement(
            """
            INSERT INTO service_token_failures (project_id, prefix, caller, failures, failed_at)
            SELECT id, :prefix, :caller, 1, :now FROM projects WHERE id = :project
            ON CONFLICT (project_id, prefix, caller) DO UPDATE
            SET failures = CASE WHEN service_token_failures.failed_at < :forgotten THEN 1
                ELSE service_token_failures.failures + 1 END,
              failed_at = excluded.failed_at
            """,
            {
                "project": owner,
                "prefix": prefix if known is not None else "",
                "caller": caller,
                "now": now,
                "forgotten": now - FORGOTTEN_AFTER,
            },
        )
        if known is not None:
            yield from self._write(known, "wrong", caller)

    @writing_together
    def _record(self, known: _Known, outcome: Outcome, caller: str) -> Operation[bool]:
        """Record what came of a check; tell whether that still holds, which a revocation may have changed."""
        return (yield from self._write(known, outcome, caller))

    @writing_once
    def _forgive(self, known: _Known, caller: str) -> Operation[None]:
        yield Statement(
            """
            DELETE FROM service_token_failures
            WHERE project_id = :project AND prefix = :prefix AND caller = :caller
            """,
            {"project": known.project_id, "prefix": known.prefix, "caller": caller},
        )

    def _write(self, known: _Known, outcome: Outcome, caller: str) -> Operation[bool]:
        used = outcome == "used"
        update = f"""
            UPDATE service_token_secrets
            SET checks = checks + 1, last_checked_at = :now, last_outcome = :outcome, last_caller = :caller
              {", uses = uses + 1, last_used_at = :now" if used else ""}
            WHERE project_id = :project AND prefix = :prefix
              {"AND revoked_at IS NULL AND (ends_at IS NULL OR ends_at > :now)" if used else ""}
            RETURNING project_id, prefix, checks, token_id, last_checked_at, last_outcome, last_caller"""
        log = """INSERT INTO service_token_uses (project_id, prefix, seq, token_id, at, outcome, caller)
            SELECT project_id, prefix, checks, token_id, last_checked_at, last_outcome, last_caller FROM """
        key: dict[str, Value] = {"project": known.project_id, "prefix": known.prefix}
        given: dict[str, Value] = key | {"now": self.now(), "outcome": outcome, "caller": caller or None}
        if self.dialect.is_postgres:
            return bool((yield Statement(f"WITH written AS ({update}) {log} written RETURNING seq", given)))
        if not (yield Statement(update, given)):
            return False
        yield Statement(f"{log} service_token_secrets WHERE project_id = :project AND prefix = :prefix", key)
        return True


def scopes_of(given: Iterable[str]) -> tuple[str, ...]:
    """Return scopes, checked, in order, each once.

    Raises:
        InvalidValueError: It is no list of texts.
    """
    if isinstance(given, str):
        raise InvalidValueError(f"{given!r} cannot be the scopes.", hint="Pass a list of texts.", code="scopes")
    return tuple(sorted({checked_text(scope, what="scope", longest=255) for scope in given}))


def _matches(clear: Clear, known: _Known | None, keys: KeyRing | None) -> Steps[bool]:
    """Compare; what is not known takes as long as what is wrong."""
    if known is None:
        if keys is None:
            yield Outside(partial(hashed, clear, None))
        return False
    digest = Hashed(known.method, known.key_id, known.salt, known.digest)
    if digest.is_slow:
        matching: bool = yield Outside(partial(digest.matches, clear, keys))
        return matching
    return digest.matches(clear, keys)


def _outcome(known: _Known, wanted: tuple[str, ...], now: datetime) -> Outcome:
    if known.revoked_at is not None:
        return "revoked"
    if known.ends_at is not None and known.ends_at <= now:
        return "expired"
    return "used" if set(wanted) <= set(known.scopes) else "scope"


def _too_soon(wait: float) -> TokenError:
    error = TokenError(
        "There were too many wrong tokens from this caller.",
        hint=f"Try again in {wait:.0f} seconds.",
        code="slow_down",
    )
    error.retry_after = wait
    return error


def _refused(outcome: Outcome, known: _Known, wanted: tuple[str, ...]) -> TokenError:
    said = {
        "expired": ("has expired or was replaced", "Ask for a new one: store.tokens.rotate(id)."),
        "revoked": ("was revoked", "Ask for a new one: store.tokens.create(name)."),
        "scope": (f"does not allow {', '.join(set(wanted) - set(known.scopes))}", "Use one with these scopes."),
    }
    what, hint = said[outcome]
    return TokenError(f"The token {known.name!r} ({known.prefix}) {what}.", hint=hint, code=outcome)
