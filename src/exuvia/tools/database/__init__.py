"""Tools over the database: its rows, its tables, its plans and its health, each under the guard's policy."""

from exuvia.tools.database.changing import execute, schema_alter
from exuvia.tools.database.querying import query

TOOLS = (query, execute, schema_alter)

__all__ = ["TOOLS"]
