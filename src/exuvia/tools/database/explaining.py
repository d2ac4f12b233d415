"""How a statement would run, and what is slow about it."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from exuvia.errors import DeniedError
from exuvia.guard import Bounds, Level, Result
from exuvia.location import SqliteLocation
from exuvia.tools.database.plans import Plan
from exuvia.tools.database.postgres import plan as postgres_plan
from exuvia.tools.database.running import run
from exuvia.tools.database.serving import inspector
from exuvia.tools.database.sqlite import plan as sqlite_plan
from exuvia.tools.database.statements import Statement, study
from exuvia.tools.frame import ArgumentError, Budgeted, Call, ToolError, text_within, tool
from exuvia.tools.frame.arguments import LONGEST_SQL
from exuvia.tools.frame.outputs import Json

_NODES: Final = 30
_ALL: Final = 10**15


class Explain(Budgeted):
    """What to explain."""

    sql: str = Field(min_length=1, max_length=LONGEST_SQL, description="The statement, without EXPLAIN.")
    values: list[Json] = Field(default_factory=list, description="Values of $1, $2 and so on.")
    analyze: bool = Field(False, description="Run it and tell times and real rows; only what reads.")
    full: bool = Field(False, description="The whole plan.")


@tool(
    toolset="database",
    summary="Explain how a statement would run: its plan in short, its cost, and what is slow about it.",
    example={"sql": "SELECT * FROM orders WHERE status = $1", "values": ["open"]},
)
async def explain(call: Call, given: Explain) -> Plan:
    statement = study(given.sql, call.desk.location)
    if statement.is_explain:
        raise ArgumentError(
            "sql", "This is an EXPLAIN itself.", hint="Pass the statement without EXPLAIN.", code="explain"
        )
    statement.require(given.values)
    on_sqlite = isinstance(call.desk.location, SqliteLocation)
    prefix = sqlite_plan.PREFIX if on_sqlite else postgres_plan.prefix(analyze=given.analyze)
    level = await _level(call, given, prefix + statement.sql)
    result = await run(call, statement.sql, level=level, values=given.values, prefix=prefix)
    plan = await _in_sqlite(call, given, statement, result) if on_sqlite else await _in_postgres(call, result)
    return _within(given, plan)


async def _level(call: Call, given: Explain, sql: str) -> Level:
    """Return the level at which to explain: of a statement that changes rows its own, and it is never run."""
    verdict = await (await call.desk.database()).check(sql)
    if verdict.needs == "read":
        return "read"
    if given.analyze:
        raise ArgumentError(
            "analyze",
            "The statement changes rows, and analyze would run it.",
            hint="Leave analyze out.",
            code="analyze",
        )
    if verdict.needs != "write" or not call.desk.policy.is_on("write") or "write" not in call.scopes:
        raise DeniedError(
            "Explaining a statement that changes something takes the right to run it.",
            hint="Explain a SELECT with the same tables and conditions.",
            code="level",
        )
    return "write"


async def _in_sqlite(call: Call, given: Explain, statement: Statement, result: Result) -> Plan:
    inspecting = inspector(await call.desk.database(), call.desk.policy)
    relations = {one.name.lower(): one for one in await inspecting.relations()}
    scanned = [relations[name] for name in sqlite_plan.scanned(statement.sql, result) if name in relations]
    measures = await inspecting.measures(scanned)
    rows = {one.name.lower(): measure.rows or 0 for one, measure in zip(scanned, measures, strict=True)}
    plan = sqlite_plan.summarized(statement.sql, result, rows)
    if not given.analyze:
        return plan
    ran = await run(call, statement.sql, level="read", values=given.values, bounds=Bounds(skip=_ALL))
    return plan.model_copy(update={"ms": round(ran.duration_s * 1000, 2), "actual_rows": ran.skipped})


async def _in_postgres(call: Call, result: Result) -> Plan:
    if not result.rows:
        raise ToolError("The plan is larger than an answer may be.", hint="Explain a part of it.", code="plan")
    inspecting = inspector(await call.desk.database(), call.desk.policy)
    plan = postgres_plan.Reading(result.rows[0][0], call.desk.policy)
    scanned = plan.scanned
    relations = [one for one in await inspecting.relations() if (one.schema, one.name) in scanned] if scanned else []
    measures = await inspecting.measures(relations) if relations else ()
    rows = {(one.schema, one.name): measure.rows or 0 for one, measure in zip(relations, measures, strict=True)}
    return plan.summarized(rows)


def _within(given: Explain, plan: Plan) -> Plan:
    if given.full:
        text, following = text_within(given, plan.plan)
        if given.after is not None:
            return Plan(plan=text, next=following)
        return plan.model_copy(update={"nodes": [], "plan": text, "next": following})
    more = len(plan.nodes) - _NODES
    notice = f"{more} more steps are in the full plan." if more > 0 else ""
    notice = notice if plan.nodes else "No table is read for it."
    return plan.model_copy(update={"nodes": plan.nodes[:_NODES], "plan": "", "notice": notice})
