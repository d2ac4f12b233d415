"""From a complaint to what is wrong; without one, everything that the catalog and a look at the rows can tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from exuvia.errors import DeniedError
from exuvia.ops.heal import columns, orphans, slow, tables
from exuvia.ops.heal.cases import Case, Finding, Findings, open_case
from exuvia.ops.heal.checkup import check_up
from exuvia.ops.heal.database import Database, FailedError
from exuvia.ops.heal.model import Complaint, Diagnosis, Engine, Examination, Kind
from exuvia.ops.heal.postgres import invalid, keys
from exuvia.ops.heal.sqlite import checks

_CERTAINTIES: Final = ("certain", "likely", "possible")
_Diagnose = Callable[[Case, Database], Findings]
_BOTH: Final[dict[Kind, _Diagnose]] = {
    "missing_column": lambda case, _: columns.diagnose(case),
    "missing_table": lambda case, _: tables.diagnose(case),
    "slow_query": slow.diagnose,
    "orphan_rows": orphans.diagnose,
}
_BY_ENGINE: Final[dict[Engine, dict[Kind, _Diagnose]]] = {
    "postgresql": {**_BOTH, "sequence_behind": keys.diagnose, "invalid_index": invalid.diagnose},
    "sqlite": {
        **_BOTH,
        "sequence_behind": checks.taken,
        "invalid_index": lambda _, database: checks.indexes(database),
    },
}


def diagnose(database: Database, complaint: Complaint) -> Examination:
    """Say what is wrong.

    Args:
        database: The database.
        complaint: What somebody complains of; an empty one asks for a check-up.

    Raises:
        CancelledError: Somebody has cancelled.
    """
    found: list[Finding] = list(check_up(database) if complaint.is_empty else _hear(database, complaint))
    notes = tuple(dict.fromkeys(one for one in found if isinstance(one, str)))
    diagnoses = {one.id: one for one in found if isinstance(one, Diagnosis) and _may_see(database, one)}
    ordered = sorted(diagnoses.values(), key=lambda one: _CERTAINTIES.index(one.certainty))
    return Examination(tuple(ordered), notes)


def _hear(database: Database, complaint: Complaint) -> Findings:
    case = open_case(complaint, database)
    if case.complaint.sql and case.statement is None:
        yield "The statement could not be understood, so that only the error's words can help."
    kind = case.symptom.kind
    if not case.complaint.error and not case.complaint.sqlstate:
        failure = _failure(case, database)
        if failure is not None:
            yield from _hear(database, replace(case.complaint, error=failure.error, sqlstate=failure.sqlstate))
            return
        kind = "slow_query"
    if kind is None:
        said = case.complaint.sqlstate or case.complaint.error.strip().split("\n")[0][:200]
        yield f"This is none of the errors that are healed here: {said}"
        return
    yield from _BY_ENGINE[database.engine][kind](case, database)


def _failure(case: Case, database: Database) -> Complaint | None:
    """Return what the engine says against a statement of which nobody says that it fails; None where it plans it."""
    try:
        database.plan(case.complaint.sql, tuple(case.complaint.values))
    except FailedError as error:
        return error.complaint if error.complaint.error else None
    except DeniedError:
        return None
    return None


def _may_see(database: Database, diagnosis: Diagnosis) -> bool:
    target = diagnosis.target
    return not target.table or database.allows("read", target.schema, target.table)
