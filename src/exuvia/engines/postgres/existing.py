"""Tables that are in the target already, as far as rows that are to go into them have to know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from exuvia.catalog.names import qualify, quote
from exuvia.errors import TargetError

Identity = Literal["", "always", "by default"]
TypeKind = Literal["base", "enum", "domain", "composite", "range", "multirange", "pseudo"]

_FIRES = {"O": "ENABLE TRIGGER", "A": "ENABLE ALWAYS TRIGGER"}
_IDENTITIES: Mapping[str, Identity] = {"a": "always", "d": "by default"}
_TYPE_KINDS: Mapping[str, TypeKind] = {
    "b": "base",
    "e": "enum",
    "d": "domain",
    "c": "composite",
    "r": "range",
    "m": "multirange",
    "p": "pseudo",
}


@dataclass(frozen=True, slots=True)
class ExistingType:
    """A type as the server knows it.

    Args:
        name: As ``format_type`` prints it, such as ``character varying(20)`` or ``app.mood``.
        kind: What kind of type it is.
        bare: Its name in pg_type, without schema and parameters, such as ``bpchar``.
        array: Whether it is an array.
        under: What a domain stands for, as ``format_type`` prints it; empty for other types.
        labels: The labels of an enum.
    """

    name: str
    kind: TypeKind = "base"
    bare: str = ""
    array: bool = False
    under: ExistingType | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExistingColumn:
    """A column. ``default`` is its expression, ``generated`` that of a generated column; ``sequence`` is the quoted
    name of the sequence that numbers it."""

    name: str
    type: ExistingType
    not_null: bool = False
    default: str | None = None
    identity: Identity = ""
    generated: str | None = None
    sequence: str | None = None

    @property
    def fills_itself(self) -> bool:
        """Whether a row can be inserted without a value for it."""
        return not self.not_null or self.default is not None or bool(self.identity) or self.generated is not None


@dataclass(frozen=True, slots=True)
class ExistingUnique:
    """A unique index, behind a constraint or not.

    Args:
        name: Its name.
        parts: SQL of what is unique: quoted columns and expressions.
        columns: All columns that its parts and its condition read.
        plain: The columns of its parts, empty when a part is an expression.
        where: Its condition, empty when it has none.
        primary: Whether it is the primary key.
        nulls_equal: Whether two NULLs count as equal.
        deferrable: Whether it may be tested at the end of a transaction.
    """

    name: str
    parts: tuple[str, ...]
    columns: tuple[str, ...]
    plain: tuple[str, ...]
    where: str = ""
    primary: bool = False
    nulls_equal: bool = False
    deferrable: bool = False


@dataclass(frozen=True, slots=True)
class ExistingForeignKey:
    """A foreign key."""

    name: str
    columns: tuple[str, ...]
    schema: str
    table: str
    target_columns: tuple[str, ...]
    deferrable: bool = False


@dataclass(frozen=True, slots=True)
class ExistingCheck:
    """A CHECK: the text between its parentheses, and the columns it reads."""

    name: str
    expression: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExistingTrigger:
    """A trigger that would fire: its name, and how it is enabled (``O``, ``A`` or ``R`` of pg_trigger.tgenabled)."""

    name: str
    enabled: str


@dataclass(frozen=True, slots=True)
class ExistingTable:
    """A table that is in the target already. ``rights`` are those of the connected user: INSERT, SELECT, UPDATE;
    ``owned`` says whether the user may alter the table."""

    schema: str
    name: str
    columns: tuple[ExistingColumn, ...]
    uniques: tuple[ExistingUnique, ...] = ()
    foreign_keys: tuple[ExistingForeignKey, ...] = ()
    checks: tuple[ExistingCheck, ...] = ()
    triggers: tuple[ExistingTrigger, ...] = ()
    rights: frozenset[str] = frozenset()
    owned: bool = False

    @property
    def place(self) -> str:
        """The qualified and quoted name."""
        return qualify(self.schema, self.name)

    @property
    def primary_key(self) -> ExistingUnique | None:
        """The primary key, if there is one."""
        return next((unique for unique in self.uniques if unique.primary), None)


_TABLES = """
SELECT c.oid::bigint, n.nspname, c.relname,
       array_remove(ARRAY[CASE WHEN has_table_privilege(c.oid, 'INSERT') THEN 'INSERT' END,
                          CASE WHEN has_table_privilege(c.oid, 'SELECT') THEN 'SELECT' END,
                          CASE WHEN has_table_privilege(c.oid, 'UPDATE') THEN 'UPDATE' END], NULL),
       pg_has_role(c.relowner, 'USAGE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY n.nspname, c.relname
"""
_COLUMNS = """
SELECT a.attrelid::bigint, a.attname, a.atttypid::bigint, a.atttypmod, a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,
       coalesce(pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.attname),
                (SELECT s.oid::regclass::text FROM pg_depend p JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S'
                 WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass
                 LIMIT 1))
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY(%s::bigint[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""
_TYPES = """
SELECT t.typname, t.typtype::text, t.typcategory = 'A', format_type(t.oid, %s), t.typbasetype::bigint, t.typtypmod,
       ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
FROM pg_type t WHERE t.oid = %s::bigint
"""
_UNIQUES = """
SELECT i.indrelid::bigint, c.relname,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, part, false) FROM generate_series(1, i.indnkeyatts) part),
       ARRAY(SELECT DISTINCT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = i.indrelid AND (a.attnum = ANY(i.indkey) OR a.attnum IN (
                 SELECT p.refobjsubid FROM pg_depend p WHERE p.classid = 'pg_class'::regclass
                 AND p.objid = i.indexrelid AND p.refobjid = i.indrelid))),
       ARRAY(SELECT a.attname::text FROM generate_series(0, i.indnkeyatts - 1) part
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[part] ORDER BY part),
       coalesce(pg_get_expr(i.indpred, i.indrelid), ''), i.indisprimary,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false), NOT i.indimmediate
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY(%s::bigint[]) AND i.indisunique AND i.indislive
ORDER BY i.indrelid, i.indisprimary DESC, c.relname
"""
_CONSTRAINTS = """
SELECT k.conrelid::bigint, k.contype::text, k.conname,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS part(number, at)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = part.number ORDER BY part.at),
       coalesce(pg_get_expr(k.conbin, k.conrelid), ''), k.condeferrable, n.nspname, c.relname,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS part(number, at)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = part.number ORDER BY part.at)
FROM pg_constraint k
LEFT JOIN pg_class c ON c.oid = k.confrelid
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.conrelid = ANY(%s::bigint[]) AND k.contype IN ('c', 'f') AND k.conparentid = 0
ORDER BY k.conrelid, k.conname
"""
_TRIGGERS = """
SELECT tgrelid::bigint, tgname, tgenabled::text FROM pg_trigger
WHERE tgrelid = ANY(%s::bigint[]) AND NOT tgisinternal AND tgenabled IN ('O', 'A') ORDER BY tgrelid, tgname
"""


def read_tables(connection: psycopg.Connection, schemas: Collection[str]) -> tuple[ExistingTable, ...]:
    """Return the ordinary and partitioned tables of some schemas, by schema and name.

    Args:
        connection: A connection to the target.
        schemas: The schemas; those that do not exist have no tables.

    Raises:
        psycopg.Error: The catalog cannot be read.
    """
    rows = connection.execute(_TABLES, (list(schemas),)).fetchall()
    oids = [row[0] for row in rows]
    columns = _columns(connection, oids)
    uniques = _grouped(connection, _UNIQUES, oids)
    constraints = _grouped(connection, _CONSTRAINTS, oids)
    triggers = _grouped(connection, _TRIGGERS, oids)
    return tuple(
        ExistingTable(
            schema,
            name,
            columns.get(oid, ()),
            tuple(_unique(row) for row in uniques.get(oid, ())),
            tuple(_foreign_key(row) for row in constraints.get(oid, ()) if row[0] == "f"),
            tuple(_check(row) for row in constraints.get(oid, ()) if row[0] == "c"),
            tuple(ExistingTrigger(*row) for row in triggers.get(oid, ())),
            frozenset(rights),
            owned,
        )
        for oid, schema, name, rights, owned in rows
    )


def existing_schemas(connection: psycopg.Connection) -> tuple[str, ...]:
    """Return the names of the schemas that people made, in order."""
    rows = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1"
    )
    return tuple(str(name) for (name,) in rows)


def relation_names(connection: psycopg.Connection, schema: str) -> frozenset[str]:
    """Return the names that relations of a schema have."""
    query = "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s"
    return frozenset(str(name) for (name,) in connection.execute(query, (schema,)))


def _grouped(connection: psycopg.Connection, query: str, oids: Sequence[int]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for oid, *rest in connection.execute(query.encode(), (list(oids),)):
        found.setdefault(oid, []).append(tuple(rest))
    return found


def _columns(connection: psycopg.Connection, oids: Sequence[int]) -> dict[int, tuple[ExistingColumn, ...]]:
    known: dict[tuple[int, int], ExistingType] = {}
    found: dict[int, list[ExistingColumn]] = {}
    for oid, name, type_, modifier, not_null, expression, identity, generated, sequence in connection.execute(
        _COLUMNS, (list(oids),)
    ).fetchall():
        column = ExistingColumn(
            name,
            _type(connection, type_, modifier, known),
            not_null,
            None if generated else expression,
            _IDENTITIES.get(identity, ""),
            expression if generated else None,
            sequence,
        )
        found.setdefault(oid, []).append(column)
    return {oid: tuple(columns) for oid, columns in found.items()}


def _type(
    connection: psycopg.Connection, oid: int, modifier: int, known: dict[tuple[int, int], ExistingType]
) -> ExistingType:
    if (oid, modifier) not in known:
        row = connection.execute(_TYPES, (modifier, oid)).fetchone()
        if row is None:
            raise psycopg.InternalError(f"type {oid} is not in pg_type")
        bare, kind, array, name, under, under_modifier, labels = row
        base = _type(connection, under, under_modifier, known) if kind == "d" else None
        known[oid, modifier] = ExistingType(name, _TYPE_KINDS[kind], bare, array, base, tuple(labels))
    return known[oid, modifier]


def _unique(row: tuple[Any, ...]) -> ExistingUnique:
    name, parts, columns, plain, where, primary, nulls_equal, deferrable = row
    is_plain = len(plain) == len(parts)
    return ExistingUnique(
        name, tuple(parts), tuple(columns), tuple(plain) if is_plain else (), where, primary, nulls_equal, deferrable
    )


def _foreign_key(row: tuple[Any, ...]) -> ExistingForeignKey:
    _, name, columns, _, deferrable, schema, table, target_columns = row
    return ExistingForeignKey(name, tuple(columns), schema, table, tuple(target_columns), deferrable)


def _check(row: tuple[Any, ...]) -> ExistingCheck:
    _, name, columns, expression, *_ = row
    return ExistingCheck(name, expression, tuple(columns))


def columns_sql(columns: Iterable[str]) -> str:
    """Return a list of quoted columns."""
    return ", ".join(quote(column) for column in columns)


def disable_triggers(connection: psycopg.Connection, table: ExistingTable) -> None:
    """Keep a table's triggers from firing until the end of the transaction, or ``enable_triggers``.

    Raises:
        TargetError: The connected user is not the table's owner.
    """
    if table.triggers and not table.owned:
        raise TargetError(
            f"{table.place} has triggers, which must not fire for rows that are moved, and only its owner can switch"
            " them off.",
            hint="Connect as its owner.",
            code="triggers",
        )
    for trigger in table.triggers:
        connection.execute(f"ALTER TABLE {table.place} DISABLE TRIGGER {quote(trigger.name)}".encode())


def enable_triggers(connection: psycopg.Connection, table: ExistingTable) -> None:
    """Let a table's triggers fire again, as they did before ``disable_triggers``."""
    for trigger in table.triggers:
        connection.execute(f"ALTER TABLE {table.place} {_FIRES[trigger.enabled]} {quote(trigger.name)}".encode())
