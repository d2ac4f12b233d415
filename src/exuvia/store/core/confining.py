"""A bound store's statements, held to its project by their text: what row-level security does on PostgreSQL.

Each reference to a table of tenants becomes a sub-select of the scope's own rows, and each UPDATE and DELETE gets the
same condition. SQLite's planner flattens such a sub-select, so that indexes are used as before. What is inserted is
checked by the connection (see ``exuvia.store.core.guarding``). A table that is named in a way that is not understood
is refused, never let through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeVar

from exuvia.store.core.requests import Many, Operation, Request, Statement, Value
from exuvia.store.core.scope import Scope
from exuvia.store.core.tenants import Tables, Tenant
from exuvia.store.errors import TenantError

T = TypeVar("T")

_TOKEN: Final = re.compile(
    r"""
      (?P<skip>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<text>'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[A-Za-z_][A-Za-z0-9_$]*)
    | (?P<other>:[A-Za-z_][A-Za-z0-9_]*|::|[0-9][0-9A-Za-z_.]*|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ENDS_FROM: Final = frozenset(
    {"WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "WINDOW", "UNION", "EXCEPT", "INTERSECT"}
    | {"SELECT", "SET", "VALUES", "RETURNING", "FOR"}
)
_NO_ALIAS: Final = _ENDS_FROM | frozenset(
    {"JOIN", "LEFT", "RIGHT", "FULL", "INNER", "OUTER", "CROSS", "NATURAL", "ON", "USING", "INDEXED", "NOT"}
)
_ENDS_WHERE: Final = frozenset({"RETURNING", "ORDER", "LIMIT"})
_LISTS: Final = frozenset({",", "("})
_CHANGES: Final = frozenset({"ABORT", "FAIL", "IGNORE", "REPLACE", "ROLLBACK"})  # UPDATE OR …
_REMEMBERED: Final = 4096


class _Token(NamedTuple):
    """``word`` is the text in upper case unless it is quoted; ``name`` is the identifier that it may be."""

    word: str
    name: str
    start: int
    end: int
    depth: int
    in_from: bool


_NONE: Final = _Token("", "", 0, 0, 0, in_from=False)


def confined(operation: Operation[T], hold: Callable[[Request], Request]) -> Operation[T]:
    """Hold every request of an operation to a scope."""
    resume: Callable[[Any], Request] = operation.send
    given: Any = None
    while True:
        try:
            request = resume(given)
        except StopIteration as end:
            result: T = end.value
            return result
        try:
            given = yield hold(request)
        except BaseException as error:
            resume, given = operation.throw, error
        else:
            resume = operation.send


class Confinement:
    """Rewrites statements for one database.

    Args:
        tables: What is there.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = replace(tables, common=tables.common - {"exuvia_schema"})
        self._known: dict[tuple[str, bool], str] = {}

    def holder(self, scope: Scope) -> Callable[[Request], Request]:
        """Return what holds requests to a scope.

        Raises:
            TenantError: It names a table in a way that is not understood, or one that belongs to no project.
        """
        own: dict[str, Value] = {"exuvia_project": scope.project}
        if scope.session is not None:
            own["exuvia_session"] = scope.session

        def hold(request: Request) -> Request:
            sql = self._held(request.sql, scope)
            if sql is request.sql:
                return request
            if isinstance(request, Statement):
                return request._replace(sql=sql, parameters={**request.parameters, **own})
            return Many(sql, [{**one, **own} for one in request.sets])

        return hold

    def _held(self, sql: str, scope: Scope) -> str:
        key = (sql, scope.session is not None)
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = _rewrite(sql, scope, self._tables)
        return self._known[key]


def _rewrite(sql: str, scope: Scope, tables: Tables) -> str:
    tokens = list(_tokens(sql))
    pieces: list[tuple[int, int, str]] = []
    joined = False
    for place, token in enumerate(tokens):
        tenant = tables.tenant(token.name) if token.name else None
        if tenant is not None:
            added = _about(tenant, tokens, place, scope)
            joined |= bool(added) or tokens[place - 1].word == "INTO"
            pieces += added
        elif token.name in tables.common and _is_table(tokens, place):
            raise _refused(token.name, "belongs to no project")
    if not joined and any(token.name in tables.indexes and _is_table(tokens, at) for at, token in enumerate(tokens)):
        raise _refused("an index", "is read without the table that it is of")
    for start, end, text in sorted(pieces, reverse=True):
        sql = sql[:start] + text + sql[end:]
    return sql


def _about(tenant: Tenant, tokens: list[_Token], place: int, scope: Scope) -> list[tuple[int, int, str]]:
    """Return what to put into the statement where it names a table of tenants: places, and the text for each."""
    token, before = tokens[place], tokens[place - 1] if place else _NONE
    after = tokens[place + 1] if place + 1 < len(tokens) else _NONE
    if after.word == "." or not _is_table(tokens, place):
        return []
    if before.word == "INTO":
        return []
    if before.word == "UPDATE" or before.word in _CHANGES:
        return _held_change(tenant, tokens, place, scope)
    if before.word == "FROM" and place > 1 and tokens[place - 2].word == "DELETE":
        return _held_change(tenant, tokens, place, scope)
    if before.word not in {"FROM", "JOIN", *_LISTS} or after.word == "INDEXED":
        raise _refused(tenant.table, "is named in a way that cannot be held to one project")
    rowid = "rowid AS rowid, " if tenant.rowid else ""
    own = f"(SELECT {rowid}* FROM {tenant.table} WHERE {tenant.condition(tenant.table, scope)})"
    return [(token.start, token.end, own if _has_alias(after) else f"{own} AS {tenant.table}")]


def _held_change(tenant: Tenant, tokens: list[_Token], place: int, scope: Scope) -> list[tuple[int, int, str]]:
    """Add the scope's condition to an UPDATE or a DELETE."""
    rest = tokens[place + 1 :]
    alias = tenant.table
    if rest and _has_alias(rest[0]):
        alias = rest[1].name if rest[0].word == "AS" and len(rest) > 1 else rest[0].name
    condition = tenant.condition(alias, scope)
    depth = tokens[place].depth
    where = next((token for token in rest if token.depth == depth and token.word == "WHERE"), None)
    ends = (token.start for token in rest if _ends_change(token, depth))
    end = next(ends, tokens[-1].end)
    if where is None or where.start > end:
        return [(end, end, f" WHERE {condition} ")]
    return [(where.end, where.end, f" {condition} AND ("), (end, end, ") ")]


def _ends_change(token: _Token, depth: int) -> bool:
    return token.depth < depth or (token.depth == depth and (token.word in _ENDS_WHERE or token.word == ";"))


def _is_table(tokens: list[_Token], place: int) -> bool:
    """Tell whether a name stands where a table's does; a column may have the same name."""
    before = tokens[place - 1] if place else _NONE
    if before.word in {"FROM", "JOIN", "INTO", "UPDATE", "IN", "TABLE"}:
        return True
    if before.word in _CHANGES:
        return place > 1 and tokens[place - 2].word == "OR"
    if before.word == ".":
        return place > 1 and tokens[place - 2].name in {"main", "temp"}
    return before.word in _LISTS and tokens[place].in_from


def _has_alias(after: _Token) -> bool:
    return bool(after.name) and after.word not in _NO_ALIAS


def _refused(table: str, why: str) -> TenantError:
    return TenantError(
        f"A statement names {table}, which {why}.",
        hint="Only a store that is bound to no project can do this.",
        code="unconfined",
    )


def _tokens(sql: str) -> Iterator[_Token]:
    """Split a statement; each part knows how deep in parentheses it is, and whether in a list of tables."""
    lists, last = [False], ""
    for found in _TOKEN.finditer(sql):
        if found.lastgroup == "skip":
            continue
        text = found[0]
        word = text.upper()
        if text == ")" and len(lists) > 1:
            lists.pop()
        lists[-1] = _in_list(lists[-1], word, last)
        name = text.strip('"`[]').lower() if found.lastgroup == "name" else ""
        yield _Token(word, name, found.start(), found.end(), len(lists), lists[-1])
        if text == "(":
            lists.append(lists[-1] and last in {"FROM", "JOIN", *_LISTS})
        last = word


def _in_list(before: bool, word: str, last: str) -> bool:
    if word == "FROM":
        return last != "DISTINCT"
    return before and word not in _ENDS_FROM
