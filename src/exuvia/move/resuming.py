"""Where an interrupted move stopped, and whether this one may go on from there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import psycopg
import xxhash

from exuvia.engines.postgres import ledger, staging
from exuvia.engines.postgres.ledger import Entry, Header, Moving
from exuvia.errors import SourceError, TargetError
from exuvia.move.plan import Plan, TablePlan
from exuvia.move.verify import ChunkId
from exuvia.values.profile import Chunk


@dataclass(frozen=True, slots=True)
class Begun:
    """One source of a move that has its staging tables: what is moving, and its chunks that are committed already."""

    header: Header
    source: str
    done: Mapping[ChunkId, Entry]


def header_of(plans: Sequence[Plan], schemas: Sequence[str], plain: Sequence[Sequence[str]]) -> Header:
    """Return the ledger's header for plans that begin now; ``plain`` are, for each, tables made without expressions."""
    tables = [table for plan in plans for table in plan.tables]
    taken = {name for table in tables for name in (table.target.name, table.quarantine)}
    return Header(
        version=ledger.VERSION,
        sources=tuple(
            Moving(plan.catalog.label, fingerprint(plan), tuple(names))
            for plan, names in zip(plans, plain, strict=True)
        ),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        chunks=sum(1 for table in tables for chunk in table.profile.chunks if chunk.rows),
        rows=sum(table.profile.rows for table in tables),
        schemas=tuple(schemas),
        name=ledger.free_name(taken),
    )


def fingerprint(plan: Plan) -> str:
    """Return a digest of everything that decides which bytes go where: tables, conversions, and how tables are cut."""
    text = repr((version("exuvia"), [_decisive(table) for table in plan.tables]))
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))


def _decisive(table: TablePlan) -> tuple[object, ...]:
    columns = [
        (column.source, column.target, column.rule, sorted(column.classes), column.on_misfit)
        for column in table.columns
    ]
    return table.source, table.target, columns, table.profile.chunks


def unfinished(
    connection: psycopg.Connection, plans: Sequence[Plan], schemas: Sequence[str], *, restart: bool
) -> tuple[Begun, ...] | None:
    """Return the move that this one continues, by plan; None if there is none, or it is to begin anew.

    A move that is to begin anew is discarded, also from schemas into which this one does not go.

    Raises:
        TargetError: Something else was on its way into one of the schemas.
    """
    found = [header for schema in schemas if (header := ledger.find(connection, schema)) is not None]
    if restart:
        _forget(connection, found)
    if not found or restart:
        return None
    header = found[0]
    _refuse_another(header, plans, schemas)
    entries = ledger.entries(connection, header)
    return tuple(_begun(header, plan.catalog.label, entries) for plan in plans)


def _begun(header: Header, source: str, entries: Sequence[Entry]) -> Begun:
    return Begun(header, source, {(entry.table, entry.chunk): entry for entry in entries if entry.source == source})


def _forget(connection: psycopg.Connection, headers: Iterable[Header]) -> None:
    for header in headers:
        for schema in header.schemas:
            if ledger.find(connection, schema) == header:
                staging.discard(connection, schema)


def _refuse_another(header: Header, plans: Sequence[Plan], schemas: Sequence[str]) -> None:
    if header.version != ledger.VERSION:
        raise _refusal(header, f"its ledger has format {header.version}, this exuvia writes {ledger.VERSION}")
    begun = {one.source: one.plan for one in header.sources}
    if begun.keys() != {plan.catalog.label for plan in plans}:
        raise _refusal(header, f"it came from {', '.join(begun)}")
    changed = [plan.catalog.label for plan in plans if begun[plan.catalog.label] != fingerprint(plan)]
    if changed or header.schemas != tuple(schemas):
        which = f" of {', '.join(changed)}" if changed and len(plans) > 1 else ""
        raise _refusal(header, f"its plan{which} was another, or the source has changed since")


def changed_since(table: TablePlan, chunk: Chunk, header: Header) -> SourceError:
    """Return the error for a chunk that no longer holds what was copied of it."""
    bounds = f", rows after {chunk.lower} up to {chunk.upper}" if chunk.upper is not None else ""
    return SourceError(
        f"Table {table.source.name!r} has changed since the move began at {header.started}{bounds}.",
        hint="Begin again from the source as it is now: --restart.",
        code="changed",
    )


def _refusal(header: Header, why: str) -> TargetError:
    return TargetError(
        f"An unfinished move into {', '.join(header.schemas)} began at {header.started}: {why}.",
        hint="Continue it as it was begun, begin again with --restart, or remove it with: exuvia abort",
        code="unfinished",
    )
