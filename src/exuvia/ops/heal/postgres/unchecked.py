"""Constraints that were never checked against the rows that were there (NOT VALID)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from exuvia.catalog.names import qualify, quote
from exuvia.ops.heal import orphans
from exuvia.ops.heal.cases import Findings
from exuvia.ops.heal.database import Database, NotAnsweredError
from exuvia.ops.heal.model import Diagnosis, Probe, Proposal, Risk, Target
from exuvia.ops.heal.names import literal
from exuvia.ops.heal.postgres.catalog import MINE
from exuvia.ops.heal.schema import Schema

# PostgreSQL 18 has constraints that are not enforced at all, which nobody means to have checked.
_FIND: Final = f"""
SELECT n.nspname, c.relname, k.conname, k.contype::text, pg_get_expr(k.conbin, k.conrelid), pg_get_constraintdef(k.oid),
       (SELECT attname FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1])
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT k.convalidated AND k.contype IN ('f', 'c', 'n') AND k.conparentid = 0 AND k.coninhcount = 0
  AND coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'true' AND {MINE} ORDER BY 1, 2, 3
"""


def check(schema: Schema, database: Database) -> Findings:
    """Find them, and count the rows that break them."""
    for row in database.rows(_FIND):
        place, table, name, *_ = row
        if not database.allows("read", place, table):
            continue
        try:
            count = database.number(_broken(row, schema, database))
        except NotAnsweredError as error:
            yield f"The rows that break {name} of {place}.{table} were not counted: {error}."
            count = 0
        message = f"The constraint {name} of {table} was never checked: rows from before it may break it."
        broken = f"{count:,} row{'' if count == 1 else 's'} of {table} break it: mend these first." if count else ""
        evidence = ("pg_constraint.convalidated is false", *(() if broken else ("no row breaks it",)))
        yield Diagnosis("not_valid_constraint", Target(place, table, name), message, evidence, missing=broken)


def propose(diagnosis: Diagnosis, database: Database) -> Iterator[Proposal]:
    """Propose to check it."""
    target = diagnosis.target
    wanted = (target.schema, target.table, target.name)
    for place, table, name, _, _, definition, _ in (row for row in database.rows(_FIND) if row[:3] == wanted):
        at, spelled = qualify(place, table), quote(name)
        unchecked = (
            f"SELECT count(*) FROM pg_constraint WHERE conrelid = {literal(at)}::regclass"
            f" AND conname = {literal(name)} AND NOT convalidated"
        )
        yield Proposal(
            diagnosis,
            f"Check the constraint {name}",
            (f"ALTER TABLE {at} VALIDATE CONSTRAINT {spelled}",),
            (f"ALTER TABLE {at} DROP CONSTRAINT {spelled}, ADD CONSTRAINT {spelled} {definition}",),
            Risk("low", (f"reads all of {table}; readers and writers go on, other changes of the table wait",)),
            (Probe("none", unchecked, what="constraints that were not checked"),),
            transactional=False,
        )


def _broken(row: tuple[Any, ...], schema: Schema, database: Database) -> str:
    place, table, name, kind, expression, _, column = row
    if kind == "f":
        child = schema.find(table, place)
        keys = [key for key in child.foreign_keys if key.name == name] if child is not None else []
        found = orphans.link(schema, database.engine, child, keys[0]) if child is not None and keys else None
        return found.count if found is not None else "SELECT 0"
    condition = f"NOT ({expression})" if kind == "c" else f"{quote(column)} IS NULL"
    return f"SELECT count(*) FROM {qualify(place, table)} WHERE {condition}"
