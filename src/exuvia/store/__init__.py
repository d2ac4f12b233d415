"""The memory of agents, alike on SQLite and PostgreSQL.

``exuvia.open(url)`` opens it. ``Store`` and ``AsyncStore`` have the same subsystems with the same methods; each method
is written once, as a generator of SQL statements (see ``exuvia.store.core``).
"""

from exuvia.store.core.listing import Page
from exuvia.store.core.options import StoreOptions
from exuvia.store.filters import Field, Filter, field
from exuvia.store.knowledge.kinds import (
    BugEncountered,
    DecisionMade,
    GoalDefined,
    LearningCaptured,
    PatternDiscovered,
    Payload,
    SessionStarted,
    TaskCompleted,
    ValidationPassed,
)
from exuvia.store.knowledge.markdown import MarkdownError, export_markdown, import_markdown
from exuvia.store.knowledge.records import Event, NewEvent, Plan, Session
from exuvia.store.memory import AsyncStore, Store
from exuvia.store.opening import Opening, open_store
from exuvia.store.search import Highlight

__all__ = [
    "AsyncStore",
    "BugEncountered",
    "DecisionMade",
    "Event",
    "Field",
    "Filter",
    "GoalDefined",
    "Highlight",
    "LearningCaptured",
    "MarkdownError",
    "NewEvent",
    "Opening",
    "Page",
    "PatternDiscovered",
    "Payload",
    "Plan",
    "Session",
    "SessionStarted",
    "Store",
    "StoreOptions",
    "TaskCompleted",
    "ValidationPassed",
    "export_markdown",
    "field",
    "import_markdown",
    "open_store",
]
