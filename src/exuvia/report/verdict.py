"""What a move amounts to, in one sentence that a person can repeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from exuvia.move.results import DifferingRows, MoveReport, Proof
from exuvia.report.document import ReportDocument
from exuvia.report.sampled import SampleSize, differing_words, sample_size
from exuvia.report.words import counted

Level = Literal["good", "attention", "bad"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a move. ``headline`` says what is so, ``detail`` the figures behind it."""

    level: Level
    headline: str
    detail: str

    @property
    def sentence(self) -> str:
        """The verdict on one line: headline, colon, detail."""
        return f"{self.headline}: {self.detail}"


def verdict(report: MoveReport) -> Verdict:
    """Judge a report. Nothing but compared values makes a verdict good: a move that was not verified gets no praise."""
    if report.status == "planned":
        return _planned(report)
    rejected = rows_rejected(report)
    proof = report.proof
    if proof is not None and not (proof.equal and report.status != "different"):
        return _different(report, proof, rejected)
    if proof is None:
        return _unproved(report, rejected)
    if (size := sample_size(proof)) is not None:
        return _sampled(proof, size, rejected)
    if rejected:
        detail = (
            f"{counted(proof.values_compared, 'value')} compared, 0 differences; "
            f"{rejected:,} of {counted(_rows_source(report), 'row')} could not go and "
            f"{'is' if rejected == 1 else 'are'} kept in quarantine"
        )
        return Verdict("attention", "Every other value arrived", detail)
    rows = sum(table.rows_source for table in proof.tables)
    detail = f"{counted(rows, 'row')}, {counted(proof.values_compared, 'value')} compared, 0 differences"
    return Verdict("good", "Every value arrived", detail)


def _sampled(proof: Proof, size: SampleSize, rejected: int) -> Verdict:
    detail = f"{size.words}, {counted(proof.values_compared, 'value')} compared, 0 differences in them"
    if size.counted:
        detail += "; numbers of rows agree"
    if rejected:
        detail += f"; {counted(rejected, 'row')} in quarantine"
    if size.not_compared:
        detail += f"; no row of {counted(len(size.not_compared), 'table')} without a key was compared"
    return Verdict("attention", "A sample, not a proof", detail)


def rows_rejected(report: MoveReport | ReportDocument) -> int:
    """Return how many rows stayed behind, by the copy's count or the proof's where there was no copy."""
    if report.tables:
        return sum(table.rows_rejected for table in report.tables)
    return sum(table.rows_rejected for table in report.proof.tables) if report.proof else len(report.rejections)


def _rows_source(report: MoveReport) -> int:
    if report.tables:
        return sum(table.rows_source for table in report.tables)
    return sum(table.rows_source for table in report.proof.tables) if report.proof else 0


def _planned(report: MoveReport) -> Verdict:
    rows = sum(table.profile.rows for table in report.plan.tables)
    what = f"{counted(rows, 'row')} in {counted(len(report.plan.tables), 'table')}"
    errors = sum(problem.level == "error" for problem in report.plan.problems)
    warnings = sum(problem.level == "warning" for problem in report.plan.problems)
    if errors:
        return Verdict("bad", "This move would be refused", f"{counted(errors, 'error')}; {what}; nothing was written")
    if warnings:
        return Verdict("attention", "Ready to move", f"{what}, {counted(warnings, 'warning')}; nothing was written")
    return Verdict("good", "Ready to move", f"{what}; nothing was written")


def _different(report: MoveReport, proof: Proof, rejected: int) -> Verdict:
    wrong = [table for table in proof.tables if not table.equal]
    if not wrong:
        detail = f"{counted(proof.values_compared, 'value')} compared, 0 differences, but another source differs"
        return Verdict("bad", "Not published", f"{detail}; the target is as it was")
    listed = sum(len(table.differences) for table in wrong)
    detail = f"{counted(proof.values_compared, 'value')} compared, {counted(listed, 'difference')} listed"
    if (size := sample_size(proof)) is not None:
        detail = f"only a sample was compared, {size.words}, {detail}"
    if words := differing_words(sum((table.differing for table in wrong), DifferingRows())):
        detail += f"; {words}"
    if rejected:
        detail += f"; {counted(rejected, 'row')} rejected"
    if report.tables:
        detail += "; nothing was published, so the target is as it was"
    verb = "differs" if len(wrong) == 1 else "differ"
    return Verdict("bad", f"{len(wrong):,} of {counted(len(proof.tables), 'table')} {verb}", detail)


def _unproved(report: MoveReport, rejected: int) -> Verdict:
    if report.status == "different":
        return Verdict("bad", "The two sides differ", "the comparison left no proof")
    rows = sum(table.rows_copied for table in report.tables)
    if rejected:
        detail = f"{counted(rejected, 'row')} in quarantine; values were not compared"
        return Verdict("attention", f"{counted(rows, 'row')} moved", detail)
    return Verdict("attention", f"{counted(rows, 'row')} moved", "values were not compared (verification was off)")
