"""Tables of PostgreSQL, by its catalog, as far as the policy and the role let them be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from exuvia.guard.policy import Policy
from exuvia.guard.postgres.session import AsyncPostgresSession
from exuvia.tools.database.descriptions import Column, Description, ForeignKey, Index
from exuvia.tools.database.relations import Measure, Relation, shown_in_postgres

_KINDS: Final = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}
_ACTIONS: Final = {"a": "", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}

_RELATIONS: Final = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND has_any_column_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
                  AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""
# What ANALYZE counted, or else what the server counted while rows came and went; of a view nobody counts.
_MEASURES: Final = """
SELECT c.oid,
  CASE WHEN c.relkind = 'v' THEN NULL ELSE
    (SELECT sum(CASE WHEN l.reltuples > 0 THEN l.reltuples::bigint ELSE pg_stat_get_live_tuples(l.oid) END)::bigint
     FROM pg_class l WHERE l.relkind <> 'p'
       AND (l.oid = c.oid OR l.oid IN (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf))) END,
  CASE WHEN c.relkind IN ('v', 'f') THEN NULL ELSE
    (SELECT sum(pg_total_relation_size(l.oid))::bigint
     FROM pg_class l WHERE l.relkind <> 'p'
       AND (l.oid = c.oid OR l.oid IN (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf))) END,
  obj_description(c.oid, 'pg_class')
FROM pg_class c WHERE c.oid = ANY($1)
"""
_COLUMNS: Final = """
SELECT a.attrelid, a.attname FROM pg_attribute a
WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped
  AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
ORDER BY a.attrelid, a.attnum
"""
_NAMES: Final = """(SELECT coalesce(jsonb_agg(a.attname ORDER BY u.place), '[]') FROM unnest({keys})
    WITH ORDINALITY u(number, place) JOIN pg_attribute a ON a.attrelid = {relation} AND a.attnum = u.number)"""
_DESCRIPTION: Final = f"""
SELECT
  (SELECT count(*) FROM pg_inherits WHERE inhparent = $1::oid) AS partitions,
  (SELECT jsonb_agg(jsonb_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
      'expression', pg_get_expr(d.adbin, d.adrelid), 'generated', a.attgenerated <> '',
      'identity', a.attidentity <> '', 'comment', col_description(a.attrelid, a.attnum),
      'values', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid)
    ) ORDER BY a.attnum)
   FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
     AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')) AS columns,
  (SELECT jsonb_agg(jsonb_build_object(
      'kind', k.contype, 'columns', {_NAMES.format(keys="k.conkey", relation="k.conrelid")},
      'expression', pg_get_expr(k.conbin, k.conrelid), 'valid', k.convalidated,
      'definition', pg_get_constraintdef(k.oid)
    ) ORDER BY k.contype, k.conname)
   FROM pg_constraint k WHERE k.conrelid = $1::oid AND k.contype IN ('p', 'u', 'c', 'x')) AS constraints,
  (SELECT jsonb_agg(jsonb_build_object(
      'outward', k.conrelid = $1::oid, 'schema', n.nspname, 'table', c.relname,
      'from', {_NAMES.format(keys="k.conkey", relation="k.conrelid")},
      'to', {_NAMES.format(keys="k.confkey", relation="k.confrelid")},
      'delete', k.confdeltype, 'update', k.confupdtype
    ) ORDER BY k.conname)
   FROM pg_constraint k
   JOIN pg_class c ON c.oid = CASE WHEN k.conrelid = $1::oid THEN k.confrelid ELSE k.conrelid END
   JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE k.contype = 'f' AND k.conparentid = 0 AND $1::oid IN (k.conrelid, k.confrelid)) AS foreign_keys,
  (SELECT jsonb_agg(jsonb_build_array(
      c.relname, pg_get_indexdef(i.indexrelid), i.indisunique, i.indisvalid) ORDER BY c.relname)
   FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
   WHERE i.indrelid = $1::oid
     AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
  ) AS indexes,
  (SELECT jsonb_agg(t.tgname ORDER BY t.tgname) FROM pg_trigger t
   WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal AND NOT starts_with(t.tgname, '_exuvia_')) AS triggers
