"""LangGraph's checkpointer and store, on SQLite and PostgreSQL alike.

::

    from exuvia.integrations.langgraph import ExuviaSaver

    with ExuviaSaver.from_url("sqlite:///memory.db", project="apollo") as saver:
        graph = builder.compile(checkpointer=saver)
"""

from exuvia.integrations.langgraph.memory import ExuviaMemory
from exuvia.integrations.langgraph.saver import ExuviaSaver

__all__ = ["ExuviaMemory", "ExuviaSaver"]
