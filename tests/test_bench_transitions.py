"""The measurement of transitions, for a moment: so that it still runs when somebody wants its figures."""

from __future__ import annotations

from bench.server import Server
from bench.transitions import measure, report


def test_transitions_are_measured(debian_url: str) -> None:
    found = measure(Server(debian_url, ""), workers=4, seconds=0.5)
    assert [each.engine for each in found] == ["SQLite", "PostgreSQL"]
    assert all(each.runs > 0 for each in found)
    assert "| PostgreSQL | succeed |" in report("", found)
