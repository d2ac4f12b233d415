"""Is this SQL allowed? Judged by what the engine itself understands, and run so that it could not do more if it were.

The levels read, write and ddl are limited to named tables each; write and ddl are off until tables are named for them.
PostgreSQL's SQL is judged by PostgreSQL's own parser, SQLite's by its authorizer. What is not known to be harmless is
denied, in one sentence that says why.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exuvia.guard.opening import open_async_session, open_session
    from exuvia.guard.policy import LEVELS, Level, Policy, TablePattern, parse_pattern
    from exuvia.guard.postgres.judge import check
    from exuvia.guard.result import Bounds, Result
    from exuvia.guard.roles import role_script
    from exuvia.guard.session import AsyncSession, Session
    from exuvia.guard.verdict import Denial, Verdict

_HOMES = {
    "exuvia.guard.opening": ("open_async_session", "open_session"),
    "exuvia.guard.policy": ("LEVELS", "Level", "Policy", "TablePattern", "parse_pattern"),
    "exuvia.guard.postgres.judge": ("check",),
    "exuvia.guard.result": ("Bounds", "Result"),
    "exuvia.guard.roles": ("role_script",),
    "exuvia.guard.session": ("AsyncSession", "Session"),
    "exuvia.guard.verdict": ("Denial", "Verdict"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "LEVELS",
    "AsyncSession",
    "Bounds",
    "Denial",
    "Level",
    "Policy",
    "Result",
    "Session",
    "TablePattern",
    "Verdict",
    "check",
    "open_async_session",
    "open_session",
    "parse_pattern",
    "role_script",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the settings need the policy, and not the drivers."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
