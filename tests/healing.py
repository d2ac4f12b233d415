"""Databases to be healed, and one step through all stages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from exuvia import location
from exuvia.guard.policy import Policy
from exuvia.guard.result import Json
from exuvia.ops import heal

SHOP = """
CREATE TABLE customers (id int PRIMARY KEY, name text, "createdAt" timestamptz);
CREATE TABLE orders (
  id serial PRIMARY KEY, customer_id int REFERENCES customers, status text, total numeric, created timestamptz
);
INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 1000) i;
INSERT INTO orders (customer_id, status, total, created)
  SELECT 1 + i % 1000, CASE WHEN i % 100 = 0 THEN 'open' ELSE 'done' END, i,
    timestamptz '2026-01-01' + i * interval '1 min'
  FROM generate_series(1, 5000) i;
ANALYZE;
"""


@dataclass(slots=True)
class Patient:
    """A healer, with what it recorded.

    Args:
        healer: The healer.
        audit: What it recorded.
    """

    healer: heal.Healer
    audit: list[heal.AuditRecord] = field(default_factory=list)

    def find(self, kind: heal.Kind) -> heal.Diagnosis:
        """Return the only diagnosis of a kind in a check-up."""
        (found,) = [one for one in self.healer.diagnose().diagnoses if one.kind == kind]
        return found

    def complain(self, error: str = "", sql: str = "", values: Sequence[Json] = (), state: str = "") -> heal.Diagnosis:
        """Return the only diagnosis of a complaint."""
        examination = self.healer.diagnose(heal.Complaint(error, state, sql, values))
        (found,) = examination.diagnoses
        return found

    def notes(self, error: str = "", sql: str = "", values: Sequence[Json] = (), state: str = "") -> str:
        """Return what is said of a complaint that leads to no diagnosis."""
        examination = self.healer.diagnose(heal.Complaint(error, state, sql, values))
        assert not examination.diagnoses
        return " ".join(examination.notes)

    def propose(self, diagnosis: heal.Diagnosis) -> heal.Proposal:
        """Return the best proposal."""
        return self.healer.propose(diagnosis)[0]

    def cure(self, diagnosis: heal.Diagnosis) -> heal.Outcome:
        """Apply the best proposal."""
        return self.healer.apply(self.propose(diagnosis))


@contextmanager
def patient(url: str, policy: Policy | None = None, *, limits: heal.Limits | None = None) -> Iterator[Patient]:
    """Open a database to be healed."""
    audit: list[heal.AuditRecord] = []
    with heal.Healer(location.parse(url), policy, limits=limits, sink=audit.append, actor="tester") as healer:
        yield Patient(healer, audit)
