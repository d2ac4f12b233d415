"""Tables that are mostly dead rows, or mostly empty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exuvia.catalog.names import qualify
from exuvia.ops.heal.cases import Findings
from exuvia.ops.heal.database import Database
from exuvia.ops.heal.model import Diagnosis, Probe, Proposal, Risk, Target
from exuvia.ops.heal.names import literal
from exuvia.ops.heal.postgres.catalog import MINE

_DEAD_ROWS: Final = 1_000
_DEAD_SHARE: Final = 0.2
_EMPTY_BYTES: Final = 10_000_000
_EMPTY_SHARE: Final = 0.5
_DEAD: Final = f"""
SELECT n.nspname, c.relname, s.n_dead_tup, s.n_live_tup FROM pg_stat_all_tables s
JOIN pg_class c ON c.oid = s.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE s.n_dead_tup >= {_DEAD_ROWS} AND s.n_dead_tup > {_DEAD_SHARE} * (s.n_dead_tup + s.n_live_tup) AND {MINE}
ORDER BY 1, 2
"""
# A row takes its header and line pointer of 28 bytes, its values, and up to 8 for alignment; 8168 bytes of a page are
# for rows. Widths are ANALYZE's; values that are stored aside do not count to the heap.
_EMPTY: Final = f"""
SELECT n.nspname, c.relname, pg_relation_size(c.oid) AS bytes, c.reltuples * (32 + w.width) * 8192.0 / 8168 AS needed
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN LATERAL (
  SELECT sum(s.avg_width * (1 - s.null_frac)) AS width FROM pg_stats s
  WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND NOT s.inherited
) w ON w.width IS NOT NULL
WHERE c.relkind = 'r' AND c.reltuples >= 0 AND pg_relation_size(c.oid) > {_EMPTY_BYTES} AND {MINE}
"""
_KEPT: Final = "rows that a transaction which is open may still see stay until it ends"


def check(database: Database) -> Findings:
    """Find them in the statistics that the server keeps."""
    dead = set()
    for schema, table, gone, live in database.rows(_DEAD):
        dead.add((schema, table))
        message = f"{gone / (gone + live):.0%} of the rows of {table} are dead: they were updated or deleted."
        evidence = (f"about {gone:,} dead rows, {live:,} live ones (pg_stat_all_tables)",)
        yield Diagnosis("bloat", Target(schema, table, "dead rows"), message, evidence)
    for schema, table, size, needed in database.rows(_EMPTY):
        empty = 1 - float(needed) / float(size)
        if (schema, table) not in dead and empty > _EMPTY_SHARE:
            message = f"About {empty:.0%} of the {size / 1e6:,.0f} MB of {table} are empty."
            evidence = (f"its rows would take about {float(needed) / 1e6:,.0f} MB (an estimate by their widths)",)
            yield Diagnosis("bloat", Target(schema, table, "empty pages"), message, evidence, "likely")


def propose(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:  # noqa: ARG001 - as every class has it
    """Propose VACUUM for dead rows; and VACUUM FULL, which locks all, for pages that are empty already."""
    target = diagnosis.target
    at = qualify(target.schema, target.table)
    if target.name == "dead rows":
        count = f"SELECT n_dead_tup FROM pg_stat_all_tables WHERE relid = {literal(at)}::regclass"
        yield Proposal(
            diagnosis,
            f"Vacuum {target.table}",
            (f"VACUUM (ANALYZE) {at}",),
            (),
            Risk("low", ("readers and writers go on; it reads the table and its indexes",)),
            (Probe("fewer", count, what="dead rows"),),
            no_undo=f"it only gives free what nobody can see; {_KEPT}",
            transactional=False,
        )
        return
    yield Proposal(
        diagnosis,
        f"Write {target.table} anew without the empty pages",
        (f"VACUUM (FULL, ANALYZE) {at}",),
        (),
        Risk("high", ("nobody can read or write the table meanwhile", "needs as much room on the disk again")),
        (Probe("fewer", f"SELECT pg_relation_size({literal(at)}::regclass)", what="bytes"),),
        no_undo="the rows stay as they are",
        transactional=False,
        choice=True,
    )
