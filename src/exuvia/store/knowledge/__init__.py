"""What agents know: plans, work sessions, and an append-only log of typed events, each in a project."""

from exuvia.store.knowledge.events import Events
from exuvia.store.knowledge.plans import Plans
from exuvia.store.knowledge.sessions import Sessions

__all__ = ["Events", "Plans", "Sessions"]
