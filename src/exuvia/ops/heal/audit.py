"""What is recorded of healing, and where: in a store's audit, which the database itself keeps from being changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from exuvia.errors import ExuviaError
from exuvia.location import Location
from exuvia.ops.heal.model import AuditRecord, Measure, Proposal
from exuvia.store.core.options import StoreOptions
from exuvia.store.memory import Memory
from exuvia.store.opening import Opening

Sink = Callable[[AuditRecord], None]
"""Takes what is recorded, and raises where it cannot be kept: then nothing is changed."""

PROJECT: Final = "exuvia-heal"
"""The project of a store whose audit has what was healed."""


def begun(proposal: Proposal, actor: str) -> AuditRecord:
    """Return what is recorded before a change."""
    return _record(proposal, actor, "begin", {})


def ended(
    proposal: Proposal,
    actor: str,
    status: str,
    message: str,
    *,
    before: Sequence[Measure] = (),
    after: Sequence[Measure] = (),
) -> AuditRecord:
    """Return what is recorded after a change."""
    measured = {"before": [asdict(one) for one in before], "after": [asdict(one) for one in after]}
    return _record(proposal, actor, status, {"message": message, **measured})


def store_sink(location: Location, options: StoreOptions | None = None) -> Sink:
    """Return a sink that records in a store's audit, in a project of its own that is made where it is missing.

    Args:
        location: The store.
        options: How it is opened.
    """

    def record(entry: AuditRecord) -> None:
        with Opening(location, options or StoreOptions()) as store:
            store.projects.ensure(PROJECT)
            record_in(store, entry)

    return record


def record_in(store: Memory[Any], entry: AuditRecord) -> Any:
    """Record in a store's audit, in ``PROJECT``, which has to be there; of an asynchronous store to be awaited."""
    return store.audit.record(
        entry.action,
        actor=entry.actor,
        subject=entry.subject,
        row_id=entry.proposal_id,
        data=entry.data,
        project=PROJECT,
    )


def store_within(location: Location, options: StoreOptions) -> Sink | None:
    """Return a sink that records in the store that a database itself has; None where it has none.

    Args:
        location: The database.
        options: How its store is opened.
    """
    try:
        with Opening(location, replace(options, create=False)):
            return store_sink(location, replace(options, create=False))
    except ExuviaError:
        return None


def own_file() -> Path:
    """Return the store that is used where none is named: a file in the user's data directory."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    return Path(base) / "exuvia" / "heal.db"


def _record(proposal: Proposal, actor: str, event: str, more: dict[str, Any]) -> AuditRecord:
    known = proposal.as_dict()
    kept = {name: known[name] for name in ("kind", "title", "sql", "rewritten", "undo", "risk")}
    diagnosis = {"message": proposal.diagnosis.message, "error": proposal.diagnosis.complaint.error[:1000]}
    data = {**kept, **diagnosis, **more}
    return AuditRecord(f"heal.{event}", actor, str(proposal.diagnosis.target)[:255], proposal.id, data)
