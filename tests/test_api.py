"""The public names exist, are documented, and cost nothing until they are used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import exuvia


def test_every_public_name_is_there() -> None:
    for name in exuvia.__all__:
        assert getattr(exuvia, name) is not None
    with pytest.raises(AttributeError):
        exuvia.nothing  # noqa: B018 - the access is the test


def test_importing_exuvia_does_not_load_the_heavy_libraries() -> None:
    code = "import sys, exuvia; print([m for m in ('pyarrow', 'numpy', 'psycopg', 'sqlglot') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_plan_migrate_and_verify_return_typed_values(real_data: Path, any_url: str) -> None:
    stages = []
    report = exuvia.migrate(real_data / "chinook.sqlite", any_url, listener=lambda event: stages.append(event.stage))
    assert report.status == "moved"
    assert set(stages) == {"inspect", "profile", "plan", "create", "copy", "finish", "verify"}
    plan = exuvia.plan(real_data / "chinook.sqlite")
    assert exuvia.load(exuvia.dump(plan)).style == "faithful"
    again = exuvia.verify(real_data / "chinook.sqlite", any_url)
    assert again.proof is not None
    assert report.proof is not None
    assert [one.digest for one in again.proof.tables] == [one.digest for one in report.proof.tables]
    assert len(exuvia.inspect(real_data / "chinook.sqlite").catalog.tables) == 11
