"""What the parser cannot see and the catalog tells: what names mean that somebody made, and what is behind tables."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from exuvia.guard.policy import LEVELS, Level, Policy
from exuvia.guard.result import Json, Result

# A view depends on the functions that it names, and on other views. Built-in functions are not among what is recorded.
# An enumeration's values are read by PostgreSQL itself, unless there is a cast of somebody's.
QUERY: Final = r"""
WITH RECURSIVE writer AS (
  SELECT p.oid, p.proname, n.nspname, p.pronargs > 0 AND p.pronargs - p.pronargdefaults <= 1 AS by_a_dot,
    EXISTS (
      SELECT FROM pg_catalog.pg_depend e
      WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e'
    ) AS extends
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
), excluded AS (
  SELECT given->>0 AS level, c.oid FROM pg_catalog.json_array_elements($2) AS given
  JOIN pg_catalog.pg_namespace n ON n.nspname = given->>1
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = coalesce(given->>2, c.relname)
), above AS (
  SELECT x.level, i.inhparent AS oid FROM excluded x JOIN pg_catalog.pg_inherits i ON i.inhrelid = x.oid
  UNION
  SELECT a.level, i.inhparent FROM above a JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.oid
)
SELECT DISTINCT 'dot' AS what, NULL AS schema, proname AS name, NULL AS of FROM writer WHERE by_a_dot
UNION ALL
SELECT DISTINCT 'function', nspname, proname, NULL FROM writer WHERE NOT extends AND nspname = $3
UNION ALL
SELECT DISTINCT 'operator', w.nspname, o.oprname, NULL FROM writer w JOIN pg_catalog.pg_operator o ON o.oprcode = w.oid
JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace WHERE NOT w.extends AND n.nspname = $3
UNION ALL
SELECT 'view', n.nspname, c.relname, NULL FROM calling JOIN pg_catalog.pg_class c ON c.oid = calling.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT a.level, n.nspname, c.relname, NULL FROM above a JOIN pg_catalog.pg_class c ON c.oid = a.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT 'enumeration', n.nspname, t.typname, NULL FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE t.oid IN (c.casttarget, c.castsource))
UNION ALL
SELECT 'index', n.nspname, c.relname, t.relname FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT LIKE 'pg\_%'
UNION ALL
SELECT 'encoding', NULL, pg_catalog.getdatabaseencoding(), NULL
"""
_FRESH_SECONDS: Final = 60.0

Full = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is in the catalog.

    Args:
        dots: Names of functions that may write and take one argument, so that ``x.name`` can call them.
        functions: Names of such functions in the default schema, which can be meant instead of built-in ones.
        operators: Names of operators there that call such functions.
        views: Schemas and names of views that call functions that may write, themselves or through other views.
        above: Levels, schemas and names of tables with partitions or children that the policy excludes.
        enumerations: Schemas and names of types whose values are words.
        indexes: Schemas and names of indexes, with the tables' names.
        encoding: The database's; names in another than UTF8 are not read as the parser reads them.
    """

    dots: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    views: frozenset[Full] = frozenset()
    above: frozenset[tuple[Level, Full]] = frozenset()
    enumerations: frozenset[Full] = frozenset()
    indexes: Mapping[Full, str] = field(default_factory=dict)
    encoding: str = "UTF8"

    @classmethod
    def of(cls, found: Result) -> Facts:
        """Return the facts in the rows of ``QUERY``."""
        rows: dict[str, set[Full]] = {}
        indexes: dict[Full, str] = {}
        for what, schema, name, table in found.rows:
            rows.setdefault(str(what), set()).add((str(schema), str(name)))
            if what == "index":
                indexes[str(schema), str(name)] = str(table)

        def names(what: str) -> frozenset[str]:
            return frozenset(name for _, name in rows.get(what, ()))

        return cls(
            names("dot"),
            names("function"),
            names("operator"),
            frozenset(rows.get("view", ())),
            frozenset((level, name) for level in LEVELS for name in rows.get(level, ())),
            frozenset(rows.get("enumeration", ())),
            indexes,
            next(iter(names("encoding")), "UTF8"),
        )


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


def values(policy: Policy) -> list[Json]:
    """Return the values of the parameters of ``QUERY``: the functions allowed, what is excluded, the default schema."""
    excluded = [[level, one.schema, one.table] for level in LEVELS for one in policy.patterns(level) if one.excluded]
    return [sorted(policy.functions), excluded, policy.default_schema]
