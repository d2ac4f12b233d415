"""What a database says against a statement, in one sentence, with the place and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.errors import Diagnostic

from exuvia.errors import DeniedError, ExuviaError
from exuvia.guard import AsyncSession, Level
from exuvia.tools.database.relations import Relation, near
from exuvia.tools.database.serving import inspector
from exuvia.tools.frame import Call, ToolError

_DOES: Final[dict[Level, str]] = {"write": "changes rows", "ddl": "changes tables", "read": "only reads"}
_TOOLS: Final[dict[Level, str]] = {"write": "execute", "ddl": "schema_alter", "read": "query"}
_CAST: Final = "Write the type, as in $1::int or CAST(… AS integer)."
_LISTED: Final = 20


class StatementError(ToolError):
    """A database cannot run a statement as it is written."""

    family = "sql"


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of failure: its code, and what to do; where that is empty, names that are near are told."""

    code: str
    hint: str = ""


_SYNTAX: Final = _Kind("syntax", "Correct the statement.")
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES: Final = {
    "42601": _SYNTAX,
    "42P01": _Kind("no_table"),
    "42703": _Kind("no_column"),
    "42702": _Kind("ambiguous", "Write the table before the column: table.column."),
    "42712": _Kind("ambiguous", "Give each table another alias."),
    "42803": _Kind(
        "grouping",
        "Add the column to GROUP BY or to an aggregate such as max(); conditions on aggregates go into HAVING.",
    ),
    "42883": _Kind("type", f"Check the name, the number and the types of its arguments. {_CAST}"),
    "42804": _Kind("type", _CAST),
    "42846": _Kind("type", "There is no such cast; go by way of text."),
    "42725": _Kind("type", _CAST),
    "42P18": _Kind("type", _CAST),
    "22P02": _Kind("value", "Correct the value, or the type that it is compared with."),
    "22007": _Kind("value", "Write times as 2026-01-31 or 2026-01-31T12:00:00Z."),
    "22008": _Kind("value", "Write times as 2026-01-31 or 2026-01-31T12:00:00Z."),
    "22003": _Kind("value", "The number is too large for its type: cast to numeric."),
    "22001": _Kind("value", "The text is longer than its column takes."),
    "22012": _Kind("value", "Divide by nullif(…, 0)."),
    "21000": _Kind("rows", "Let the subquery give one row: add a condition, LIMIT 1, or an aggregate."),
    "23505": _Kind("unique", "Use another value, or INSERT … ON CONFLICT."),
    "23503": _Kind(
        "foreign_key", "The row that is pointed to has to be there, and what points to one that goes must not."
    ),
    "23502": _Kind("not_null", "Give the column a value."),
    "23514": _Kind("check", "describe_table tells the condition."),
    "23P01": _Kind("exclusion", "describe_table tells the condition."),
    "428C9": _Kind("generated", "Leave the column out: the database fills it."),
    "42P07": _Kind("exists", "Take another name, or add IF NOT EXISTS."),
    "42701": _Kind("exists", "Take another name, or add IF NOT EXISTS."),
    "42710": _Kind("exists", "Take another name, or add IF NOT EXISTS."),
    "2BP01": _Kind("depended_on", "Something needs it: describe_table tells what."),
    "40001": _Kind("conflict", "Run it again."),
    "40P01": _Kind("conflict", "Run it again."),
}
_SQLITE: Final = tuple(
    (re.compile(pattern), _Kind(code, hint))
    for pattern, code, hint in (
        (r"no such table: (?P<name>.+)", "no_table", ""),
        (r"no such column: (?P<name>.+)", "no_column", ""),
        (r"has no column named (?P<name>.+)", "no_column", ""),
        (r"ambiguous column name", "ambiguous", "Write the table before the column: table.column."),
        (r"no such function", "type", "Check the name; query can read which there are: PRAGMA function_list."),
        (r"wrong number of arguments", "type", "Check the number of its arguments."),
        (r"misuse of aggregate|misuse of window", "grouping", _POSTGRES["42803"].hint),
        (r"UNIQUE constraint failed", "unique", "Use another value, or INSERT … ON CONFLICT."),
        (r"FOREIGN KEY constraint failed", "foreign_key", _POSTGRES["23503"].hint),
        (r"NOT NULL constraint failed", "not_null", "Give the column a value."),
        (r"CHECK constraint failed", "check", "describe_table tells the condition."),
        (r"cannot store|datatype mismatch", "value", "Correct the value: the column takes one type only."),
        (
            r"cannot INSERT into generated|cannot UPDATE generated",
            "generated",
            "Leave the column out: SQLite fills it.",
        ),
        (r"already exists|duplicate column name", "exists", "Take another name, or add IF NOT EXISTS."),
        (r"codec can't decode", "encoding", "A text is not valid UTF-8: read it as bytes, CAST(column AS BLOB)."),
        (r"int too big", "value", "SQLite's integers have 64 bits: pass the number as text."),
        (
            r"values? for \d+ columns|columns but \d+ values|do not have the same number|returns \d+ columns",
            "columns",
            "Give as many values as there are columns.",
        ),
        (r"syntax error|incomplete input|unrecognized token", "syntax", "Correct the statement."),
    )
)
_POSTGRES_NAME: Final = re.compile(r'(?:relation|table|column) (?P<name>"[^"]+"|\S+)')
_WORDS: Final = re.compile(r"[a-z]+ ")
_SAID: Final = re.compile(
    r"^(?:SQLite refused the statement|SQLite cannot compile this|PostgreSQL cannot parse this): "
)


