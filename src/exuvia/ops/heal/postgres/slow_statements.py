"""Slow statements that nobody had to complain of, as the extension pg_stat_statements counts them.

See https://www.postgresql.org/docs/current/pgstatstatements.html. It keeps their texts with ``$1`` for each value, so
that only the generic plan can be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from exuvia.errors import CancelledError, DeniedError, ExuviaError
from exuvia.ops.heal import foreign_keys, slow
from exuvia.ops.heal.cases import Findings
from exuvia.ops.heal.database import Database, FailedError, NotAnsweredError
from exuvia.ops.heal.indexing import Candidate, candidates
from exuvia.ops.heal.model import Complaint, Diagnosis, Target
from exuvia.ops.heal.plans import Plan
from exuvia.ops.heal.postgres.queries import OWN
from exuvia.ops.heal.schema import Schema
from exuvia.ops.heal.statement import Statement, parse, resolve
from exuvia.store.core.options import StoreOptions

ABSENT: Final = (
    "With the extension pg_stat_statements, which this database does not have, a check-up would find slow statements"
    " by itself (shared_preload_libraries = 'pg_stat_statements', then CREATE EXTENSION pg_stat_statements)."
)
"""The note where nothing counts statements."""
_Row = tuple[str, int, float, float]
_MOST: Final = 10
_LOOKED_AT: Final = 50
_LONGEST: Final = 2_000
# Less than slow is still much where it adds up.
_SHARE: Final = 0.01
_PART_OF_SLOW: Final = 0.1
_KINDS: Final = (exp.Query, exp.Update, exp.Delete, exp.Insert, exp.Merge)
_WHERE: Final = """
SELECT quote_ident(n.nspname) || '.pg_stat_statements',
       EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'total_exec_time')
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'pg_stat_statements'
WHERE e.extname = 'pg_stat_statements'
"""
# Others' texts are hidden from who may not read all statistics.
_FIND: Final = """
SELECT * FROM (
  SELECT s.query, sum(s.calls)::int8, sum(s.{total}) / sum(s.calls) AS mean,
         sum(s.{total}) / sum(sum(s.{total})) OVER () AS share
  FROM {place} s
  WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.calls > 0 AND s.{total} > 0
  GROUP BY s.query
) q
WHERE query <> '<insufficient privilege>' AND strpos(query, %s) = 0
  AND query ~* '^(\\s|\\(|/\\*.*\\*/|--[^\\n]*\\n)*(select|with|insert|update|delete|merge)\\M'
  AND (mean >= %s::float8 OR (share > %s::float8 AND mean >= %s::float8))
ORDER BY share DESC, query LIMIT %s
"""
# A constant such as INTERVAL '1 day' is kept as INTERVAL $1, which is no SQL.
_TYPED: Final = re.compile(
    r"""(?P<skip>"(?:[^"]|"")*"|'(?:[^']|'')*')|\b(?P<type>interval|date|(?:timestamp|time)(?:\s+with(?:out)?\s+time\s+zone)?
    |timestamptz)\s+(?P<value>\$\d+)""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Slow:
    """A statement that is slow, and the indexes that would serve it."""

    statement: Statement
    calls: int
    mean: float
    share: float
    plan: Plan
    found: tuple[Candidate, ...]


def check(schema: Schema, database: Database) -> Findings:
    """Find the statements that take long and that an index would serve, those that take the most time of all first.

    Args:
        schema: The tables.
        database: A PostgreSQL database.
    """
    places = database.rows(_WHERE)
    if not places:
        yield ABSENT
        return
    try:
        rows = _read(database, *places[0])
    except NotAnsweredError as error:
        yield f"pg_stat_statements cannot be read, so that slow statements were not looked for: {error}."
        return
    looked = [_look(row, schema, database) for row in rows]
    served = _served(schema)
    together: dict[object, list[_Slow]] = {}
    for one in looked:
        if isinstance(one, _Slow) and any(_key(index) not in served for index in one.found):
            together.setdefault(_key(one.found[0]), []).append(one)
    for alike in list(together.values())[:_MOST]:
        yield _diagnosis(alike, schema)
    failures = [one for one in looked if isinstance(one, str)]
    if failures:
        yield f"Slow statements whose plan cannot be had: {len(failures)}. The first: {failures[0]}"


