"""Finding out what an engine can do, and refusing one that cannot carry a store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from exuvia.store.core.capabilities import Capabilities
from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.errors import SchemaError, StoreError

OLDEST_SERVER: Final = 140000
EXTENSIONS: Final = ("vector", "pg_trgm", "unaccent")
APPLICATION_ROLE: Final = "exuvia_app"

_SERVER: Final = """
SELECT current_setting('server_version_num')::int,
       split_part(current_setting('server_version'), ' ', 1),
       pg_encoding_to_char(encoding),
       pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'
FROM pg_database WHERE datname = current_database()
"""
_INSTALLED: Final = """
SELECT extname, extversion, nspname
FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
WHERE extname IN ('vector', 'pg_trgm', 'unaccent')
"""
# Asked first, so that a user without the right does not fill the server's log with errors at each start
_POSSIBLE: Final = """
SELECT DISTINCT name FROM pg_available_extension_versions AS offered
WHERE name IN ('vector', 'pg_trgm', 'unaccent')
  AND NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = offered.name)
  AND (rolsuper() OR (trusted AND has_database_privilege(current_database(), 'CREATE')))
""".replace("rolsuper()", "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)")
# The role must be one that SET ROLE may take, and must have been let into the store's schema
_CONFINED: Final = f"""
SELECT EXISTS (
  SELECT 1 FROM pg_roles JOIN pg_namespace ON nspname = :schema
  WHERE rolname = '{APPLICATION_ROLE}' AND NOT rolsuper AND NOT rolbypassrls
    AND pg_has_role(current_user, pg_roles.oid, :right)
    AND has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'USAGE')
)
"""


def detect(dialect: Dialect, schema: str) -> Operation[Capabilities]:
    """Find out what the engine can do.

    Args:
        dialect: The engine's.
        schema: PostgreSQL's schema.

    Raises:
        SchemaError: The server is older than 14, or the database is not in UTF-8.
    """
    return (yield from (_of_postgres(schema) if dialect.is_postgres else _of_sqlite()))


def _of_postgres(schema: str) -> Operation[Capabilities]:
    ((number, version, encoding, read_only),) = yield Statement(_SERVER)
    if number < OLDEST_SERVER:
        raise SchemaError(
            f"The server is PostgreSQL {version}; a store needs 14 or newer.",
            hint="Upgrade it, or use the PostgreSQL that pip installs: embedded:",
            code="too_old",
        )
    _check_encoding(encoding, "CREATE DATABASE name TEMPLATE template0 ENCODING 'UTF8';")
    found = {name: (made, where) for name, made, where in (yield Statement(_INSTALLED))}
    right = "SET" if number >= 160000 else "MEMBER"
    confined = (yield Statement(_CONFINED, {"schema": schema, "right": right}))[0][0]
    schemas = {where for _, where in found.values()} - {schema, "public", "pg_catalog"}
    return Capabilities(
        "postgresql",
        version,
        vector=found["vector"][0] if "vector" in found else None,
        trigrams="pg_trgm" in found,
        unaccent="unaccent" in found,
        row_security=confined,
        read_only=read_only,
        search_path=tuple(sorted(schemas)),
    )


def _of_sqlite() -> Operation[Capabilities]:
    ((encoding,),) = yield Statement("PRAGMA encoding")
    _check_encoding(encoding.replace("-", ""), "sqlite3 new.db 'PRAGMA encoding = \"UTF-8\"'")
    ((version,),) = yield Statement("SELECT sqlite_version()")
    numbers = tuple(int(part) for part in re.findall(r"\d+", version))
    ((full_text,),) = yield Statement("SELECT sqlite_compileoption_used('ENABLE_FTS5')")
    try:
        ((vector,),) = yield Statement("SELECT vec_version()")
    except StoreError:
        vector = None
    return Capabilities(
        "sqlite",
        version,
        vector=vector,
        trigrams=bool(full_text) and numbers >= (3, 34),
        unaccent=bool(full_text),
        full_text=bool(full_text),
        jsonb=numbers >= (3, 45),
        row_security=True,
    )


def _check_encoding(encoding: str, hint: str) -> None:
    if encoding.upper() != "UTF8":
        raise SchemaError(
            f"The database is encoded in {encoding}, and a store needs UTF-8.",
            hint=f"Make one: {hint}",
            code="encoding",
        )


def add_extensions() -> Operation[Sequence[str]]:
    """Create the extensions that the server offers and the user may create; return which.

    One that fails all the same is left out: the store works without.
    """
    made = []
    for (name,) in (yield Statement(_POSSIBLE)):
        if (yield from attempt(f'CREATE EXTENSION IF NOT EXISTS "{name}" SCHEMA public')):
            made.append(name)
    return made


def attempt(*statements: str) -> Operation[bool]:
    """Run statements that may fail without harm to the transaction; tell whether they went well."""
    yield Statement("SAVEPOINT exuvia_attempt")
    try:
        for statement in statements:
            yield Statement(statement)
    except StoreError:
        yield Statement("ROLLBACK TO SAVEPOINT exuvia_attempt")
        return False
    yield Statement("RELEASE SAVEPOINT exuvia_attempt")
    return True
