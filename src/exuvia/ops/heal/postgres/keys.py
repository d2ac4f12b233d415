"""Keys that are taken: because a sequence is behind, or because the value is there already."""

from __future__ import annotations

from dataclasses import replace

from exuvia.ops.heal.cases import Case, Findings
from exuvia.ops.heal.database import Database
from exuvia.ops.heal.model import Diagnosis
from exuvia.ops.heal.postgres import sequences


def diagnose(case: Case, database: Database) -> Findings:
    """Find the sequence behind a key that was taken."""
    named = case.symptom.constraint
    owners = [(table, index) for table in case.schema.tables for index in table.indexes if index.name == named]
    if not owners:
        yield "The error names no unique constraint that is there."
        return
    table, index = owners[0]
    found = [
        replace(one, complaint=case.complaint) if isinstance(one, Diagnosis) else one
        for one in sequences.diagnose(database, table.name, index.parts)
    ]
    yield from found
    if not found:
        yield f"The key of {named} is there already, and no sequence is behind: the statement has to use another."
