"""Which tables there are, and everything about one."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

import orjson
from pydantic import Field

from exuvia.errors import ExuviaError
from exuvia.guard import Bounds
from exuvia.location import SqliteLocation
from exuvia.tools.database.answers import shortened
from exuvia.tools.database.descriptions import Column, Description
from exuvia.tools.database.relations import SQLITE_SCHEMA, Measure, Relation, find, near
from exuvia.tools.database.running import run
from exuvia.tools.database.serving import inspector
from exuvia.tools.frame import ArgumentError, Budgeted, Call, Paged, Table, rows_within, tool
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import Position, continuation, position
from exuvia.tools.frame.tokens import estimate

_COMMENT: Final = 80
_SAMPLED_CELL: Final = 60
_ENVELOPE: Final = 60
# What is left out first where a description is too long; of all but the sample one stays.
_LISTS: Final = ("sample", "referenced_by", "triggers", "checks", "indexes", "unique", "foreign_keys")


class Tables(Paged):
    """Which tables."""

    name: str | None = Field(None, min_length=1, description="A part of the name, or a pattern with *.")
    schema_name: str | None = Field(None, description="Only this schema.")


class OneTable(Budgeted):
    """Which table."""

    table: str = Field(min_length=1, description="Its name, with the schema where list_tables tells one.")
    sample: int = Field(0, ge=0, le=20, description="Rows to show.")


@tool(
    toolset="database",
    summary="List the tables and views that can be read, with their rows and sizes.",
    example={"name": "order*"},
)
async def list_tables(call: Call, given: Tables) -> Table:
    database = await call.desk.database()
    inspecting = inspector(database, call.desk.policy)
    start = position(given)
    found = [one for one in await inspecting.relations() if _matches(one, given)]
    page = found[start.told : start.told + given.limit]
    measures = await inspecting.measures(page)
    columns = ["name", "kind", "rows", "bytes", "comment"]
    rows = [_row(one, measure) for one, measure in zip(page, measures, strict=True)]
    if not any(measure.comment for measure in measures):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    table = rows_within(given, columns, rows, total=len(found), start=start)
    if table.next is None and start.told + len(page) < len(found):
        table = table.model_copy(update={"next": continuation(given, Position(None, start.told + len(page)))})
    return table


@tool(
    toolset="database",
    summary="Describe a table or view: columns, keys, foreign keys both ways, indexes, checks, triggers, sample rows.",
    example={"table": "orders", "sample": 3},
)
async def describe_table(call: Call, given: OneTable) -> Description:
    database = await call.desk.database()
    inspecting = inspector(database, call.desk.policy)
    start = position(given)
    relations = await inspecting.relations()
    default = SQLITE_SCHEMA if isinstance(call.desk.location, SqliteLocation) else call.desk.policy.default_schema
    relation = find(given.table, relations, default)
    if relation is None:
        raise _missing(given.table, relations)
    described = await inspecting.describe(relation)
    if start.told:
        return _columns_within(given, Description(table=relation.shown, columns=described.columns), start)
    (measure,) = await inspecting.measures([relation])
    update: dict[str, Any] = {"rows": measure.rows, "bytes": measure.bytes, "comment": measure.comment or None}
    if given.sample:
        update |= await _sampled(call, relation, described.columns, given.sample)
    return _columns_within(given, _shortened(given, described.model_copy(update=update)), start)


def _matches(relation: Relation, given: Tables) -> bool:
    if given.schema_name is not None and relation.schema.lower() != given.schema_name.lower():
        return False
    if given.name is None:
        return True
    wanted = given.name.lower()
    return fnmatchcase(relation.name.lower(), wanted if "*" in wanted else f"*{wanted}*")


def _row(relation: Relation, measure: Measure) -> list[Json]:
    comment = measure.comment if len(measure.comment) <= _COMMENT else f"{measure.comment[: _COMMENT - 1]}…"
    return [relation.shown, relation.kind, measure.rows, measure.bytes, comment]


def _missing(name: str, relations: Sequence[Relation]) -> ArgumentError:
    """Return one error for a table that is not there and for one that may not be read."""
    meant = near(name, [one.shown for one in relations])
    hint = f"Did you mean {' or '.join(meant)}?" if meant else "list_tables tells which there are."
    shown = name if len(name) <= 80 else f"{name[:79]}…"
    return ArgumentError("table", f"There is no table {shown} that may be read.", hint=hint, code="table")


async def _sampled(call: Call, relation: Relation, columns: Sequence[Column], rows: int) -> dict[str, Any]:
    names = ", ".join('"' + column.name.replace('"', '""') + '"' for column in columns)
    try:
        result = await run(call, f"SELECT {names} FROM {relation.qualified}", level="read", bounds=Bounds(rows=rows))
    except ExuviaError as error:
        return {"notice": f"No rows can be shown: {error.message}"}
    return {"sample": shortened(result, most=_SAMPLED_CELL)}


def _shortened(given: OneTable, described: Description) -> Description:
    """Leave out what is least needed until two thirds of the answer suffice for all but the columns."""
    room = given.max_tokens * 2 // 3
    left: list[str] = []
    for name in _LISTS:
        kept = getattr(described, name)
        count = len(kept)
        least = 0 if name == "sample" else 1
        while len(kept) > least and _size(described) > room:
            kept = kept[: len(kept) // 2]
            described = described.model_copy(update={name: kept})
        if len(kept) < count:
            left.append(f"{count - len(kept)} of {name}")
    if not left:
        return described
    notices = (described.notice, f"Left out: {', '.join(left)}; raise max_tokens for them.")
    return described.model_copy(update={"notice": " ".join(filter(None, notices))})


def _columns_within(given: OneTable, described: Description, start: Position) -> Description:
    columns = described.columns[start.told :]
    left = given.max_tokens - _ENVELOPE - _size(described)
    kept = 0
    for column in columns:
        left -= estimate(orjson.dumps(column.as_dict()).decode()) + 1
        if left < 0 and kept:
            break
        kept += 1
    reached = start.told + kept
    following = continuation(given, Position(None, reached)) if reached < len(described.columns) else None
    return described.model_copy(update={"columns": columns[:kept], "next": following})


def _size(described: Description) -> int:
    """About how many tokens all but the columns takes."""
    return estimate(orjson.dumps(described.model_copy(update={"columns": []}).as_dict()).decode())
