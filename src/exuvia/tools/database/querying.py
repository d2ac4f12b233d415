"""Reading rows."""

from __future__ import annotations

from pydantic import Field

from exuvia.guard import Bounds
from exuvia.location import SqliteLocation
from exuvia.tools.database.answers import told
from exuvia.tools.database.running import run
from exuvia.tools.database.serving import inspector
from exuvia.tools.database.sqlite.quoting import quoted_names, taken_for_texts
from exuvia.tools.database.statements import study
from exuvia.tools.frame import ArgumentError, Call, Paged, Table, tool
from exuvia.tools.frame.arguments import LONGEST_SQL
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import position


class Query(Paged):
    """What to read."""

    sql: str = Field(min_length=1, max_length=LONGEST_SQL, description="One SELECT.")
    values: list[Json] = Field(default_factory=list, description="Values of $1, $2 and so on.")


@tool(
    toolset="database",
    summary="Run one read-only SELECT and return its rows.",
    example={"sql": "SELECT id, status FROM orders WHERE price > $1 ORDER BY id", "values": [10]},
    manual="Integers beyond 2^53, numeric, times and bytes are texts. A list is an array where PostgreSQL wants "
    "one, else JSON. `next` runs the statement again and goes on where the answer ended.",
)
async def query(call: Call, given: Query) -> Table:
    start = position(given)
    statement = study(given.sql, call.desk.location)
    if statement.is_explain:
        raise ArgumentError("sql", "This is an EXPLAIN.", hint="Use explain with the statement itself.", code="explain")
    statement.require(given.values)
    bounds = Bounds(skip=start.told, rows=given.limit)
    result = await run(call, statement.sql, level="read", values=given.values, bounds=bounds)
    table = told(given, result, start, is_ordered=statement.is_ordered)
    notice = await _misread(call, statement.sql)
    return table.model_copy(update={"notice": f"{notice} {table.notice}".strip()}) if notice else table


async def _misread(call: Call, sql: str) -> str:
    """Return a notice where SQLite takes misspelled names for texts."""
    names = quoted_names(sql) if isinstance(call.desk.location, SqliteLocation) else ()
    if not names:
        return ""
    inspecting = inspector(await call.desk.database(), call.desk.policy)
    columns = await inspecting.columns(await inspecting.relations())
    known = {name.lower() for relation, within in columns.items() for name in (relation.name, *within)}
    return taken_for_texts(names, known)
