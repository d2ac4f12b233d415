"""Tools over the database: its rows, its tables, its plans and its health, each under the guard's policy."""

from exuvia.tools.database.querying import query

TOOLS = (query,)

__all__ = ["TOOLS"]
