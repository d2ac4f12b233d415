"""The verdict on PostgreSQL's SQL: what the parser found, held against the policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exuvia.guard.policy import Level, Policy
from exuvia.guard.postgres import known
from exuvia.guard.postgres.facts import Facts
from exuvia.guard.postgres.found import Name, Survey
from exuvia.guard.postgres.parse import UnreadableError, parse
from exuvia.guard.postgres.survey import survey
from exuvia.guard.verdict import Denial, Verdict, unknown

NOTHING: Final = Facts()

_CATALOG: Final = "pg_catalog"
_DOES: Final[dict[Level, str]] = {"read": "be read", "write": "be written", "ddl": "be made, altered or dropped"}
_TOOLS: Final[dict[Level, str]] = {"read": "reading", "write": "writing", "ddl": "changing tables"}


def check(sql: str, policy: Policy, level: Level | None = None, facts: Facts = NOTHING) -> Verdict:
    """Judge a text of PostgreSQL's SQL. No server is asked.

    Args:
        sql: Any text.
        policy: What is allowed.
        level: What the caller meant to do; None for whatever the statement takes. Reading is allowed at every level.
        facts: What the server's catalog told before of views and functions; without, they are not looked at.

    Raises:
        ConfigError: PostgreSQL's parser is not installed.
    """
    try:
        trees = parse(sql)
    except UnreadableError as error:
        return unknown(error.denial)
    found = survey(trees)
    denials = [
        *_number(len(trees)),
        *found.denials,
        *_level(found.needs, level, policy),
        *_objects(found, policy, facts),
    ]
    return Verdict(
        found.needs,
        tuple(found.statements),
        _names(found.reads, policy),
        _names(found.writes + found.alters, policy),
        tuple(dict.fromkeys(".".join(name) for name in found.functions)),
        tuple(dict.fromkeys(denials)),
    )


def _number(statements: int) -> Iterator[Denial]:
    if statements == 0:
        yield Denial("empty", "There is no statement.", "Write one, such as SELECT 1.")
    elif statements > 1:
        yield Denial("several", f"These are {statements} statements.", "Send them one by one.")


def _level(needs: Level, asked: Level | None, policy: Policy) -> Iterator[Denial]:
    if asked is not None and needs not in ("read", asked):
        yield Denial(
            "level",
            f"The statement takes the level {needs}, and this is for {_TOOLS[asked]}.",
            f"Use the tool for {_TOOLS[needs]}, if it is switched on.",
        )
    elif needs != "read" and not policy.is_on(needs):
        yield Denial(
            "level",
            f"The statement takes the level {needs}, which is switched off.",
            f'Who runs the guard switches it on by naming tables: guard_{needs} = ["public.notes"] in exuvia.toml.',
        )


def _objects(found: Survey, policy: Policy, facts: Facts) -> Iterator[Denial]:
    for name in dict.fromkeys(found.reads):
        yield from _readable(name, policy, facts)
    for name in dict.fromkeys(found.writes):
        yield from _table("write", _full(name, policy), policy, facts)
    for name in dict.fromkeys(found.alters):
        yield from _table("ddl", _full(name, policy), policy, facts)
    for name in dict.fromkeys(found.indexes):
        yield from _index(_full(name, policy), policy, facts)
    for name in dict.fromkeys(found.functions):
        yield from _function(name, policy, facts)
    for name in dict.fromkeys(found.types):
        yield from _type(name, policy, facts, made=found.needs == "ddl")
    for name in dict.fromkeys(found.operators):
        yield from _operator(name, facts)
    for attribute in dict.fromkeys(found.attributes):
        yield from _attribute(attribute, facts)
    for setting in found.settings:
        if setting.lower() not in known.SETTINGS:
            yield Denial("setting", f"SHOW {setting} may tell secrets.", f"These can be shown: {_listed()}.")


def _listed() -> str:
    return ", ".join(sorted(known.SETTINGS - {"time", "zone"}))


def _full(name: Name, policy: Policy) -> Name:
    """Add the schema in which PostgreSQL finds a name: pg_catalog comes before the default one."""
    if len(name) != 1:
        return name
    return (_CATALOG if name[0].startswith("pg_") else policy.default_schema, *name)


def _names(names: list[Name], policy: Policy) -> tuple[str, ...]:
    return tuple(dict.fromkeys(".".join(_full(name, policy)) for name in names))


def _readable(name: Name, policy: Policy, facts: Facts) -> Iterator[Denial]:
    full = _full(name, policy)
    if full[0] == _CATALOG or full[0] == "information_schema":
        allowed = known.CATALOGS if full[0] == _CATALOG else known.INFORMATION_SCHEMA
        if full[-1] not in allowed or len(full) != 2:
            yield Denial(
                "catalog",
                f"{'.'.join(full)} may tell secrets of the server or of other sessions.",
                "For tables and columns read information_schema.tables and information_schema.columns.",
            )
        return
    if full in facts.views:
        yield Denial(
            "view",
            f"The view {'.'.join(full)} calls functions that may do anything.",
            "Read its tables; or who runs the guard allows the functions: guard_functions in exuvia.toml.",
        )
    yield from _table("read", full, policy, facts)


def _table(level: Level, name: Name, policy: Policy, facts: Facts) -> Iterator[Denial]:
    if (level, name) in facts.above:
        yield Denial(
            "table",
            f"The table {'.'.join(name)} has partitions or children that may not {_DOES[level]}.",
            f"Name those that may; or who runs the guard changes guard_{level} in exuvia.toml.",
        )
        return
    if facts.encoding != "UTF8" and not ".".join(name).isascii():
        yield Denial(
            "name",
            f"The server may read the name {'.'.join(name)} as another, for its encoding is {facts.encoding}.",
            "Use names of ASCII letters, or views that have such names.",
        )
        return
    if len(name) == 2 and not name[0].startswith(("pg_", "information_schema")) and policy.allows(level, *name):
        return
    allowed = ", ".join(str(pattern) for pattern in policy.patterns(level)) or "none"
    yield Denial(
        "table",
        f"The table {'.'.join(name)} is not among those that may {_DOES[level]}.",
        f"These may: {allowed}. Who runs the guard can add it: guard_{level} in exuvia.toml.",
    )


def _index(name: Name, policy: Policy, facts: Facts) -> Iterator[Denial]:
    table = facts.indexes.get((name[0], name[-1]))
    if table is not None:
        yield from _table("ddl", (name[0], table), policy, facts)
        return
    yield Denial(
        "index",
        f"It is not known which table the index {'.'.join(name)} is of.",
        "Correct the name; without a connection nobody can tell.",
    )


def _function(name: Name, policy: Policy, facts: Facts) -> Iterator[Denial]:
    schema, function = _full(name, policy)[0], name[-1]
    if len(name) == 1 and function in facts.functions and function in known.FUNCTIONS | known.EXTENSION_FUNCTIONS:
        yield Denial(
            "function",
            f"Somebody's function {schema}.{function} may be called instead of the built-in one.",
            f"Write pg_catalog.{function}; or who runs the guard allows {schema}.{function}: guard_functions.",
        )
        return
    what = known.danger(function)
    if what is None:
        built_in = len(name) == 1 or schema == _CATALOG
        if built_in and function in known.FUNCTIONS:
            return
        if schema != _CATALOG and function in known.EXTENSION_FUNCTIONS and len(name) == 1:
            return
        if f"{schema}.{function}" in policy.functions and len(name) <= 2:
            return
    shown = ".".join(name)
    if what is not None:
        yield Denial("function", f"The function {shown} {what}.", "Leave it out.")
        return
    yield Denial(
        "function",
        f"The function {shown} is not among those known only to compute.",
        f'Leave it out; or who runs the guard allows it: guard_functions = ["{schema}.{function}"] in exuvia.toml.',
    )


def _type(name: Name, policy: Policy, facts: Facts, *, made: bool) -> Iterator[Denial]:
    last = name[-1] if name else ""
    schema = name[0] if len(name) > 1 else policy.default_schema
    if (len(name) == 1 or schema == _CATALOG) and (last in known.TYPES or (made and last in known.COLUMN_TYPES)):
        return
    if (len(name) == 1 and last in known.EXTENSION_TYPES) or f"{schema}.{last}" in policy.types:
        return
    if len(name) <= 2 and (schema, last) in facts.enumerations:
        return
    yield Denial(
        "type",
        f"The type {'.'.join(name)} is not built in, so that casting to it may run somebody's function.",
        f'Compare as text; or who runs the guard allows it: guard_types = ["{schema}.{last}"] in exuvia.toml.',
    )


def _attribute(name: str, facts: Facts) -> Iterator[Denial]:
    """Refuse ``x.f`` where it calls ``f(x)``, as PostgreSQL does when x has no column f."""
    if known.is_called_by_a_dot(name):
        yield Denial("function", f"What stands after the dot, {name}, is a function.", "Name columns only.")
    elif name in facts.dots:
        yield Denial(
            "function",
            f"What stands after the dot, {name}, may be a column or somebody's function.",
            "Name a column without its table; or who runs the guard allows the function: guard_functions.",
        )


def _operator(name: Name, facts: Facts) -> Iterator[Denial]:
    if len(name) == 1 and name[0] in facts.operators:
        yield Denial(
            "operator",
            f"Somebody's operator {name[0]} may be called instead of the built-in one.",
            f"Write OPERATOR(pg_catalog.{name[0]}); or who runs the guard allows its function: guard_functions.",
        )
        return
    if name[-1] in known.OPERATORS and (len(name) == 1 or name[:-1] == (_CATALOG,)):
        return
    yield Denial(
        "operator",
        f"The operator {'.'.join(name)} is not among those known only to compute.",
        "Use one of PostgreSQL's own operators, without OPERATOR(schema.…).",
    )
