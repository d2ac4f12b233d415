"""What is wrong with a database, what would mend it and what came of that, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from exuvia.ops.heal.model import Diagnosis, Examination, Measure, Outcome, Proposal, RiskLevel, Status
from exuvia.report.words import counted

_RISKS: Final[dict[RiskLevel, str]] = {"low": "green", "medium": "yellow", "high": "bold red"}
_STATES: Final[dict[Status, str]] = {
    "verified": "bold green",
    "applied": "green",
    "undone": "yellow",
    "failed": "bold red",
}


def examination_view(
    examination: Examination, proposals: Mapping[str, Sequence[Proposal]], where: str
) -> RenderableType:
    """Return a view of what was found.

    Args:
        examination: What was found.
        proposals: What would mend it, by the diagnosis's id.
        where: The database, for people.
    """
    found = examination.diagnoses
    if found:
        head = Text.assemble((counted(len(found), "thing"), "bold red"), f" to mend in {where}")
    else:
        head = Text.assemble(("Nothing found", "bold green"), f" in {where}")
    parts: list[RenderableType] = [head]
    for diagnosis in found:
        parts += [Text(""), *_diagnosis(diagnosis, proposals.get(diagnosis.id, ()))]
    if examination.notes:
        parts += [Text(""), *(Text(f"Note: {note}") for note in examination.notes)]
    if any(proposals.values()):
        parts += [Text(""), Text("Apply one by its id: --apply ID; or all that need no choice: --apply all")]
    return Group(*parts)


def proposal_view(proposal: Proposal) -> RenderableType:
    """Return a view of one proposal: its SQL, its risk, and how it is taken back and verified."""
    return Group(*_proposal(proposal))


def outcome_view(outcome: Outcome) -> RenderableType:
    """Return a view of what came of one proposal."""
    head = Text.assemble((outcome.status, _STATES[outcome.status]), f"  {outcome.message}")
    lines = [*_measures("before", outcome.before), *_measures("after", outcome.after)]
    return Group(head, *lines, Text(""))


def _diagnosis(diagnosis: Diagnosis, proposals: Sequence[Proposal]) -> Iterator[RenderableType]:
    kind = diagnosis.kind.replace("_", " ")
    yield Text.assemble((kind, "bold"), f"  {diagnosis.message}  ({diagnosis.certainty})")
    for line in diagnosis.evidence:
        yield _inside(Text(f"known by: {line}", "dim"))
    if diagnosis.missing:
        yield _inside(Text(f"missing: {diagnosis.missing}"))
    elif not proposals:
        yield _inside(Text("nothing can be proposed"))
    for proposal in proposals:
        yield _inside(proposal_view(proposal))


def _proposal(proposal: Proposal) -> Iterator[RenderableType]:
    choice = "  one of several ways: choose" if proposal.choice else ""
    yield Text.assemble((proposal.id, "bold cyan"), f"  {proposal.title}", (choice, "dim"))
    yield _inside(Group(*_details(proposal)), 4)


def _details(proposal: Proposal) -> Iterator[Text]:
    for statement in proposal.statements:
        yield Text(f"{statement};")
    if proposal.rewritten:
        yield Text(f"the query: {proposal.rewritten}")
    risk = proposal.risk
    yield Text.assemble("risk ", (risk.level, _RISKS[risk.level]), f": {'; '.join(risk.reasons)}")
    if proposal.no_undo:
        yield Text(f"cannot be undone: {proposal.no_undo}")
    for statement in proposal.undo:
        yield Text(f"undo: {statement};")
    if proposal.tested:
        yield Text(f"tested: {proposal.tested}")
    yield Text(f"verified: {proposal.verification}", style="dim")


def _measures(when: str, measures: Sequence[Measure]) -> Iterator[RenderableType]:
    for measure in measures:
        yield _inside(Text(f"{when}: {measure}", "dim"), 4)


def _inside(view: RenderableType, columns: int = 2) -> Padding:
    """Return a view that stays indented where it is wrapped."""
    return Padding(view, (0, 0, 0, columns), expand=False)
