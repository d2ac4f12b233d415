"""``python -m bench.capture``: what the change log costs a writer, and what it takes to read changed rows by it.

Two files with the same rows, one under capture, are written in turn, some transactions at a time, so that whatever else
the machine does meets both. Writes to bench/CAPTURE.md.
"""

from __future__ import annotations

import argparse
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import apsw

from bench.data import CACHE
from bench.tables import markdown
from exuvia.engines.sqlite.capture import log
from exuvia.engines.sqlite.capture.install import install
from exuvia.engines.sqlite.capture.plan import plan_capture
from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.read import ColumnRead
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.values.cells import StorageClass

ROWS = 100_000
SCHEMAS = {
    "integer key, one index": """
        CREATE TABLE message(id INTEGER PRIMARY KEY, session TEXT NOT NULL, role TEXT, body TEXT, at REAL);
        CREATE INDEX of_session ON message(session)""",
    "text key, one index": """
        CREATE TABLE message(id TEXT PRIMARY KEY NOT NULL, session TEXT NOT NULL, role TEXT, body TEXT, at REAL);
        CREATE INDEX of_session ON message(session)""",
    "integer key, one unique index": """
        CREATE TABLE message(id INTEGER PRIMARY KEY, session TEXT NOT NULL, role TEXT, body TEXT, at REAL UNIQUE)""",
}
BODY = "A message of middling length, as agents and people write them to each other all day. " * 3
INSERT = "INSERT INTO message(id, session, role, body, at) VALUES (?, ?, 'user', ?, ?)"
UPDATE = "UPDATE message SET body = ?, role = 'tool' WHERE id = ?"
DELETE = "DELETE FROM message WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Case:
    """One way to write."""

    schema: str
    synchronous: str
    rows: int
    transactions: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Rows per second without and with capture, medians over the slices, and the loss of paired slices: quartiles; the
    same loss of the writer's processor time alone, which what else runs on the machine hardly changes."""

    case: Case
    without: float
    captured: float
    loss: tuple[float, float, float]
    processor: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds: on the clock, and of the processor."""

    wall: float
    processor: float


class Writer:
    """An application that writes one row of three: half of them new, a third changed, the rest deleted.

    Args:
        path: Where to make the file.
        case: How it writes.
        captured: Whether the file is under capture.
    """

    def __init__(self, path: Path, case: Case, *, captured: bool) -> None:
        self._case = case
        self._random = random.Random(7)
        self._text_key = case.schema.startswith("text")
        self._next = ROWS
        self.connection = apsw.Connection(str(path))
        self.connection.execute("PRAGMA journal_mode = WAL").fetchall()
        self.connection.execute(f"PRAGMA synchronous = OFF; {SCHEMAS[case.schema]}")
        with self.connection:
            self.connection.executemany(INSERT, (self._row(number) for number in range(ROWS)))
        if captured:
            with Snapshot.open(path, readers=1) as snapshot:
                plan = plan_capture(inspect(snapshot.connection, str(path)))
            install(path, plan, "bench")
        self.connection.execute(f"PRAGMA synchronous = {case.synchronous}")

    def write(self, transactions: int) -> Spent:
        """Run transactions; return what they took."""
        work = [list(self._statements()) for _ in range(transactions)]
        started, processor = time.perf_counter(), time.process_time()
        for statements in work:
            if len(statements) == 1:
                self.connection.execute(*statements[0])
                continue
            with self.connection:
                for statement in statements:
                    self.connection.execute(*statement)
        return Spent(time.perf_counter() - started, time.process_time() - processor)

    def _statements(self) -> Iterator[tuple[str, tuple[object, ...]]]:
        for _ in range(self._case.rows):
            kind = self._random.randrange(6)
            if kind < 3:
                yield INSERT, self._row(self._next)
                self._next += 1
            elif kind < 5:
                yield UPDATE, (BODY, self._key(self._random.randrange(self._next)))
            else:
                yield DELETE, (self._key(self._random.randrange(self._next)),)

    def _row(self, number: int) -> tuple[object, ...]:
        return self._key(number), f"session-{number % 997}", BODY, number + 0.5

    def _key(self, number: int) -> int | str:
        return f"{number * 2654435761 % 2**64:032x}" if self._text_key else number


def cases() -> list[Case]:
    """Return what is measured; a slice is short, so that both files meet the same disk."""
    ways = (("NORMAL", 1, 500), ("FULL", 1, 20), ("NORMAL", 1_000, 4), ("FULL", 1_000, 4))
    return [Case(schema, *way) for schema in SCHEMAS for way in ways]


def cost(case: Case, slices: int) -> Cost:
    """Measure one case: pairs of slices, the order changing from pair to pair."""
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        plain = Writer(Path(directory) / "plain.db", case, captured=False)
        watched = Writer(Path(directory) / "watched.db", case, captured=True)
        with closing(plain.connection), closing(watched.connection):
            pairs = []
            for number in range(slices + 1):
                order = (plain, watched) if number % 2 else (watched, plain)
                seconds = {writer: writer.write(case.transactions) for writer in order}
                pairs.append((seconds[plain], seconds[watched]))
    rows = case.rows * case.transactions
    measured = pairs[1:]  # the first warms up
    return Cost(
        case,
        median(rows / without.wall for without, _ in measured),
        median(rows / captured.wall for _, captured in measured),
        _quartiles([1 - without.wall / captured.wall for without, captured in measured]),
        _quartiles([1 - without.processor / captured.processor for without, captured in measured]),
    )


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = quantiles(values, n=4)
    return low, middle, high


def reading(rows: int, changed: int) -> float:
    """Return the seconds in which a follower reads the keys and rows of ``changed`` changes among ``rows`` rows: the
    median of five readings."""
    case = Case("text key, one index", "OFF", 1, 1)
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        path = Path(directory) / "read.db"
        writer = Writer(path, case, captured=True)
        with closing(writer.connection) as connection:
            with connection:
                new = range(ROWS, rows)
                connection.executemany(INSERT, ((f"{n:032x}", f"session-{n % 997}", BODY, n + 0.5) for n in new))
                after = log.position(connection)
                connection.execute(
                    f"UPDATE message SET role = 'x' WHERE rowid IN (SELECT rowid * {rows // changed}"
                    f" FROM message ORDER BY rowid LIMIT {changed})"
                )
            return median(_read(path, after, changed) for _ in range(5))


def _read(path: Path, after: int, changed: int) -> float:
    started = time.perf_counter()
    with Snapshot.open(path, readers=1) as snapshot, snapshot.reader() as reader:
        catalog = inspect(snapshot.connection, str(path))
        table = plan_capture(catalog).tables[0]
        found = log.changes(snapshot.connection, after, str(path))
        keys, reads = log.changed_keys(table, found)
        read = sum(batch["id"].length for batch in reader.batches(keys, log.whole(found, table), reads))
        every = [ColumnRead(column.name, frozenset(StorageClass)) for column in catalog.table("message").columns]
        batches = reader.batches(
            catalog.table("message"), log.whole(found, table), every, condition=log.rows_at_keys(table, found)
        )
        rows = sum(batch["id"].length for batch in batches)
    assert (read, rows) == (changed, changed)
    return time.perf_counter() - started


def report(costs: Sequence[Cost], seconds: float, command: str) -> str:
    """Return the results as Markdown."""
    table = markdown(
        (
            "table",
            "synchronous",
            "rows per transaction",
            "rows/s without",
            "rows/s with capture",
            "throughput lost",
            "of processor time",
        ),
        [
            (
                found.case.schema,
                found.case.synchronous,
                f"{found.case.rows:,}",
                f"{found.without:,.0f}",
                f"{found.captured:,.0f}",
                _percent(found.loss),
                _percent(found.processor),
            )
            for found in costs
        ],
    )
    return (
        f"# What the change log costs\n\nMeasured {datetime.now(UTC):%Y-%m-%d} with `{command}`, SQLite"
        f" {apsw.sqlite_lib_version()} in WAL mode, Python {platform.python_version()}, {platform.system()}."
        f" {ROWS:,} rows of 300 bytes; of the writes half insert, a third update and the rest delete. The two files are"
        f" written in turn; the loss is the median of paired slices, with its quartiles, on the clock"
        f" and of the writer's processor time, from which the disk and other programs are left out.\n\n{table}\n"
        f"A follower reads the keys and rows of 5,000 changes among 1,000,000 rows (text key), opening its"
        f" snapshot included, in {seconds:.3f} s.\n"
    )


def _percent(quartiles: tuple[float, float, float]) -> str:
    low, middle, high = quartiles
    return f"{middle:.0%} ({low:.0%} to {high:.0%})"


def main(given: list[str]) -> int:
    """Measure, print and write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.capture", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--slices", type=int, default=25, metavar="N", help="pairs of slices, of which the median counts"
    )
    options = parser.parse_args(given)
    CACHE.mkdir(parents=True, exist_ok=True)
    costs = []
    for case in cases():
        costs.append(cost(case, options.slices))
        print(case, f"{costs[-1].loss[1]:.0%}", flush=True)
    text = report(costs, reading(1_000_000, 5_000), " ".join(["python -m bench.capture", *given]))
    (Path(__file__).parent / "CAPTURE.md").write_text(text, encoding="utf-8")
    print(f"\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
