"""A database for the guard's tests with everything in it that could be harmed, and a digest of all of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from exuvia.guard import Policy, parse_pattern, role_script
from exuvia.location import PostgresLocation

SCHEMA = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE users (
  id int PRIMARY KEY, name text, email text, age int, status text, created timestamptz, data jsonb, feeling mood
);
CREATE TABLE orders (
  id serial PRIMARY KEY, user_id int REFERENCES users, total numeric(10,2), placed date, tags text[]
);
CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text);
CREATE TABLE secrets (token text);
CREATE SCHEMA hidden;
CREATE TABLE hidden.salaries (user_id int, amount int);
CREATE SEQUENCE counter;
CREATE FUNCTION wipe() RETURNS int VOLATILE LANGUAGE sql AS 'DELETE FROM orders; SELECT 1';
CREATE FUNCTION wipe_as_owner() RETURNS int VOLATILE SECURITY DEFINER LANGUAGE sql AS 'DELETE FROM orders; SELECT 1';
CREATE FUNCTION wiped(users) RETURNS int VOLATILE LANGUAGE sql AS 'DELETE FROM orders; SELECT 1';
CREATE FUNCTION launder(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM wipe_as_owner(); RETURN $1; END';
CREATE OPERATOR <<<>>> (RIGHTARG = int, FUNCTION = launder);
CREATE DOMAIN trapped AS int CHECK (launder(VALUE) IS NOT NULL);
CREATE TYPE trap AS (x int);
CREATE FUNCTION trap_of(text) RETURNS trap VOLATILE LANGUAGE sql AS 'SELECT ROW(wipe_as_owner())::trap';
CREATE CAST (text AS trap) WITH FUNCTION trap_of(text);
CREATE PROCEDURE wiping_procedure() LANGUAGE sql AS 'DELETE FROM orders';
CREATE VIEW wiping AS SELECT wipe_as_owner() AS done;
CREATE VIEW adults AS SELECT id, name FROM users WHERE age >= 18;
INSERT INTO users
  SELECT i, 'user ' || i, 'u' || i || '@example.org', 10 + i, CASE WHEN i % 2 = 0 THEN 'active' ELSE 'gone' END,
    timestamptz '2026-01-01 00:00:00Z' + i * interval '1 day',
    jsonb_build_object('n', i, 'tags', jsonb_build_array('a', i)), 'good'
  FROM generate_series(1, 20) i;
INSERT INTO orders (user_id, total, placed, tags)
  SELECT 1 + i % 20, i * 1.5, date '2026-01-01' + i, ARRAY['x', 'y' || i] FROM generate_series(1, 40) i;
INSERT INTO notes (body) SELECT 'note ' || i FROM generate_series(1, 5) i;
INSERT INTO secrets VALUES ('s3cr3t');
INSERT INTO hidden.salaries SELECT i, 1000 * i FROM generate_series(1, 5) i;
SELECT lo_from_bytea(0, 'large');
ANALYZE;
"""

