"""What becomes of a PostgreSQL schema in SQLite, decided before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from exuvia.catalog.model import Check, Column, ForeignKey, Generated, Index, IndexPart, Key, Table
from exuvia.catalog.names import fold, qualify, quote
from exuvia.engines.postgres.catalog import PgCatalog, PgColumn, PgForeignKey, PgIndex, PgTable, PgView
from exuvia.engines.sqlite.affinity import affinity
from exuvia.move.back.carriage import Carriage, carriage
from exuvia.move.back.expressions import Names, NotExactError, translate
from exuvia.move.back.origin import Origin, OriginColumn, read
from exuvia.move.plan import Fate, ObjectPlan

_WHOLE = frozenset({"int2", "int4", "int8"})
_ORDERED = "btree"


@dataclass(frozen=True, slots=True)
class BackOptions:
    """What to take and how.

    Args:
        schema: The PostgreSQL schema.
        include: Globs of tables; empty for all.
        exclude: Globs of tables to leave out.
        drop_existing: Replace a file of the target's name.
        verify: Compare every value before the file gets its name.
        dry_run: Decide everything and write nothing.
        restart: Begin anew where an interrupted move could be continued.
    """

    schema: str = "public"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    drop_existing: bool = False
    verify: bool = True
    dry_run: bool = False
    restart: bool = False


@dataclass(frozen=True, slots=True)
class BackColumn:
    """One column's way."""

    source: PgColumn
    target: Column
    carriage: Carriage


