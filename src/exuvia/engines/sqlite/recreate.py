"""Making a SQLite file anew from the definitions of another one's objects.

Tables and indexes are created by their own SQL, under an authorizer that lets nothing else happen. Views, triggers and
virtual tables store nothing, so they are written into the schema as they are, which is how the ``.dump`` command of
SQLite's shell restores virtual tables: no module, function or table that they name is needed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from exuvia.catalog.model import Table
from exuvia.engines.sqlite.load import SETUP
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.rows import stand_in
from exuvia.engines.sqlite.stored import Definition, Settings
from exuvia.errors import TargetError

_NO_FUNCTION = re.compile(r"no such function: (.+)$", re.MULTILINE)
_ALLOWED = frozenset(
    {
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_REINDEX,
        apsw.SQLITE_READ,
        apsw.SQLITE_INSERT,
        apsw.SQLITE_UPDATE,
        apsw.SQLITE_FUNCTION,
    }
)


@dataclass(frozen=True, slots=True)
class LooseTable:
    """A table without types and constraints whose records are those of ``table``."""

    name: str
    table: Table

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are stored; a column that is computed when it is read is not."""
        return tuple(
            column.name for column in self.table.columns if column.generated is None or column.generated.stored
        )

    def sql(self) -> str:
        """Return the statement that creates it."""
        key = self.table.rowid_column
        items = (quote(name) + (" INTEGER PRIMARY KEY" if name == key else "") for name in self.columns)
        return f"CREATE TABLE {quote(self.name)} ({', '.join(items)})"


