"""One document for several moves: a JSON array of reports, or one HTML file that holds each report's page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from exuvia.move.results import MoveReport
from exuvia.report.html import to_html
from exuvia.report.json_report import to_json
from exuvia.report.verdict import verdict
from exuvia.report.words import counted, plain

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
{parts}
</body>
</html>
"""
_PART = """<details{open}>
<summary><strong>{source}</strong>: <span class="{level}">{headline}</span>. {detail}</summary>
<iframe title="{source}" sandbox="allow-scripts" srcdoc="{page}"></iframe>
</details>"""


def all_to_json(reports: Sequence[MoveReport]) -> str:
    """Return the reports as one JSON array of documents."""
    return "[\n" + ",\n".join(to_json(report).rstrip("\n") for report in reports) + "\n]\n"


def all_to_html(reports: Sequence[MoveReport]) -> str:
    """Return one self-contained page with a verdict and the whole report of each move; what went wrong is open."""
    parts = [_part(report) for report in reports]
    return _PAGE.format(title=counted(len(reports), "database"), parts="\n".join(parts))


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
