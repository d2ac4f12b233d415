"""exuvia's peak memory against the size of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contenders import exuvia
from bench.data import dataset
from bench.server import Server
from bench.tables import markdown


@dataclass(frozen=True, slots=True)
class Peak:
    """The peak resident memory of one move, in bytes."""

    name: str
    size: int
    peak: int
    seconds: float


def measure(server: Server, *, large: bool) -> list[Peak]:
    """Move files of about 100 MB and 800 MB, and one of 5 GB when asked to."""
    peaks = []
    for name in ("narrow", "documents", *(("large",) if large else ())):
        source = dataset(name)
        print(f"memory: {source.name}", flush=True)
        with server.database() as url:
            finished = exuvia(source, url)
        peaks.append(Peak(name, source.stat().st_size, finished.peak_bytes, finished.seconds))
    return peaks


def report(peaks: Sequence[Peak]) -> str:
    """Return the peaks as Markdown."""
    rows = [(f"{p.size / 1e6:,.0f}", f"{p.peak / 1e6:.0f}", f"{p.seconds:.1f}", p.name) for p in peaks]
    return "## Peak memory\n\n" + markdown(("file MB", "peak MB", "s", "data"), rows)