class Recreation:
    """A SQLite file in the making.

    Args:
        path: The file, which does not exist yet.
        settings: What its header is to say.
        definitions: Its objects.
        stand_ins: Let a plain order stand in for collations of the application's, and NULL for what its functions
            return in indexes. Such a file can be read, but its indexes are of no use.
    """

    def __init__(
        self, path: Path, settings: Settings, definitions: Sequence[Definition], *, stand_ins: bool = False
    ) -> None:
        self._path = path
        self._settings = settings
        self._definitions = definitions
        self._stand_ins = stand_ins

    def create(self, internal: Sequence[str]) -> None:
        """Make the file with its empty tables.

        Args:
            internal: Which of SQLite's own tables it has.

        Raises:
            TargetError: The file cannot be made, or SQLite refuses a definition.
        """
        try:
            connection = self.connect(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        except apsw.Error as error:
            raise TargetError(f"{self._path} cannot be made: {error}.", code="file") from error
        try:
            for name in ("page_size", "auto_vacuum"):
                connection.execute(f"PRAGMA {name} = {getattr(self._settings, name)}")
            connection.execute(f"PRAGMA encoding = '{self._settings.encoding}'")
            connection.execute("BEGIN")
            self._run(connection, [item for item in self._definitions if item.kind == "table" and not item.virtual])
            connection.execute("COMMIT")
            _make_internal(connection, internal)
            if not connection.execute("SELECT 1 FROM sqlite_schema").fetchall():
                _write_header(connection)
        finally:
            connection.close()

    def loosen(self, table: Table) -> LooseTable:
        """Make an empty table beside a table with a rowid that takes the same records, but checks and converts none.

        What an older schema, or an older SQLite, has let into a table need not pass its definition of today: NULL in a
        NOT NULL column, text that an INTEGER column would convert.
        """
        loose = LooseTable(f"exuvia loose {table.name}", table)
        with closing(self.connect()) as connection:
            connection.execute(loose.sql())
        return loose

    def tighten(self, loose: LooseTable) -> None:
        """Let the definition of the table have the rows of its loose twin, which goes: they trade their root pages.

        Raises:
            TargetError: The rows do not fit the table's keys.
        """
        names = (loose.table.name, loose.name)
        with closing(self.connect()) as connection:
            find = "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?"
            pages = {name: connection.execute(find, (name,)).fetchall()[0][0] for name in names}
            connection.execute("PRAGMA writable_schema = ON")
            with connection:
                for name, other in (names, names[::-1]):
                    connection.execute(
                        "UPDATE sqlite_schema SET rootpage = ? WHERE type = 'table' AND name = ?", (pages[other], name)
                    )
            connection.execute("PRAGMA writable_schema = RESET")
        with closing(self.connect()) as connection:
            try:
                connection.execute(f"DROP TABLE {quote(loose.name)}")
                connection.execute(f"REINDEX main.{quote(loose.table.name)}")
            except apsw.Error as error:
                raise TargetError(
                    f"The rows of table {loose.table.name!r} do not fit its keys: {error}.",
                    hint="Copy the SQLite file itself, or export again without the table: --exclude.",
                    code="refused",
                ) from error

    def finish(self) -> None:
        """Make indexes, views, triggers and virtual tables, and fill in the header.

        Raises:
            TargetError: SQLite refuses a definition.
        """
        connection = self.connect()
        try:
            connection.execute("BEGIN")
            self._run(connection, [item for item in self._definitions if item.kind == "index"])
            connection.execute("PRAGMA writable_schema = ON")
            for item in self._definitions:
                if item.virtual or item.kind in ("view", "trigger"):
                    row = (item.kind, item.name, item.table, item.sql)
                    connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, 0, ?)", row)
            connection.execute(f"PRAGMA application_id = {self._settings.application_id}")
            connection.execute(f"PRAGMA user_version = {self._settings.user_version}")
            connection.execute("COMMIT")
            connection.execute("PRAGMA writable_schema = RESET")
            connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
        except apsw.Error as error:
            raise TargetError(f"SQLite refuses the schema of the copy: {error}.", code="schema") from error
        finally:
            connection.close()

    def set_journal_mode(self) -> None:
        """Put the file in WAL mode if the original was; the last step, since reading it makes files beside it."""
        if self._settings.journal_mode == "wal":
            connection = self.connect()
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            connection.close()

    def connect(self, flags: int = apsw.SQLITE_OPEN_READWRITE) -> apsw.Connection:
        """Open the file for loading."""
        connection = apsw.Connection(str(self._path), flags=flags)
        for option in (apsw.SQLITE_DBCONFIG_DQS_DDL, apsw.SQLITE_DBCONFIG_DQS_DML):
            connection.config(option, 1)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        for sql in SETUP:
            connection.execute(sql).fetchall()
        if self._stand_ins:
            stand_in(connection)
        return connection

    def _run(self, connection: apsw.Connection, definitions: Sequence[Definition]) -> None:
        connection.authorizer = lambda action, *_: apsw.SQLITE_OK if action in _ALLOWED else apsw.SQLITE_DENY
        for definition in definitions:
            try:
                self._execute(connection, definition.sql)
            except apsw.Error as error:
                raise _refused(definition, error) from error
        connection.authorizer = None

    def _execute(self, connection: apsw.Connection, sql: str) -> None:
        """Run a definition; a function of the application's that it names, in a CHECK say, must exist but not work."""
        missing: set[str] = set()
        while True:
            try:
                connection.execute(sql).fetchall()
            except apsw.SQLError as error:
                found = _NO_FUNCTION.search(str(error))
                if found is None or found[1] in missing:
                    raise
                missing.add(found[1])
                connection.create_scalar_function(
                    found[1],
                    (lambda *_: None) if self._stand_ins else _Unknown(found[1]),
                    deterministic=True,
                    flags=apsw.SQLITE_INNOCUOUS,
                )
            else:
                return


def _write_header(connection: apsw.Connection) -> None:
    """Make the file of a database without tables one: until something was written it has no bytes."""
    connection.execute("CREATE TABLE exuvia (id)")
    connection.execute("DROP TABLE exuvia")


def _make_internal(connection: apsw.Connection, wanted: Sequence[str]) -> None:
    """Make SQLite make its own tables: no SQL may create them by name."""
    if "sqlite_sequence" in wanted:
        name = quote("exuvia sequence")
        connection.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        connection.execute(f"DROP TABLE {name}")
    if any(name.startswith("sqlite_stat") for name in wanted):
        connection.execute("ANALYZE sqlite_schema")
        for table in ("sqlite_stat1", "sqlite_stat4"):
            if table not in wanted:
                connection.execute(f"DROP TABLE IF EXISTS {table}")


class _Unknown:
    """A function of the application's: it can be named, and fails where it is called."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_: object) -> None:
        raise apsw.SQLError(f"no such function: {self._name}")


def _refused(definition: Definition, error: apsw.Error) -> TargetError:
    said = str(error)
    hint = "Export again without it: --exclude."
    if "collation" in said or "function" in said:
        hint = (
            "It belongs to the application. Copy the SQLite file itself, or export again without the table: --exclude."
        )
    return TargetError(f"SQLite refuses {definition.kind} {definition.name!r}: {said}.", hint=hint, code="schema")
