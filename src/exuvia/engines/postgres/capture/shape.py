"""How captured tables are defined, so that a change of it is told: columns, types, and capture's own triggers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from exuvia.engines.postgres.capture.own import TRIGGER_PREFIX
from exuvia.engines.postgres.capture.plan import CapturedTable
from exuvia.engines.postgres.ddl import literal


def shapes_query(tables: Iterable[CapturedTable]) -> str:
    """Return the query of schema-qualified name and definition of tables, by their oids; dropped ones are missing."""
    oids = ", ".join(str(table.oid) for table in tables) or "NULL"
    return f"""
        SELECT c.oid::bigint AS oid, md5(concat_ws('|', n.nspname, c.relname, c.relkind,
            (SELECT string_agg(concat_ws(',', attname, atttypid, atttypmod, attnotnull, attgenerated), ';'
                ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
            (SELECT string_agg(concat_ws(',', attname), ';' ORDER BY k.place)
                FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place), pg_attribute a
                WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.attnum),
            (SELECT string_agg(concat_ws(',', tgname, tgenabled), ';' ORDER BY tgname)
                FROM pg_trigger WHERE tgrelid = c.oid AND starts_with(tgname, {literal(TRIGGER_PREFIX)}))
        )) AS shape
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid IN ({oids})
    """


def differences(tables: Iterable[CapturedTable], before: Mapping[str, str], now: Mapping[int, str]) -> list[str]:
    """Say which tables are not defined any more as they were; an empty list when all are.

    Args:
        tables: The captured tables.
        before: Their definitions when capture began, by name.
        now: Their definitions, by oid.
    """
    told = []
    for table in tables:
        if table.oid not in now:
            told.append(f"table {table.name} was dropped")
        elif now[table.oid] != before.get(table.name):
            told.append(f"table {table.name}, or capture's triggers on it, was changed")
    return told
