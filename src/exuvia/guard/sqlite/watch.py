"""SQLite's authorizer: asked about every table, function and pragma while a statement is compiled.

See https://sqlite.org/c3ref/set_authorizer.html. What it is told of the innermost view or trigger is not relied on for
reading: a WITH query of a view's name is reported as that view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

import apsw

from exuvia.guard.policy import Level, Policy, TablePattern
from exuvia.guard.sqlite import known
from exuvia.guard.verdict import Denial, Verdict, highest

_TABLES: Final = "SELECT name, type FROM pragma_table_list WHERE schema = 'main'"
_TRIGGERS: Final = "SELECT name FROM main.sqlite_schema WHERE type = 'trigger'"
_MODULES: Final = "SELECT name FROM pragma_module_list"
_VERBS: Final[dict[Level, str]] = {"read": "be read", "write": "be written", "ddl": "be made, altered or dropped"}

_SCHEMAS: Final = {"sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"}
_EXAMINING: Final = {"ALTER TABLE", "CREATE INDEX"}
_SAMPLES: Final = {"sqlite_stat3", "sqlite_stat4"}  # https://sqlite.org/fileformat2.html#the_sqlite_stat4_table

Arguments = tuple[str | None, str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is, by names in lower case: tables and views with their kinds, triggers, and modules of tables."""

    tables: dict[str, str]
    triggers: frozenset[str]
    modules: frozenset[str]

    @classmethod
    def of(cls, connection: apsw.Connection) -> Facts:
        """Read them. The connection must have no authorizer meanwhile."""
        tables = {str(name).lower(): str(kind) for name, kind in connection.execute(_TABLES)}
        names = (frozenset(str(name).lower() for (name,) in connection.execute(sql)) for sql in (_TRIGGERS, _MODULES))
        return cls(tables, *names)

    @classmethod
    def known(cls, connection: apsw.Connection) -> Facts:
        """Return what there is, read again when the schema has changed. No transaction is under way that changes it."""
        version = int(connection.pragma("schema_version") or 0)
        kept = _KEPT.get(connection)
        if kept is None or kept[0] != version:
            kept = _KEPT[connection] = version, cls.of(connection)
        return kept[1]

    def owner(self, table: str) -> str | None:
        """Return the virtual table to which a shadow table belongs."""
        if self.tables.get(table) != "shadow":
            return None
        owners = (name for name, kind in self.tables.items() if kind == "virtual" and table.startswith(f"{name}_"))
        return max(owners, key=len, default=None)


_KEPT: Final[WeakKeyDictionary[apsw.Connection, tuple[int, Facts]]] = WeakKeyDictionary()


