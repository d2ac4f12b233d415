"""Measures a SQLite database that is in use, and says whether it should move."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from exuvia.catalog.model import Catalog, Table
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.fulltext import full_text, is_full_text
from exuvia.engines.sqlite.observe.processes import FileUsers, users_of
from exuvia.engines.sqlite.observe.sampling import Sample, newest, sample
from exuvia.engines.sqlite.observe.search import SearchHealth, search_health
from exuvia.engines.sqlite.observe.storage import (
    RowCount,
    Storage,
    bytes_by_object,
    count_rows,
    damage,
    storage_of,
)
from exuvia.engines.sqlite.observe.visits import Visits, visiting
from exuvia.errors import ConfigError
from exuvia.location import Location, SqliteLocation, parse
from exuvia.ops.advisor.activity import Actors, Events, actors_of, events_of, role_of, time_column
from exuvia.ops.advisor.contention import Contention, Probe
from exuvia.ops.advisor.cost import Cost, cost_of
from exuvia.ops.advisor.growth import Growth, default_file, growth, keep, read_samples, sample_of
from exuvia.ops.advisor.indexes import index_findings
from exuvia.ops.advisor.judging import judge
from exuvia.ops.advisor.results import Advice, Facts, TableFacts
from exuvia.ops.advisor.thresholds import Thresholds
from exuvia.ops.advisor.watching import watch

_NEWEST: Final = 20_000
_FEWEST_CONNECTIONS, _MOST_CONNECTIONS = 10, 100


@dataclass(frozen=True, slots=True)
class AdviseOptions:
    """How to measure.

    Args:
        watch: Seconds for which the locks are watched.
        probe: ``ask`` asks the kernel who holds the write lock, and takes none; ``take`` tries BEGIN IMMEDIATE, where
            the file system does not tell; ``off`` does neither.
        hold: Seconds for which the database is read at a time; None for 0.1, for which writers may have to wait
            outside WAL mode, and 10 in WAL mode, where they do not. Infinity answers everything exactly.
        window: Seconds within which somebody counts as active.
        check: Whether to read the whole file for damage.
        samples: The file with samples of growth; None for the one in the user's state directory.
        keep: Whether to add a sample to it.
        thresholds: Where to draw the lines.
    """

    watch: float = 3.0
    probe: Probe = "ask"
    hold: float | None = None
    window: float = 3600.0
    check: bool = False
    samples: Path | None = None
    keep: bool = False
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True)
class AdviseProgress:
    """Where the measuring stands.

    Args:
        stage: ``read`` (tables are read) or ``watch`` (locks are looked at).
        done: Tables, or seconds.
        total: Tables, or seconds.
        detail: The table, or what the looks found so far.
    """

    stage: Literal["read", "watch"]
    done: float
    total: float
    detail: str


def advise(
    source: str | Path | Location,
    options: AdviseOptions | None = None,
    listener: Callable[[AdviseProgress], None] = lambda _: None,
) -> Advice:
    """Measure a SQLite database and say whether it should move to PostgreSQL, now or later, and why.

    The database is only read, in visits so short that writers hardly notice; its locks are not taken but asked for.
    The process should not have the file open through Python's ``sqlite3`` at the same time: closing a file drops the
    process's own locks on it.

    Args:
        source: The SQLite file.
        options: How to measure; None for the defaults.
        listener: Hears of progress.

    Raises:
        SourceError: The file cannot be read.
        ConfigError: The source is no SQLite file, or the samples of growth cannot be read or kept.
    """
    chosen = options or AdviseOptions()
    path = _path_of(source)
    measured_at, start = datetime.now(UTC), time.monotonic()
    samples_file = chosen.samples or default_file(path)
    samples = read_samples(samples_file, path)
    with visiting(path, chosen.hold) as visits:
        reading = _Reading(visits, path, chosen, measured_at.timestamp())
        seen = reading.read(listener)

    def tell(gone: float, looks: int, busy: int) -> None:
        listener(AdviseProgress("watch", gone, chosen.watch, f"{busy:,} of {looks:,} looks found the lock taken"))

    contention = watch(path, chosen.watch, chosen.probe, seen.storage.page_bytes, tell)
    users = users_of(path)
    cost = _cost(seen, users)
    rows = {table.name: table.rows for table in seen.tables}
    now = sample_of(path, measured_at.timestamp(), seen.storage.used_bytes, rows)
    facts = Facts(
        source=str(path),
        measured_at=measured_at,
        seconds=time.monotonic() - start,
        storage=seen.storage,
        tables=seen.tables,
        events=seen.events,
        actors=seen.actors,
        contention=contention,
        users=users,
        growth=growth((*samples, now)) or _growth_by_timestamps(seen),
        indexes=index_findings(seen.catalog, rows, seen.storage.analyzed),
        search=seen.search,
        damage=seen.damage,
        cost=cost,
        unknown=_unknown(seen, contention, users, cost, checked=chosen.check),
    )
    if chosen.keep:
        keep(samples_file, now)
    return judge(facts, chosen.thresholds)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was read from the database."""

    catalog: Catalog
    storage: Storage
    tables: tuple[TableFacts, ...]
    samples: Mapping[str, Sample]
    events: tuple[Events, ...]
    actors: tuple[Actors, ...]
    search: tuple[SearchHealth, ...]
    damage: tuple[str, ...] | None