@dataclass(frozen=True, slots=True)
class BackTable:
    """One table's way; ``target`` is the SQLite table without its indexes, which ``indexes`` are."""

    source: PgTable
    target: Table
    columns: tuple[BackColumn, ...]
    indexes: tuple[Index, ...] = ()

    @property
    def place(self) -> str:
        """The table as SQL: partitions are part of it, tables that inherit from it are not."""
        only = "" if self.source.partitioned else "ONLY "
        return f"{only}{qualify(self.source.schema, self.source.name)}"


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that SQLite cannot hold exactly as PostgreSQL does.

    Args:
        table: The PostgreSQL table.
        column: Its column, empty when it is about the table.
        type: The column's type in PostgreSQL.
        stored: How it is held in SQLite.
        reason: What is not the same.
        count: Values that are concerned; 0 when it is about the column as a whole.
    """

    table: str
    column: str
    type: str
    stored: str
    reason: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class BackPlan:
    """Everything that will be done."""

    tables: tuple[BackTable, ...]
    views: tuple[tuple[PgView, str], ...]
    objects: tuple[ObjectPlan, ...]
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class Asking:
    """What only the server can say.

    Args:
        exact_decimals: Whether every value of a numeric column survives as a double.
        constant: How SQLite writes a default that is a constant, None for any other.
    """

    exact_decimals: Callable[[PgTable, PgColumn], bool]
    constant: Callable[[PgColumn, Carriage], str | None]


def build(catalog: PgCatalog, options: BackOptions, asking: Asking) -> BackPlan:
    """Decide what becomes of every object of a schema.

    Args:
        catalog: The schema.
        options: What to take.
        asking: Answers of the server.
    """
    return _Planner(catalog, options, asking).plan()


class _Planner:
    """The plan on its way."""

    def __init__(self, catalog: PgCatalog, options: BackOptions, asking: Asking) -> None:
        self._catalog, self._asking = catalog, asking
        self._objects: list[ObjectPlan] = []
        self._losses: list[Loss] = []
        self._taken: set[str] = set()
        self._tables = [table for table in catalog.tables if self._wanted(table, options)]
        self._origins = {table.name: read(table.comment) for table in self._tables}
        self._names = {table.name: self._table_name(table) for table in self._tables}
        self._columns = {table.name: self._column_names(table) for table in self._tables}

    def plan(self) -> BackPlan:
        tables = tuple(self._table(table) for table in self._tables)
        views = tuple((view, self._unique(view.name)) for view in self._catalog.views)
        for other in self._catalog.others:
            self._leave_out(other.kind, other.name, other.table, _REASONS[other.kind], other.definition)
        return BackPlan(tables, views, tuple(self._objects), tuple(self._losses))

    def _wanted(self, table: PgTable, options: BackOptions) -> bool:
        included = not options.include or any(fnmatchcase(table.name, glob) for glob in options.include)
        if not included or any(fnmatchcase(table.name, glob) for glob in options.exclude):
            self._leave_out("table", table.name, table.name, "excluded by --include or --exclude")
            return False
        if not table.columns:
            self._leave_out("table", table.name, table.name, "it has no columns, and a SQLite table must have one")
            return False
        return True

    def _leave_out(self, kind: str, name: str, table: str, reason: str, sql: str = "") -> None:
        self._objects.append(ObjectPlan(kind, name, table, Fate.LEFT_OUT, reason, sql))

    def _lose(self, table: PgTable, column: str, type_: str, stored: str, reason: str) -> None:
        self._losses.append(Loss(table.name, column, type_, stored, reason))

    def _table_name(self, table: PgTable) -> str:
        origin = self._origins[table.name]
        wanted = origin.table if origin is not None and fold(origin.table) not in self._taken else table.name
        name = self._unique(f"_{wanted}" if fold(wanted).startswith("sqlite_") else wanted)
        if name != wanted:
            self._lose(table, "", "name", name, "SQLite's names are equal regardless of case, and sqlite_ is its own")
        return name

    def _unique(self, wanted: str) -> str:
        name, number = wanted, 2
        while fold(name) in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(fold(name))
        return name

    def _column_names(self, table: PgTable) -> dict[str, str]:
        origin = self._origins[table.name]
        given: dict[str, str] = {}
        taken: set[str] = set()
        for column in table.columns:
            was = origin.columns.get(column.name) if origin is not None else None
            wanted = was.name if was is not None and fold(was.name) not in taken else column.name
            name, number = wanted, 2
            while fold(name) in taken:
                name, number = f"{wanted}_{number}", number + 1
            if name != wanted:
                self._lose(table, column.name, "name", name, "SQLite's names are equal regardless of case")
            taken.add(fold(name))
            given[column.name] = name
        return given

    def _table(self, table: PgTable) -> BackTable:
        origin = self._origins[table.name]
        names = self._columns[table.name]
        rowid = self._rowid(table, origin)
        columns = tuple(self._column(table, column, origin, rowid) for column in table.columns)
        known = Names(
            {one.source.name: (one.target.name, one.source.type.name, one.carriage.declared) for one in columns}
        )
        columns = tuple(self._generated(table, column, known) for column in columns)
        key = table.primary_key
        restored = origin is not None and {one.name for one in table.columns} == set(origin.columns)
        target = Table(
            name=self._names[table.name],
            columns=tuple(one.target for one in columns),
            primary_key=Key(tuple(names[name] for name in key.columns)) if key is not None else None,
            uniques=tuple(Key(tuple(names[name] for name in one.columns)) for one in table.uniques),
            foreign_keys=tuple(self._foreign_keys(table)),
            checks=tuple(self._checks(table, columns, known)),
            rowid_column=names[rowid] if rowid is not None else None,
            autoincrement=rowid is not None and self._counts(table, rowid, origin),
            sequence=table_sequence(table, rowid),
            without_rowid=origin is not None and origin.without_rowid and key is not None and rowid is None,
            strict=restored and origin is not None and origin.strict,
        )
        for unique in (*table.uniques, *((key,) if key is not None else ())):
            if unique.deferrable:
                self._lose(
                    table, "", "unique", unique.name, "SQLite checks keys at once, not at the end of a transaction"
                )
            if unique.nulls_equal:
                self._lose(table, "", "unique", unique.name, "NULLs are distinct in SQLite's keys")
        return BackTable(table, target, columns, tuple(self._indexes(table, known)))

    def _rowid(self, table: PgTable, origin: Origin | None) -> str | None:
        """Return the column that can be INTEGER PRIMARY KEY."""
        key = table.primary_key
        if key is None or len(key.columns) != 1:
            return None
        column = next(one for one in table.columns if one.name == key.columns[0])
        if column.type.name not in _WHOLE or column.generated is not None:
            return None
        was = origin.columns.get(column.name) if origin is not None else None
        if was is not None and origin is not None and was.name != origin.rowid_column:
            return None
        return column.name

    def _counts(self, table: PgTable, rowid: str, origin: Origin | None) -> bool:
        column = next(one for one in table.columns if one.name == rowid)
        return column.counted and (origin is None or origin.autoincrement)

    def _column(self, table: PgTable, column: PgColumn, origin: Origin | None, rowid: str | None) -> BackColumn:
        was = origin.columns.get(column.name) if origin is not None else None
        exact = column.type.name != "numeric" or self._asking.exact_decimals(table, column)
        way = carriage(column, was, exact_decimals=exact)
        if column.name == rowid:
            way = replace(way, declared="INTEGER", fallback=None)
        if way.loss:
            self._lose(table, column.name, column.type.text, way.declared, way.loss)
        if column.counted and column.name != rowid:
            self._lose(
                table, column.name, column.type.text, way.declared, "only a primary key counts by itself in SQLite"
            )
        target = self._declared(self._columns[table.name][column.name], column, way)
        return BackColumn(column, replace(target, default=self._default(table, column, was, way)), way)

    def _declared(self, name: str, column: PgColumn, way: Carriage) -> Column:
        return Column(name, way.declared, affinity(way.declared), column.not_null, collation=way.collation)

    def _default(self, table: PgTable, column: PgColumn, was: OriginColumn | None, way: Carriage) -> str | None:
        if column.default is None:
            return None
        found = self._asking.constant(column, way)
        if found is None and was is not None and was.default is not None:
            found = f"({was.default})"
        if found is None:
            found = _NOW.get((column.type.name, column.default.upper()))
        if found is None:
            self._leave_out("default", column.name, table.name, "SQLite has no such function", column.default)
        return found

    def _generated(self, table: PgTable, column: BackColumn, known: Names) -> BackColumn:
        expression = column.source.generated
        if expression is None:
            return column
        try:
            translated = translate(expression, known)
        except NotExactError as error:
            reason = f"{error}; the column is an ordinary one and holds the values"
            self._leave_out("generated column", column.source.name, table.name, reason, expression)
            return column
        generated = Generated(translated, column.source.generated_stored)
        return replace(column, target=replace(column.target, generated=generated))

    def _checks(self, table: PgTable, columns: Sequence[BackColumn], known: Names) -> Iterable[Check]:
        wanted = [(check, known) for check in table.checks]
        for column in columns:
            name = column.target.name
            if column.source.type.kind == "enum":
                labels = ", ".join(_text(label) for label in column.source.type.labels)
                yield Check(f'"{name.replace(chr(34), chr(34) * 2)}" IN ({labels})')
            value = Names({"value": (name, column.source.type.name, column.carriage.declared)})
            wanted += [(check, value) for check in column.source.type.checks]
        for check, names in wanted:
            try:
                yield Check(translate(check.expression, names), check.name)
            except NotExactError as error:
                self._leave_out("check", check.name, table.name, str(error), check.expression)

    def _foreign_keys(self, table: PgTable) -> Iterable[ForeignKey]:
        for key in table.foreign_keys:
            if key.schema != self._catalog.schema or key.table not in self._names:
                self._leave_out("foreign key", key.name, table.name, f"{key.schema}.{key.table} is not moved")
                continue
            yield self._foreign_key(table, key)

    def _foreign_key(self, table: PgTable, key: PgForeignKey) -> ForeignKey:
        own, theirs = self._columns[table.name], self._columns[key.table]
        return ForeignKey(
            tuple(own[name] for name in key.columns),
            self._names[key.table],
            tuple(theirs[name] for name in key.target_columns),
            key.on_update,
            key.on_delete,
            key.deferrable,
            key.initially_deferred,
        )

    def _indexes(self, table: PgTable, known: Names) -> Iterable[Index]:
        for index in table.indexes:
            try:
                yield self._index(table, index, known)
            except NotExactError as error:
                self._leave_out("index", index.name, table.name, str(error), index.definition)

    def _index(self, table: PgTable, index: PgIndex, known: Names) -> Index:
        if index.method not in (_ORDERED, "hash"):
            raise NotExactError(f"SQLite has no {index.method} index")
        if index.nulls_equal:
            self._lose(table, "", "unique", index.name, "NULLs are distinct in SQLite's keys")
        names = self._columns[table.name]
        parts = tuple(
            IndexPart(names[part.column], None, part.descending)
            if part.column is not None
            else IndexPart(None, f"({translate(part.expression, known)})", part.descending)
            for part in index.parts
        )
        where = translate(index.where, known) if index.where is not None else None
        return Index(self._unique(index.name), parts, index.unique, where)


def table_sequence(table: PgTable, column: str | None) -> int | None:
    """Return the last value that a column's sequence gave, None if there is none."""
    return next((one.last for one in table.columns if one.name == column), None)


