"""Statements that are slow: why, and the indexes that make them faster, each tested before it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from exuvia.errors import CancelledError, ExuviaError
from exuvia.ops.heal.building import build_index
from exuvia.ops.heal.cases import Case, Findings
from exuvia.ops.heal.database import Database, FailedError, NotAnsweredError
from exuvia.ops.heal.indexing import Candidate, candidates
from exuvia.ops.heal.judging import FASTER
from exuvia.ops.heal.model import Certainty, Diagnosis, Proposal, Target
from exuvia.ops.heal.names import spell_all, spell_in
from exuvia.ops.heal.placeholders import lacks_values
from exuvia.ops.heal.plans import Plan
from exuvia.ops.heal.schema import Schema
from exuvia.ops.heal.statement import Statement, parse, resolve

_MOST: Final = 3


def diagnose(case: Case, database: Database) -> Findings:
    """Look at a statement's plan: which tables it reads whole, and what that costs."""
    statement = case.statement
    if statement is None:
        yield "Pass the statement that is slow (and its values), so that its plan can be looked at."
        return
    try:
        plan = database.plan(statement.text, statement.values)
    except CancelledError:
        raise
    except (ExuviaError, FailedError, NotAnsweredError) as error:
        yield f"The statement's plan cannot be had: {error}"
        return
    named = resolve(statement.tables[0], case.schema) if statement.tables else None
    target = Target(named.schema, named.name) if named is not None else Target(case.schema.path[0], "")
    evidence = evidence_of(plan, statement, case.schema)
    found = candidates(statement, case.schema)
    if not found:
        yield Diagnosis(
            "slow_query",
            target,
            "No index that is missing would make this statement faster.",
            evidence,
            "likely",
            case.complaint,
            "Something else than an index: fewer rows or columns, statistics (ANALYZE), more memory; or a statement"
            " whose conditions can be looked up.",
        )
        return
    certainty: Certainty = "likely" if plan.scans or plan.sorts else "possible"
    yield Diagnosis("slow_query", target, f"The statement {reason(found)}.", evidence, certainty, case.complaint)


def reason(found: Sequence[Candidate]) -> str:
    """Return in words, for a statement, why indexes would serve it."""
    tables = ", ".join(dict.fromkeys(one.table.name for one in found))
    return f"looks at rows of {tables} that an index could leave out"


def evidence_of(plan: Plan, statement: Statement, schema: Schema) -> tuple[str, ...]:
    """Return what a plan tells of a statement that is slow."""
    is_generic = statement.engine == "postgresql" and lacks_values(statement.text, statement.values)
    note = ("its values are not known: the plan is the generic one, for any values",) if is_generic else ()
    return (*dict.fromkeys(_reads(plan, statement, schema)), f"plan: {plan.text}", *note)


def propose(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:
    """Propose the indexes that help by themselves or together; where hypopg is there, only what it confirms."""
    complaint = diagnosis.complaint
    statement = parse(complaint.sql, complaint.values, database.engine)
    if statement is not None:
        yield from _Search(diagnosis, database, database.schema(), statement).proposals()


@dataclass(frozen=True, slots=True)
class _Search:
    """The search for indexes that serve a statement."""

    diagnosis: Diagnosis
    database: Database
    schema: Schema
    statement: Statement

    def proposals(self) -> Iterator[Proposal]:
        found = candidates(self.statement, self.schema)
        plan = self.database.imagine((), self.statement.text, self.statement.values)
        if plan is not None:
            yield from self._imagined(plan, found)
            return
        best: dict[str, Candidate] = {}
        for one in found:
            best.setdefault(one.table.name, one)
        for one in list(best.values())[:_MOST]:
            yield self._proposal(one, "")

    def _imagined(self, plan: Plan, found: Sequence[Candidate]) -> Iterator[Proposal]:
        """Take the candidate that the planner likes best, then what helps beside it, as long as anything does."""
        chosen: list[Candidate] = []
        cost = plan.cost or 0.0
        while len(chosen) < _MOST:
            rated = [(self._cost([*chosen, one]), one) for one in found if one not in chosen]
            new, best = min(rated, key=lambda pair: pair[0], default=(cost, None))
            if best is None or cost < new * FASTER:
                return
            chosen.append(best)
            saved = f"at {new:,.0f} instead of {cost:,.0f} ({cost / new:,.1f} times less)"
            yield self._proposal(best, f"hypopg: the planner would use it, {saved}")
            cost = new

    def _cost(self, chosen: Sequence[Candidate]) -> float:
        engine = self.database.engine
        creates = [
            f"CREATE INDEX ON {spell_in(engine, one.table.schema, one.table.name)} ({spell_all(engine, one.parts)})"
            for one in chosen
        ]
        plan = self.database.imagine(creates, self.statement.text, self.statement.values)
        return plan.cost or float("inf") if plan is not None else float("inf")

    def _proposal(self, one: Candidate, tested: str) -> Proposal:
        return build_index(
            self.diagnosis,
            self.database,
            one.table,
            one.parts,
            sql=self.statement.text,
            values=self.statement.values,
            taken=self.schema.names(),
            title=f"Add an index on {one.table.name} ({', '.join(one.parts)}), for {one.why}",
            tested=tested,
        )


def _reads(plan: Plan, statement: Statement, schema: Schema) -> Iterator[str]:
    for scan in plan.scans:
        use = statement.uses_of(scan.alias) or statement.uses_of(scan.table)
        table = resolve(use, schema) if use is not None else None
        rows = f" (about {table.rows:,} rows)" if table is not None else ""
        yield f"reads all of {table.name if table is not None else scan.table}{rows}"
    if plan.sorts:
        yield "sorts rows"
