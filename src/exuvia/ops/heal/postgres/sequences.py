"""Sequences that are behind the column that they number: the next rows would get numbers that are taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exuvia.catalog.names import qualify, quote
from exuvia.ops.heal.cases import Findings
from exuvia.ops.heal.database import Database, NotAnsweredError
from exuvia.ops.heal.model import Diagnosis, Probe, Proposal, Risk, Target
from exuvia.ops.heal.names import literal
from exuvia.ops.heal.postgres.catalog import MINE

# A sequence numbers a column that owns it (serial, identity), or whose default takes its next value.
_FIND: Final = f"""
SELECT DISTINCT n.nspname, c.relname, a.attname, sn.nspname, s.relname, q.seqincrement
FROM pg_class s JOIN pg_namespace sn ON sn.oid = s.relnamespace JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN LATERAL (
  SELECT d.refobjid AS relation, d.refobjsubid AS number FROM pg_depend d
  WHERE d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass
    AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
  UNION
  SELECT f.adrelid, f.adnum FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
  WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
) used ON true
JOIN pg_class c ON c.oid = used.relation JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = used.number
WHERE s.relkind = 'S' AND c.relkind IN ('r', 'p') AND {MINE}
  AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) AND q.seqincrement > 0 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class _Numbering:
    """A sequence and its column."""

    schema: str
    table: str
    column: str
    sequence_schema: str
    sequence: str
    step: int

    @property
    def name(self) -> str:
        return qualify(self.sequence_schema, self.sequence)

    @property
    def highest(self) -> str:
        return f"SELECT max({quote(self.column)}) FROM {qualify(self.schema, self.table)}"

    @property
    def behind(self) -> str:
        """The query for how many numbers it would give that are not above all that are there."""
        following = f"last_value + CASE WHEN is_called THEN {self.step} ELSE 0 END"
        return f"SELECT greatest(0, ({self.highest}) - ({following}) + 1) FROM {self.name}"


def diagnose(database: Database, table: str = "", columns: tuple[str, ...] = ()) -> Findings:
    """Compare sequences with their columns.

    Args:
        database: The database.
        table: Only those of this table.
        columns: Only those of these columns of it.
    """
    for numbering in _all(database):
        if table and (numbering.table != table or numbering.column not in columns):
            continue
        try:
            behind = database.number(numbering.behind)
            highest = database.number(numbering.highest)
        except NotAnsweredError as error:
            yield f"The sequence {numbering.name} was not compared with its column: {error}."
            continue
        if behind > 0:
            message = (
                f"The sequence of {numbering.table}.{numbering.column} is behind: the next {behind:,} numbers that it"
                " gives are not above the highest that is there."
            )
            target = Target(numbering.schema, numbering.table, numbering.name, (numbering.column,))
            yield Diagnosis("sequence_behind", target, message, (f"the highest number is {highest:,}",))


def propose(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:
    """Propose to set the sequence to the highest number that is there."""
    target = diagnosis.target
    wanted = (target.table, target.name, target.columns)
    found = [one for one in _all(database) if (one.table, one.name, (one.column,)) == wanted]
    for numbering in found[:1]:
        last, called = database.rows(f"SELECT last_value, is_called FROM {numbering.name}")[0]
        name = literal(numbering.name)
        probes = [Probe("none", numbering.behind, what="numbers that would be given again")]
        if diagnosis.complaint.sql:
            probes.append(Probe("statement", diagnosis.complaint.sql, tuple(diagnosis.complaint.values)))
        yield Proposal(
            diagnosis,
            f"Set the sequence {numbering.name} to the highest {numbering.column}",
            (f"SELECT setval({name}, ({numbering.highest}))",),
            (f"SELECT setval({name}, {last}, {'true' if called else 'false'})",),
            Risk("low", ("takes no lock and changes no row; numbers that were skipped stay free",)),
            tuple(probes),
            # A transaction does not take setval back
            transactional=False,
        )


def _all(database: Database) -> list[_Numbering]:
    return [_Numbering(*row) for row in database.rows(_FIND) if database.allows("read", row[0], row[1])]
