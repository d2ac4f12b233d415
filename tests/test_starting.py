"""What the command imports before it does anything: waiting for it is waiting at every start."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_PROGRAM = "import json, sys; import {module}; print(json.dumps(sorted(sys.modules)))"


def imported_by(module: str) -> set[str]:
    """Return what a fresh interpreter has imported with a module."""
    command = [sys.executable, "-c", _PROGRAM.format(module=module)]
    return set(json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout))


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("exuvia.cli.app", {"pyarrow", "numpy", "mcp", "pydantic", "psycopg", "exuvia.store", "exuvia.tools"}),
        ("exuvia.settings", {"pyarrow", "numpy", "psycopg", "exuvia.store"}),
        ("exuvia.mcp.stdio", {"pyarrow"}),
        ("exuvia.mcp.hosts", {"mcp", "starlette", "exuvia.store", "exuvia.tools"}),
    ],
)
def test_starting_takes_nothing_that_is_only_needed_later(module: str, heavy: set[str]) -> None:
    assert heavy.isdisjoint(imported_by(module))
