"""How a SQLite file is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import apsw

from exuvia.errors import TargetError
from exuvia.guard.policy import Policy
from exuvia.guard.sqlite.session import AsyncSqliteSession
from exuvia.tools.database.conditions import DatabaseHealth
from exuvia.tools.database.sqlite.inspecting import SqliteInspector

_LARGE_WAL: Final = 64 * 1024 * 1024
_MUCH_FREE: Final = 16 * 1024 * 1024
_MANY_ROWS: Final = 10_000
_FAULTS: Final = 5


@dataclass(frozen=True, slots=True)
class _Pages:
    """What the file's header and its WAL tell."""

    journal_mode: str
    bytes: int
    free: int
    wal: int
    has_statistics: bool
    faults: tuple[str, ...] | None
    ms: float


async def examine(session: AsyncSqliteSession, policy: Policy, path: Path, *, check: bool) -> DatabaseHealth:
    """Return how the file is.

    Args:
        session: The file, opened.
        policy: Tables that may not be read are not named.
        path: Where it is.
        check: Look at every page of it, too.

    Raises:
        ExuviaError: It cannot be read.
    """
    pages = await session.inspect(lambda connection: _read(connection, path, check=check))
    unknown: list[str] = []
    attention = list(_attention(pages))
    if not pages.has_statistics and not attention:
        try:
            unknown = await _large(SqliteInspector(session, policy))
        except TargetError as error:
            attention.append(f"{error.message} quick_check tells more.")
    if unknown:
        attention.append("Tables were never analyzed, so that plans are guessed: ANALYZE.")
    return DatabaseHealth(
        state="attention" if attention else "ok",
        engine=f"SQLite {apsw.sqlite_lib_version()}",
        ms=pages.ms,
        bytes=pages.bytes,
        journal_mode=pages.journal_mode,
        wal_bytes=pages.wal,
        free_bytes=pages.free,
        never_analyzed=unknown[:10],
        quick_check=None if pages.faults is None else list(pages.faults),
        attention=attention,
    )


async def _large(inspecting: SqliteInspector) -> list[str]:
    relations = await inspecting.relations()
    measures = await inspecting.measures(relations)
    return [one.shown for one, measure in zip(relations, measures, strict=True) if (measure.rows or 0) >= _MANY_ROWS]


def _read(connection: apsw.Connection, path: Path, *, check: bool) -> _Pages:
    began = perf_counter()
    page = int(connection.pragma("page_size"))
    count, free = int(connection.pragma("page_count")), int(connection.pragma("freelist_count"))
    ms = round((perf_counter() - began) * 1000, 2)
    wal = path.with_name(f"{path.name}-wal")
    return _Pages(
        journal_mode=str(connection.pragma("journal_mode")),
        bytes=count * page,
        free=free * page,
        wal=wal.stat().st_size if wal.exists() else 0,
        has_statistics=bool(
            connection.execute("SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_stat1'").fetchall()
        ),
        faults=tuple(_faults(connection)) if check else None,
        ms=ms,
    )


def _faults(connection: apsw.Connection) -> Iterator[str]:
    """Yield what quick_check finds; of a page that cannot be read it tells, and then fails."""
    try:
        for (fault,) in connection.execute(f"PRAGMA main.quick_check({_FAULTS})"):
            yield str(fault)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        yield str(error)


def _attention(pages: _Pages) -> Iterator[str]:
    if pages.faults not in (None, ("ok",)):
        yield "The file is damaged: copy it, then restore a backup or recover what can be read."
    if pages.wal >= _LARGE_WAL:
        yield "The WAL is large: a reader that stays open keeps it from being emptied."
    if pages.free >= max(_MUCH_FREE, pages.bytes // 4):
        yield "Much of the file is free: VACUUM gives it back."
