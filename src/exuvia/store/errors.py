"""What the store raises: the same class for the same mistake on both engines."""

from __future__ import annotations

from typing import ClassVar

from exuvia.errors import ExuviaError


class StoreError(ExuviaError):
    """The base of the store's errors. ``retryable`` tells whether the same call may succeed when it is made again."""

    family = "store"
    exit_code = 13
    retryable: ClassVar[bool] = False


class InvalidValueError(StoreError):
    """A value cannot be stored: of the wrong type, out of range, with NUL in a text, or against a rule of its field."""

    family = "store.invalid"


class NotFoundError(StoreError):
    """What was asked for by its id is not there."""

    family = "store.not_found"


class ConflictError(StoreError):
    """A row with this key is there already, or has changed since it was read."""

    family = "store.conflict"


class MissingReferenceError(StoreError):
    """A row names another one that is not there, or one that others name was to be deleted."""

    family = "store.reference"


class StateError(StoreError):
    """The call does not fit the state of what it is about, such as closing a frame twice."""

    family = "store.state"


class TenantError(StoreError):
    """A store that is bound to a project was asked for another one's rows."""

    family = "store.tenant"


class PageTokenError(InvalidValueError):
    """A page token is damaged, or belongs to another query."""

    family = "store.page_token"


class SchemaError(StoreError):
    """The store's tables are missing, changed, or newer than this version of exuvia."""

    family = "store.schema"


class DeniedError(StoreError):
    """The database user lacks a right, or the database is read only."""

    family = "store.denied"


class DemotedError(StoreError):
    """The database is the secondary of two that are written together: writes go to the other one."""

    family = "store.demoted"


class ConcurrencyError(StoreError):
    """Two transactions got in each other's way; the whole of this one may be tried again."""

    family = "store.concurrency"
    retryable = True


class BusyError(StoreError):
    """A lock or a connection did not become free in time."""

    family = "store.busy"


class SlowStatementError(StoreError):
    """A statement took longer than the store's timeout and was stopped."""

    family = "store.timeout"


class UnavailableError(StoreError):
    """The database cannot be reached, and nothing of the call was done."""

    family = "store.unavailable"
    retryable = True


class UnknownOutcomeError(StoreError):
    """The connection was lost while a transaction was being committed: it may or may not have been."""

    family = "store.unknown_outcome"


class CapabilityError(StoreError):
    """The engine lacks what the call needs, such as an extension."""

    family = "store.capability"


class EmbedderError(StoreError):
    """A text could not be embedded: the model is not installed, its server is away, or it gave something else."""

    family = "store.embedder"


class TokenError(StoreError):
    """A service token is refused: ``invalid``, ``expired``, ``revoked``, without the ``scope``, or asked for too soon.

    ``retry_after`` is how many seconds to wait where the code is ``store.token.slow_down``; else None.
    """

    family = "store.token"
    retry_after: float | None = None


class EncryptionError(StoreError):
    """A value cannot be decrypted: its key is not there, it was changed, or it belongs to another place."""

    family = "store.encryption"
