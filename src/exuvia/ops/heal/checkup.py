"""A check-up of a whole database."""

from __future__ import annotations

from exuvia.ops.heal import foreign_keys
from exuvia.ops.heal.cases import Findings
from exuvia.ops.heal.database import Database


def check_up(database: Database) -> Findings:
    """Find everything that can be found without a complaint."""
    schema = database.schema()
    yield from foreign_keys.diagnose(schema)
