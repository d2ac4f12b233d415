"""Who calls, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

from starlette.types import Scope as Connection

from exuvia.tools.frame.call import SCOPES, Scope

_CALLER: Final = "exuvia.caller"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Args:
        name: How the audit knows them, such as the name of a token.
        project: The project whose memory is meant when none is named.
        confined: Whether no other project may be named.
        scopes: What they may do.
    """

    name: str = "mcp"
    project: str | None = None
    confined: bool = False
    scopes: frozenset[Scope] = frozenset(SCOPES)

    def within(self, scopes: frozenset[Scope]) -> Self:
        """Return the same caller, who may do no more than this."""
        return replace(self, scopes=self.scopes & scopes)


def remember(connection: Connection, caller: Caller) -> None:
    """Note on an HTTP request who sent it."""
    connection[_CALLER] = caller


def recall(connection: Connection) -> Caller | None:
    """Return who sent an HTTP request; None when nobody was asked who they are."""
    found: Caller | None = connection.get(_CALLER)
    return found
