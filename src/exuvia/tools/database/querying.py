"""Reading rows."""

from __future__ import annotations

from pydantic import Field

from exuvia.guard import Bounds
from exuvia.tools.database.answers import told
from exuvia.tools.database.running import run
from exuvia.tools.database.statements import study
from exuvia.tools.frame import Call, Paged, Table, tool
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import position


class Query(Paged):
    """What to read."""

    sql: str = Field(min_length=1, description="One SELECT.")
    values: list[Json] = Field(default_factory=list, description="Values of $1, $2 and so on.")


@tool(
    toolset="database",
    summary="Run one read-only SELECT and return its rows.",
    example={"sql": "SELECT id, status FROM orders WHERE price > $1 ORDER BY id", "values": [10]},
    manual="Integers beyond 2^53, numeric, times and bytes are texts. A list is an array where PostgreSQL wants "
    "one, else JSON. `next` runs the statement again and goes on where the answer ended.",
    words="sql read rows select fetch data look up count sum report",
)
async def query(call: Call, given: Query) -> Table:
    start = position(given)
    statement = study(given.sql, call.desk.location)
    statement.require(given.values)
    bounds = Bounds(skip=start.told, rows=given.limit)
    result = await run(call, statement.sql, level="read", values=given.values, bounds=bounds)
    return told(given, result, start, is_ordered=statement.is_ordered)
