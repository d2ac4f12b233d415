"""Applying one proposal: measured before, done, verified, kept or undone; never half."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from exuvia.errors import ExuviaError, TargetError
from exuvia.ops.heal import judging
from exuvia.ops.heal.audit import Sink, begun, ended
from exuvia.ops.heal.database import Database, FailedError
from exuvia.ops.heal.judging import Finding, Judgement
from exuvia.ops.heal.model import Measure, Outcome, Proposal, Status

_CLEANUPS: Final = 5
_BETWEEN: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Done:
    """How it ended."""

    status: Status
    message: str
    after: tuple[Finding, ...] = ()


def apply(database: Database, proposal: Proposal, *, actor: str, sink: Sink) -> Outcome:
    """Apply a proposal.

    Args:
        database: The database.
        proposal: What to do.
        actor: Who does it, for the audit.
        sink: Takes what is recorded: once before anything is changed, and once how it ended.

    Raises:
        CancelledError: Somebody has cancelled; nothing was changed, or it was taken back.
        StoreError: What is done cannot be recorded; nothing was changed.
    """
    started = time.perf_counter()
    before = judging.look_before(database, proposal)
    reason = judging.nothing_to_do(before)
    if reason:
        done = _Done("failed", f"{reason} Nothing was changed.")
    else:
        sink(begun(proposal, actor))
        try:
            done = _do(database, proposal, before)
        except BaseException as error:
            with suppress(ExuviaError):
                sink(ended(proposal, actor, "cancelled", f"{type(error).__name__}: {error}"))
            raise
    old, new = _measures(before), _measures(done.after)
    record = ended(proposal, actor, done.status, done.message, before=old, after=new)
    message = done.message
    try:
        sink(record)
    except ExuviaError as error:
        message = f"{message} How it ended could not be recorded: {error.message}"
    return Outcome(proposal, done.status, message, old, new, time.perf_counter() - started, record)


def _do(database: Database, proposal: Proposal, before: tuple[Finding, ...]) -> _Done:
    try:
        if not proposal.statements:
            return _rewrite(database, proposal, before)
        return (_together if proposal.transactional else _alone)(database, proposal, before)
    except FailedError as error:
        hint = f" {error.hint}" if error.hint else ""
        return _Done("failed", f"{error.message} Nothing was changed.{hint}")


def _rewrite(database: Database, proposal: Proposal, before: tuple[Finding, ...]) -> _Done:
    after = judging.look(database, proposal.probes)
    judgement = judging.judge(before, after)
    status: Status = "verified" if judgement.helped else "failed"
    return _Done(status, f"{judgement.why} Nothing in the database was changed: the query has to.", after)


def _together(database: Database, proposal: Proposal, before: tuple[Finding, ...]) -> _Done:
    with database.transaction():
        for statement in proposal.statements:
            database.execute(statement, seconds=database.limits.statement_s)
        after = judging.look(database, proposal.probes)
        judgement = judging.judge(before, after)
        if judgement.helped is not False:
            database.commit()
            return _kept(judgement, after)
        hidden = any(database.is_hidden(proposal.diagnosis.target.schema, probe.index) for probe in proposal.probes)
    if hidden:
        return _alone(database, proposal, before)
    return _Done("undone", f"It did not help, and was rolled back. {judgement.why}", after)


def _alone(database: Database, proposal: Proposal, before: tuple[Finding, ...]) -> _Done:
    """Run what cannot be in a transaction; what it leaves behind when it fails is removed."""
    target = proposal.diagnosis.target
    builds = any(" CONCURRENTLY " in statement for statement in proposal.statements)
    if builds:
        database.wait_for_others(target.schema, target.table)
    own = [probe.index for probe in proposal.probes if probe.index]
    there = database.leftovers(target.schema, target.table, own)
    is_done = False
    try:
        for statement in proposal.statements:
            database.execute(statement, seconds=database.limits.build_s)
        is_done = True
        after = judging.look(database, proposal.probes)
        judgement = judging.judge(before, after)
    except BaseException:
        with database.tidying():
            left = database.leftovers(target.schema, target.table, own) - there
            drops = [f"DROP INDEX CONCURRENTLY {name}" for name in sorted(left)]
            _tidy(database, drops or (proposal.undo if is_done else ()))
        raise
    if judgement.helped is not False:
        return _kept(judgement, after)
    if not proposal.undo:
        return _Done("failed", f"It did not help, and cannot be undone: {proposal.no_undo}. {judgement.why}", after)
    _tidy(database, proposal.undo)
    return _Done("undone", f"It did not help, and was undone. {judgement.why}", after)


def _kept(judgement: Judgement, after: tuple[Finding, ...]) -> _Done:
    return _Done("verified" if judgement.helped else "applied", judgement.why, after)


def _tidy(database: Database, statements: Sequence[str]) -> None:
    """Run statements that have to be run, whoever is in the way, and although somebody has cancelled."""
    with database.tidying():
        for statement in statements:
            _insist(database, statement)


def _insist(database: Database, statement: str) -> None:
    for left in reversed(range(_CLEANUPS)):
        try:
            database.execute(statement, seconds=database.limits.build_s)
        except FailedError as error:
            if not left:
                raise TargetError(
                    f"What was half done could not be taken back: {error.message}",
                    hint=f"Run it once nobody is in the way: {statement};",
                    code="heal_left",
                ) from error
            time.sleep(_BETWEEN)
        else:
            return


def _measures(findings: Sequence[Finding]) -> tuple[Measure, ...]:
    return tuple(measure for finding in findings for measure in finding.measures)
