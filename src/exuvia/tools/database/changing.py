"""Changing rows and changing tables: one statement each, undone when it does something else than was meant."""

from __future__ import annotations

from pydantic import Field

from exuvia.guard import Bounds, Result
from exuvia.tools.database.answers import shortened
from exuvia.tools.database.running import run
from exuvia.tools.database.statements import Statement, study
from exuvia.tools.frame import ArgumentError, Arguments, Call, Output, tool
from exuvia.tools.frame.arguments import DEFAULT_TOKENS, LONGEST_SQL
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import fitting


class Execute(Arguments):
    """What to change."""

    sql: str = Field(min_length=1, max_length=LONGEST_SQL, description="One INSERT, UPDATE, DELETE or MERGE.")
    values: list[Json] = Field(default_factory=list, description="Values of $1, $2 and so on.")
    expect_rows: int | None = Field(None, ge=0, description="Undo it unless it changes so many rows.")
    all_rows: bool = Field(False, description="Allow UPDATE and DELETE without WHERE.")
    max_tokens: int = Field(DEFAULT_TOKENS, ge=200, le=100_000, description="About how long the answer may be.")


class Alteration(Arguments):
    """How to change tables."""

    sql: str = Field(min_length=1, max_length=LONGEST_SQL, description="One CREATE, ALTER, DROP or TRUNCATE.")


class Changed(Output):
    """How many rows were changed, and those that RETURNING asked for."""

    affected: int
    columns: list[str] = Field(default_factory=list)
    rows: list[list[Json]] = Field(default_factory=list)
    notice: str = ""


class Altered(Output):
    """The tables and views that were changed."""

    done: list[str]


@tool(
    toolset="database",
    summary="Run one INSERT, UPDATE, DELETE or MERGE; tells how many rows it changed and returns RETURNING's.",
    example={"sql": "UPDATE orders SET status = $1 WHERE id = $2", "values": ["paid", 7], "expect_rows": 1},
    effect="destroys",
    scope="write",
    manual="RETURNING is cut at max_tokens. Where expect_rows differs from what it changes, nothing is changed.",
)
async def execute(call: Call, given: Execute) -> Changed:
    statement = _studied(call, given.sql)
    statement.require(given.values)
    if statement.changes_all and not given.all_rows:
        raise ArgumentError(
            "sql",
            f"This {statement.changes_all} has no WHERE and would change every row.",
            hint="Add a WHERE, or pass all_rows: true.",
            code="all_rows",
        )
    bounds = Bounds(affected=given.expect_rows)
    result = await run(call, statement.sql, level="write", values=given.values, bounds=bounds)
    if result.affected is None:
        raise ArgumentError("sql", "This statement only reads.", hint="Use query.", code="reads")
    return _changed(given, result, result.affected)


@tool(
    toolset="database",
    summary="Run one CREATE, ALTER, DROP or TRUNCATE.",
    example={"sql": "CREATE INDEX orders_status ON orders (status)"},
    effect="destroys",
    scope="ddl",
)
async def schema_alter(call: Call, given: Alteration) -> Altered:
    statement = _studied(call, given.sql)
    statement.require(())
    database = await call.desk.database()
    verdict = await database.check(given.sql, "ddl")
    if verdict.allowed and verdict.needs == "read":
        raise ArgumentError("sql", "This statement only reads.", hint="Use query.", code="reads")
    if statement.drops_if_there and not verdict.statements:
        return Altered(done=[])  # SQLite's authorizer is not asked about what is not there
    await run(call, given.sql, level="ddl")
    return Altered(done=list(verdict.writes))


def _studied(call: Call, sql: str) -> Statement:
    statement = study(sql, call.desk.location)
    if statement.is_explain:
        raise ArgumentError("sql", "This is an EXPLAIN.", hint="Use explain with the statement itself.", code="explain")
    return statement


def _changed(given: Execute, result: Result, affected: int) -> Changed:
    rows = shortened(result, most=given.max_tokens)
    kept = rows[: fitting(given.max_tokens, result.columns, rows)]
    missing = result.truncated or len(kept) < len(rows)
    notice = f"Only the first {len(kept)} of the returned rows are here: read the others with query." if missing else ""
    return Changed(affected=affected, columns=list(result.columns), rows=kept, notice=notice)
