"""Triggers (https://sqlite.org/lang_createtrigger.html) as PL/pgSQL.

What differs between the engines and is taken care of:

- A trigger of SQLite does not fire itself while it runs (recursive_triggers is off unless an application asks for it).
  A trigger that writes therefore marks itself as running in a setting of the transaction.
- AFTER triggers of PostgreSQL run when the statement has changed all of its rows, SQLite's after each row. One whose
  body reads its own table is left.
- PostgreSQL gives WHEN no queries and INSTEAD OF triggers no WHEN: the condition is tested in the function.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot.tokens import Token, TokenType

from exuvia.catalog.model import Trigger
from exuvia.catalog.names import fold, qualify, quote
from exuvia.engines.postgres.ddl import literal
from exuvia.engines.postgres.translate.expressions import Compiler
from exuvia.engines.postgres.translate.parse import expression, tokens
from exuvia.engines.postgres.translate.scope import Scope, Source, find
from exuvia.engines.postgres.translate.statements import Body, Context
from exuvia.engines.postgres.translate.values import NotExact, Relation
from exuvia.engines.postgres.translate.views import Queries

_EVENTS = {TokenType.INSERT: "INSERT", TokenType.UPDATE: "UPDATE", TokenType.DELETE: "DELETE"}


@dataclass(frozen=True, slots=True)
class _Parts:
    """A trigger's text, taken apart. ``columns`` are those of UPDATE OF."""

    timing: str
    event: str
    columns: tuple[str, ...]
    condition: str | None
    statements: tuple[str, ...]


def trigger_sql(trigger: Trigger, relations: Mapping[str, Relation], schema: str, name: str) -> tuple[str, str]:
    """Return CREATE FUNCTION and CREATE TRIGGER in one text, and what a reader should know about them.

    Raises:
        NotExact: The trigger, or a statement in it, has no exact equivalent.
    """
    parts = _taken_apart(trigger.sql)
    relation = find(relations, trigger.table)
    if relation is None:
        raise NotExact(f"{trigger.table} is not moved as a table")
    if (parts.timing == "INSTEAD OF") != relation.is_view:
        raise NotExact(f"{parts.timing} does not fit {trigger.table}")
    context = Context(parts.timing, parts.event, trigger.table, relation, relations)
    body = Body(context)
    scope = Scope(_rows(parts, relation))
    lines = [line for sql in parts.statements for line in body.statement(sql, scope)]
    queries = Queries(relations, context.note_read)
    condition = _condition(parts, scope, queries)
    text = _function(lines, condition, context, guard=_guard(schema, name) if body.writes else "")
    function = qualify(schema, name)
    tag = "exuvia"
    while f"${tag}$" in text:
        tag += "_"
    made = (
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS ${tag}$\n{text}\n${tag}$;\n"
        f"CREATE TRIGGER {quote(name)} {parts.timing} {_event(parts, relation)} "
        f"ON {qualify(relation.schema, relation.name)} FOR EACH ROW EXECUTE FUNCTION {function}()"
    )
    return made, "; ".join(sorted(body.remarks | queries.remarks))


def _taken_apart(sql: str) -> _Parts:
    found = tokens(sql)
    words = [token.text.upper() if token.token_type != TokenType.IDENTIFIER else "" for token in found]
    if words[1:2] in (["TEMP"], ["TEMPORARY"]):
        raise NotExact("it is temporary")
    begin = _first(i for i, word in enumerate(words) if word == "BEGIN" and words[i - 1] != ".")
    start = _first(i for i, token in enumerate(found) if i > 2 and token.token_type in _EVENTS)
    on = _first(i for i in range(start, begin) if found[i].token_type == TokenType.ON)
    if words[:2] != ["CREATE", "TRIGGER"] or words[-1] != "END":
        raise NotExact("it cannot be read as a trigger")
    timing = {"AFTER": "AFTER", "OF": "INSTEAD OF"}.get(words[start - 1], "BEFORE")
    listed = found[start + 2 : on] if words[start + 1] == "OF" else []
    columns = tuple(token.text for token in listed if token.token_type != TokenType.COMMA)
    when = next((i for i in range(on, begin) if found[i].token_type == TokenType.WHEN), None)
    condition = sql[found[when].end + 1 : found[begin].start] if when is not None else None
    statements = _statements(sql, found[begin + 1 : -1])
    return _Parts(timing, _EVENTS[found[start].token_type], columns, condition, statements)


def _first(places: Iterator[int]) -> int:
    place = next(places, None)
    if place is None:
        raise NotExact("it cannot be read as a trigger")
    return place


def _statements(sql: str, found: list[Token]) -> tuple[str, ...]:
    statements, first = [], None
    for token in found:
        if token.token_type != TokenType.SEMICOLON:
            first = token.start if first is None else first
        elif first is not None:
            statements.append(sql[first : token.start])
            first = None
    return tuple(statements)


def _rows(parts: _Parts, relation: Relation) -> tuple[Source, ...]:
    generated = {fold(name) for name, column in relation.columns.items() if column.generated}
    unset = frozenset(generated) if parts.timing == "BEFORE" else frozenset()
    given = parts.timing != "BEFORE" or parts.event != "INSERT" or relation.rowid is None
    unsure = frozenset() if given else frozenset({fold(relation.rowid or "")})
    new = Source("new", relation, "NEW.", unset=unset, unsure=unsure, hidden=True)
    old = Source("old", relation, "OLD.", hidden=True)
    return {"INSERT": (new,), "DELETE": (old,), "UPDATE": (new, old)}[parts.event]


def _condition(parts: _Parts, scope: Scope, queries: Queries) -> str:
    if parts.condition is None:
        return ""
    return Compiler(scope, queries).truth(expression(parts.condition)).sql


def _event(parts: _Parts, relation: Relation) -> str:
    if not parts.columns:
        return parts.event
    kept = [column for column in (find(relation.columns, name) for name in parts.columns) if column is not None]
    if len(kept) < len(parts.columns):
        raise NotExact("it fires on updates of a column that is not moved")
    if parts.timing == "INSTEAD OF":
        raise NotExact("PostgreSQL's INSTEAD OF triggers fire on updates of any column")
    return f"UPDATE OF {', '.join(quote(column.name) for column in kept)}"


def _guard(schema: str, name: str) -> str:
    return "exuvia.running_" + hashlib.sha256(f"{schema}.{name}".encode()).hexdigest()[:16]


def _function(lines: list[str], condition: str, context: Context, *, guard: str) -> str:
    result = {"AFTER": "NULL"}.get(context.timing, "OLD" if context.event == "DELETE" else "NEW")
    leave = f"RETURN {result};"
    body = []
    if guard:
        body += [f"IF current_setting({literal(guard)}, true) = 'on' THEN", f"    {leave}", "END IF;"]
    if condition:
        body += [f"IF {condition} IS NOT TRUE THEN", f"    {leave}", "END IF;"]
    if guard:
        body.append(f"PERFORM set_config({literal(guard)}, 'on', true);")
        off = f"PERFORM set_config({literal(guard)}, '', true);"
        lines = [re.sub(r"^( *)RETURN NULL;$", rf"\1{off}\n\1RETURN NULL;", line, flags=re.MULTILINE) for line in lines]
        lines.append(off)
    body += [*lines, leave]
    inner = "\n".join(body)
    return "#variable_conflict use_column\nBEGIN\n" + re.sub(r"^(?=.)", "    ", inner, flags=re.MULTILINE) + "\nEND"