def _look(row: _Row, schema: Schema, database: Database) -> _Slow | str | None:
    """Look at a statement's plan; None where no index would serve it, and why where there is no plan."""
    query, calls, mean, share = row
    statement = _parsed(query, schema)
    found = candidates(statement, schema) if statement is not None else []
    if statement is None or not found:
        return None
    try:
        plan = database.plan(statement.text, ())
    except CancelledError:
        raise
    except DeniedError as error:
        # What an agent may not see is not told of
        return None if database.is_limited else error.message
    except (ExuviaError, FailedError) as error:
        if database.is_lost:
            raise
        return error.message
    except NotAnsweredError as error:
        return str(error)
    wanted = tuple(_wanted(found, plan))
    return _Slow(statement, calls, mean, share, plan, wanted) if wanted else None


def _read(database: Database, place: str, is_new: bool) -> list[_Row]:
    total = "total_exec_time" if is_new else "total_time"
    slow_ms = database.limits.slow_ms
    values = [OWN, slow_ms, _SHARE, slow_ms * _PART_OF_SLOW, _LOOKED_AT]
    return [
        (str(query), int(calls), float(mean), float(share))
        for query, calls, mean, share in database.rows(
            _FIND.format(place=place.replace("%", "%%"), total=total), values
        )
    ]


def _parsed(query: str, schema: Schema) -> Statement | None:
    """Read a statement; None for what is no query of these tables, or one of a store's own."""
    statement = parse(_TYPED.sub(_cast, query), (), "postgresql")
    if statement is None or not isinstance(statement.tree, _KINDS):
        return None
    tables = [table for use in statement.tables if (table := resolve(use, schema)) is not None]
    own = StoreOptions().schema
    return statement if tables and all(table.schema != own for table in tables) else None


def _cast(found: re.Match[str]) -> str:
    return found["skip"] or f"{found['value']}::{found['type']}"


def _wanted(found: Iterable[Candidate], plan: Plan) -> Iterator[Candidate]:
    """Yield what could change the plan: an index of a table that is read whole, or one for an order that is sorted."""
    read = {scan.table for scan in plan.scans}
    for one in found:
        if plan.sorts or one.table.name in read or (read and one.table.kind == "partitioned"):
            yield one


def _served(schema: Schema) -> frozenset[object]:
    """Return the indexes that foreign keys without one are already said to want."""
    return frozenset(
        (one.target.schema, one.target.table, one.target.columns)
        for one in foreign_keys.diagnose(schema)
        if isinstance(one, Diagnosis)
    )


def _key(one: Candidate) -> object:
    return one.table.schema, one.table.name, one.parts


def _diagnosis(alike: list[_Slow], schema: Schema) -> Diagnosis:
    """Tell of the statement that takes the most time of those that the same index would serve."""
    one = alike[0]
    table = one.found[0].table
    evidence = [
        f"statement: {one.statement.text[:_LONGEST]}",
        f"{one.calls:,} call{'s' * (one.calls != 1)}, {one.mean:,.3g} ms on average, {one.share:.1%} of the time of all"
        " statements (pg_stat_statements)",
        *slow.evidence_of(one.plan, one.statement, schema),
    ]
    if len(alike) > 1:
        evidence.append(f"{len(alike) - 1} more slow statement{'s' * (len(alike) > 2)} may be served by the same index")
    return Diagnosis(
        "slow_query",
        Target(table.schema, table.name),
        f"A statement that takes {one.mean:,.3g} ms on average {slow.reason(one.found)}.",
        tuple(evidence),
        "likely",
        Complaint(sql=one.statement.text),
    )
