"""What the store sets in a session of PostgreSQL, and at the beginning of a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from exuvia.store.core.capabilities import Capabilities
from exuvia.store.core.detecting import APPLICATION_ROLE
from exuvia.store.core.dialect import POSTGRES
from exuvia.store.core.operations import Kind
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.scope import Scope


class Session:
    """The settings of every session, and what begins a transaction.

    Args:
        options: The store's.
        capabilities: What the server can do.
    """

    def __init__(self, options: StoreOptions, capabilities: Capabilities) -> None:
        self.options = options
        self.capabilities = capabilities
        settings = _settings(options, capabilities)
        self.set_up = f"SELECT {_calls(settings, local=False)}"
        # Behind PgBouncer a session may be another one in each transaction
        self._every = _calls(settings, local=True) if options.pgbouncer else ""

    def begin(self, kind: Kind, scope: Scope) -> str | None:
        """Return what opens the transaction of an operation, if it needs one: one message, one round trip."""
        words = _entering(scope, self.capabilities.row_security) if scope.project is not None else ""
        if self._every:
            words = f"{words}; SELECT {self._every}" if words else f"SELECT {self._every}"
        if words:
            return f"{POSTGRES.begin}; {words}"
        return POSTGRES.begin if kind is Kind.WRITE else None

    def enter(self, _connection: Any, scope: Scope) -> str:
        """Return what gives an open transaction another scope."""
        return _entering(scope, self.capabilities.row_security)


@lru_cache(maxsize=4096)
def _entering(scope: Scope, has_role: bool) -> str:
    """Give a transaction a scope: the role is held to the settings, and the store's own functions go by them."""
    settings = {"exuvia.project_id": scope.project or "", "exuvia.session_id": scope.session or ""}
    words = f"SELECT {_calls(settings, local=True)}"
    if not has_role:
        return words
    return f"SET LOCAL ROLE {APPLICATION_ROLE if scope.project is not None else 'NONE'}; {words}"


def _settings(options: StoreOptions, capabilities: Capabilities) -> dict[str, str]:
    schemas = (options.schema, "public", *capabilities.search_path)
    return {
        "search_path": ", ".join(f'"{schema}"' for schema in schemas),
        "statement_timeout": str(int(options.statement_timeout * 1000)),
        "lock_timeout": str(int(options.lock_timeout * 1000)),
        "idle_in_transaction_session_timeout": "0",
        "TimeZone": "UTC",
        "default_transaction_isolation": "read committed",
        **_vector_settings(capabilities.vector),
    }


def _vector_settings(version: str | None) -> dict[str, str]:
    """Return how thoroughly pgvector's indexes are searched: on until enough rows have passed the filters (0.8)."""
    if version is None:
        return {}
    found = {"hnsw.ef_search": "100", "ivfflat.probes": "20"}
    if tuple(map(int, version.split(".")[:2])) >= (0, 8):
        found |= {"hnsw.iterative_scan": "relaxed_order", "ivfflat.iterative_scan": "relaxed_order"}
    return found


def _calls(settings: Mapping[str, str], *, local: bool) -> str:
    return ", ".join(f"set_config('{name}', {_literal(value)}, {local})" for name, value in settings.items())


def _literal(text: str) -> str:
    """Write a text constant that means the same whatever ``standard_conforming_strings`` is."""
    return " E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
