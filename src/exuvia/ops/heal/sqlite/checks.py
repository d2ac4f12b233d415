"""What SQLite itself tells of trouble: counters that are behind, damaged indexes, empty pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from exuvia.ops.heal.cases import Case, Findings
from exuvia.ops.heal.database import Database, NotAnsweredError
from exuvia.ops.heal.model import Diagnosis, Probe, Proposal, Risk, Target
from exuvia.ops.heal.names import literal, spell

_EMPTY_BYTES: Final = 1_000_000
_EMPTY_SHARE: Final = 0.2
_COUNTERS: Final = """
SELECT t.name, s.seq, s.name IS NOT NULL FROM sqlite_schema AS t LEFT JOIN sqlite_sequence AS s ON s.name = t.name
WHERE t.type = 'table' AND t.sql LIKE '%AUTOINCREMENT%'
"""
_HAS_COUNTERS: Final = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"
_INTEGRITY: Final = "SELECT integrity_check FROM pragma_integrity_check"
_DAMAGE: Final = re.compile(r"(?:missing from|wrong # of entries in|non-unique entry in) index (.+)$")


def counters(database: Database, table: str = "") -> Findings:
    """Compare what AUTOINCREMENT remembers with the highest rowid; of all tables, or of one."""
    if not database.rows(_HAS_COUNTERS):
        return
    for name, seq, _ in database.rows(_COUNTERS):
        if not database.allows("read", "main", name):
            continue
        highest = database.number(f"SELECT max(_rowid_) FROM {spell('sqlite', name)}")
        if (not table or name.lower() == table.lower()) and highest > (seq or 0):
            message = (
                f"The AUTOINCREMENT counter of {name} is behind: once its last rows are deleted, their ids are given"
                " again."
            )
            evidence = (f"sqlite_sequence has {seq}, the highest rowid is {highest:,}",)
            yield Diagnosis("sequence_behind", Target("main", name, "sqlite_sequence"), message, evidence)


def count_on(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:
    """Propose to set the counter to the highest rowid."""
    table = diagnosis.target.table
    name, place = literal(table), spell("sqlite", table)
    old = database.rows("SELECT seq FROM sqlite_sequence WHERE name = ?", [table])
    highest = f"SELECT max(_rowid_) FROM {place}"
    if old:
        change = f"UPDATE sqlite_sequence SET seq = ({highest}) WHERE name = {name}"
        undo = f"UPDATE sqlite_sequence SET seq = {old[0][0]} WHERE name = {name}"
    else:
        change = f"INSERT INTO sqlite_sequence (name, seq) SELECT {name}, ({highest})"
        undo = f"DELETE FROM sqlite_sequence WHERE name = {name}"
    behind = f"SELECT max(0, ({highest}) - coalesce((SELECT seq FROM sqlite_sequence WHERE name = {name}), 0))"
    yield Proposal(
        diagnosis,
        f"Set the counter of {table} to its highest rowid",
        (change,),
        (undo,),
        Risk("low", ("changes one row of SQLite's own, and none of the table",)),
        (Probe("none", behind, what="ids that may be given again"),),
    )


def indexes(database: Database) -> Findings:
    """Let SQLite check every index against its table."""
    try:
        said = [str(line) for (line,) in database.rows(_INTEGRITY, seconds=database.limits.statement_s)]
    except NotAnsweredError as error:
        yield f"The file's integrity was not checked: {error}."
        return
    owners: dict[str, str] = dict(database.rows("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index'"))
    found: dict[str, str] = {}
    for line in said:
        damage = _DAMAGE.search(line)
        if damage is not None and damage[1] in owners:
            found.setdefault(damage[1], line)
        elif line != "ok" and not database.is_limited:
            yield f"PRAGMA integrity_check says: {line}"
    for index, line in found.items():
        message = f"The index {index} of {owners[index]} does not agree with its table."
        yield Diagnosis("invalid_index", Target("main", owners[index], index), message, (f"integrity_check: {line}",))


def rebuild(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:  # noqa: ARG001 - as every class has it
    """Propose to build the index anew from its table."""
    target = diagnosis.target
    damaged = (
        f"SELECT count(*) FROM pragma_integrity_check({literal(target.table)})"
        f" WHERE integrity_check LIKE {literal('%index ' + target.name)}"
    )
    yield Proposal(
        diagnosis,
        f"Build the index {target.name} anew",
        (f"REINDEX {spell('sqlite', target.name)}",),
        (),
        Risk("low", ("nobody can write to the file meanwhile; no row changes",)),
        (Probe("none", damaged, what="faults of the index"),),
        no_undo="it builds anew what is wrong; no row changes",
    )


def emptiness(database: Database) -> Findings:
    """Look for pages that nothing uses."""
    pages, free, size = (
        database.number(f"SELECT * FROM pragma_{name}") for name in ("page_count", "freelist_count", "page_size")
    )
    if free * size > _EMPTY_BYTES and free > pages * _EMPTY_SHARE:
        message = f"{free / pages:.0%} of the file is empty: {free * size / 1e6:,.1f} MB."
        yield Diagnosis("bloat", Target("main", "", "free pages"), message, (f"{free:,} of {pages:,} pages are free",))


def give_back(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:  # noqa: ARG001 - as every class has it
    """Propose VACUUM."""
    yield Proposal(
        diagnosis,
        "Write the file anew without the free pages",
        ("VACUUM",),
        (),
        Risk(
            "medium",
            (
                "nobody else can use the file meanwhile",
                "needs up to twice the file's size on the disk",
                "rowids of tables without an INTEGER PRIMARY KEY may change",
            ),
        ),
        (Probe("fewer", "SELECT freelist_count FROM pragma_freelist_count", what="free pages"),),
        no_undo="the rows stay as they are",
        transactional=False,
    )


def taken(case: Case, database: Database) -> Findings:
    """Find out whether a key is taken because a counter is behind."""
    table = case.symptom.column.partition(".")[0]
    found = list(counters(database, table)) if table else []
    yield from found
    if not found:
        yield "The key is there already, and no counter is behind: the statement has to use another."
