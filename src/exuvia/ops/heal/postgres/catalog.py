"""PostgreSQL's catalog as the stages of healing need it: all schemas at once, and what names without a schema mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from exuvia.ops.heal.schema import Column, ForeignKey, Index, Schema, Table

Ask = Callable[[str], list[tuple[Any, ...]]]

# Tables of extensions and of other sessions are nobody's to mend.
MINE: Final = """
n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relpersistence <> 't'
AND NOT EXISTS (SELECT 1 FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""
_TABLES: Final = f"""
SELECT c.oid::int8, n.nspname, c.relname, c.relkind::text,
       CASE WHEN c.reltuples >= 0 THEN c.reltuples WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid) / 100
            ELSE 0 END::int8,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid) ELSE 0 END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {MINE} AND has_schema_privilege(n.oid, 'USAGE')
ORDER BY n.nspname, c.relname
"""
_COLUMNS: Final = f"""
SELECT a.attrelid::int8, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.atthasdef OR a.attidentity <> ''
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND {MINE}
ORDER BY a.attrelid, a.attnum
"""
_INDEXES: Final = f"""
SELECT i.indrelid::int8, x.relname, i.indisunique, i.indpred IS NOT NULL, i.indisvalid, i.indisprimary,
       ARRAY(SELECT coalesce(a.attname::text, '(' || pg_get_indexdef(i.indexrelid, k.place::int, true) || ')')
             FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number > 0
             WHERE k.place <= i.indnkeyatts ORDER BY k.place)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {MINE} ORDER BY i.indrelid, x.relname
"""
_FOREIGN_KEYS: Final = f"""
SELECT k.conrelid::int8, k.conname, k.convalidated, pn.nspname, p.relname,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (number, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (number, place)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND {MINE} ORDER BY k.conrelid, k.conname
"""
_KINDS: Final[dict[str, Literal["table", "partitioned", "view"]]] = {"r": "table", "p": "partitioned"}


def read_schema(ask: Ask, path: tuple[str, ...]) -> Schema:
    """Read every table.

    Args:
        ask: Runs a query.
        path: The schemas in which names without one are looked up.
    """
    columns: dict[int, list[Column]] = {}
    for table, name, type_, not_null, has_default in ask(_COLUMNS):
        columns.setdefault(table, []).append(Column(name, type_, not_null, has_default))
    indexes: dict[int, list[Index]] = {}
    keys: dict[int, tuple[str, ...]] = {}
    for table, name, unique, partial, valid, primary, parts in ask(_INDEXES):
        indexes.setdefault(table, []).append(Index(name, tuple(parts), unique, partial, valid))
        if primary:
            keys[table] = tuple(parts)
    foreign_keys: dict[int, list[ForeignKey]] = {}
    for table, name, valid, schema, parent, own, others in ask(_FOREIGN_KEYS):
        foreign_keys.setdefault(table, []).append(
            ForeignKey(name, tuple(own), schema, parent, tuple(others), valid=valid)
        )
    tables = tuple(
        Table(
            schema,
            name,
            _KINDS.get(kind, "view"),
            tuple(columns.get(oid, ())),
            keys.get(oid, ()),
            tuple(indexes.get(oid, ())),
            tuple(foreign_keys.get(oid, ())),
            int(rows),
            int(size),
        )
        for oid, schema, name, kind, rows, size in ask(_TABLES)
    )
    return Schema(tables, path)
