"""Tools that heal the database: what is wrong, what would mend it, and mending it with a proof that it helped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from exuvia.tools.frame import ArgumentError, Arguments, Call, Output, Paged, Table, rows_within, tool
from exuvia.tools.frame.arguments import LONGEST_SQL
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import Position, continuation, position

if TYPE_CHECKING:
    from exuvia.ops.heal import Diagnosis, Outcome, Proposal

_COLUMNS: Final = ("id", "kind", "about", "message", "certainty")


class Symptoms(Paged):
    """What went wrong. Nothing at all asks for a check-up."""

    error: str = Field("", max_length=20_000, description="The error's text.")
    sqlstate: str = Field("", max_length=5, description="PostgreSQL's code, such as 42703.")
    sql: str = Field("", max_length=LONGEST_SQL, description="The statement that failed or is slow.")
    values: list[Json] = Field(default_factory=list, description="Values of $1, $2 and so on.")


class OneDiagnosis(Arguments):
    """What to mend."""

    diagnosis: str = Field(min_length=1, description="An id that diagnose told.")


class OneProposal(Arguments):
    """How to mend it."""

    proposal: str = Field(min_length=1, description="An id that propose_fix told.")
    chosen: bool = Field(False, description="A person chose it: needed where it says `choice`.")


class Fix(Output):
    """One way to mend: its SQL, or the statement ``rewritten``. With ``choice`` a person has to choose it."""

    id: str
    title: str
    sql: list[str] = Field(default_factory=list)
    rewritten: str = ""
    risk: str
    reasons: list[str] = Field(default_factory=list)
    undo: list[str] = Field(default_factory=list)
    no_undo: str = ""
    verification: str = ""
    tested: str = ""
    choice: bool = False


class Fixes(Output):
    """Ways to mend, the best first, and how the diagnosis is known. ``missing`` is what has to be told to diagnose."""

    fixes: list[Fix]
    evidence: list[str] = Field(default_factory=list)
    missing: str = ""
    notice: str = ""


class Mended(Output):
    """What came of it: ``verified``, ``applied`` (nothing could tell), ``undone`` or ``failed``; measured before and
    after."""

    status: str
    message: str
    before: list[str] = Field(default_factory=list)
    after: list[str] = Field(default_factory=list)
    seconds: float


@tool(
    toolset="healing",
    summary="Find out what is wrong with the database: from an error, a slow statement, or by a check-up.",
    example={"error": 'column "totl" does not exist', "sqlstate": "42703", "sql": "SELECT totl FROM orders"},
)
async def diagnose(call: Call, given: Symptoms) -> Table:
    from exuvia.ops.heal import Complaint

    start = position(given)
    healer = await call.desk.healer()
    await call.progress(0, 1, "examining")
    complaint = Complaint(error=given.error, sqlstate=given.sqlstate, sql=given.sql, values=given.values)
    found = await healer.diagnose(complaint)
    await call.progress(1, 1, "examined")
    rows = [_row(one) for one in found.diagnoses]
    page = rows[start.told : start.told + given.limit]
    table = rows_within(given, _COLUMNS, page, total=len(rows), start=start)
    if table.next is None and start.told + len(page) < len(rows):
        table = table.model_copy(update={"next": continuation(given, Position(None, start.told + len(page)))})
    nothing = "" if rows or (found.notes and not complaint.is_empty) else "Nothing is wrong that could be found."
    notes = " ".join(filter(None, (nothing, *found.notes)))
    return table.model_copy(update={"notice": " ".join(filter(None, (table.notice, notes)))})


@tool(
    toolset="healing",
    summary="Propose ways to mend what diagnose found: the SQL, its risk, its undo and how it will be verified.",
    example={"diagnosis": "5f0c2a91b7de"},
)
async def propose_fix(call: Call, given: OneDiagnosis) -> Fixes:
    from exuvia.ops.heal import Diagnosis

    healer = await call.desk.healer()
    diagnosis = healer.recall(given.diagnosis)
    if not isinstance(diagnosis, Diagnosis):
        raise _not_there("diagnosis", given.diagnosis, "diagnose")
    await call.progress(0, 1, "looking for ways")
    proposals = await healer.propose(diagnosis)
    await call.progress(1, 1, "proposed")
    nothing = "" if proposals or diagnosis.missing else "Nothing can be done about it here."
    return Fixes(
        fixes=[_fix(one) for one in proposals],
        evidence=list(diagnosis.evidence),
        missing=diagnosis.missing,
        notice=nothing,
    )


@tool(
    toolset="healing",
    summary="Apply a proposed fix, verify that it helped, and undo it if it did not.",
    example={"proposal": "c41d9e0f7a2b"},
    details="Recorded in the audit.",
    effect="destroys",
    scope="ddl",
)
async def apply_fix(call: Call, given: OneProposal) -> Mended:
    from exuvia.ops.heal import Proposal

    healer = await call.desk.healer()
    proposal = healer.recall(given.proposal)
    if not isinstance(proposal, Proposal):
        raise _not_there("proposal", given.proposal, "propose_fix")
    if proposal.choice and not given.chosen:
        raise ArgumentError(
            "chosen",
            "This is one of several ways, or loses something, so that a person has to choose it.",
            hint="Ask; then pass chosen: true.",
            code="choice",
        )
    if not proposal.statements:
        raise ArgumentError(
            "proposal",
            "Nothing in the database has to change: the statement is to be rewritten.",
            hint="Run the `rewritten` statement.",
            code="rewritten",
        )
    await call.progress(0, 1, proposal.title)
    outcome = await healer.apply(proposal, actor=call.caller)
    await call.progress(1, 1, outcome.status)
    return _mended(outcome)


def _not_there(what: str, named: str, told_by: str) -> ArgumentError:
    return ArgumentError(
        what,
        f"There is no {what} {named[:80]} here.",
        hint=f"Call {told_by} again: ids stay the same while the same thing is wrong.",
        code=what,
    )


def _row(diagnosis: Diagnosis) -> list[Json]:
    needs = f" To go on: {diagnosis.missing}" if diagnosis.missing else ""
    return [diagnosis.id, diagnosis.kind, str(diagnosis.target), diagnosis.message + needs, diagnosis.certainty]


def _fix(proposal: Proposal) -> Fix:
    return Fix(
        id=proposal.id,
        title=proposal.title,
        sql=list(proposal.statements),
        rewritten=proposal.rewritten,
        risk=proposal.risk.level,
        reasons=list(proposal.risk.reasons),
        undo=list(proposal.undo),
        no_undo=proposal.no_undo,
        verification=proposal.verification,
        tested=proposal.tested,
        choice=proposal.choice,
    )


def _mended(outcome: Outcome) -> Mended:
    return Mended(
        status=outcome.status,
        message=outcome.message,
        before=list(map(str, outcome.before)),
        after=list(map(str, outcome.after)),
        seconds=round(outcome.seconds, 3),
    )


TOOLS: Final = (diagnose, propose_fix, apply_fix)
