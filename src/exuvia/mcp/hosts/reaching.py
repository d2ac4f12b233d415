"""How a host reaches the server: by a command that it runs, or at a URL."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from exuvia.errors import ConfigError
from exuvia.location import Location, PostgresLocation, SqliteLocation
from exuvia.mcp.variables import TOKEN

_PASSWORD: Final = "PGPASSWORD"  # noqa: S105 - a variable's name
_OF_THE_DIRECTORY: Final = ("exuvia.toml", ".env")


@dataclass(frozen=True, slots=True)
class Local:
    """A command that a host runs. It holds no secret.

    Args:
        command: The program, as a whole path: hosts with windows do not have a shell's PATH.
        arguments: Its arguments, with whole paths.
        variables: Names of variables that it needs from the host's environment.
    """

    command: str
    arguments: tuple[str, ...]
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remote:
    """A server that runs already.

    Args:
        url: Of its endpoint.
        variable: The variable of the environment that holds the token.
    """

    url: str
    variable: str = TOKEN


Way = Local | Remote


def local(
    *, database: Location | None, store: Location | None, options: Sequence[str] = (), directory: Path | None = None
) -> Local:
    """Return the command that serves a database, a store, or both, from wherever it is run.

    Args:
        database: The database; None for none.
        store: The store; None for none.
        options: Other options of ``exuvia mcp``.
        directory: Where settings are; None for the working directory, if there are any.

    Raises:
        ConfigError: There is nothing to serve.
    """
    places = {"--database": database, "--store": store}
    if not any(places.values()):
        raise ConfigError(
            "There is nothing to serve: no database and no store is named.",
            hint="Name one: exuvia mcp config HOST --database app.db, or --store sqlite:///memory.db; or --http URL.",
            code="nothing_to_serve",
        )
    named = [part for option, place in places.items() if place is not None for part in (option, _lasting(place))]
    settings = _settings(directory or Path.cwd())
    secret = any(isinstance(place, PostgresLocation) and place != place.without_secrets for place in places.values())
    command, *first = _program()
    return Local(command, (*first, "mcp", *named, *options, *settings), (_PASSWORD,) if secret else ())


def remote(url: str) -> Remote:
    """Return how a server that runs is reached.

    Raises:
        ConfigError: It is no URL of HTTP, or holds a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.password:
        raise ConfigError(
            f"{'The URL' if parts.password else repr(url)} cannot be the server's.",
            hint="Write it as http://127.0.0.1:8765/mcp; the token stays in the environment.",
            code="mcp_url",
        )
    return Remote(url)


def _lasting(place: Location) -> str:
    if isinstance(place, SqliteLocation):
        path = place.path.expanduser()
        return str(path.parent.resolve() / path.name)
    return place.without_secrets.url if isinstance(place, PostgresLocation) else str(place)


def _settings(directory: Path) -> tuple[str, ...]:
    has = any((directory / name).exists() for name in _OF_THE_DIRECTORY)
    return ("--directory", str(directory.absolute())) if has else ()


def _program() -> tuple[str, ...]:
    beside = Path(sys.executable).with_name("exuvia.exe" if sys.platform == "win32" else "exuvia")
    found = str(beside) if beside.exists() else shutil.which("exuvia")
    return (found,) if found else (sys.executable, "-m", "exuvia")
