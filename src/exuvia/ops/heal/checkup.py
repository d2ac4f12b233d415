"""A check-up of a whole database."""

from __future__ import annotations

from exuvia.ops.heal import foreign_keys, orphans
from exuvia.ops.heal.cases import Findings
from exuvia.ops.heal.database import Database
from exuvia.ops.heal.postgres import bloat, invalid, sequences, slow_statements, unchecked
from exuvia.ops.heal.sqlite import checks


def check_up(database: Database) -> Findings:
    """Find everything that can be found without a complaint."""
    schema = database.schema()
    yield from orphans.check(schema, database)
    if database.engine == "postgresql":
        yield from unchecked.check(schema, database)
        yield from sequences.diagnose(database)
        yield from invalid.check(database)
    else:
        yield from checks.counters(database)
        yield from checks.indexes(database)
    yield from foreign_keys.diagnose(schema)
    if database.engine == "postgresql":
        yield from bloat.check(database)
        yield from slow_statements.check(schema, database)
    else:
        yield from checks.emptiness(database)
