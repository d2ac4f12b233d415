"""Where a database is: parsed from what a person writes, printed without secrets."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from exuvia.errors import ConfigError

EMBEDDED_DATABASE: Final = "exuvia"
HIDDEN: Final = "***"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9]+)(?:\+[A-Za-z0-9]+)?:")
_KEY_VALUE = re.compile(r"\s*[a-z_]+\s*=")
_SECRET_KEYS: Final = frozenset({"password", "sslpassword", "oauth_client_secret"})
_PUBLIC_CERTIFICATES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
_SPELLINGS: Final = (
    "Write a path such as app.db, sqlite:///app.db, sqlite:////var/lib/app.db, "
    "postgresql://user@host:5432/database, embedded: or embedded:database; "
    "a portable copy is jsonl:directory or parquet:directory."
)


@dataclass(frozen=True, slots=True)
class SqliteLocation:
    """A SQLite database file. The path is as written; nothing is opened or made."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


FileIdentity = tuple[int, int] | None
"""Which file is at a path: its device and its number there; None where there is none."""


def file_identity(path: Path) -> FileIdentity:
    """Return which file is at a path now."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@dataclass(frozen=True, slots=True)
class EmbeddedLocation:
    """A database of the PostgreSQL server that pip installed."""

    database: str = EMBEDDED_DATABASE

    def __str__(self) -> str:
        return f"embedded:{self.database}"


@dataclass(frozen=True, slots=True, repr=False)
class PostgresLocation:
    """A PostgreSQL database, as libpq's connection parameters in the order they were written.

    ``str`` and ``repr`` hide every secret. The parameters themselves carry them; hand them to the driver only.
    """

    parameters: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return _url(self.as_dict() | dict.fromkeys(self.as_dict().keys() & _SECRET_KEYS, HIDDEN))

    def __repr__(self) -> str:
        return f"PostgresLocation({str(self)!r})"

    @classmethod
    def of(cls, text: str) -> PostgresLocation:
        """Read a ``postgresql:`` URL or libpq's key/value form.

        Raises:
            ConfigError: The text is malformed, or another kind of location.
        """
        location = parse(text)
        if not isinstance(location, cls):
            raise ConfigError(f"{location} is not a PostgreSQL server.", hint=_SPELLINGS, code="location")
        return location

    def as_dict(self) -> dict[str, str]:
        """Return the parameters as written, secrets included."""
        return dict(self.parameters)

    @property
    def url(self) -> str:
        """The location as a URL, secrets included."""
        return _url(self.as_dict())

    @property
    def secrets(self) -> frozenset[str]:
        """The texts that must not appear anywhere, those of the environment included."""
        found = {value for key, value in self.parameters if key in _SECRET_KEYS}
        return frozenset(found | {os.environ.get("PGPASSWORD", "")} - {""})

    @property
    def without_secrets(self) -> PostgresLocation:
        """The same location for a file that others may read: who connects finds the password elsewhere."""
        return PostgresLocation(tuple((key, value) for key, value in self.parameters if key not in _SECRET_KEYS))

    @property
    def is_remote(self) -> bool:
        """Whether any of the hosts is reached over a network, by the URL or else by libpq's environment."""
        given = self.as_dict()
        hosts = (
            given.get("hostaddr") or given.get("host") or os.environ.get("PGHOSTADDR") or os.environ.get("PGHOST", "")
        )
        return any(not _is_local(host) for host in hosts.split(","))

    def connection_parameters(self) -> dict[str, str]:
        """Return what the driver gets: the parameters as written, with TLS verification where it is due.

        A remote server's certificate and name are verified against the machine's public authorities unless an
        ``sslmode`` is given by the URL, by PGSSLMODE or by a service file. (libpq's own default, ``prefer``, verifies
        nothing.) A certificate file is named rather than libpq's ``system``, because the driver's wheels carry an
        OpenSSL that looks in a directory of its own.
        """
        given = self.as_dict()
        named = {"sslmode", "service"} & given.keys() or {"PGSSLMODE", "PGSERVICE"} & os.environ.keys()
        if named or not self.is_remote:
            return given
        given["sslmode"] = "verify-full"
        own_root = Path("~/.postgresql/root.crt").expanduser()
        if "sslrootcert" not in given and "PGSSLROOTCERT" not in os.environ and not own_root.exists():
            given["sslrootcert"] = _public_certificates()
        return given


@dataclass(frozen=True, slots=True)
class JsonlLocation:
    """A portable copy as JSON Lines: a directory. Nothing is opened or made."""

    path: Path

    def __str__(self) -> str:
        return f"jsonl:{self.path}"


@dataclass(frozen=True, slots=True)
class ParquetLocation:
    """A portable copy as Parquet: a directory. Nothing is opened or made."""

    path: Path

    def __str__(self) -> str:
        return f"parquet:{self.path}"


Location = SqliteLocation | PostgresLocation | EmbeddedLocation | JsonlLocation | ParquetLocation


