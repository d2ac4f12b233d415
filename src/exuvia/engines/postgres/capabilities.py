"""What the connected server can do and what the connected user may, asked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import psycopg

_QUERY: Final = """
SELECT current_database(),
       current_user,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
       has_database_privilege(current_database(), 'CREATE'),
       current_setting('wal_level'),
       current_setting('max_connections')::int,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       pg_database_size(current_database()),
       (SELECT datcollate FROM pg_database WHERE datname = current_database())
"""
_EXTENSIONS: Final = """
SELECT available.name, available.default_version, installed.extversion, namespace.nspname,
       coalesce((SELECT bool_or(versions.trusted) FROM pg_available_extension_versions AS versions
                 WHERE versions.name = available.name), false)
FROM pg_available_extensions AS available
LEFT JOIN pg_extension AS installed ON installed.extname = available.name
LEFT JOIN pg_namespace AS namespace ON namespace.oid = installed.extnamespace
"""


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension that the server offers. ``installed`` and ``schema`` are None where this database lacks it;
    ``trusted`` ones may be created by any user with CREATE on the database."""

    name: str
    available: str
    installed: str | None
    schema: str | None
    trusted: bool


@dataclass(frozen=True, slots=True)
class Capabilities:
    """A server, its database and the connected user.

    Args:
        version_num: Such as 150014.
        version: Such as ``15.14``.
        database: The database's name.
        user: The user's name.
        is_superuser: Whether the user is a superuser.
        can_create_schema: Whether the user may create schemas in this database.
        wal_level: ``minimal`` lets COPY into a table of the same transaction skip the log.
        max_connections: The server's limit.
        connections: Client connections open at the moment, as far as the user can see.
        database_bytes: The database's size.
        collation: The database's LC_COLLATE.
        extensions: Everything that can be created here, by name.
    """

    version_num: int
    version: str
    database: str
    user: str
    is_superuser: bool
    can_create_schema: bool
    wal_level: str
    max_connections: int
    connections: int
    database_bytes: int
    collation: str
    extensions: Mapping[str, Extension]

    @property
    def has_pgvector(self) -> bool:
        """Whether pgvector is installed in this database."""
        return self.is_installed("vector")

    @property
    def offers_pgvector(self) -> bool:
        """Whether pgvector is installed or this user can create it."""
        return self.offers("vector")

    def offers(self, name: str) -> bool:
        """Whether an extension is installed in this database or this user can create it."""
        return self.is_installed(name) or self.can_create_extension(name)

    def is_installed(self, name: str) -> bool:
        """Whether an extension is installed in this database."""
        return name in self.extensions and self.extensions[name].installed is not None

    def can_create_extension(self, name: str) -> bool:
        """Whether this user may create an extension: a superuser any, others a trusted one where they may create."""
        extension = self.extensions.get(name)
        if extension is None:
            return False
        return self.is_superuser or (extension.trusted and self.can_create_schema)


def detect(connection: psycopg.Connection) -> Capabilities:
    """Ask the server what it is and what it offers. Opens a transaction unless the connection is in autocommit.

    Raises:
        psycopg.Error: The connection is lost.
    """
    number = connection.info.server_version
    facts = connection.execute(_QUERY).fetchone()
    if facts is None:
        raise psycopg.InternalError("the server did not describe itself")
    database, user, superuser, create, wal_level, limit, used, size, collation = facts
    extensions = {row[0]: Extension(*row) for row in connection.execute(_EXTENSIONS)}
    return Capabilities(
        version_num=number,
        version=f"{number // 10000}.{number % 10000}",
        database=database,
        user=user,
        is_superuser=superuser,
        can_create_schema=create,
        wal_level=wal_level,
        max_connections=limit,
        connections=used,
        database_bytes=size,
        collation=collation,
        extensions=MappingProxyType(extensions),
    )
