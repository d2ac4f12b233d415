"""Is this SQL allowed? Judged by what the engine itself understands, and run so that it could not do more if it were.

The levels read, write and ddl are limited to named tables each; write and ddl are off until tables are named for them.
PostgreSQL's SQL is judged by PostgreSQL's own parser, SQLite's by its authorizer. What is not known to be harmless is
denied, in one sentence that says why.
"""

from exuvia.guard.policy import LEVELS, Level, Policy, TablePattern, parse_pattern
from exuvia.guard.postgres.judge import check
from exuvia.guard.result import Result
from exuvia.guard.roles import role_script
from exuvia.guard.session import AsyncSession, Session, open_async_session, open_session
from exuvia.guard.verdict import Denial, Verdict

__all__ = [
    "LEVELS",
    "AsyncSession",
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