class _Reading:
    """Reads the tables one after the other."""

    def __init__(self, visits: Visits, path: Path, options: AdviseOptions, now: float) -> None:
        self._visits, self._path, self._options, self._now = visits, path, options, now
        self._encoding = "UTF-8"
        self._samples: dict[str, Sample] = {}
        self._events: list[Events] = []
        self._actors: list[Actors] = []

    def read(self, listener: Callable[[AdviseProgress], None]) -> _Seen:
        """Read everything that is needed."""
        catalog = self._visits.describe(str(self._path))
        storage = storage_of(self._visits, self._path)
        self._encoding = storage.encoding
        counts: dict[str, RowCount] = {}
        for done, table in enumerate(catalog.tables):
            listener(AdviseProgress("read", done, len(catalog.tables), table.name))
            counts[table.name] = count_rows(self._visits, table, storage.analyzed)
            self._samples[table.name] = sample(self._visits, table, storage.encoding)
            self._look_for_activity(table, counts[table.name].rows)
        sizes = bytes_by_object(self._visits)
        ordinary = {fold(table.name) for table in catalog.tables}
        full_text = [table for table in catalog.virtual_tables if is_full_text(table)]
        found = damage(self._visits) if self._options.check else None
        return _Seen(
            catalog,
            storage,
            tuple(_facts(table, counts[table.name], sizes) for table in catalog.tables),
            self._samples,
            tuple(self._events),
            tuple(self._actors),
            tuple(search_health(self._visits, table, ordinary) for table in full_text),
            tuple(found) if found is not None else None,
        )

    def _look_for_activity(self, table: Table, rows: int) -> None:
        some = self._samples[table.name]
        self._visits.leave()
        column = time_column(some, self._now)
        if column is None:
            return
        judged = ((name, role_of(name, some, self._now)) for name in some.columns if name != column)
        roles = [(name, role) for name, role in judged if role is not None]
        wanted = [column, *(name for name, _ in roles)]
        latest = newest(self._visits, table, wanted, _NEWEST, self._encoding)
        self._visits.leave()
        events = events_of(table.name, rows, some, latest, self._now) if latest.rows else None
        if events is not None:
            self._events.append(events)
            self._actors += actors_of(table.name, latest, roles, self._now, self._options.window)


def _facts(table: Table, count: RowCount, sizes: Mapping[str, tuple[int, int]] | None) -> TableFacts:
    if sizes is None:
        return TableFacts(table.name, count.rows, count.source, None, None, None)
    made = {index.name for index in table.indexes}
    automatic = f"sqlite_autoindex_{table.name}_"
    indexes = sum(size for name, (size, _) in sizes.items() if name in made or name.startswith(automatic))
    size, unused = sizes.get(table.name, (0, 0))
    return TableFacts(table.name, count.rows, count.source, size, indexes, unused)


def _growth_by_timestamps(seen: _Seen) -> Growth | None:
    """Estimate the growth by the events of the last day and the bytes of their tables."""
    tables = {table.name: table for table in seen.tables}
    rows = bytes_ = 0.0
    for events in seen.events:
        table = tables[events.table]
        if table.bytes is None or not table.rows:
            return None
        rows += events.last_day
        bytes_ += events.last_day * (table.bytes + (table.index_bytes or 0)) / table.rows
    return Growth(bytes_, rows, 1.0, 0) if rows else None


def _cost(seen: _Seen, users: FileUsers) -> Cost:
    open_now = sum(user.connections for user in users.known)
    active = max((actors.active for actors in seen.actors), default=0)
    connections = min(max(_FEWEST_CONNECTIONS, open_now, active), _MOST_CONNECTIONS)
    rows = {table.name: table.rows for table in seen.tables}
    tables = [(table, rows[table.name], seen.samples[table.name]) for table in seen.catalog.tables]
    return cost_of(tables, _searched(seen.catalog), connections)


def _searched(catalog: Catalog) -> Mapping[str, frozenset[str]]:
    """The columns of ordinary tables that full-text tables index."""
    found: dict[str, frozenset[str]] = {}
    for declared in (full_text(table) for table in catalog.virtual_tables if is_full_text(table)):
        if declared.content:
            found[fold(declared.content)] = frozenset(map(fold, declared.searched))
    return found


def _unknown(seen: _Seen, contention: Contention, users: FileUsers, cost: Cost, *, checked: bool) -> tuple[str, ...]:
    found = []
    guessed = [table.name for table in seen.tables if table.rows_from != "counted"]
    if guessed:
        found.append(
            f"the exact number of rows of {', '.join(guessed[:5])}{' and more' if len(guessed) > 5 else ''}: counting"
            " takes longer than the database is read at a time (--exact counts, and writers may wait)"
        )
    if contention.method == "off":
        found.append(f"waits for the write lock: {contention.reason}")
    elif len(contention.holders) == 1 and contention.waits_ceiling:
        found.append(
            "whether threads of the one process that writes wait for each other: the system does not show locks within"
            f" a process (at most {contention.waits_ceiling:,.0f} waits an hour)"
        )
    if users.reason:
        found.append(f"which processes have the file open: {users.reason}")
    elif users.hidden:
        found.append(f"whether {users.hidden:,} processes of other users have the file open")
    if checked and seen.damage is None:
        found.append("whether the file is damaged: checking takes longer than the database is read at a time (--exact)")
    found += [f"full-text table {table.name}, {reason}" for table in seen.search for reason in table.unchecked]
    found += [f"what PostgreSQL takes for {name}: no row of it could be read" for name in cost.unknown]
    found += [f"what PostgreSQL takes for the virtual table {table.name}" for table in seen.catalog.derived]
    found.append("busy_timeout and synchronous: each connection has its own, and they cannot be seen from outside")
    return tuple(found)


def _path_of(source: str | Path | Location) -> Path:
    location = parse(source) if isinstance(source, str | Path) else source
    if not isinstance(location, SqliteLocation):
        raise ConfigError(
            f"{location} is not a SQLite file.", hint="The advice is for SQLite files, such as app.db.", code="source"
        )
    return location.path
