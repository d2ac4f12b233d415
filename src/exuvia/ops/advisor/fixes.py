"""What to mend in SQLite first: it may be enough for a while, and it makes the move quicker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exuvia.ops.advisor.contention import Spell
from exuvia.ops.advisor.results import Facts, Fix

_LONG: Final = 1.0
_LARGE_LOG: Final = 16_000_000
_MUCH_FREE: Final = 0.2


def fixes_for(facts: Facts) -> tuple[Fix, ...]:
    """Return what to mend, the most useful first."""
    return (*_damaged(facts), *_waiting(facts), *_transactions(facts), *_log(facts), *_search(facts), *_schema(facts))


def _damaged(facts: Facts) -> Iterator[Fix]:
    if facts.damage:
        yield Fix("Repair the file before anything else", "; ".join(facts.damage[:3]), "")


def _waiting(facts: Facts) -> Iterator[Fix]:
    if facts.storage.journal_mode != "wal":
        yield Fix(
            "Switch to WAL mode",
            "readers and the writer stop waiting for each other; needs a local file system, and is kept by the file",
            "PRAGMA journal_mode = WAL",
        )
    if facts.contention.busy or len(facts.users.known) > 1:
        yield Fix(
            "Set a busy timeout in every connection",
            "a writer then waits for its turn instead of failing with SQLITE_BUSY; from outside it cannot be seen"
            " whether that is done",
            "PRAGMA busy_timeout = 5000",
        )


def _transactions(facts: Facts) -> Iterator[Fix]:
    write, read = facts.contention.longest_write, facts.contention.longest_read
    if write and write.seconds >= _LONG:
        yield Fix("Shorten write transactions", f"{_who(write)} held the write lock; nobody else can write meanwhile")
    if read and read.seconds >= _LONG and facts.storage.journal_mode != "wal":
        yield Fix("Shorten read transactions", f"{_who(read)} was reading; outside WAL mode no writer can commit")


def _log(facts: Facts) -> Iterator[Fix]:
    wal = facts.contention.wal
    if wal and wal.stale_reader and wal.stale_reader.seconds >= _LONG:
        yield Fix(
            "End long readings",
            f"{_who(wal.stale_reader)} was reading an old state, so that the log cannot be emptied and grows",
        )
    size = max(facts.storage.wal_bytes, wal.bytes if wal else 0)
    if size > _LARGE_LOG:
        yield Fix(
            "Empty the write-ahead log",
            f"it has {size / 1_000_000:,.0f} MB; every reader looks through it",
            "PRAGMA wal_checkpoint(TRUNCATE)",
        )


def _search(facts: Facts) -> Iterator[Fix]:
    for table in facts.search:
        if table.problems:
            name = '"' + table.name.replace('"', '""') + '"'
            sql = f"INSERT INTO {name}({name}) VALUES ('rebuild')"
            yield Fix(f"Rebuild the full-text table {table.name}", "; ".join(table.problems[:3]), sql)


def _schema(facts: Facts) -> Iterator[Fix]:
    verbs = {"missing": "Add an index to", "redundant": "Drop an index of", "statistics": "Analyze"}
    for finding in facts.indexes:
        yield Fix(f"{verbs[finding.kind]} {finding.table}", finding.message, finding.sql)
    storage = facts.storage
    if storage.free_pages > storage.pages * _MUCH_FREE and storage.free_pages * storage.page_bytes > 1_000_000:
        share = storage.free_pages / storage.pages
        yield Fix(
            "Give free pages back", f"{share:.0%} of the file is empty; VACUUM needs the file for itself", "VACUUM"
        )


def _who(spell: Spell) -> str:
    name = f" ({spell.name})" if spell.name else ""
    process = f"process {spell.pid}{name}" if spell.pid else "a process"
    return f"for at least {spell.seconds:.1f} s {process}"
