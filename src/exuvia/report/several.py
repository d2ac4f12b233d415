"""One report for several sources that went together: JSON, one HTML file, or the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from rich.console import Group, RenderableType
from rich.text import Text

from exuvia.move.results import JointReport, MoveReport, Status
from exuvia.report import document as doc
from exuvia.report.html import to_html
from exuvia.report.json_report import dump, report_document
from exuvia.report.terminal import summary
from exuvia.report.terminal_parts import verdict_line
from exuvia.report.verdict import Level, Verdict, verdict
from exuvia.report.words import counted, duration, plain

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }}
summary {{ cursor: pointer; padding: .5rem 0; }}
iframe {{ border: 1px solid #8888; width: 100%; height: 80vh; }}
.good {{ color: #176f2c; }} .attention {{ color: #8a5a00; }} .bad {{ color: #b3261e; }}
@media (prefers-color-scheme: dark) {{
body {{ background: #16181d; color: #e6e6e6; }}
.good {{ color: #6fd08c; }} .attention {{ color: #f0b95b; }} .bad {{ color: #ff8a80; }}
}}
</style>
</head>
<body>
<h1>{title}</h1>
<p><strong class="{level}">{headline}</strong>: {detail}</p>
{parts}
</body>
</html>
"""
_PART = """<details{open}>
<summary><strong>{source}</strong>: <span class="{level}">{headline}</span>. {detail}</summary>
<iframe title="{source}" sandbox="allow-scripts" srcdoc="{page}"></iframe>
</details>"""


_GRAVITY: tuple[Level, ...] = ("good", "attention", "bad")


@dataclass(frozen=True, slots=True)
class JointDocument:
    """``exuvia migrate --json``, ``exuvia verify --json`` and ``--report FILE.json`` with several sources."""

    format: Literal["exuvia.reports"]
    version: int
    exuvia: str
    status: Status
    verdict: doc.VerdictDocument
    seconds: float
    reports: Sequence[doc.ReportDocument]


def joint_verdict(report: JointReport) -> Verdict:
    """Judge all sources together: by the gravest verdict of any, with the figures of all."""
    judged = [verdict(one) for one in report.reports]
    gravest = max(judged, key=lambda one: _GRAVITY.index(one.level))
    same = [one.source for one, found in zip(report.reports, judged, strict=True) if found.headline == gravest.headline]
    where = f" ({', '.join(same)})" if len(same) < len(judged) else ""
    return Verdict(gravest.level, f"{gravest.headline}{where}", ", ".join(_figures(report)))


def _figures(report: JointReport) -> Iterator[str]:
    yield counted(len(report.reports), "file")
    yield counted(sum(table.profile.rows for one in report.reports for table in one.plan.tables), "row")
    proofs = [one.proof for one in report.reports if one.proof is not None]
    if proofs:
        yield f"{counted(sum(proof.values_compared for proof in proofs), 'value')} compared"
    yield duration(report.seconds)


def joint_summary(report: JointReport, files: Sequence[str | Path] = ()) -> RenderableType:
    """Return the outcome of each source, and last the verdict on all.

    Args:
        report: The outcome.
        files: Where reports were written, to be named at the end.
    """
    parts: list[RenderableType] = []
    for one in report.reports:
        parts += [summary(one), Text()]
    parts.append(verdict_line(joint_verdict(report)))
    parts += [Text(f"Report: {file}") for file in files]
    return Group(*parts)


def joint_to_json(report: JointReport) -> str:
    """Return one JSON document: the verdict on all sources, and the report of each."""
    judged = joint_verdict(report)
    return dump(
        JointDocument(
            format="exuvia.reports",
            version=doc.VERSION,
            exuvia=version("exuvia"),
            status=report.status,
            verdict=doc.VerdictDocument(judged.level, judged.headline, judged.detail),
            seconds=report.seconds,
            reports=[report_document(one) for one in report.reports],
        )
    )


def joint_to_html(report: JointReport) -> str:
    """Return one self-contained page with a verdict and the whole report of each source; what went wrong is open."""
    judged = joint_verdict(report)
    return _PAGE.format(
        title=counted(len(report.reports), "database"),
        level=judged.level,
        headline=escape(plain(judged.headline)),
        detail=escape(judged.detail),
        parts="\n".join(_part(one) for one in report.reports),
    )


def _part(report: MoveReport) -> str:
    found = verdict(report)
    return _PART.format(
        open=" open" if found.level == "bad" else "",
        source=escape(plain(report.source)),
        level=found.level,
        headline=escape(found.headline),
        detail=escape(found.detail),
        page=escape(to_html(report)),
    )
