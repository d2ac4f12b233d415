"""What PostgreSQL and its driver say when something fails, turned into errors that tell a person what to do."""

from __future__ import annotations

import re
from typing import Final

import adbc_driver_manager
import psycopg

from exuvia.errors import TargetError
from exuvia.location import HIDDEN, PostgresLocation

_Advice = tuple[str, str]

_CERTIFICATE_HINT: Final = (
    "exuvia verifies a remote server's certificate. Add sslrootcert=FILE with the authority that signed it; or switch "
    "verification off by name, on a network you trust: sslmode=require (encrypted only) or sslmode=disable."
)
_DISK: Final = ("disk_full", "Free space on the server, then run the same command again.")
_CONNECTIONS: Final = (
    "connections",
    "Use fewer workers (--jobs 1), close other clients, or raise max_connections on the server.",
)
_RIGHTS: Final = (
    "rights",
    "Grant the right (GRANT CREATE ON DATABASE … or ON SCHEMA … TO …), name a schema of your own with --schema, or "
    "connect as the owner.",
)
_READ_ONLY: Final = ("read_only", "Name the primary server: add target_session_attrs=read-write to a list of hosts.")
_PASSWORD: Final = ("password", "Check the user and the password (in the URL, PGPASSWORD, or the file ~/.pgpass).")
_STARTING: Final = ("not_ready", "The server is starting, stopping or recovering; wait, then try again.")
_GONE: Final = ("connection_lost", "The server or the network went away; what was committed is kept. Run it again.")

# https://www.postgresql.org/docs/current/errcodes-appendix.html; a class stands for its codes that are not listed.
_BY_SQLSTATE: Final[dict[str, _Advice]] = {
    "08": _GONE,
    "0A000": ("unsupported", "The server does not have this feature; a newer PostgreSQL may."),
    "25006": _READ_ONLY,
    "28P01": _PASSWORD,
    "28": ("login", "Check the user's name and the server's pg_hba.conf."),
    "3D000": ("database_missing", "Make it first: createdb NAME (or CREATE DATABASE), or correct the name."),
    "3F000": ("schema_missing", "Make it first (CREATE SCHEMA …), or correct the name."),
    "40001": ("conflict", "Another transaction changed the same rows; run it again."),
    "40P01": ("conflict", "Two transactions waited for each other; run it again, with --jobs 1 if it comes back."),
    "42501": _RIGHTS,
    "42704": ("missing", "A type, a role or an extension is not there; CREATE EXTENSION may be what is missing."),
    "42P07": ("exists", "Drop it, name another schema with --schema, or pass --drop-existing."),
    "53100": _DISK,
    "53200": (
        "memory",
        "The server ran out of memory; use fewer workers (--jobs 1) or smaller batches (--batch-rows).",
    ),
    "53300": _CONNECTIONS,
    "53": ("resources", "The server ran out of a resource; its log says which."),
    "55P03": ("lock", "Another session holds a lock on the table; end that session, then try again."),
    "57014": (
        "cancelled",
        "The statement was cancelled, by a person or by a timeout set for the role or the database.",
    ),
    "57P03": _STARTING,
    "57P04": ("database_missing", "The database was dropped while exuvia used it."),
    "57P": _GONE,
    "58030": ("server_disk", "The server's disk reports errors; look at the server's log."),
    "XX001": ("corrupt", "The server's data is damaged; look at the server's log before anything else."),
    "XX002": ("corrupt", "An index of the server is damaged; REINDEX it."),
}

