"""Checking that an audit is as it was written."""

from __future__ import annotations

from typing import Final

import orjson

from exuvia.store.audit.records import AUDIT_HEAD, WRITTEN, AuditHead, BrokenLink, Chain, Written
from exuvia.store.core.requests import Operation, Statement

_AT_ONCE: Final = 1000
_TRIES: Final = 5


def check_chain(project: str, anchor: tuple[int, str] | None) -> Operation[Chain]:
    """Check a project's audit, as far as it went at the beginning of the check.

    Args:
        project: The project.
        anchor: The ``seq`` and ``hash`` of an entry, which were known before.
    """
    for _ in range(_TRIES):
        head = yield from _head(project)
        if head is None:
            return Chain(project, 0, None, BrokenLink(1, "the head of the audit is missing"))
        entries, broken = yield from _walk(head, anchor)
        if broken is None:
            break
        now = yield from _head(project)
        if now is not None and now.base_seq == head.base_seq:  # nobody has pruned meanwhile
            break
    return Chain(project, entries, head, broken or (yield from _stray(project)))


def _head(project: str) -> Operation[AuditHead | None]:
    rows = yield Statement(
        f"SELECT {AUDIT_HEAD.columns()} FROM audit_heads WHERE project_id = :project", {"project": project}
    )
    return AUDIT_HEAD.first(rows)


def _walk(head: AuditHead, anchor: tuple[int, str] | None) -> Operation[tuple[int, BrokenLink | None]]:
    """Return how many entries are right, and the first that is not."""
    last, hash_last = head.base_seq, head.base_hash
    told = head.base_seq == 0
    while last < head.seq:
        rows = yield Statement(
            f"""
            SELECT {WRITTEN.columns()} FROM audit_entries
            WHERE project_id = :project AND seq > :last AND seq <= :most ORDER BY seq LIMIT :count
            """,
            {"project": head.project_id, "last": last, "most": head.seq, "count": _AT_ONCE},
        )
        for entry in WRITTEN.read_all(rows):
            if (what := _wrong(entry, last, hash_last, anchor)) is not None:
                return last - head.base_seq, BrokenLink(last + 1, what)
            told = told or _tells_of(entry, head)
            last, hash_last = entry.seq, entry.hash
        if not rows:
            return last - head.base_seq, BrokenLink(last + 1, "the entry is missing")
    return last - head.base_seq, _wrong_end(head, hash_last, told, anchor)


def _wrong(entry: Written, last: int, hash_last: str, anchor: tuple[int, str] | None) -> str | None:
    if entry.seq != last + 1:
        return "the entry is missing"
    if entry.digest() != entry.hash:
        return "the entry was changed"
    if entry.previous != hash_last:
        return "the entry does not follow the one before it"
    if anchor is not None and anchor[0] == entry.seq and anchor[1] != entry.hash:
        return "the entry is another one than the anchor's"
    return None


def _wrong_end(head: AuditHead, hash_last: str, told: bool, anchor: tuple[int, str] | None) -> BrokenLink | None:
    if hash_last != head.hash:
        return BrokenLink(head.seq, "the last entry is not the one that the head names")
    if not told:
        return BrokenLink(head.base_seq, "entries up to here were deleted, which no later entry tells")
    if anchor is not None and anchor[0] > head.seq:
        return BrokenLink(head.seq + 1, "the entry is missing, since the anchor is a later one")
    if anchor is not None and anchor[0] == head.base_seq and anchor[1] != head.base_hash:
        return BrokenLink(head.base_seq, "the entry is another one than the anchor's")
    return None


def _tells_of(entry: Written, head: AuditHead) -> bool:
    told = {"through": head.base_seq, "hash": head.base_hash}
    return entry.action == "audit.prune" and orjson.loads(entry.data) == told


def _stray(project: str) -> Operation[BrokenLink | None]:
    """Find an entry outside of the chain."""
    rows = yield Statement(
        """
        SELECT min(e.seq) FROM audit_entries AS e JOIN audit_heads AS h ON h.project_id = e.project_id
        WHERE e.project_id = :project AND (e.seq > h.seq OR e.seq <= h.base_seq)
        """,
        {"project": project},
    )
    return None if rows[0][0] is None else BrokenLink(rows[0][0], "the entry is none of the chain's")