def select(table: BackTable, expressions: Sequence[tuple[BackColumn, str]]) -> str:
    """Return the query that reads expressions over columns of a table, ``{c}`` being the column."""
    items = ", ".join(
        f"{sql.replace('{c}', quote(column.source.name))} AS c{number}"
        for number, (column, sql) in enumerate(expressions)
    )
    return f"SELECT {items or '1'} FROM {table.place}"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_NOW = {
    ("timestamptz", "NOW()"): "(strftime('%Y-%m-%d %H:%M:%fZ', 'now'))",
    ("timestamptz", "CURRENT_TIMESTAMP"): "(strftime('%Y-%m-%d %H:%M:%fZ', 'now'))",
    ("timestamp", "NOW()"): "(strftime('%Y-%m-%d %H:%M:%f', 'now'))",
    ("timestamp", "CURRENT_TIMESTAMP"): "(strftime('%Y-%m-%d %H:%M:%f', 'now'))",
    ("date", "CURRENT_DATE"): "CURRENT_DATE",
    ("uuid", "GEN_RANDOM_UUID()"): (
        "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'"
        " || substr('89AB', 1 + abs(random() % 4), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
    ),
}
_REASONS = {
    "trigger": "SQLite has no PL/pgSQL",
    "function": "SQLite has no functions of its own in a file",
    "policy": "SQLite has no users",
    "sequence": "SQLite has no sequences apart from a table's own",
    "materialized view": "SQLite has no materialized views",
    "foreign table": "it belongs to another server",
    "exclusion constraint": "SQLite has no exclusion constraints",
}