def parse(text: str | Path) -> Location:
    """Read a location.

    Takes a path, ``sqlite:///relative``, ``sqlite:////absolute``, ``file:path``, ``postgresql://…`` or
    ``postgres://…`` (libpq's URLs), ``host=… dbname=…`` (libpq's key/value form), ``embedded:``,
    ``embedded:database``, ``jsonl:directory`` and ``parquet:directory``. A driver's name as in SQLAlchemy's
    ``postgresql+psycopg://`` is ignored, and so is the query of a ``sqlite:`` URL, which is about connections and not
    about the file.

    Raises:
        ConfigError: The text is none of these, or names a database in memory.
    """
    if isinstance(text, Path):
        return SqliteLocation(text)
    text = text.strip()
    if not text:
        raise ConfigError("The location is empty.", hint=_SPELLINGS, code="location")
    shape = _SCHEME.match(text)
    if shape is None:
        return _postgres(text) if _KEY_VALUE.match(text) and not Path(text).exists() else _sqlite(text)
    scheme, rest = shape[1].lower(), text[shape.end() :]
    if scheme in _READERS:
        return _READERS[scheme](rest)
    if Path(text).exists():
        return SqliteLocation(Path(text))
    raise ConfigError(f"exuvia knows no location of the kind {scheme + ':'!r}.", hint=_SPELLINGS, code="location")


def _sqlite(path: str) -> SqliteLocation:
    if path in ("", ":memory:"):
        raise ConfigError("A SQLite database in memory cannot be reached from here.", hint=_SPELLINGS, code="location")
    return SqliteLocation(Path(path).expanduser())


def _sqlite_url(rest: str) -> SqliteLocation:
    if rest.startswith("//") and not rest.startswith("///") and rest != "//":
        raise ConfigError(
            f"'sqlite:{rest}' names a host; SQLite databases are files.",
            hint="Three slashes begin a relative path (sqlite:///app.db), four an absolute one (sqlite:////var/app.db).",
            code="location",
        )
    return _sqlite(unquote(rest.partition("?")[0].removeprefix("///").removeprefix("//")))


def _sqlite_uri(rest: str) -> SqliteLocation:
    return _sqlite(unquote(rest.partition("?")[0].removeprefix("//")))


def _embedded(rest: str) -> EmbeddedLocation:
    name = unquote(rest.removeprefix("//").strip("/"))
    if "/" in name or "\0" in name or len(name.encode()) > 63:
        raise ConfigError(
            f"{name!r} cannot be the name of a database.",
            hint="A database name has at most 63 bytes and no slash: embedded:app.",
            code="location",
        )
    return EmbeddedLocation(name or EMBEDDED_DATABASE)


def _jsonl(rest: str) -> JsonlLocation:
    return JsonlLocation(_directory(rest))


def _parquet(rest: str) -> ParquetLocation:
    return ParquetLocation(_directory(rest))


def _directory(rest: str) -> Path:
    if not rest:
        raise ConfigError(
            "The portable copy has no directory.", hint="Write jsonl:directory or parquet:directory.", code="location"
        )
    return Path(rest).expanduser()


def _postgres(text: str) -> PostgresLocation:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        given = conninfo_to_dict(text)
        malformed = "@" in str(given.get("host", ""))[1:]
    except ProgrammingError:
        malformed = True
    if malformed:
        # libpq's message quotes the text, which may be a part of the password, so it is not passed on.
        raise ConfigError(
            "The PostgreSQL location is malformed.",
            hint="Write postgresql://user:password@host:5432/database, with %40 for @, %2F for /, %3A for :, "
            "%23 for #, %20 for a space and %25 for % inside a name or a password; or host=… port=… dbname=… user=….",
            code="location",
        )
    return PostgresLocation(tuple((key, str(value)) for key, value in given.items() if value is not None))


def _postgres_url(rest: str) -> PostgresLocation:
    return _postgres(f"postgresql:{rest}")


_READERS: Final[Mapping[str, Callable[[str], Location]]] = {
    "sqlite": _sqlite_url,
    "sqlite3": _sqlite_url,
    "file": _sqlite_uri,
    "postgresql": _postgres_url,
    "postgres": _postgres_url,
    "embedded": _embedded,
    "jsonl": _jsonl,
    "parquet": _parquet,
}


def _url(parameters: Mapping[str, str]) -> str:
    """Write libpq parameters as a URL; sockets' directories and lists of hosts go into the query."""
    rest = dict(parameters)
    user, password, database = (rest.pop(key, "") for key in ("user", "password", "dbname"))
    who = _escape(user) + (f":{_escape(password)}" if password else "")
    where = ""
    if not set(rest.get("host", "")) & set("/@,") and "," not in rest.get("port", ""):
        host, port = rest.pop("host", ""), rest.pop("port", "")
        where = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    query = "&".join(f"{key}={_escape(value, '/,')}" for key, value in rest.items())
    return f"postgresql://{who + '@' if who else ''}{where}/{_escape(database)}{'?' + query if query else ''}"


def _escape(text: str, safe: str = "") -> str:
    return text if text == HIDDEN else quote(text, safe=safe)


def _is_local(host: str) -> bool:
    host = host.strip().strip("[]")
    if host in ("", "localhost") or host.startswith(("/", "@")) or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _public_certificates() -> str:
    known = (ssl.get_default_verify_paths().cafile, *_PUBLIC_CERTIFICATES)
    return next((path for path in known if path and Path(path).is_file()), "system")
