"""SQLite's query plans (https://sqlite.org/eqp.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from exuvia.engines.sqlite.tokens import tokenize
from exuvia.guard import Result
from exuvia.tools.database.plans import Plan

PREFIX: Final = "EXPLAIN QUERY PLAN "
LARGE: Final = 10_000

_SCAN: Final = re.compile(r"^SCAN (\S+)(?! USING)$")
_AUTOMATIC: Final = re.compile(r"^SEARCH (\S+) USING AUTOMATIC (?:PARTIAL )?COVERING INDEX \((.*)\)")


def scanned(sql: str, result: Result) -> list[str]:
    """Return the tables that are read from end to end without an index, in lower case.

    Args:
        sql: The statement, whose aliases the plan uses.
        result: What EXPLAIN QUERY PLAN answered.
    """
    aliases = _aliases(sql)
    found = (_SCAN.match(str(row[3])) for row in result.rows)
    names = [match[1].lower() for match in found if match]
    return list(dict.fromkeys(aliases.get(name, name) for name in names))


def summarized(sql: str, result: Result, rows: Mapping[str, int]) -> Plan:
    """Return the plan.

    Args:
        sql: The statement.
        result: What EXPLAIN QUERY PLAN answered.
        rows: About how many rows the tables of ``scanned`` have.
    """
    depths: dict[int, int] = {0: -1}
    nodes = []
    for number, parent, _, detail in result.rows:
        depths[number] = depths.get(parent, -1) + 1
        nodes.append("  " * depths[number] + str(detail))
    return Plan(nodes=nodes, warnings=list(_warnings(sql, result, rows)), plan="\n".join(nodes))


def _warnings(sql: str, result: Result, rows: Mapping[str, int]) -> Iterator[str]:
    words = {token.word for token in tokenize(sql)}
    if words & {"WHERE", "JOIN"}:
        for name, count in rows.items():
            if count >= LARGE:
                yield f"All {count:,} rows of {name} are read: an index on the columns of its conditions may help."
    for row in result.rows:
        if found := _AUTOMATIC.match(str(row[3])):
            columns = re.sub(r"=\?|[<>]\?", "", found[2]).replace(" AND ", ", ")
            yield f"SQLite makes an index of {found[1]} ({columns}) for this statement alone: one that stays is faster."


def _aliases(sql: str) -> dict[str, str]:
    """Return what may be tables by what may be their aliases: any two names, with or without AS between them."""
    names = [token for token in tokenize(sql) if token.word != "AS"]
    return {
        after.value.lower(): before.value.lower() for before, after in pairwise(names) if before.names and after.names
    }