# Rows of every table, positions of sequences, the catalog, large objects, roles and their settings.
_ROWS = """
SELECT string_agg(
  format('SELECT %1$L, md5(coalesce(string_agg(%2$s, ''|'' ORDER BY %2$s), ''none'')) FROM %1$s t', name, row),
  ' UNION ALL '
) FROM (
  SELECT c.oid::regclass AS name, CASE relkind WHEN 'S' THEN '(last_value, is_called)::text' ELSE 't::text' END AS row
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
) found
"""
_CATALOG = """
SELECT 'class', md5(string_agg(relname || relkind::text || relowner || coalesce(relacl::text, ''), '|' ORDER BY oid))
  FROM pg_class WHERE relpersistence <> 't' AND oid > 16383
UNION ALL SELECT 'proc', md5(string_agg(proname || proowner || coalesce(prosrc, ''), '|' ORDER BY oid))
  FROM pg_proc WHERE oid > 16383
UNION ALL SELECT 'attribute', md5(string_agg(attname || atttypid || attnum, '|' ORDER BY attrelid, attnum))
  FROM pg_attribute WHERE attrelid > 16383 AND attrelid < 4000000000
UNION ALL SELECT 'large', md5(coalesce(string_agg(loid || encode(data, 'hex'), '|' ORDER BY loid, pageno), ''))
  FROM pg_largeobject
UNION ALL SELECT 'objects', md5(coalesce(string_agg(oid || lomowner::text, '|' ORDER BY oid), ''))
  FROM pg_largeobject_metadata
UNION ALL SELECT 'settings', md5(coalesce(string_agg(s::text, '|' ORDER BY s::text), '')) FROM pg_db_role_setting s
  WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT 'namespace', md5(string_agg(nspname, '|' ORDER BY oid)) FROM pg_namespace WHERE nspname !~ '^pg_'
UNION ALL SELECT 'trigger', md5(coalesce(string_agg(tgname || tgenabled::text, '|' ORDER BY oid), '')) FROM pg_trigger
UNION ALL SELECT 'prepared', count(*)::text FROM pg_prepared_xacts WHERE database = current_database()
UNION ALL SELECT 'extension', md5(string_agg(extname, '|' ORDER BY oid)) FROM pg_extension
UNION ALL SELECT 'collation', count(*)::text FROM pg_collation
"""
_SESSION = """
SELECT md5(string_agg(name || '=' || setting, '|' ORDER BY name)) FROM pg_settings WHERE name !~ '^plpgsql'
UNION ALL SELECT current_user || session_user
UNION ALL SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
UNION ALL SELECT count(*)::text FROM pg_prepared_statements
UNION ALL SELECT count(*)::text FROM pg_cursors
UNION ALL SELECT count(*)::text FROM pg_listening_channels()
UNION ALL SELECT count(*)::text FROM pg_class WHERE relpersistence = 't' AND pg_table_is_visible(oid)
"""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A database with roles.

    Args:
        owner: The URL of the superuser.
        agent: The URL of the role with few rights that logs in.
        policy: Reading everything in public but secrets; writing notes; making and dropping scratch.
    """

    owner: str
    agent: str
    policy: Policy


def policy(**changes: object) -> Policy:
    """Return the tests' policy, with changes."""
    given: dict[str, object] = {
        "read": tuple(map(parse_pattern, ("public.*", "!public.secrets"))),
        "write": (parse_pattern("public.notes"),),
        "ddl": (parse_pattern("public.scratch"),),
        "timeout_s": 5.0,
        "lock_timeout_s": 0.5,
    }
    return Policy(**{**given, **changes})  # type: ignore[arg-type]


@contextmanager
def guarded(url: str, schema: str = SCHEMA, limits: Policy | None = None) -> Iterator[Guarded]:
    """Fill an empty database of a superuser's, make roles for it, and drop the roles afterwards."""
    prefix = f"guard_{secrets.token_hex(4)}"
    limits = replace(limits or policy(), roles=prefix)
    password = secrets.token_hex(8)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(schema.encode())
        owner.execute(role_script(limits).encode())
        agent = sql.Identifier(f"{prefix}_agent")
        owner.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(agent, password))
        try:
            given = PostgresLocation.of(url).as_dict() | {"user": f"{prefix}_agent", "password": password}
            yield Guarded(url, PostgresLocation(tuple(given.items())).url, limits)
        finally:
            for name in ("write", "ddl", "read", "agent"):
                role = sql.Identifier(f"{prefix}_{name}")
                owner.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(role))
                owner.execute(sql.SQL("DROP ROLE {}").format(role))


def digest(connection: psycopg.Connection) -> dict[str, str]:
    """Return a digest of everything in a database, by what it is of. The connection is a superuser's."""
    (rows,) = connection.execute(_ROWS).fetchone() or ("",)
    found = connection.execute(rows.encode()).fetchall() + connection.execute(_CATALOG).fetchall()
    return {str(what): str(value) for what, value in found}


def session(connection: psycopg.Connection) -> list[str]:
    """Return what a session keeps: settings, roles, locks, prepared statements, cursors, channels, temporary tables."""
    return [str(value) for (value,) in connection.execute(_SESSION).fetchall()]
