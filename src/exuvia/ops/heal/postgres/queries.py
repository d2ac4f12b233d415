"""What is asked of PostgreSQL's catalog while a database is being healed."""

from __future__ import annotations

from typing import Final

OWN: Final = "/* exuvia heal */"
"""Ends the statements that are made here, so that they are known where statements are counted."""
LOOKING: Final = "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)"
OTHERS: Final = """
SELECT DISTINCT a.pid, a.xact_start FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid
WHERE l.relation = %s::regclass AND l.granted AND a.pid <> pg_backend_pid() AND l.mode IN
  ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
   'AccessExclusiveLock')
"""
SCHEMAS: Final = """
SELECT nspname, (current_schemas(false))[1] FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(oid, 'USAGE')
"""
LEFT: Final = """
SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND (NOT i.indisvalid OR x.relname = ANY (%s::text[])) AND x.relkind = 'i'
  AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
"""
# Rows that were updated in place have versions that an index built meanwhile does not find (README.HOT).
HIDDEN: Final = """
SELECT 1 FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace n ON n.oid = x.relnamespace
WHERE n.nspname = %s AND x.relname = %s AND i.indcheckxmin
"""
# The index of a partitioned table is used by the names that its parts have.
ABOVE: Final = """
SELECT DISTINCT p.relname FROM pg_class c CROSS JOIN pg_partition_ancestors(c.oid) a (oid)
JOIN pg_class p ON p.oid = a.oid
WHERE c.relname = ANY (%s::text[]) AND c.relkind = 'i' AND c.relispartition
"""


def milliseconds(seconds: float) -> str:
    """Return a time as the server's timeouts are set."""
    return str(max(1, round(seconds * 1000)))
