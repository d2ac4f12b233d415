"""What an audit is made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json, time_text

NO_HASH: Final = "0" * 64
"""What stands before the first entry."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry.

    Args:
        project_id: The project.
        seq: 1, 2, 3 … without gaps.
        at: When.
        actor: Who did it.
        action: What was done, such as ``plan.delete``.
        subject: To what kind of thing, such as a table.
        row_id: To which of them.
        data: Anything else.
        previous: The hash of the entry before.
        hash: Its own.
    """

    project_id: str
    seq: int
    at: datetime
    actor: str
    action: str
    subject: str | None
    row_id: str | None
    data: Json
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Where a project's audit stands.

    Args:
        project_id: The project.
        seq: Its newest entry.
        hash: The hash of that.
        base_seq: The last entry that ``prune`` has taken away; 0 for none.
        base_hash: The hash of that.
    """

    project_id: str
    seq: int
    hash: str
    base_seq: int
    base_hash: str


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """The first place where an audit is not as it was written.

    Args:
        seq: The entry.
        what: What is wrong with it.
    """

    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class Chain:
    """What the check of a project's audit has found.

    Args:
        project_id: The project.
        entries: How many entries are as they were written, from the first that is there.
        head: Where the audit stands; None where that is not known any more.
        broken: The first broken link; None if there is none.
    """

    project_id: str
    entries: int
    head: AuditHead | None
    broken: BrokenLink | None


@dataclass(frozen=True, slots=True)
class Written:
    """An entry as it stands in the table: ``data`` as its text."""

    project_id: str
    seq: int
    at: datetime
    actor: str
    action: str
    subject: str | None
    row_id: str | None
    data: str
    previous: str
    hash: str

    def digest(self) -> str:
        """Compute its hash: SHA-256 of the hash before it and of its values as a JSON array."""
        values = (self.project_id, self.seq, time_text(self.at), self.actor, self.action, self.subject, self.row_id)
        canonical = orjson.dumps([*values, self.data])
        return hashlib.sha256(self.previous.encode() + b"\n" + canonical).hexdigest()


AUDIT_ENTRY: Final = Shape(AuditEntry)
AUDIT_HEAD: Final = Shape(AuditHead)
WRITTEN: Final = Shape(Written)
