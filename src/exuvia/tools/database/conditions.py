"""What is told of how databases are."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from exuvia.errors import DeniedError, ExuviaError
from exuvia.store import errors as store
from exuvia.tools.frame import Output

State = Literal["ok", "attention", "refused", "unreachable"]
_REFUSALS: Final = frozenset({"login", "password", "rights", "database_missing", "tls"})


def state_of(error: ExuviaError) -> Literal["refused", "unreachable"]:
    """Return what an error says of a database: that it answered and lets nobody do anything, or did not answer."""
    if isinstance(error, DeniedError | store.DeniedError | store.SchemaError):
        return "refused"
    return "refused" if error.code.rpartition(".")[2] in _REFUSALS else "unreachable"


class DatabaseHealth(Output):
    """The database. ``attention`` says what to do about what is not as it should be; ``reason`` and ``hint`` why it
    refuses or cannot be reached. ``ms`` is one round trip, ``longest_s`` how long the oldest statement has run."""

    state: State
    engine: str = ""
    ms: float | None = None
    levels: list[str] = Field(default_factory=list)
    role: str = ""
    standby: bool = False
    bytes: int | None = None
    connections: str = ""
    longest_s: float | None = None
    waiting: int = 0
    replication_lag_s: float | None = None
    invalid_indexes: list[str] = Field(default_factory=list)
    never_analyzed: list[str] = Field(default_factory=list)
    journal_mode: str = ""
    wal_bytes: int = 0
    free_bytes: int = 0
    quick_check: list[str] | None = None
    attention: list[str] = Field(default_factory=list)
    reason: str = ""
    hint: str = ""


class StoreHealth(Output):
    """The store."""

    state: State
    engine: str = ""
    ms: float | None = None
    read_only: bool = False
    reason: str = ""
    hint: str = ""


class Health(Output):
    """How what is served is."""

    database: DatabaseHealth | None = None
    store: StoreHealth | None = None
