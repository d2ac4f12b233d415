"""exuvia's ways on the same rows, taken in turn: to PostgreSQL, back, and through portable copies."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.contenders import Finished, run_exuvia
from bench.data import CACHE, DATASETS, dataset, rows_of
from bench.server import Server
from bench.tables import markdown

DATA = "narrow"
THERE = "SQLite to PostgreSQL"
STAGES = ("profile", "copy", "finish", "verify")


@dataclass(frozen=True, slots=True)
class Way:
    """The runs of one way."""

    name: str
    rows: int
    runs: tuple[Finished, ...]

    @property
    def seconds(self) -> float:
        """The median."""
        return median(run.seconds for run in self.runs)


def measure(server: Server, runs: int) -> list[Way]:
    """Take every way ``runs`` times, each round in a fresh database and directory."""
    source = dataset(DATA)
    found: dict[str, list[Finished]] = {}
    for number in range(runs):
        print(f"ways: run {number + 1} of {runs}", flush=True)
        with server.database() as url, tempfile.TemporaryDirectory(dir=CACHE) as directory:
            for name, arguments in _commands(source, url).items():
                found.setdefault(name, []).append(run_exuvia(arguments, Path(directory)))
    rows = rows_of(source)
    return [Way(name, rows, tuple(finished)) for name, finished in found.items()]


def _commands(source: Path, url: str) -> dict[str, list[str]]:
    """Return the commands in an order in which each finds what it needs."""
    commands = {THERE: ["migrate", str(source), url], "PostgreSQL to SQLite": ["migrate", url, "back.db"]}
    for form in ("jsonl", "parquet"):
        commands[f"SQLite to {form}"] = ["export", str(source), f"{form}:{form}"]
        commands[f"{form} to SQLite"] = ["import", f"{form}:{form}", f"{form}.db"]
        commands[f"PostgreSQL to {form}"] = ["export", url, f"{form}:{form}-of-postgresql"]
    return commands


def report(facts: str, ways: Sequence[Way]) -> str:
    """Return the results as Markdown."""
    there = next(way.seconds for way in ways if way.name == THERE)
    heads = ("way", "s", "rows/s", "speed of the way there", "peak MB", *(f"{stage} s" for stage in STAGES))
    runs = len(ways[0].runs)
    return (
        f"# Ways\n\n{facts}\n{DATASETS[DATA]}. Each figure is the median of {runs} runs of the whole command, with its"
        f" proof; the ways take turns.\n\n{markdown(heads, [_line(way, there) for way in ways])}"
    )


def _line(way: Way, there: float) -> tuple[str, ...]:
    stages = [median(run.stages.get(stage, 0.0) for run in way.runs) for stage in STAGES]
    return (
        way.name,
        f"{way.seconds:.2f}",
        f"{way.rows / way.seconds:,.0f}",
        f"{there / way.seconds:.2f} x",
        f"{max(run.peak_bytes for run in way.runs) / 1e6:.0f}",
        *(f"{seconds:.2f}" for seconds in stages),
    )
