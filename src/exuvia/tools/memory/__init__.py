"""Tools over the store: what agents remember, by subject."""

from exuvia.tools.frame import Tool
from exuvia.tools.memory.anchors import list_anchors, pin_anchor, unpin_anchor
from exuvia.tools.memory.audit import list_audit
from exuvia.tools.memory.documents import get_document, list_documents, put_document
from exuvia.tools.memory.events import get_event, list_events, record_events
from exuvia.tools.memory.frame_events import add_frame_events, list_frame_events
from exuvia.tools.memory.frames import close_frame, get_frame, list_frames, open_frame
from exuvia.tools.memory.graph import delete_edge, delete_node, get_node, list_edges, list_nodes, put_edges, put_nodes
from exuvia.tools.memory.plans import create_plan, get_plan, list_plans, update_plan
from exuvia.tools.memory.projects import list_projects, put_project
from exuvia.tools.memory.resuming import resume
from exuvia.tools.memory.searching import complete_words, search_hybrid, search_similar, search_text
from exuvia.tools.memory.sessions import get_session, list_sessions, start_session, update_session
from exuvia.tools.memory.tasks import create_task, list_tasks, update_task
from exuvia.tools.memory.walking import find_neighbours, find_paths

_PROJECTS = (list_projects, put_project)
_PLANS = (create_plan, update_plan, get_plan, list_plans)
_SESSIONS = (start_session, update_session, get_session, list_sessions, resume)
_EVENTS = (record_events, get_event, list_events)
_FRAMES = (open_frame, close_frame, get_frame, list_frames, add_frame_events, list_frame_events)
_ANCHORS = (pin_anchor, unpin_anchor, list_anchors)
_GRAPH = (
    put_nodes,
    put_edges,
    get_node,
    list_nodes,
    list_edges,
    find_neighbours,
    find_paths,
    delete_node,
    delete_edge,
)
_SEARCH = (search_text, search_similar, search_hybrid, complete_words)
_DOCUMENTS = (put_document, get_document, list_documents)
_TASKS = (create_task, update_task, list_tasks)

TOOLS: tuple[Tool, ...] = (
    *_PROJECTS,
    *_PLANS,
    *_SESSIONS,
    *_EVENTS,
    *_FRAMES,
    *_ANCHORS,
    *_GRAPH,
    *_SEARCH,
    *_DOCUMENTS,
    *_TASKS,
    list_audit,
)

__all__ = ["TOOLS"]
