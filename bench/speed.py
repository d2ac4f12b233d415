"""How long each way takes: medians of several runs, each in a fresh database, taken in turn."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from bench.contenders import Finished, ReadyFile, bare_copy, exuvia, has_pgloader, pgloader, ready_files
from bench.data import CACHE, DATASETS, dataset, rows_of
from bench.server import Server
from bench.tables import markdown

SPARING = ("--with", "prefetch rows = 1000")
STAGES = ("inspect", "profile", "plan", "create", "copy", "finish", "verify")


@dataclass(frozen=True, slots=True)
class SpeedOptions:
    """Which data to measure, and how often."""

    names: tuple[str, ...]
    runs: int


@dataclass(frozen=True, slots=True)
class Speed:
    """The runs on one data set.

    ``pgloader_rows`` is how many rows arrived in pgloader's last run; ``sparing`` that its usual command ran out of
    memory, so that it was told to fetch fewer rows at a time.
    """

    name: str
    rows: int
    size: int
    exuvia: tuple[Finished, ...]
    pgloader: tuple[Finished, ...]
    pgloader_rows: int
    sparing: bool
    copies: tuple[float, ...]

    def stage(self, name: str) -> float:
        """Return the median seconds of one of exuvia's stages."""
        return median(run.stages.get(name, 0.0) for run in self.exuvia)


def measure(server: Server, options: SpeedOptions) -> list[Speed]:
    """Measure every data set asked for."""
    with_pgloader = has_pgloader()
    return [_measured(server, name, options.runs, with_pgloader) for name in options.names]


def _measured(server: Server, name: str, runs: int, with_pgloader: bool) -> Speed:
    source = dataset(name)
    rows = rows_of(source)
    ours: list[Finished] = []
    theirs: list[Finished] = []
    copies: list[float] = []
    arrived = 0
    sparing = False
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        files: list[ReadyFile] = []
        for run in range(runs):
            print(f"{name}: run {run + 1} of {runs}", flush=True)
            with server.database() as url:
                ours.append(exuvia(source, url))
                files = files or ready_files(url, Path(directory))
            with server.database() as url:
                copies.append(bare_copy(files, url))
            if with_pgloader:
                finished, arrived = _run_pgloader(server, source, sparing)
                if arrived == 0 and "Heap exhausted" in finished.output and not sparing:
                    sparing = True
                    finished, arrived = _run_pgloader(server, source, sparing)
                theirs.append(finished)
    size = source.stat().st_size
    return Speed(name, rows, size, tuple(ours), tuple(theirs), arrived, sparing, tuple(copies))


def _run_pgloader(server: Server, source: Path, sparing: bool) -> tuple[Finished, int]:
    """Run pgloader on a fresh database; return its run and how many rows arrived."""
    with server.database() as url:
        finished = pgloader(source, url, SPARING if sparing else ())
        return finished, _count(url)


def _count(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        counts = [connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone() for (name,) in names]
    return sum(int(count[0]) for count in counts if count)


def report(facts: str, results: Sequence[Speed]) -> str:
    """Return the results as Markdown."""
    ends = markdown(
        (
            "data",
            "rows",
            "MB",
            "exuvia s",
            "rows/s",
            "pgloader s",
            "rows/s",
            "exuvia is faster",
            "pgloader's rows",
            "peak MB exuvia",
            "peak MB pgloader",
        ),
        [_end_to_end(result) for result in results],
    )
    stages = markdown(
        ("data", "COPY of a ready-made file s", "copy s", "part of the limit", "profile / copy", "verify / copy"),
        [_ratios(result) for result in results],
    )
    seconds = markdown(("data", *STAGES, "start, report, end"), [_seconds(result) for result in results])
    runs = len(results[0].exuvia) if results else 0
    return (
        f"# Results\n\n{facts}\nEach figure is the median of {runs} runs; every run has a fresh database, and the tools"
        " take turns. exuvia's time is the whole command, with the proof of every value; pgloader compares nothing.\n\n"
        f"## End to end\n\n{ends}{_footnote(results)}\n## exuvia's stages, and the limit\n\n"
        "The limit is COPY BINARY of a ready-made file over one connection into an identical table without keys, with"
        f" nothing to read or convert.\n\n{stages}\nSeconds of each stage:\n\n{seconds}\n"
    )


def _footnote(results: Sequence[Speed]) -> str:
    if not any(result.sparing for result in results):
        return ""
    return f'\n\\* with `{SPARING[0]} "{SPARING[1]}"`: the usual command exhausts pgloader\'s heap and moves nothing.\n'


def _end_to_end(result: Speed) -> tuple[str, ...]:
    ours = median(run.seconds for run in result.exuvia)
    row = (
        DATASETS[result.name],
        f"{result.rows:,}",
        f"{result.size / 1e6:.1f}",
        f"{ours:.2f}",
        f"{result.rows / ours:,.0f}",
    )
    peak = f"{max(run.peak_bytes for run in result.exuvia) / 1e6:.0f}"
    if not result.pgloader:
        return (*row, "-", "-", "-", "-", peak, "-")
    theirs = median(run.seconds for run in result.pgloader)
    theirs_peak = f"{max(run.peak_bytes for run in result.pgloader) / 1e6:.0f}"
    shown = f"{theirs:.2f}{' *' if result.sparing else ''}"
    arrived = "all" if result.pgloader_rows == result.rows else f"{result.pgloader_rows:,}"
    rate, faster = (f"{result.rows / theirs:,.0f}", f"{theirs / ours:.1f} x") if arrived == "all" else ("-", "-")
    return (*row, shown, rate, faster, arrived, peak, theirs_peak)


def _ratios(result: Speed) -> tuple[str, ...]:
    limit, copy = median(result.copies), result.stage("copy")
    shares = (limit / copy, result.stage("profile") / copy, result.stage("verify") / copy)
    return (DATASETS[result.name], f"{limit:.2f}", f"{copy:.2f}", *(f"{share:.2f}" for share in shares))


def _seconds(result: Speed) -> tuple[str, ...]:
    rest = median(run.seconds - sum(run.stages.values()) for run in result.exuvia)
    return (DATASETS[result.name], *(f"{result.stage(name):.2f}" for name in STAGES), f"{rest:.2f}")
