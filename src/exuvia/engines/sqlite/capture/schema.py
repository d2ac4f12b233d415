"""What an application declares in a file under capture, and whether that has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import apsw
import xxhash

from exuvia.engines.sqlite.capture.own import is_own
from exuvia.engines.sqlite.schema import SchemaReader


@dataclass(frozen=True, slots=True)
class Declared:
    """The application's schema at one moment.

    Args:
        cookie: SQLite's schema cookie. While it stays, nothing else can have changed.
        objects: A digest of each object's definition, by kind and name.
    """

    cookie: int
    objects: Mapping[tuple[str, str], str]

    @property
    def fingerprint(self) -> str:
        """A digest of everything that is declared, the order apart."""
        lines = "\0".join(f"{kind} {name} {digest}" for (kind, name), digest in sorted(self.objects.items()))
        return xxhash.xxh3_128_hexdigest(lines.encode("utf-8", "surrogatepass"))


def cookie(connection: apsw.Connection) -> int:
    """Return the schema cookie, which every change of the schema and VACUUM raise."""
    return int(str(connection.pragma("schema_version")))


def declared(connection: apsw.Connection) -> Declared:
    """Return what the application declares: not capture's own objects, nor SQLite's statistics.

    Args:
        connection: A connection inside a snapshot.

    Raises:
        apsw.Error: SQLite cannot read the schema.
    """
    encoding = str(connection.pragma("encoding"))
    objects = {
        (entry.kind, entry.name): xxhash.xxh3_128_hexdigest(entry.sql.encode("utf-8", "surrogatepass"))
        for entry in SchemaReader(connection, encoding).entries()
        if not entry.name.startswith("sqlite_stat") and not is_own(entry.name, entry.sql)
    }
    return Declared(cookie(connection), objects)


def differences(before: Declared, now: Declared) -> list[str]:
    """Say what has changed: ``table orders was dropped``, and so on; an empty list when nothing has."""
    told = [f"{kind} {name} was dropped" for kind, name in before.objects if (kind, name) not in now.objects]
    for (kind, name), digest in now.objects.items():
        old = before.objects.get((kind, name))
        if old != digest:
            told.append(f"{kind} {name} was {'made' if old is None else 'changed'}")
    return sorted(told)