# Failed connections have no SQLSTATE (libpq does not pass it on), only the text.
_BY_TEXT: Final[tuple[tuple[re.Pattern[str], _Advice], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), advice)
    for pattern, advice in (
        (r"password authentication failed|no password supplied|empty password", _PASSWORD),
        (
            r'role ".*" (does not exist|is not permitted to log in)|peer authentication failed',
            ("login", "Check the user's name in the location."),
        ),
        (r'database ".*" does not exist', _BY_SQLSTATE["3D000"]),
        (
            r"no pg_hba\.conf entry|pg_hba\.conf rejects",
            (
                "login",
                "The server's pg_hba.conf lets this user, host or "
                "kind of connection not in; its administrator can add a line.",
            ),
        ),
        (r"too many (clients|connections)|connection slots are reserved", _CONNECTIONS),
        (r"is starting up|is shutting down|in recovery mode|not yet accepting", _STARTING),
        (
            r"does not support SSL",
            (
                "tls",
                "exuvia wants TLS from a remote server. Set it up there (ssl = on); or switch it off by name, on a "
                "network you trust: add sslmode=disable to the location.",
            ),
        ),
        (r"invalid .* value", ("location", "Correct that parameter of the location.")),
        (r"certificate|root certificate|does not match host name|tls|ssl", ("tls", _CERTIFICATE_HINT)),
        (
            r"could not translate host name|name or service not known|resolve host|temporary failure in name",
            ("host_unknown", "Check the host's name in the location, and this machine's network."),
        ),
        (
            r"connection refused|no such file or directory",
            (
                "refused",
                "No server listens there: start it, or check host and port (exuvia's own starts by: exuvia pg start).",
            ),
        ),
        (r"timeout|timed out", ("timeout", "The server does not answer: check the host, the port and firewalls.")),
        (
            r"no route to host|network is unreachable",
            ("host_unreachable", "Check the host and this machine's network."),
        ),
        (r"session is (not read-write|read-only)|target_session_attrs", _READ_ONLY),
        (
            r"server closed the connection|connection (reset|is closed|is lost)|terminating connection|broken pipe|"
            r"eof detected|consuming input failed",
            _GONE,
        ),
        (r"permission denied", _RIGHTS),
    )
)
_PREFIX: Final = re.compile(
    r"^(- |connection failed: |connection is bad: |connection to server (at|on socket) .*? failed: |FATAL: +|ERROR: +|"
    r"error: +|consuming input failed: |host: '[^']*', port: '[^']*', hostaddr: '[^']*': )+",
    re.IGNORECASE,
)
_FILLER: Final = re.compile(
    r"multiple connection attempts|is the server running|this probably means|before or while", re.I
)


def explain_error(error: psycopg.Error, *, location: PostgresLocation | None = None, doing: str = "") -> TargetError:
    """Turn any error of the driver into a TargetError with a code, the server's own words and what to do next.

    Args:
        error: What psycopg raised.
        location: The target, named in the message; its secrets are taken out of the text wherever they stand.
        doing: What was being done, as in ``copying rows into app.users``.
    """
    reason = _reason(error)
    code, hint = _advice(error, reason)
    place = f" at {location}" if location is not None else ""
    what = f"PostgreSQL{place} refused {doing}" if doing else f"PostgreSQL{place} refused"
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError) and not doing:
        what = f"No connection to {location or 'PostgreSQL'}"
    return TargetError(_without_secrets(f"{what}: {reason}", location), hint=hint, code=code)


def _reason(error: psycopg.Error) -> str:
    if error.diag.message_primary:
        detail = f" ({error.diag.message_detail})" if error.diag.message_detail else ""
        return f"{error.diag.message_primary}{detail} [{error.sqlstate}]"
    lines = [_PREFIX.sub("", line.strip()) for line in str(error).splitlines()]
    return "; ".join(dict.fromkeys(line for line in lines if line and not _FILLER.match(line))) or type(error).__name__


def _advice(error: psycopg.Error, reason: str) -> _Advice:
    state = error.sqlstate or ""
    for known in (state, state[:3], state[:2]):
        if known and known in _BY_SQLSTATE:
            return _BY_SQLSTATE[known]
    if not state:
        for pattern, advice in _BY_TEXT:
            if pattern.search(reason):
                return advice
    return (f"sqlstate_{state}" if state else "driver", "")


def _without_secrets(text: str, location: PostgresLocation | None) -> str:
    for secret in sorted(location.secrets if location is not None else (), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def is_lost(error: BaseException | None) -> bool:
    """Tell whether an error, or what caused it, is a lost connection or a server that was stopped."""
    while error is not None:
        if isinstance(error, psycopg.OperationalError):
            return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
        if isinstance(error, adbc_driver_manager.OperationalError):
            return True
        error = error.__cause__
    return False