@dataclass(slots=True)
class Watch:
    """An authorizer that remembers what it was asked and what it refused.

    Args:
        policy: What is allowed. SQLite's names are compared without regard to case.
        facts: What there is in the file.
        asked: What the statement is meant to do; None for whatever it takes.
    """

    policy: Policy
    facts: Facts
    asked: Level | None
    levels: set[Level] = field(default_factory=set)
    statements: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    denials: list[Denial] = field(default_factory=list)
    _altered: set[str] = field(default_factory=set)
    _folded: dict[Level, tuple[TablePattern, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self._folded = {
            level: tuple(
                TablePattern(one.schema.lower(), one.table and one.table.lower(), one.excluded)
                for one in self.policy.patterns(level)
            )
            for level in ("read", "write", "ddl")
        }

    def __call__(
        self, action: int, third: str | None, fourth: str | None, database: str | None, within: str | None
    ) -> int:
        """Answer SQLite. Every exception denies, too."""
        before = len(self.denials)
        decide = _DECIDE.get(action)
        if decide is None:
            self._refuse_action(action)
        else:
            decide(self, (third, fourth, database, within))
        return apsw.SQLITE_OK if len(self.denials) == before else apsw.SQLITE_DENY

    def verdict(self) -> Verdict:
        """Return what was found."""
        return Verdict(
            highest(self.levels),
            tuple(dict.fromkeys(self.statements)),
            tuple(dict.fromkeys(self.reads)),
            tuple(dict.fromkeys(self.writes)),
            tuple(dict.fromkeys(self.functions)),
            tuple(dict.fromkeys(self.denials)),
        )

    def require_allowed(self, after: Facts) -> None:
        """Refuse tables that have come to be under other names, which the authorizer is not told when one is renamed.

        Raises:
            DeniedError: There is a new table that may not be made.
        """
        new = after.tables.keys() - self.facts.tables.keys()
        allowed = [self._table("ddl", name, None) for name in sorted(new) if after.tables[name] != "shadow"]
        if not all(allowed):
            self.verdict().require()

    def deny(self, code: str, reason: str, hint: str) -> None:
        """Remember a reason."""
        self.denials.append(Denial(code, reason, hint))

    def _refuse_action(self, action: int) -> None:
        name = str(apsw.mapping_authorizer_function.get(action, "This")).removeprefix("SQLITE_").replace("_", " ")
        name = {"TRANSACTION": "BEGIN, COMMIT and ROLLBACK", "CREATE VTABLE": "CREATE VIRTUAL TABLE"}.get(name, name)
        self.deny("statement", f"{name} is not among the statements that are allowed here.", "Leave it out.")

    def _level(self, level: Level, kind: str) -> bool:
        """Note the level of a statement; refuse one that is off, or is not what was asked for."""
        self.levels.add(level)
        if level == "read" or (self.asked in (None, level) and self.policy.is_on(level)):
            return True
        if self.asked not in (None, level):
            hint = f"Use the tool for the level {level}, if it is switched on."
            self.deny("level", f"{kind} takes the level {level}, and this is for {self.asked}.", hint)
        else:
            hint = f'Who runs the guard switches it on by naming tables: guard_{level} = ["main.notes"] in exuvia.toml.'
            self.deny("level", f"{kind} takes the level {level}, which is switched off.", hint)
        return False

    def _table(self, level: Level, name: str, database: str | None) -> bool:
        table = self.facts.owner(name.lower()) or name.lower()
        about = [one for one in self._folded[level] if one.matches((database or "main").lower(), table)]
        if about and not any(one.excluded for one in about):
            return True
        allowed = ", ".join(str(one) for one in self.policy.patterns(level)) or "none"
        self.deny(
            "table",
            f"The table {database or 'main'}.{name} is not among those that may {_VERBS[level]}.",
            f"These may: {allowed}. Who runs the guard can add it: guard_{level} in exuvia.toml.",
        )
        return False

    def select(self, _: Arguments) -> None:
        """A SELECT, at any depth."""
        self.statements.append("SELECT")
        self._level("read", "SELECT")

    def read(self, given: Arguments) -> None:
        """A column of a table; an empty one stands for the table's rows."""
        name, database = given[0] or "", given[2]
        lower = name.lower()
        self.levels.add("read")
        if lower in _SCHEMAS or lower in self._altered:
            return
        if lower in _SAMPLES:
            self.deny("catalog", f"{name} holds values of every indexed column.", "For counts read sqlite_stat1.")
            return
        if lower in self.facts.tables:
            if self._table("read", name, database):
                self.reads.append(f"{database or 'main'}.{name}")
        elif lower not in known.TABLE_FUNCTIONS and not self._is_query(lower, given):
            hint = "For tables and columns read sqlite_schema and pragma_table_info(…)."
            self.deny("catalog", f"{name} is not a table of this file, and may tell or do anything.", hint)

    def _is_query(self, name: str, given: Arguments) -> bool:
        """Whether the rows of a WITH query are counted: of a query no columns are asked, and it is no module."""
        return given[1:3] == ("", None) and name not in self.facts.modules and not name.startswith("pragma_")

    def function(self, given: Arguments) -> None:
        """A function's name; operators such as ->> and LIKE are functions, too."""
        name = (given[1] or "").lower()
        if name.startswith(known.INTERNAL_FUNCTIONS) and self._altered:
            return
        self.functions.append(name)
        if name not in known.FUNCTIONS and f"main.{name}" not in self.policy.functions:
            self.deny(
                "function",
                f"The function {name} is not among those known only to compute.",
                f'Leave it out; or who runs the guard allows it: guard_functions = ["main.{name}"] in exuvia.toml.',
            )

    def pragma(self, given: Arguments) -> None:
        """A pragma and its argument."""
        name = (given[0] or "").lower()
        self.statements.append("PRAGMA")
        self._level("read", "PRAGMA")
        if name in known.DESCRIBING or (name in known.TELLING and given[1] is None):
            return
        hint = f"These can be used: {', '.join(sorted(known.DESCRIBING | known.TELLING))}."
        self.deny("pragma", f"PRAGMA {name} can change the file or the connection.", hint)

    def change(self, given: Arguments, kind: str) -> None:
        """Rows that are inserted, updated or deleted: by the statement, by a trigger, or inside of a virtual table."""
        name, _, database, within = given
        name = name or ""
        if name.lower().startswith("sqlite_"):
            if not self._altered:  # SQLite asks for them before the table itself, and lets nobody else change them
                self._level("ddl", "Changing the schema")
            return
        if name.lower() in self._altered or (within is not None and within.lower() in self.facts.triggers):
            return
        self.statements.append(kind)
        if self._level("write", kind) and self._table("write", name, database):
            self.writes.append(f"{database or 'main'}.{name}")

    def alter(self, kind: str, name: str, database: str | None) -> None:
        """A table that is made, altered or dropped."""
        self.statements.append(kind)
        if kind in _EXAMINING and name.lower() in self.facts.tables:
            self._table("read", name, database)  # its rows come to be under another name, or errors tell of them
        if self._level("ddl", kind) and self._table("ddl", name, database):
            self._altered.add(name.lower())
            self.writes.append(f"{database or 'main'}.{name}")

    def follow(self, given: Arguments, kind: str) -> None:
        """What SQLite does by itself with the indexes and triggers of a table that is being altered."""
        if not self._altered or (given[1] is not None and given[1].lower() not in self._altered):
            self.deny("statement", f"{kind} is not among the statements that are allowed here.", "Leave it out.")


def _change(kind: str) -> Callable[[Watch, Arguments], None]:
    return lambda watch, given: watch.change(given, kind)


def _alter(kind: str, place: int) -> Callable[[Watch, Arguments], None]:
    return lambda watch, given: watch.alter(kind, given[place] or "", given[2])


def _alter_table(watch: Watch, given: Arguments) -> None:
    watch.alter("ALTER TABLE", given[1] or "", given[0])


def _follow(kind: str) -> Callable[[Watch, Arguments], None]:
    return lambda watch, given: watch.follow(given, kind)


def _nothing(_: Watch, __: Arguments) -> None:
    pass


_DECIDE: Final[dict[int, Callable[[Watch, Arguments], None]]] = {
    apsw.SQLITE_SELECT: Watch.select,
    apsw.SQLITE_RECURSIVE: _nothing,
    apsw.SQLITE_READ: Watch.read,
    apsw.SQLITE_FUNCTION: Watch.function,
    apsw.SQLITE_PRAGMA: Watch.pragma,
    apsw.SQLITE_INSERT: _change("INSERT"),
    apsw.SQLITE_UPDATE: _change("UPDATE"),
    apsw.SQLITE_DELETE: _change("DELETE"),
    apsw.SQLITE_CREATE_TABLE: _alter("CREATE TABLE", 0),
    apsw.SQLITE_CREATE_VIEW: _alter("CREATE VIEW", 0),
    apsw.SQLITE_CREATE_INDEX: _alter("CREATE INDEX", 1),
    apsw.SQLITE_DROP_TABLE: _alter("DROP TABLE", 0),
    apsw.SQLITE_DROP_VIEW: _alter("DROP VIEW", 0),
    apsw.SQLITE_DROP_INDEX: _alter("DROP INDEX", 1),
    apsw.SQLITE_ALTER_TABLE: _alter_table,
    apsw.SQLITE_REINDEX: _follow("REINDEX"),
    apsw.SQLITE_DROP_TRIGGER: _follow("DROP TRIGGER"),
}
