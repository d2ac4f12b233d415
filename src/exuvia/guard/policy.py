"""What somebody's SQL may touch: three levels, each with the tables it is limited to, and caps on what comes back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from exuvia.errors import ConfigError

Level = Literal["read", "write", "ddl"]
LEVELS: Final[tuple[Level, ...]] = ("read", "write", "ddl")

_NAME: Final = r'(?:"(?:[^"\0]|"")+"|[^".\s!*]+)'
_PATTERN: Final = re.compile(rf"(!?)({_NAME})\.(\*|{_NAME})")


@dataclass(frozen=True, slots=True)
class TablePattern:
    """One line of an allow-list: a table, or all tables of a schema; or, excluded, what the other lines do not mean.

    Args:
        schema: The schema's name; of SQLite's databases ``main``.
        table: The table's name; None for every table of the schema.
        excluded: The line takes away instead of giving.
    """

    schema: str
    table: str | None
    excluded: bool = False

    def __str__(self) -> str:
        return f"{'!' if self.excluded else ''}{_spell(self.schema)}.{_spell(self.table) if self.table else '*'}"

    def matches(self, schema: str, table: str) -> bool:
        """Whether the line is about a table."""
        return self.schema == schema and self.table in (None, table)


SQLITE_MAIN: Final = TablePattern("main", None)


@dataclass(frozen=True, slots=True)
class Policy:
    """What is allowed. A level without tables is off, as write and ddl are unless tables are named for them.

    Args:
        read: The tables that may be read: ``schema.table``, ``schema.*``, and ``!schema.table`` for one that may not.
        write: The tables whose rows may be changed.
        ddl: The tables that may be made, altered and dropped.
        functions: Functions that may be called besides the built-in ones known to be safe, as ``schema.name``.
        types: Types that values may be cast to besides the built-in ones, as ``schema.name``.
        default_schema: Where a name without a schema is looked for, and the only place besides pg_catalog.
        roles: The beginning of the names of the three roles, to which ``_read``, ``_write`` and ``_ddl`` are added;
            None to run as the role that connects.
        allow_superuser: Run statements even as a superuser, without the server's rights as a second line.
        max_rows: Rows of one answer at most.
        max_bytes: Bytes of one answer's values at most, as text.
        timeout_s: Seconds for one statement at most.
        lock_timeout_s: Seconds to wait for a lock at most.
    """

    read: tuple[TablePattern, ...] = (TablePattern("public", None), SQLITE_MAIN)
    write: tuple[TablePattern, ...] = ()
    ddl: tuple[TablePattern, ...] = ()
    functions: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    default_schema: str = "public"
    roles: str | None = None
    allow_superuser: bool = False
    max_rows: int = 1_000
    max_bytes: int = 1_000_000
    timeout_s: float = 30.0
    lock_timeout_s: float = 2.0

    def patterns(self, level: Level) -> tuple[TablePattern, ...]:
        """Return the allow-list of a level."""
        return {"read": self.read, "write": self.write, "ddl": self.ddl}[level]

    def is_on(self, level: Level) -> bool:
        """Whether anything at all is allowed at a level."""
        return any(not pattern.excluded for pattern in self.patterns(level))

    def allows(self, level: Level, schema: str, table: str) -> bool:
        """Whether a table may be read, written or altered."""
        about = [pattern for pattern in self.patterns(level) if pattern.matches(schema, table)]
        return bool(about) and not any(pattern.excluded for pattern in about)

    def role(self, level: Level) -> str | None:
        """Return the role under which statements of a level run; None for the one that connects."""
        return f"{self.roles}_{level}" if self.roles else None


def parse_pattern(text: str) -> TablePattern:
    """Read one line of an allow-list.

    Args:
        text: ``schema.table``, ``schema.*``, or either with ``!`` before it. Names are taken as they are, and those
            with a dot, a space, ``!`` or ``*`` are written in double quotes.

    Raises:
        ConfigError: It is none of these.
    """
    found = _PATTERN.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            f"{text!r} does not name a table.",
            hint='Write schema.table, schema.* for all of a schema, or !schema.table for all but that: "public.notes".',
            code="guard_pattern",
        )
    mark, schema, table = found.groups()
    return TablePattern(_plain(schema), None if table == "*" else _plain(table), bool(mark))


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _spell(name: str) -> str:
    return name if re.fullmatch(r'[^".\s!*]+', name) else '"' + name.replace('"', '""') + '"'
