"""Reading a schema's declarations from PostgreSQL's system catalogs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from exuvia.catalog.names import qualify
from exuvia.engines.postgres.catalog import (
    PgCatalog,
    PgCheck,
    PgColumn,
    PgForeignKey,
    PgIndex,
    PgIndexPart,
    PgKey,
    PgObject,
    PgTable,
    PgType,
    PgView,
    TypeKind,
)
from exuvia.errors import SourceError

_Row = dict[str, Any]

_OWN = "NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{0}'::regclass AND e.objid = {1} AND e.deptype = 'e')"
_OWN_CLASS = _OWN.format("pg_class", "c.oid")

_RELATIONS = f"""
    SELECT c.oid, c.relname, c.relkind::text, coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
           greatest(c.reltuples, 0)::bigint AS rows, c.relispartition,
           CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) ELSE '' END AS query
    FROM pg_class c
    WHERE c.relnamespace = %(schema)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {_OWN_CLASS}
    ORDER BY c.relname COLLATE "C"
"""

_COLUMNS = """
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod) AS text,
           a.attnotnull, a.attidentity::text, a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid) AS expression
    FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = ANY(%(relations)s) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
"""

_TYPES = """
    WITH RECURSIVE used(oid) AS (
        SELECT DISTINCT a.atttypid FROM pg_attribute a
        WHERE a.attrelid = ANY(%(relations)s) AND a.attnum > 0 AND NOT a.attisdropped
        UNION
        SELECT t.typbasetype FROM pg_type t JOIN used u ON u.oid = t.oid WHERE t.typbasetype <> 0
    )
    SELECT t.oid, t.typname, t.typtype::text, t.typcategory::text, t.typbasetype, t.typtypmod, t.typnotnull,
           (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)
               AS labels,
           (SELECT jsonb_agg(jsonb_build_array(k.conname, pg_get_expr(k.conbin, 0), k.convalidated) ORDER BY k.conname)
            FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c') AS checks
    FROM pg_type t JOIN used u ON u.oid = t.oid
"""

_SEQUENCES = """
    SELECT d.refobjid, d.refobjsubid, n.nspname, c.relname, s.seqincrement
    FROM pg_depend d
    JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_sequence s ON s.seqrelid = c.oid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = ANY(%(relations)s) AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
"""

_CONSTRAINTS = """
    SELECT k.conrelid, k.conname, k.contype::text, k.conkey, k.confkey, k.confrelid, f.relname AS target,
           n.nspname AS target_schema, k.confupdtype::text, k.confdeltype::text, k.condeferrable, k.condeferred,
           k.convalidated, pg_get_expr(k.conbin, k.conrelid) AS expression, pg_get_constraintdef(k.oid) AS definition,
           coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_equal
    FROM pg_constraint k
    LEFT JOIN pg_class f ON f.oid = k.confrelid
    LEFT JOIN pg_namespace n ON n.oid = f.relnamespace
    LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u')
    WHERE k.conrelid = ANY(%(relations)s) AND k.conparentid = 0
    ORDER BY k.conrelid, k.conname COLLATE "C"
"""

_TARGET_COLUMNS = """
    SELECT a.attrelid, a.attnum, a.attname FROM pg_attribute a
    WHERE a.attnum > 0 AND a.attrelid IN
        (SELECT k.confrelid FROM pg_constraint k WHERE k.conrelid = ANY(%(relations)s) AND k.contype = 'f')
"""

_INDEXES = """
    SELECT i.indrelid, c.relname, m.amname, i.indisunique, i.indkey::int2[] AS keys, i.indoption::int2[] AS options,
           i.indnkeyatts, pg_get_expr(i.indpred, i.indrelid) AS predicate, pg_get_indexdef(i.indexrelid) AS definition,
           (SELECT array_agg(pg_get_indexdef(i.indexrelid, g.n, false) ORDER BY g.n)
            FROM generate_series(1, i.indnkeyatts) g(n)) AS parts,
           coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_equal
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am m ON m.oid = c.relam
    WHERE i.indrelid = ANY(%(relations)s) AND i.indisvalid
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
    ORDER BY i.indrelid, c.relname COLLATE "C"
"""

_TRIGGERS = """
    SELECT t.tgname AS name, c.relname AS relation, pg_get_triggerdef(t.oid) AS definition
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE t.tgrelid = ANY(%(relations)s) AND NOT t.tgisinternal AND t.tgparentid = 0
      AND NOT starts_with(t.tgname, '_exuvia_')
    ORDER BY 2, 1
"""

_FUNCTIONS = f"""
    SELECT p.oid::regprocedure::text AS name FROM pg_proc p
    WHERE p.pronamespace = %(schema)s AND {_OWN.format("pg_proc", "p.oid")} ORDER BY 1
"""

_POLICIES = """
    SELECT p.polname AS name, c.relname AS relation FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE p.polrelid = ANY(%(relations)s) ORDER BY 2, 1
"""

_OTHERS = {"m": "materialized view", "f": "foreign table", "S": "sequence"}
_KINDS: dict[str, TypeKind] = {"b": "base", "e": "enum", "r": "range", "m": "range", "c": "composite", "p": "pseudo"}
_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def inspect(connection: psycopg.Connection, schema: str) -> PgCatalog:
    """Return what a schema declares. Objects that belong to extensions are not listed, and partitions are a part of
    their table.

    Args:
        connection: A connection; its transaction's snapshot is what is read.
        schema: The schema.

    Raises:
        SourceError: There is no such schema.
    """
    found = connection.execute("SELECT oid FROM pg_namespace WHERE nspname = %s", [schema]).fetchone()
    if found is None:
        raise SourceError(
            f"The database has no schema {schema!r}.", hint="Name another one with --schema NAME.", code="schema"
        )
    return _Inspection(connection, schema, found[0]).read()


class _Inspection:
    """The rows of the system catalogs that belong to one schema."""

    def __init__(self, connection: psycopg.Connection, schema: str, oid: int) -> None:
        self._connection = connection
        self._schema = schema
        self._oid = oid

    def read(self) -> PgCatalog:
        relations = list(self._query(_RELATIONS))
        wanted = [row for row in relations if row["relkind"] in "rpv" and not row["relispartition"]]
        self._relations = [row["oid"] for row in wanted]
        types = {row["oid"]: row for row in self._query(_TYPES)}
        sequences, owned = self._sequences()
        columns = self._columns(types, sequences)
        tables = [row for row in wanted if row["relkind"] != "v"]
        constraints = _by(self._query(_CONSTRAINTS), "conrelid")
        indexes = _by(self._query(_INDEXES), "indrelid")
        names = {(row["attrelid"], row["attnum"]): row["attname"] for row in self._query(_TARGET_COLUMNS)}
        numbers = {(row["attrelid"], row["attnum"]): row["attname"] for row in self._query(_COLUMNS)} | names
        others = [
            PgObject(_OTHERS[row["relkind"]], row["relname"], "", row["query"])
            for row in relations
            if row["relkind"] in _OTHERS and row["oid"] not in owned and row["relname"] not in owned
        ]
        others += [
            PgObject("exclusion constraint", one["conname"], row["relname"], one["definition"])
            for row in tables
            for one in constraints.get(row["oid"], ())
            if one["contype"] == "x"
        ]
        return PgCatalog(
            self._schema,
            tuple(
                self._table(
                    row,
                    columns.get(row["oid"], []),
                    constraints.get(row["oid"], []),
                    indexes.get(row["oid"], []),
                    numbers,
                )
                for row in tables
            ),
            tuple(
                PgView(self._schema, row["relname"], row["query"], tuple(columns.get(row["oid"], ())))
                for row in wanted
                if row["relkind"] == "v"
            ),
            (*others, *self._programs()),
        )

    def _programs(self) -> Iterator[PgObject]:
        for row in self._query(_TRIGGERS):
            yield PgObject("trigger", row["name"], row["relation"], row["definition"])
        for row in self._query(_FUNCTIONS):
            yield PgObject("function", row["name"])
        for row in self._query(_POLICIES):
            yield PgObject("policy", row["name"], row["relation"])

    def _query(self, sql: str) -> Iterator[_Row]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            parameters = {"schema": self._oid, "relations": getattr(self, "_relations", [])}
            yield from cursor.execute(sql.encode(), parameters).fetchall()

    def _sequences(self) -> tuple[dict[tuple[int, int], int | None], set[str]]:
        """Return the last value that each column's sequence gave, and the names of those sequences."""
        rows = list(self._query(_SEQUENCES))
        if not rows:
            return {}, set()
        reads = " UNION ALL ".join(
            f"SELECT {number}, last_value, is_called FROM {qualify(row['nspname'], row['relname'])}"
            for number, row in enumerate(rows)
        )
        last: dict[tuple[int, int], int | None] = {}
        for number, value, called in self._connection.execute(reads.encode()).fetchall():
            row = rows[number]
            given = value if called else value - row["seqincrement"]
            last[row["refobjid"], row["refobjsubid"]] = given if given > 0 else None
        return last, {row["relname"] for row in rows if row["nspname"] == self._schema}

    def _columns(
        self, types: dict[int, _Row], sequences: dict[tuple[int, int], int | None]
    ) -> dict[int, list[PgColumn]]:
        found: dict[int, list[PgColumn]] = {}
        for row in self._query(_COLUMNS):
            place = (row["attrelid"], row["attnum"])
            generated = row["attgenerated"] != ""
            type_, strict = _type(types, row["atttypid"], row["atttypmod"], row["text"])
            column = PgColumn(
                row["attname"],
                type_,
                row["attnotnull"] or strict,
                default=None if generated or place in sequences else row["expression"],
                generated=row["expression"] if generated else None,
                generated_stored=row["attgenerated"] != "v",
                counted=place in sequences and (row["attidentity"] != "" or row["expression"] is not None),
                last=sequences.get(place),
            )
            found.setdefault(row["attrelid"], []).append(column)
        return found

    def _table(
        self,
        row: _Row,
        columns: Sequence[PgColumn],
        constraints: Sequence[_Row],
        indexes: Sequence[_Row],
        names: dict[tuple[int, int], str],
    ) -> PgTable:
        def named(relation: int, keys: Sequence[int] | None) -> tuple[str, ...]:
            return tuple(names[relation, number] for number in keys or ())

        def keys(kind: str) -> list[PgKey]:
            return [
                PgKey(one["conname"], named(row["oid"], one["conkey"]), one["condeferrable"], one["nulls_equal"])
                for one in constraints
                if one["contype"] == kind
            ]

        return PgTable(
            self._schema,
            row["relname"],
            tuple(columns),
            next(iter(keys("p")), None),
            tuple(keys("u")),
            tuple(
                PgForeignKey(
                    one["conname"],
                    named(row["oid"], one["conkey"]),
                    one["target_schema"],
                    one["target"],
                    named(one["confrelid"], one["confkey"]),
                    _ACTIONS[one["confupdtype"]],
                    _ACTIONS[one["confdeltype"]],
                    one["condeferrable"],
                    one["condeferred"],
                    one["convalidated"],
                )
                for one in constraints
                if one["contype"] == "f"
            ),
            tuple(
                PgCheck(one["conname"], one["expression"], one["convalidated"])
                for one in constraints
                if one["contype"] == "c"
            ),
            tuple(_index(one, names) for one in indexes),
            row["relkind"] == "p",
            row["comment"],
            row["rows"],
        )


def _type(types: dict[int, _Row], oid: int, modifier: int, text: str) -> tuple[PgType, bool]:
    """Return a type with its domains taken off, and whether one of those forbids NULL."""
    row = types[oid]
    domain, strict = "", False
    checks: list[PgCheck] = []
    while row["typtype"] == "d":
        domain = domain or row["typname"]
        strict |= row["typnotnull"]
        checks += [PgCheck(*one) for one in row["checks"] or ()]
        modifier = row["typtypmod"]
        row = types[row["typbasetype"]]
    kind: TypeKind = "array" if row["typcategory"] == "A" else _KINDS[row["typtype"]]
    labels = tuple(row["labels"] or ())
    return PgType(row["typname"], text, kind, modifier, labels, domain, tuple(checks)), strict


def _index(row: _Row, names: dict[tuple[int, int], str]) -> PgIndex:
    parts = tuple(
        PgIndexPart(expression, names.get((row["indrelid"], number)) if number else None, bool(option & 1))
        for expression, number, option in zip(row["parts"], row["keys"], row["options"], strict=False)
    )
    return PgIndex(
        row["relname"],
        row["amname"],
        row["indisunique"],
        parts,
        row["predicate"],
        row["nulls_equal"],
        row["definition"],
    )


def _by(rows: Iterator[_Row], key: str) -> dict[int, list[_Row]]:
    found: dict[int, list[_Row]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found
