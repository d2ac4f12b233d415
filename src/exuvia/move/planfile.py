"""The plan file: a plan as TOML that a person reads, edits and commits. Reading it back gives their overrides.

Evidence and problems are comments: the file says what was decided and why, and what it says counts as decided when it
is read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import tomlkit

from exuvia.catalog.model import Table
from exuvia.catalog.types import Base
from exuvia.engines.sqlite.fulltext import is_full_text
from exuvia.move.plan import ColumnPlan, Fate, ObjectPlan, Plan, Problem, TablePlan
from exuvia.move.planning.overrides import EXCLUDED
from exuvia.move.planning.planfile_read import load
from exuvia.move.planning.vector_tables import distance_of
from exuvia.move.planning.words import ROW, counted
from exuvia.values.facts import Example

__all__ = ["dump", "load"]

_HEADER = """\
# How the database moves to PostgreSQL, written by exuvia.
#
# Every line says what was decided, and the comment behind it what the values showed. Change what you want
# otherwise, then:  exuvia migrate SRC DST --plan FILE
#
# A column can have:
#   type        "bigint", "text", "varchar(20)", "numeric(10,2)", "timestamptz", "uuid", "text[]", "vector(384)"
#   name        its name in PostgreSQL
#   epoch       what a number in a date or time counts: "seconds", "milliseconds", "microseconds", "auto" (by its size),
#               "julian", "core_data", "webkit"
#   naive_time  what a time without a zone means in a timestamptz: "utc", "local"
#   separator   what stands between the elements of a text that becomes text[]: ","
#   distance    by which a vector's index finds the nearest: "cosine", "l2", "inner", "l1", "hamming"; or "none"
#   on_misfit   what becomes of a value that does not fit: "quarantine" (its row is put aside), "null"
#   exclude     true leaves it out
# A table can have a name, a schema and exclude = true; an index, a view and a trigger can have exclude = true.
# A full-text table can have exclude = true (no index for searches) and a config, such as "simple" or "english".
"""
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONGEST = 160


def dump(plan: Plan) -> str:
    """Return a plan as the text of a plan file.

    ``load`` of the text, given to the planner with the same source, makes the same plan.
    """
    problems: dict[str, list[Problem]] = {}
    for problem in plan.problems:
        problems.setdefault(problem.where, []).append(problem)
    lines = [*_HEADER.splitlines(), "", *_top(plan, problems)]
    indexes = {(item.table, item.name): item for item in plan.objects if item.kind == "index"}
    for table in plan.tables:
        lines += ["", *_table(table, plan, problems), *_indexes(table.source, indexes, problems)]
    for item in plan.objects:
        if item.kind == "table":
            lines += ["", *_left_out(item)]
    lines += _section("views", [item for item in plan.objects if item.kind == "view"], problems)
    lines += _section("triggers", [item for item in plan.objects if item.kind == "trigger"], problems)
    lines += _searches(plan, problems)
    return "\n".join(lines) + "\n"


def _top(plan: Plan, problems: dict[str, list[Problem]]) -> Iterator[str]:
    yield from _comments(problems.get(plan.catalog.label, ()))
    yield f"style = {_text(plan.style)}"
    yield f"naive_time = {_text(plan.naive_time)}"
    yield f"fold = {_truth(plan.fold)}"
    yield f"schema = {_text(plan.schema)}"


def _table(table: TablePlan, plan: Plan, problems: dict[str, list[Problem]]) -> Iterator[str]:
    source = table.source
    yield f"[tables.{_key(source.name)}]  # {counted(table.profile.rows, ROW)}"
    yield from _comments(problems.get(source.name, ()))
    if table.target.name != source.name:
        yield f"name = {_text(table.target.name)}"
    if table.target.schema != plan.schema:
        yield f"schema = {_text(table.target.schema)}"
    yield ""
    yield f"[tables.{_key(source.name)}.columns]"
    moved = {column.source.name: column for column in table.columns}
    for column in source.columns:
        yield from _comments(problems.get(f"{source.name}.{column.name}", ()))
        if column.name in moved:
            yield _column(moved[column.name], plan, distance_of(table.target, moved[column.name].target))
        else:
            yield f"{_key(column.name)} = {{ exclude = true }}"


def _column(column: ColumnPlan, plan: Plan, distance: str | None) -> str:
    parts = [f"type = {_text(str(column.rule.type))}"]
    if column.target.name != column.source.name:
        parts.insert(0, f"name = {_text(column.target.name)}")
    if column.rule.epoch is not None:
        parts.append(f"epoch = {_text(column.rule.epoch.value)}")
    if column.rule.type.base is Base.TIMESTAMPTZ and column.rule.naive_time != plan.naive_time:
        parts.append(f"naive_time = {_text(column.rule.naive_time)}")
    if column.rule.type.base is Base.TEXT_ARRAY:
        parts.append(f"separator = {_text(column.rule.separator)}")
    if distance is not None:
        parts.append(f"distance = {_text(distance)}")
    if column.on_misfit != "quarantine":
        parts.append(f"on_misfit = {_text(column.on_misfit)}")
    comment = _comment(f"{column.source.declared_type or 'no declared type'}: {column.evidence}")
    return f"{_key(column.source.name)} = {{ {', '.join(parts)} }}  # {comment}"


def _indexes(
    source: Table, items: dict[tuple[str, str], ObjectPlan], problems: dict[str, list[Problem]]
) -> Iterator[str]:
    if not source.indexes:
        return
    yield ""
    yield f"[tables.{_key(source.name)}.indexes]"
    for index in source.indexes:
        yield from _comments(problems.get(f"{source.name}.{index.name}", ()))
        parts = ", ".join(part.column or part.expression or "" for part in index.parts)
        where = f" WHERE {index.where}" if index.where else ""
        yield _object(
            items.get((source.name, index.name)), index.name, f"{'unique ' if index.unique else ''}({parts}){where}"
        )


def _object(item: ObjectPlan | None, name: str, comment: str) -> str:
    excluded = item is not None and item.fate is Fate.LEFT_OUT and item.reason == EXCLUDED
    if item is not None and item.fate is Fate.LEFT_OUT and not excluded:
        comment = "; ".join(filter(None, [comment, f"left out: {item.reason}"]))
    tail = f"  # {_comment(comment)}" if comment else ""
    return f"{_key(name)} = {{ exclude = {_truth(excluded)} }}{tail}"


def _left_out(item: ObjectPlan) -> Iterator[str]:
    if item.reason == EXCLUDED:
        yield f"[tables.{_key(item.name)}]"
        yield "exclude = true"
    else:
        yield f"# Table {_comment(item.name)} is left out: {_comment(item.reason)}"


def _section(name: str, items: Sequence[ObjectPlan], problems: dict[str, list[Problem]]) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield f"[{name}]"
    for item in items:
        yield from _comments(problems.get(item.name, ()) if item.reason != EXCLUDED else ())
        yield _object(item, item.name, "")


def _searches(plan: Plan, problems: dict[str, list[Problem]]) -> Iterator[str]:
    """The full-text tables: what becomes of each, and by which configuration."""
    names = {table.name for table in plan.catalog.virtual_tables if is_full_text(table)}
    items = [item for item in plan.objects if item.kind == "virtual table" and item.name in names]
    configs = {search.source: search.config for table in plan.tables for search in table.target.searches}
    if not items:
        return
    yield ""
    yield "[search]"
    for item in items:
        yield from _comments(problems.get(item.name, ()))
        parts = [f"exclude = {_truth(item.excluded)}"]
        if item.name in configs:
            parts.append(f"config = {_text(configs[item.name])}")
        yield f"# {_comment(item.reason)}"
        yield f"{_key(item.name)} = {{ {', '.join(parts)} }}"


def _comments(problems: Sequence[Problem]) -> Iterator[str]:
    for problem in problems:
        yield f"# {problem.level}: {_comment(problem.message)}"
        if problem.rows:
            yield f"#   rows: {', '.join(map(_row, problem.rows))}"
        for choice in problem.choices:
            yield f"#   choice: {_comment(choice)}"


def _row(example: Example) -> str:
    value = _comment(repr(example.value)[:60])
    return f"{_comment(example.row) or f'number {example.position + 1:,}'} ({value})"


def _comment(text: str) -> str:
    plain = _UNPRINTABLE.sub(" ", text)
    return plain if len(plain) <= _LONGEST * 2 else plain[: _LONGEST * 2] + "…"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    return tomlkit.item(value).as_string()


def _truth(value: bool) -> str:
    return "true" if value else "false"
