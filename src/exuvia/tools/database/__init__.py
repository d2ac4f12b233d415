"""Tools over the database: its rows, its tables, its plans and its health, each under the guard's policy."""

from exuvia.tools.database.changing import execute, schema_alter
from exuvia.tools.database.checking import health_check
from exuvia.tools.database.explaining import explain
from exuvia.tools.database.querying import query
from exuvia.tools.database.tables import describe_table, list_tables

TOOLS = (query, execute, schema_alter, list_tables, describe_table, explain, health_check)

__all__ = ["TOOLS"]