@dataclass(frozen=True, slots=True)
class Written:
    """A statement as its writer wrote it, the level of the tool that got it, and what the tool put before it."""

    sql: str
    level: Level
    prefix: str = ""


async def explained(error: ExuviaError, call: Call, database: AsyncSession, written: Written) -> ExuviaError:
    """Return the error to raise instead of the guard's.

    Args:
        error: What the guard raised.
        call: The call, for what it may do.
        database: Where the statement was to run.
        written: The statement.
    """
    return await _Writer(call, database, written).told(error)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Who wrote a statement, and wants to know what to write instead."""

    call: Call
    database: AsyncSession
    written: Written

    async def told(self, error: ExuviaError) -> ExuviaError:
        cause = error.__cause__
        if error.code == "guard.level":
            return await self._elsewhere()
        if error.code == "guard.syntax":
            verdict = await self.database.check(self.written.prefix + self.written.sql, self.written.level)
            position = next((one.position for one in verdict.denials), None)
            return await self._by_sqlite(_SAID.sub("", error.message).removesuffix("."), position)
        if error.code == "target.sqlite":
            return await self._by_sqlite(_SAID.sub("", error.message).removesuffix("."), None)
        if isinstance(cause, psycopg.Error) and cause.sqlstate in _POSTGRES:
            return await self._by_postgres(cause.diag, _POSTGRES[cause.sqlstate])
        return error

    async def _elsewhere(self) -> ExuviaError:
        """Say which tool does what the statement wants, or who can switch it on."""
        verdict = await self.database.check(self.written.sql)
        needs = verdict.needs
        if not self.call.desk.policy.is_on(needs):
            table = next(iter(verdict.writes), "public.notes")
            hint = f'That is switched off; a person switches it on by naming tables: guard_{needs} = ["{table}"].'
        elif needs not in self.call.scopes:
            hint = f"{_TOOLS[needs]} does that, with a token that has the scope {needs}."
        else:
            hint = f"Use {_TOOLS[needs]}."
        message = f"This statement {_DOES[needs]}, and {_TOOLS[self.written.level]} {_DOES[self.written.level]}."
        return DeniedError(message, hint=hint, code="level")

    async def _by_postgres(self, said: Diagnostic, kind: _Kind) -> StatementError:
        primary = said.message_primary or ""
        detail = f" ({said.message_detail.removesuffix('.')})" if said.message_detail else ""
        named = _POSTGRES_NAME.search(primary)
        hint = kind.hint or await self._near(kind.code, named["name"] if named else "") or said.message_hint or ""
        return self._error(kind.code, primary + detail, int(said.statement_position or 0) or None, hint)

    async def _by_sqlite(self, said: str, position: int | None) -> StatementError:
        matches = ((pattern.search(said), kind) for pattern, kind in _SQLITE)
        found, kind = next(((found, kind) for found, kind in matches if found), (None, _SYNTAX))
        name = found.groupdict().get("name") or "" if found else ""
        return self._error(kind.code, said, position, kind.hint or await self._near(kind.code, name))

    def _error(self, code: str, said: str, position: int | None, hint: str) -> StatementError:
        sentence = said[:1].upper() + said[1:] if _WORDS.match(said) else said
        return StatementError(
            f"{sentence}{_place(self.written.sql, position and position - len(self.written.prefix))}.",
            hint=hint,
            code=code,
        )

    async def _near(self, code: str, name: str) -> str:
        """Return the names that may have been meant, of those that may be read."""
        try:
            inspecting = inspector(self.database, self.call.desk.policy)
            relations = await inspecting.relations()
            if code == "no_table":
                return _meant(near(name, [one.shown for one in relations])) or "list_tables tells which there are."
            words = set(re.findall(r"\w+", self.written.sql.lower()))
            used = [one for one in relations if one.name.lower() in words][:_LISTED]
            return _columns_near(name, await inspecting.columns(used))
        except ExuviaError:
            return ""


def _place(sql: str, position: int | None) -> str:
    """Return where in a statement something stands, with the word there."""
    if position is None or not 0 < position <= len(sql):
        return ""
    before = sql[: position - 1]
    line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1)
    where = f"line {line}, character {column}" if "\n" in sql.strip() else f"character {position}"
    word = re.match(r"\w{0,40}", sql[position - 1 :])
    return f" (at {where}: {word[0]})" if word and word[0] else f" (at {where})"


def _columns_near(name: str, columns: Mapping[Relation, Sequence[str]]) -> str:
    every = list(dict.fromkeys(column for names in columns.values() for column in names))
    there = "; ".join(
        f"{one.shown} has {', '.join(names[:_LISTED])}{', …' if len(names) > _LISTED else ''}"
        for one, names in list(columns.items())[:3]
    )
    return f"{_meant(near(name, every))} {there}.".strip() if there else ""


def _meant(names: Sequence[str]) -> str:
    return f"Did you mean {' or '.join(names)}?" if names else ""
