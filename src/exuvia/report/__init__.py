"""Reports: JSON for programs, one HTML file and the terminal for people."""

from __future__ import annotations

from exuvia.report.html import to_html
from exuvia.report.inspection_json import inspection_to_json
from exuvia.report.json_report import plan_to_json, to_json
from exuvia.report.verdict import Verdict, verdict

__all__ = ["Verdict", "inspection_to_json", "plan_to_json", "to_html", "to_json", "verdict"]
