"""Tools over the store: what agents remember, by subject."""

from exuvia.tools.frame import Tool
from exuvia.tools.memory.events import get_event, list_events, record_events
from exuvia.tools.memory.plans import create_plan, get_plan, list_plans, update_plan
from exuvia.tools.memory.projects import list_projects, put_project
from exuvia.tools.memory.searching import complete_words, search_hybrid, search_similar, search_text
from exuvia.tools.memory.sessions import get_session, list_sessions, start_session, update_session

TOOLS: tuple[Tool, ...] = (
    list_projects,
    put_project,
    create_plan,
    update_plan,
    get_plan,
    list_plans,
    start_session,
    update_session,
    get_session,
    list_sessions,
    record_events,
    get_event,
    list_events,
    search_text,
    search_similar,
    search_hybrid,
    complete_words,
)

__all__ = ["TOOLS"]
