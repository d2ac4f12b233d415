"""Indexes that cost writes and help no read: a concurrent build that failed leaves them, or damage makes them so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from exuvia.catalog.names import qualify
from exuvia.ops.heal.cases import Case, Findings
from exuvia.ops.heal.database import Database
from exuvia.ops.heal.model import Diagnosis, Probe, Proposal, Risk, Target
from exuvia.ops.heal.names import literal
from exuvia.ops.heal.postgres.catalog import MINE

_FIND: Final = f"""
SELECT n.nspname, c.relname, x.relname, i.indisvalid, pg_get_indexdef(i.indexrelid), pg_relation_size(x.oid),
       EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype = 'x'),
       EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u')),
       x.relkind::text
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {MINE} AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
"""
_UNUSABLE: Final = f"{_FIND} AND NOT i.indisvalid ORDER BY 1, 2, 3"
_NAMED: Final = f"{_FIND} AND x.relname = %s ORDER BY n.nspname"
_LEFTOVER: Final = re.compile(r"_cc(new|old)\d*$")


def check(database: Database) -> Findings:
    """Find the indexes that are invalid, and are not just being built."""
    for schema, table, index, *_, kind in database.rows(_UNUSABLE):
        if not database.allows("read", schema, table):
            continue
        if kind == "I":
            yield f"The partitioned index {schema}.{index} is invalid: a partition lacks its part (ATTACH PARTITION)."
            continue
        message = f"The index {index} of {table} is invalid: it is kept up by every write, and no query uses it."
        yield Diagnosis("invalid_index", Target(schema, table, index), message, ("pg_index.indisvalid is false",))


def diagnose(case: Case, database: Database) -> Findings:
    """Find the index that an error of damage names."""
    named = case.symptom.index.rpartition(".")[2]
    found = database.rows(_NAMED, [named]) if named else []
    if not found:
        yield "The error names no index that is there."
        return
    schema, table, index, *_ = found[0]
    evidence = (case.symptom.how, "damage has a cause: look at the disk, the memory and the collation's version, too")
    message = f"The index {index} of {table} is damaged."
    yield Diagnosis("invalid_index", Target(schema, table, index), message, evidence, "likely", case.complaint)


def propose(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:
    """Propose to build the index anew, or to drop what a failed build has left."""
    target = diagnosis.target
    found = [row for row in database.rows(_NAMED, [target.name]) if row[0] == target.schema]
    for schema, table, index, valid, definition, size, excludes, is_key, _ in found[:1]:
        name = qualify(schema, index)
        unusable = f"SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass({literal(name)}) AND NOT indisvalid"
        probes = [] if valid else [Probe("none", unusable, what="invalid indexes")]
        if diagnosis.complaint.sql:
            probes.append(Probe("statement", diagnosis.complaint.sql, tuple(diagnosis.complaint.values)))
        leftover = _LEFTOVER.search(index) is not None
        how = "" if excludes else " CONCURRENTLY"
        lock = f"{table} cannot be written meanwhile" if excludes else "readers and writers go on"
        if not leftover:
            yield Proposal(
                diagnosis,
                f"Build the index {index} anew",
                (f"REINDEX INDEX{how} {name}",),
                (),
                Risk("medium" if excludes or size > database.limits.small_bytes else "low", (lock, f"{size:,} bytes")),
                tuple(probes),
                no_undo="it builds anew what nothing could use; no row changes",
                transactional=False,
            )
        if not is_key and not excludes:
            yield Proposal(
                diagnosis,
                f"Drop the index {index}" + (", which a failed rebuild has left" if leftover else ""),
                (f"DROP INDEX CONCURRENTLY {name}",),
                (definition.replace(" INDEX ", " INDEX CONCURRENTLY ", 1),),
                Risk("low", ("readers and writers go on; no query uses it",)),
                tuple(probes),
                transactional=False,
                choice=not leftover,
            )