"""


class PostgresInspector:
    """Reads the catalog under the role of the level ``read``.

    Args:
        session: The database.
        policy: What may be read.
    """

    def __init__(self, session: AsyncPostgresSession, policy: Policy) -> None:
        self._session = session
        self._policy = policy

    async def relations(self) -> Sequence[Relation]:
        """Return what may be read; partitions are a part of their table."""
        schemas = sorted({pattern.schema for pattern in self._policy.read if not pattern.excluded})
        found = await self._session.inspect(_RELATIONS, [schemas])
        return [
            Relation(schema, name, _KINDS[kind], shown_in_postgres(self._policy, schema, name), oid)
            for oid, schema, name, kind in found.rows
            if self._policy.allows("read", schema, name)
        ]

    async def measures(self, relations: Sequence[Relation]) -> Sequence[Measure]:
        """Return the planner's rows and the sizes on the disk."""
        found = await self._session.inspect(_MEASURES, [[one.key for one in relations]])
        measured = {oid: Measure(rows, size, comment or "") for oid, rows, size, comment in found.rows}
        return [measured.get(one.key, Measure()) for one in relations]

    async def columns(self, relations: Sequence[Relation]) -> dict[Relation, list[str]]:
        """Return the names of the columns that the role may read."""
        found = await self._session.inspect(_COLUMNS, [[one.key for one in relations]])
        return {one: [name for oid, name in found.rows if oid == one.key] for one in relations}

    async def describe(self, relation: Relation) -> Description:
        """Return everything that the catalog has of a relation."""
        found = await self._session.inspect(_DESCRIPTION, [relation.key])
        row = dict(zip(found.columns, found.rows[0], strict=True))
        constraints: list[Mapping[str, Any]] = row["constraints"] or []
        keys = row["foreign_keys"] or []
        return Description(
            table=relation.shown,
            kind=relation.kind,
            partitions=row["partitions"],
            columns=[_column(one) for one in row["columns"] or ()],
            primary_key=next((one["columns"] for one in constraints if one["kind"] == "p"), []),
            unique=[one["columns"] for one in constraints if one["kind"] == "u"],
            checks=[_check(one) for one in constraints if one["kind"] in "cx"],
            foreign_keys=[self._outward(key) for key in keys if key["outward"]],
            referenced_by=[self._inward(key) for key in keys if not key["outward"] and self._may(key)],
            indexes=[_index(*one) for one in row["indexes"] or ()],
            triggers=row["triggers"] or [],
        )

    def _may(self, key: Mapping[str, Any]) -> bool:
        return self._policy.allows("read", key["schema"], key["table"])

    def _outward(self, key: Mapping[str, Any]) -> ForeignKey:
        if not self._may(key):
            return ForeignKey(columns=key["from"])
        return ForeignKey(
            columns=key["from"],
            table=shown_in_postgres(self._policy, key["schema"], key["table"]),
            to=key["to"],
            on_delete=_ACTIONS[key["delete"]],
            on_update=_ACTIONS[key["update"]],
        )

    def _inward(self, key: Mapping[str, Any]) -> ForeignKey:
        shown = shown_in_postgres(self._policy, key["schema"], key["table"])
        return ForeignKey(columns=key["from"], table=shown, to=key["to"], on_delete=_ACTIONS[key["delete"]])


def _column(row: Mapping[str, Any]) -> Column:
    expression = row["expression"]
    return Column(
        name=row["name"],
        type=row["type"],
        not_null=row["not_null"],
        default=None if row["generated"] else expression,
        generated=expression if row["generated"] else "identity" if row["identity"] else None,
        values=row["values"] or [],
        comment=row["comment"],
    )


def _check(constraint: Mapping[str, Any]) -> str:
    text = str(constraint["expression"] if constraint["kind"] == "c" else constraint["definition"])
    return text if constraint["valid"] else f"{text} NOT VALID"


def _index(name: str, definition: str, unique: bool, valid: bool) -> Index:
    on = definition.partition(" USING ")[2].removeprefix("btree ")
    return Index(name=name, on=on, unique=unique, invalid=not valid)
