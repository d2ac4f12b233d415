"""Where an interrupted move stopped, and whether this one may go on from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import psycopg
import xxhash

from exuvia.engines.postgres import ledger
from exuvia.engines.postgres.ledger import Entry, Header
from exuvia.errors import SourceError, TargetError
from exuvia.move.plan import Plan, TablePlan
from exuvia.move.verify import ChunkId
from exuvia.values.profile import Chunk


@dataclass(frozen=True, slots=True)
class Begun:
    """A move that has its staging tables: what is moving, and the chunks that are committed already."""

    header: Header
    done: Mapping[ChunkId, Entry]


def header_of(plan: Plan, schemas: Sequence[str], plain: Sequence[str] = ()) -> Header:
    """Return the ledger's header for a plan that begins now."""
    taken = {name for table in plan.tables for name in (table.target.name, table.quarantine)}
    return Header(
        version=ledger.VERSION,
        source=plan.catalog.label,
        plan=fingerprint(plan),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        chunks=sum(1 for table in plan.tables for chunk in table.profile.chunks if chunk.rows),
        rows=sum(table.profile.rows for table in plan.tables),
        schemas=tuple(schemas),
        name=ledger.free_name(taken),
        plain=tuple(plain),
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


def unfinished(connection: psycopg.Connection, plan: Plan, schemas: Sequence[str], *, restart: bool) -> Begun | None:
    """Return the move that this one continues; None if there is none, or it is to begin anew.

    Raises:
        TargetError: Something else was on its way into one of the schemas.
    """
    found = [header for schema in schemas if (header := ledger.find(connection, schema)) is not None]
    if not found or restart:
        return None
    header = found[0]
    if header.version != ledger.VERSION:
        raise _refusal(header, f"its ledger has format {header.version}, this exuvia writes {ledger.VERSION}")
    if header.source != plan.catalog.label:
        raise _refusal(header, f"it came from {header.source}")
    if header.plan != fingerprint(plan) or header.schemas != tuple(schemas):
        raise _refusal(header, "its plan was another, or the source has changed since")
    entries = ledger.entries(connection, header)
    return Begun(header, {(entry.table, entry.chunk): entry for entry in entries})


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
