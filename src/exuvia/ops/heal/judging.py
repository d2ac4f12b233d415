"""Whether a change has helped: what its probes find before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exuvia.errors import CancelledError, ExuviaError
from exuvia.ops.heal.database import Database, FailedError, NotAnsweredError
from exuvia.ops.heal.model import Measure, Probe, Proposal
from exuvia.ops.heal.plans import Timing

FASTER: Final = 1.2
"""How many times as fast a statement has to be with an index, in time and in work, for the index to be kept."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found.

    Args:
        probe: The probe.
        measures: Its figures.
        ran: Whether the statement ran; None where the guard did not let it.
        why: Why it did not.
        number: The number of the probes ``none`` and ``fewer``.
        timing: What the statement took, of the probe ``faster``.
        unrun: Why only the planner's estimate is known; empty where the statement was run.
    """

    probe: Probe
    measures: tuple[Measure, ...]
    ran: bool | None = True
    why: str = ""
    number: int | None = None
    timing: Timing | None = None
    unrun: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether it helped: True, False, or None where nothing can tell; and why."""

    helped: bool | None
    why: str


def look(database: Database, probes: Sequence[Probe]) -> tuple[Finding, ...]:
    """Take what the probes find now."""
    return tuple(_look(database, probe) for probe in probes)


def look_before(database: Database, proposal: Proposal) -> tuple[Finding, ...]:
    """Take what the probes find before the change: with the statement as it was, where it is to be rewritten."""
    original = proposal.diagnosis.complaint
    return tuple(
        _look(database, Probe("statement", original.sql, probe.values))
        if probe.kind == "statement" and proposal.rewritten
        else _look(database, probe)
        for probe in proposal.probes
    )


def nothing_to_do(before: Sequence[Finding]) -> str:
    """Return why there is nothing to mend; empty where there is something."""
    if before and all(one.probe.kind == "statement" and one.ran for one in before):
        return "The statement runs already."
    if before and all(one.probe.kind in ("none", "fewer") and one.number == 0 for one in before):
        return f"There is nothing to mend: {before[0].probe.what} are 0."
    return ""


def judge(before: Sequence[Finding], after: Sequence[Finding]) -> Judgement:
    """Compare what the probes found."""
    judgements = [_judge(old, new) for old, new in zip(before, after, strict=True)]
    bad = next((one for one in judgements if one.helped is False), None)
    good = [one for one in judgements if one.helped]
    if bad is not None:
        return bad
    if good:
        return Judgement(True, " ".join(one.why for one in good))
    return Judgement(None, judgements[0].why if judgements else "Nothing can tell whether it helped.")


def _look(database: Database, probe: Probe) -> Finding:
    try:
        if probe.kind == "faster":
            return _time(database, probe)
        if probe.kind == "statement":
            return _attempt(database, probe)
        number = database.number(probe.sql, seconds=database.limits.statement_s)
    except CancelledError:
        raise
    except ExuviaError as error:
        return Finding(probe, (Measure("the statement", f"not run: {error.message}"),), None, error.message)
    except NotAnsweredError as error:
        return Finding(probe, (Measure(probe.what or "the statement", None),), None, str(error))
    return Finding(probe, (Measure(probe.what, number),), number=number)


def _attempt(database: Database, probe: Probe) -> Finding:
    try:
        result = database.attempt(probe.sql, probe.values)
    except FailedError as error:
        return Finding(probe, (Measure("the statement", error.complaint.error),), False, error.message)
    rows = len(result.rows) if result.affected is None else result.affected
    return Finding(probe, (Measure("the statement", f"runs, {rows:,} row{'s' * (rows != 1)}"),))


def _time(database: Database, probe: Probe) -> Finding:
    try:
        plan = database.plan(probe.sql, probe.values, own=probe.own)
        unrun = _unrun(database, probe)
        timing = Timing(None, None, plan) if unrun else database.time(probe.sql, probe.values, own=probe.own)
    except FailedError as error:
        return Finding(probe, (Measure("the statement", error.complaint.error),), False, error.message)
    limit = database.policy.timeout_s
    slow = f"over {limit:g} s" if not unrun else None
    measures = [Measure("execution time", timing.ms if timing.ms is not None else slow, "ms" if timing.ms else "")]
    if timing.work is not None:
        measures.append(Measure(database.work_name, timing.work))
    if timing.plan.cost is not None:
        measures.append(Measure("the planner's cost", timing.plan.cost))
    measures.append(Measure("plan", timing.plan.text))
    return Finding(probe, tuple(measures), timing=timing, unrun=unrun)


def _unrun(database: Database, probe: Probe) -> str:
    """Return why a statement is not run to be measured; empty where it is."""
    if probe.unknown:
        return "its values are not known"
    return "" if probe.own or database.only_reads(probe.sql) else "the statement writes"


def _judge(old: Finding, new: Finding) -> Judgement:
    if new.ran is None:
        # An index that nothing has shown to help is not kept
        helped = False if new.probe.kind == "faster" else None
        return Judgement(helped, f"Whether it helped is not known: {new.why}")
    if not new.ran:
        return Judgement(False, f"The statement still fails: {new.why}")
    if new.probe.kind == "statement":
        return Judgement(True, "The statement runs.")
    if new.probe.kind == "faster":
        return _judge_speed(old, new)
    if new.number is None or old.number is None:
        return Judgement(None, f"{new.probe.what} could not be counted.")
    helped = new.number == 0 if new.probe.kind == "none" else new.number * 2 <= old.number
    return Judgement(helped, f"{new.probe.what}: {old.number:,} before, {new.number:,} after.")


def _judge_speed(old: Finding, new: Finding) -> Judgement:
    if old.timing is None or new.timing is None:
        return Judgement(False, "The statement could not be timed before and after.")
    if new.probe.index not in new.timing.plan.indexes:
        return Judgement(False, f"The plan does not use it: {new.timing.plan.text}.")
    if new.unrun:
        ratio = _ratio(old.timing.plan.cost, new.timing.plan.cost)
        cheaper = ratio is None or ratio >= FASTER
        what = f"by the planner's estimate ({new.unrun}, so it was not run)"
        # A generic plan may be another than that for the values that are slow
        helped = None if cheaper and new.probe.unknown else cheaper
        return Judgement(helped, f"The plan uses it; {_times(ratio)} {what}.")
    if new.timing.ms is None:
        return Judgement(False, "The statement still takes too long.")
    if old.timing.ms is None:
        return Judgement(True, f"The plan uses it; it took too long before, and takes {new.timing.ms:,.3g} ms.")
    ratio, work = _ratio(old.timing.ms, new.timing.ms), _ratio(old.timing.work, new.timing.work)
    faster = ratio is not None and ratio >= FASTER and (work is None or work >= FASTER)
    told = f"The plan uses it; {_times(ratio)} ({old.timing.ms:,.3g} ms before, {new.timing.ms:,.3g} ms after)"
    if ratio is not None and ratio >= FASTER and not faster:
        told += f", but it looks at nearly as much as before ({old.timing.work:,.0f}, then {new.timing.work:,.0f})"
    return Judgement(faster, f"{told}.")


def _ratio(before: float | None, after: float | None) -> float | None:
    if before is None or after is None:
        return None
    return before / max(after, 1e-6)


def _times(ratio: float | None) -> str:
    return "it is faster" if ratio is None else f"{ratio:,.1f} times as fast"
