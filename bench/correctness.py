"""Which files of the zoo each tool moves right, as judged by the tests' oracle."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.contenders import has_pgloader
from bench.contenders import pgloader as run_pgloader
from bench.server import Server
from bench.tables import markdown
from exuvia.errors import ExuviaError
from exuvia.move.pipeline import MoveOptions, migrate
from exuvia.move.planner import PlanOptions
from oracle import Claim, ClaimedColumn, ClaimedReject, ClaimedTable, claim_of, judge
from zoo import REAL, ZOO, Specimen


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the oracle said about one file: the first complaint of each kind, empty when there is none."""

    name: str
    group: str
    exuvia_rows: str
    exuvia_objects: str
    pgloader_rows: str


def measure(server: Server, match: str = "") -> list[Verdict]:
    """Move every file whose name holds ``match`` with both tools and judge the results."""
    with_pgloader = has_pgloader()
    verdicts = []
    with tempfile.TemporaryDirectory() as directory:
        for path, specimen in _files(Path(directory), match):
            print(path.stem, flush=True)
            rows, objects = _exuvia(server, path, specimen)
            theirs = _pgloader(server, path, specimen) if with_pgloader else "not installed"
            verdicts.append(Verdict(path.stem, specimen.group, rows, objects, theirs))
    return verdicts


def _files(directory: Path, match: str) -> list[tuple[Path, Specimen]]:
    chosen = [specimen for specimen in (*REAL, *ZOO) if match in specimen.name]
    return [(specimen.make(directory), specimen) for specimen in chosen]


def _exuvia(server: Server, path: Path, specimen: Specimen) -> tuple[str, str]:
    with server.database() as url, tempfile.TemporaryDirectory() as directory:
        try:
            plan = PlanOptions(exclude=tuple(specimen.omits))
            options = MoveOptions(plan=plan, quarantine_file=Path(directory) / "quarantine.jsonl")
            report = migrate(path, url, options=options)
        except ExuviaError as error:
            return _first([f"refused: {error.message}"]), ""
        except Exception as error:  # one file's failure is a result and must not end the run
            return _first([f"failed: {error!r}"]), ""
        claim = claim_of(report)
        rows = judge(path, url, claim, only_rows=True) + specimen.too_many(report)
        everything = judge(path, url, claim)
    return _first(rows), _first([complaint for complaint in everything if complaint not in rows])


def _pgloader(server: Server, path: Path, specimen: Specimen) -> str:
    with server.database() as url:
        run = run_pgloader(path, url)
        if "KABOOM" in run.output or "FATAL" in run.output:
            return "gave up"
        return _first(judge(path, url, _pgloader_claim(path, url, specimen), only_rows=True))


def _pgloader_claim(path: Path, url: str, specimen: Specimen) -> Claim:
    """Say for pgloader that it moved every ordinary table under a lower-case name, whichever name it can be found by.

    Rows that no mover can keep may be missing, and so may tables that PostgreSQL cannot hold.
    """
    with psycopg.connect(url) as connection:
        there = connection.execute(
            "SELECT table_schema, table_name, array_agg(column_name::text) FROM information_schema.columns"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') GROUP BY 1, 2"
        ).fetchall()
    tables = [_placed(name, columns, there) for name, columns in _ordinary_tables(path) if name not in specimen.omits]
    rejects = [
        ClaimedReject(table, "unnamed", "cannot be kept")
        for table, count in specimen.rejects.items()
        for _ in range(count)
    ]
    return Claim(tuple(tables), tuple(rejects))


def _placed(name: str, columns: Sequence[str], there: Sequence[tuple[str, str, list[str]]]) -> ClaimedTable:
    schema, table, found = next(
        (one for one in there if one[1] == name),
        next((one for one in there if one[1].lower() == name.lower()), ("public", name.lower(), [])),
    )
    names = {column.lower(): column for column in found}
    claimed = tuple(ClaimedColumn(c, c if c in found else names.get(c.lower(), c.lower())) for c in columns)
    return ClaimedTable(name, schema, table, claimed)


def _ordinary_tables(path: Path) -> list[tuple[str, list[str]]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        listed = connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        ).fetchall()
        return [
            (name, [column for (column,) in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (name,))])
            for (name,) in listed
            if not name.startswith("sqlite_")
        ]


def _first(complaints: Sequence[str]) -> str:
    if not complaints:
        return ""
    text = complaints[0].replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= 110 else text[:109] + "…"


def report(facts: str, verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as Markdown: a count for each group, then each file with the first thing that is wrong."""
    groups = list(dict.fromkeys(verdict.group for verdict in verdicts))
    counts = [_counted(group, [v for v in verdicts if v.group == group]) for group in groups]
    counts.append(_counted("all", verdicts))
    heads = ("group", "files", "exuvia: every value", "exuvia: every object too", "pgloader: every value")
    listed = [
        (v.name, v.exuvia_rows or "right", v.exuvia_objects or "right", v.pgloader_rows or "right") for v in verdicts
    ]
    return (
        f"# Correctness\n\n{facts}\nA file is right when the oracle of the tests finds every row in the target with"
        " equal values; only rows that no mover can keep (text with U+0000, text that is not UTF-8, rows wider than a"
        " page) may be missing. pgloader's lower-cased names count as right, and its keys, indexes and views are not"
        " judged.\n\n"
        f"{markdown(heads, counts)}\n## File by file\n\n"
        f"{markdown(('file', 'exuvia: values', 'exuvia: objects', 'pgloader: values'), listed)}"
    )


def _counted(group: str, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    ours = [v for v in verdicts if not v.exuvia_rows]
    whole = sum(not v.exuvia_objects for v in ours)
    theirs = sum(not v.pgloader_rows for v in verdicts)
    return (group, str(len(verdicts)), str(len(ours)), str(whole), str(theirs))
