"""Reports of a move: JSON for programs, one HTML file and a terminal summary for people."""

from __future__ import annotations

from exuvia.report.html import to_html
from exuvia.report.json_report import plan_to_json, to_json
from exuvia.report.verdict import Verdict, verdict

__all__ = ["Verdict", "plan_to_json", "to_html", "to_json", "verdict"]
