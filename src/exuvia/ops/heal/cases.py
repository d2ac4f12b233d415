"""A complaint that was read: what its error says, its statement as a tree, and the schema that it is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from exuvia.ops.heal import symptoms
from exuvia.ops.heal.database import Database
from exuvia.ops.heal.model import Complaint, Diagnosis
from exuvia.ops.heal.schema import Schema
from exuvia.ops.heal.statement import Statement, parse
from exuvia.ops.heal.symptoms import Symptom

Finding = Diagnosis | str
"""Something that is wrong, or a note on what could not be told."""
Findings = Iterator[Finding]


@dataclass(frozen=True, slots=True)
class Case:
    """What a complaint says.

    Args:
        complaint: With its statement in the engine's own form.
        said: Its error's own words.
        symptom: What its error says.
        statement: Its statement; None where there is none, or it cannot be understood.
        schema: The tables.
    """

    complaint: Complaint
    said: str
    symptom: Symptom
    statement: Statement | None
    schema: Schema


def open_case(complaint: Complaint, database: Database) -> Case:
    """Read a complaint.

    Args:
        complaint: What somebody complains of.
        database: The database that it is about.
    """
    unwrapped = symptoms.unwrap(complaint)
    statement = parse(unwrapped.sql, unwrapped.values, database.engine) if unwrapped.sql else None
    symptom = symptoms.read(unwrapped.text, complaint.sqlstate)
    given = replace(complaint, sql=unwrapped.sql, values=unwrapped.values)
    if statement is not None:
        given = replace(given, sql=statement.text, values=statement.values)
    return Case(given, unwrapped.text, symptom, statement, database.schema())
