"""Every file of the zoo, and every real file, is moved and judged by the oracle, which shares no code with the move.

Each file meets one of the two servers here, in turn; ``-m slow`` runs each on the other one and the heavy ones on both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import servers
from exuvia.errors import PlanError
from exuvia.move.pipeline import MoveOptions, migrate
from exuvia.move.planner import PlanOptions
from exuvia.move.results import MoveReport
from oracle import claim_of, fingerprint, judge
from zoo import REAL, ZOO, Specimen

SERVERS = ("pip", "debian")


def _cases() -> list[object]:
    cases: list[object] = []
    for number, specimen in enumerate(ZOO):
        for server in SERVERS:
            here = not specimen.heavy and server == SERVERS[number % 2]
            marks = () if here else (pytest.mark.slow,)
            cases.append(pytest.param(specimen, server, marks=marks, id=f"{specimen.name}-{server}"))
    return cases


def _move(path: Path, url: str, directory: Path, options: PlanOptions) -> MoveReport:
    """Move a file and check that it is unchanged, with nothing beside it but the side files of a log it came with."""
    before = fingerprint(path)
    report = migrate(path, url, options=MoveOptions(plan=options, quarantine_file=directory / "quarantine.jsonl"))
    assert fingerprint(path) == before
    beside = {other.name.removeprefix(path.name) for other in path.parent.glob(f"{path.name}?*")}
    assert beside in (set(), {"-wal", "-shm"})
    return report


@pytest.mark.parametrize(("specimen", "server"), _cases())
@pytest.mark.parametrize("style", ["faithful", pytest.param("native", marks=pytest.mark.slow)])
def test_everything_in_the_file_is_in_the_target_or_in_the_report(
    specimen: Specimen, server: str, style: str, server_url: Callable[[str], str], tmp_path: Path
) -> None:
    path = specimen.make(tmp_path)
    options = PlanOptions(style=style, exclude=tuple(specimen.omits))  # type: ignore[arg-type]
    with servers.fresh_database(server_url(server)) as url:
        report = _move(path, url, tmp_path, options)
        complaints = judge(path, url, claim_of(report)) + specimen.too_many(report)
    assert complaints == []
    assert report.proof is not None
    assert report.proof.equal


@pytest.mark.parametrize("specimen", [pytest.param(specimen, id=specimen.name) for specimen in REAL])
def test_everything_in_a_real_file_is_in_the_target_or_in_the_report(
    specimen: Specimen, postgres_url: str, tmp_path: Path
) -> None:
    path = specimen.make(tmp_path)
    report = _move(path, postgres_url, tmp_path, PlanOptions())
    assert judge(path, postgres_url, claim_of(report)) + specimen.too_many(report) == []


@pytest.mark.parametrize("specimen", [pytest.param(s, id=s.name) for s in ZOO if s.omits])
def test_a_table_that_postgresql_cannot_hold_is_refused_by_name_with_what_to_do(
    specimen: Specimen, any_url: str, tmp_path: Path
) -> None:
    with pytest.raises(PlanError) as refusal:
        migrate(specimen.make(tmp_path), any_url)
    assert all(refusal.value.message.startswith(f"{table}:") for table in specimen.omits)
    assert "exclude" in refusal.value.hint


@pytest.mark.parametrize(
    "name", ["utf16le", "mixed_storage_classes", "extremes", "hide_the_rowid", "not_utf8", "equal_rows"]
)
def test_batches_of_three_rows_and_four_jobs_change_nothing(name: str, any_url: str, tmp_path: Path) -> None:
    specimen = next(s for s in ZOO if name in s.name)
    path = specimen.make(tmp_path)
    options = MoveOptions(jobs=4, batch_rows=3, quarantine_file=tmp_path / "quarantine.jsonl")
    report = migrate(path, any_url, options=options)
    assert judge(path, any_url, claim_of(report)) + specimen.too_many(report) == []


def test_the_zoo_has_distinct_names_that_say_what_is_hard() -> None:
    assert len({specimen.name for specimen in ZOO}) == len(ZOO) >= 200
