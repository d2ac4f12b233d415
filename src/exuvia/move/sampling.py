"""A quick look at a move: some rows of every table compared, and the numbers of rows. It says what it is: no proof.

A sample is a profile of some ranges of each table, spread over its key. What is planned from such a profile has the
same names as what is planned from all values, and every comparison takes its types from the target.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import apsw
import psycopg

from exuvia.catalog.model import Table
from exuvia.engines.postgres.inspect import count_rows, estimate_rows
from exuvia.engines.sqlite.sampling import Sampled, sample
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.move.checks import found_in
from exuvia.move.clock import Clock
from exuvia.move.compared import compared
from exuvia.move.comparing import sampled_ranges
from exuvia.move.ends import Reached, for_server, look_at, opened, reach
from exuvia.move.events import Listener, one_at_a_time
from exuvia.move.existing.checks import refuse
from exuvia.move.existing.fitting import as_published
from exuvia.move.existing.planning import plan_into
from exuvia.move.lending import Lender
from exuvia.move.options import MoveOptions, Sample, Source, Target
from exuvia.move.plan import ColumnPlan, Plan, TablePlan
from exuvia.move.planner import build
from exuvia.move.results import Difference, DifferingRows, MoveReport, Proof, TableProof, TableSample
from exuvia.move.verify import Verifier
from exuvia.values.profile import Chunk

COUNTED_BYTES = 4 << 30  # to count the rows of a larger file takes longer than a quick look may


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Chooses rows of tables, and remembers what there was to choose from."""

    sample: Sample
    counts: bool
    tables: dict[str, Sampled] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, connection: apsw.Connection, table: Table) -> tuple[Chunk, ...]:
        wanted = self.sample
        found = sample(connection, table, rows=wanted.rows, share=wanted.share, seed=wanted.seed, counts=self.counts)
        with self.lock:
            self.tables[table.name] = found
        return found.chunks


def verify_sample(
    source: Source, target: Target, options: MoveOptions, wanted: Sample, listener: Listener
) -> MoveReport:
    """Compare some rows of every table of a SQLite database with the PostgreSQL database it was moved into.

    Rows are found in the target by ranges of an integer key, or one by one by another primary key. A larger table with
    neither is only counted. Numbers of rows have to agree too, where counting is cheap: rows that only the target has
    are seen by that, and between the rows compared.

    Args:
        source: The SQLite file.
        target: The PostgreSQL database.
        options: As for ``verify``.
        wanted: Which rows.
        listener: Hears of progress.

    Raises:
        SourceError: The file cannot be read.
        TargetError: The target cannot be reached or read.
    """
    clock = Clock(one_at_a_time(listener))
    with opened(source, options.jobs) as snapshot:
        server = reach(target, options)
        chosen = _Chosen(wanted, snapshot.size_bytes <= COUNTED_BYTES)
        connections = Lender(server.connect)
        try:
            expected, tables, missing = _plan(
                snapshot, source, chosen, server=server, connections=connections, options=options, clock=clock
            )
            with clock.stage("verify"):
                verifier = Verifier(snapshot, server.url, connections, options.jobs, clock.listener, sampled=True)
                proof = verifier.verify(tables, snapshot.interrupt)
                with connections.lend() as connection:
                    proof = _with_counts(connection, proof, tables, missing, chosen.tables)
        finally:
            connections.close()
    plan = _as_compared(expected, tables, chosen.tables)
    return compared(source, server, plan, replace(proof, seed=wanted.seed), clock)


def _plan(
    snapshot: Snapshot,
    source: Source,
    chosen: _Chosen,
    *,
    server: Reached,
    connections: Lender[psycopg.Connection],
    options: MoveOptions,
    clock: Clock,
) -> tuple[Plan, Sequence[TablePlan], Sequence[TableProof]]:
    """Return the plan that a profile of the chosen rows leads to, its tables as the target has them, and the proofs of
    those that it lacks."""
    found = look_at(snapshot, source, options.jobs, clock, chosen)
    with clock.stage("plan"), connections.lend() as connection:
        if options.into_existing:
            fitted = plan_into(connection, snapshot, found.catalog, found.profile, options.plan, jobs=options.jobs)
            refuse(fitted.unmatched)
            return fitted.plan, [as_published(one) for one in fitted.tables], ()
        expected = build(found.catalog, found.profile, for_server(server, options.plan))
    return (expected, *found_in(connections, expected))


def _with_counts(
    connection: psycopg.Connection,
    proof: Proof,
    tables: Sequence[TablePlan],
    missing: Sequence[TableProof],
    chosen: Mapping[str, Sampled],
) -> Proof:
    compared = [_counted(connection, one, table, chosen) for one, table in zip(proof.tables, tables, strict=True)]
    lacking = [_lacking(one, chosen[one.table]) for one in missing]
    found = (*compared, *lacking)
    return replace(proof, tables=found, equal=all(one.equal for one in found))


def _counted(
    connection: psycopg.Connection, proof: TableProof, table: TablePlan, chosen: Mapping[str, Sampled]
) -> TableProof:
    """Return a table's proof with the numbers of rows of the whole table, which have to agree where they are counts."""
    there, found = table.target, chosen[table.source.name]
    rows = proof.rows_source - proof.rows_rejected if sampled_ranges(table, pages=0, pages_per_piece=1) else 0
    if not found.counted:
        about = estimate_rows(connection, there.schema, there.name)
        return replace(proof, rows_source=found.rows, rows_target=about, sample=TableSample(rows, False))
    count = count_rows(connection, there.schema, there.name)
    quarantined = count_rows(connection, there.schema, table.quarantine)
    proof = replace(
        proof,
        rows_source=found.rows,
        rows_target=count,
        rows_rejected=max(proof.rows_rejected, quarantined),
        sample=TableSample(rows, True),
    )
    if found.rows == count + quarantined:
        return proof
    words = Difference(table.source.name, "", "", f"{found.rows:,} rows", f"{count:,} rows")
    return replace(proof, equal=False, differences=(words, *proof.differences))


def _lacking(proof: TableProof, found: Sampled) -> TableProof:
    """Return the proof of a table that the target lacks with the number of all its rows."""
    differences = tuple(replace(one, source=f"{found.rows:,} rows") for one in proof.differences)
    return replace(
        proof,
        rows_source=found.rows,
        differences=differences,
        differing=DifferingRows(missing=found.rows),
        sample=TableSample(0, found.counted),
    )


def _as_compared(plan: Plan, tables: Sequence[TablePlan], chosen: Mapping[str, Sampled]) -> Plan:
    """Return a plan with what is true of the whole tables: the target's types and the numbers of rows. What else a plan
    says of values, it would say of the sample only."""
    found = {table.source.name: table for table in tables}
    return replace(
        plan,
        tables=tuple(_whole(found.get(one.source.name, one), chosen[one.source.name]) for one in plan.tables),
        problems=(),
    )


def _whole(table: TablePlan, found: Sampled) -> TablePlan:
    size = round(table.profile.bytes * found.rows / max(table.profile.rows, 1))
    columns = tuple(_without_evidence(column) for column in table.columns)
    return replace(table, columns=columns, profile=replace(table.profile, rows=found.rows, bytes=size))


def _without_evidence(column: ColumnPlan) -> ColumnPlan:
    return replace(column, reason="the target's column has this type", evidence="")
