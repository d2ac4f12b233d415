"""Roles of PostgreSQL with just the rights that a policy's levels need, as a script that a person can read first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from psycopg import sql

from exuvia.errors import ConfigError
from exuvia.guard.policy import LEVELS, SQLITE_MAIN, Level, Policy, TablePattern

_RIGHTS: Final[dict[Level, str]] = {
    "read": "SELECT",
    "write": "INSERT, UPDATE, DELETE",
    "ddl": "TRUNCATE, REFERENCES",
}
_LONGEST: Final = 63 - len("_write")
_SEQUENCES: Final = """DO $$ DECLARE sequence regclass; BEGIN
  FOR sequence IN
    SELECT c.oid FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
    WHERE d.refobjid = {table}::regclass AND d.deptype IN ('a', 'i') AND c.relkind = 'S'
  LOOP
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I', sequence, {role});
  END LOOP;
END $$;"""
_OWNING: Final = """DO $$ DECLARE found record; BEGIN
  FOR found IN
    SELECT c.oid::regclass AS name, pg_get_userbyid(c.relowner) AS owner FROM pg_class c
    WHERE {which} AND c.relkind IN ('r', 'p', 'v') AND c.relowner <> {role}::regrole
  LOOP
    EXECUTE format('GRANT %I TO %I', {role}, found.owner); -- who owned it keeps every right
    EXECUTE format('ALTER TABLE %s OWNER TO %I', found.name, {role});
  END LOOP;
END $$;"""


def role_script(policy: Policy, *, login: str | None = None, own: bool = False) -> str:
    """Return the SQL that makes a role for each level that is on, to be run again whenever the policy changes.

    The roles cannot log in. The one that does inherits none of their rights, and becomes the role of a statement's
    level for that statement alone.

    Args:
        policy: The levels, their tables, and the beginning of the roles' names.
        login: The role that logs in; None for ``<roles>_agent``.
        own: Make the ddl role the owner of its tables, which altering and dropping them takes; their owners become
            members of it and keep all their rights.

    Raises:
        ConfigError: A role's name would be too long.
    """
    roles = policy.roles or "exuvia"
    if len(roles.encode()) > _LONGEST:
        raise ConfigError(
            f"The roles' names would begin with {roles!r}, which leaves no room for _write.",
            hint=f"A name of at most {_LONGEST} bytes is needed: guard_roles in exuvia.toml.",
            code="guard_roles",
        )
    who = login or f"{roles}_agent"
    lines = ["BEGIN;", "", *_login(who, policy)]
    for level in LEVELS:
        if policy.is_on(level):
            lines += ["", *_level(level, f"{roles}_{level}", who, policy, own=own)]
    return "\n".join([*lines, "", "COMMIT;", ""])


def _login(who: str, policy: Policy) -> Iterator[str]:
    name = _name(who)
    yield "-- Logs in, has no rights of its own, and inherits none. Give it a password: \\password in psql."
    yield _role(who, "LOGIN NOINHERIT")
    yield f"DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), {_text(who)}); END $$;"
    yield f"ALTER ROLE {name} SET default_transaction_read_only = on;"
    yield f"ALTER ROLE {name} SET statement_timeout = '{max(1, round(policy.timeout_s * 1000))}ms';"
    yield f"ALTER ROLE {name} SET idle_in_transaction_session_timeout = '1min';"
    yield "-- Only a superuser may limit temporary files."
    limit = f"ALTER ROLE {name} SET temp_file_limit = '1GB';"
    yield f"DO $$ BEGIN IF current_setting('is_superuser') = 'on' THEN {limit} END IF; END $$;"


def _level(level: Level, role: str, login: str, policy: Policy, *, own: bool) -> Iterator[str]:
    patterns = [one for one in policy.patterns(level) if one != SQLITE_MAIN or policy.default_schema == one.schema]
    given = [one for one in patterns if not one.excluded]
    yield f"-- The level {level}: {', '.join(map(str, patterns))}"
    yield _role(role, "NOLOGIN")
    yield f"GRANT {_name(role)} TO {_name(login)};"
    if level != "read" and policy.is_on("read"):
        yield f"GRANT {_name(role.removesuffix(level) + 'read')} TO {_name(role)};"
    for schema in dict.fromkeys(one.schema for one in given):
        yield f"GRANT USAGE{', CREATE' if level == 'ddl' else ''} ON SCHEMA {_name(schema)} TO {_name(role)};"
    for one in given:
        yield from _grant(level, role, one)
        if own and level == "ddl":
            yield _OWNING.format(which=_which(one, patterns), role=_text(role))
    for one in patterns:
        if one.excluded:
            yield f"REVOKE ALL ON {_tables(one)} FROM {_name(role)};"


def _grant(level: Level, role: str, one: TablePattern) -> Iterator[str]:
    grant = f"GRANT {_RIGHTS[level]} ON {_tables(one)} TO {_name(role)};"
    if level == "ddl" and one.table is not None:
        yield "-- It may not be there yet."
        grant = f"DO $$ BEGIN IF to_regclass({_text(_tables(one))}) IS NOT NULL THEN {grant} END IF; END $$;"
    yield grant
    if level != "write":
        return
    if one.table is None:
        yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {_name(one.schema)} TO {_name(role)};"
    else:
        yield _SEQUENCES.format(table=_text(_tables(one)), role=_text(role))


def _tables(one: TablePattern) -> str:
    if one.table is None:
        return f"ALL TABLES IN SCHEMA {_name(one.schema)}"
    return f"{_name(one.schema)}.{_name(one.table)}"


def _which(one: TablePattern, patterns: list[TablePattern]) -> str:
    if one.table is not None:
        return f"c.oid = to_regclass({_text(_tables(one))})"
    excluded = [
        _text(other.table) for other in patterns if other.excluded and other.schema == one.schema and other.table
    ]
    without = f" AND c.relname NOT IN ({', '.join(excluded)})" if excluded else ""
    return f"c.relnamespace = {_text(_name(one.schema))}::regnamespace{without}"


def _role(name: str, options: str) -> str:
    there = f"EXISTS (SELECT FROM pg_roles WHERE rolname = {_text(name)})"
    return f"DO $$ BEGIN IF NOT {there} THEN CREATE ROLE {_name(name)} {options}; END IF; END $$;"


def _name(name: str) -> str:
    return sql.Identifier(name).as_string()


def _text(text: str) -> str:
    return sql.Literal(text).as_string()
