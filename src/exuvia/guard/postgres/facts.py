"""What the parser cannot see and the catalog tells: views that call functions, and functions that a dot may call."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Final

from exuvia.guard.policy import Policy
from exuvia.guard.result import Result

# A view depends on the functions that it names, and on other views. Built-in functions are not among what is recorded.
QUERY: Final = """
WITH RECURSIVE writer AS (
  SELECT p.oid, p.proname, p.pronargs > 0 AND p.pronargs - p.pronargdefaults <= 1 AS by_a_dot
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND p.prokind = 'f' AND p.provolatile = 'v'
    AND p.prorettype NOT IN ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype)
    AND n.nspname || '.' || p.proname NOT IN (SELECT pg_catalog.json_array_elements_text($1))
), calling AS (
  SELECT r.ev_class FROM writer w
  JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid = w.oid
    AND d.classid = 'pg_catalog.pg_rewrite'::regclass
  JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
  UNION
  SELECT r.ev_class FROM calling c
  JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.ev_class
    AND d.classid = 'pg_catalog.pg_rewrite'::regclass
  JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
)
SELECT DISTINCT NULL AS schema, proname AS name FROM writer WHERE by_a_dot
UNION ALL
SELECT n.nspname, c.relname FROM calling JOIN pg_catalog.pg_class c ON c.oid = calling.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""
_FRESH_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is in the catalog.

    Args:
        functions: Names of functions that may write and take one argument, so that ``x.name`` can call them.
        views: Schemas and names of views that call functions that may write, themselves or through other views.
    """

    functions: frozenset[str] = frozenset()
    views: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, found: Result) -> Facts:
        """Return the facts in the rows of ``QUERY``."""
        views = frozenset((str(schema), str(name)) for schema, name in found.rows if schema is not None)
        return cls(frozenset(str(name) for schema, name in found.rows if schema is None), views)


@dataclass(slots=True)
class Memory:
    """Facts that are asked for again after a while; what they miss still cannot write while it reads."""

    facts: Facts = field(default_factory=Facts)
    at: float | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether they need not be asked for."""
        return self.at is not None and time.monotonic() - self.at < _FRESH_SECONDS

    def keep(self, found: Result) -> Facts:
        """Remember the rows of ``QUERY``."""
        self.facts, self.at = Facts.of(found), time.monotonic()
        return self.facts


def asking(policy: Policy) -> Policy:
    """Return the policy under which ``QUERY`` runs: its answer has to be whole."""
    return replace(policy, max_rows=10_000_000, max_bytes=1_000_000_000)
