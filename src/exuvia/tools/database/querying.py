"""Reading rows."""

from __future__ import annotations

from pydantic import Field

from exuvia.tools.frame import Call, Paged, Table, rows_within, tool
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import position


class Query(Paged):
    """What to read."""

    sql: str = Field(min_length=1, description="One SELECT.")
    values: list[Json] = Field(default_factory=list, description="Values of $1, $2 (SQLite: ?1, ?2).")


@tool(
    toolset="database",
    summary="Run one read-only SELECT and return its rows.",
    example={"sql": "SELECT id, status FROM orders WHERE price > $1", "values": [10]},
    words="sql read rows select fetch data look up count sum report",
)
async def query(call: Call, given: Query) -> Table:
    start = position(given)
    database = await call.desk.database()
    result = await database.run(given.sql, level="read", values=given.values)
    rows = [list(row) for row in result.rows[start.told : start.told + given.limit]]
    table = rows_within(given, result.columns, rows, total=None, start=start)
    return table.model_copy(update={"notice": table.notice or result.notice})
