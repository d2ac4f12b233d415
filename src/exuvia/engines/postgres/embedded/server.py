"""Starting, finding and stopping the embedded server."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exuvia.engines.postgres.embedded.account import SYSTEM_DIR, Account, account_for
from exuvia.engines.postgres.embedded.binaries import Installation, find_installation, reachable
from exuvia.engines.postgres.embedded.process import Postmaster, clear_stale, read_postmaster
from exuvia.errors import TargetError
from exuvia.location import EMBEDDED_DATABASE, PostgresLocation

SUPERUSER: Final = "postgres"
START_SECONDS: Final = 120
STOP_SECONDS: Final = 60
_LOG_LINES: Final = 12
_LOG_LIMIT_BYTES: Final = 16 << 20
_SOCKET_PATH_BYTES: Final = 103
_SMALL_SHARED_MEMORY_BYTES: Final = 1 << 30
_LOG: Final = "server.log"

_SETTINGS: Final = """\
# Written by exuvia at every start. Your own settings go into postgresql.auto.conf, by ALTER SYSTEM SET.
cluster_name = 'exuvia'
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 256MB
maintenance_work_mem = 256MB
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = on
log_checkpoints = off
timezone = 'UTC'
log_timezone = 'UTC'
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. ``url`` names its database and holds no secret; ``data_dir`` is the directory given to
    ``start``, which holds the cluster, its log and its lock; ``version`` is like ``18.4``."""

    url: str
    pid: int
    data_dir: Path
    version: str


def default_data_dir() -> Path:
    """Return where the server lives unless told otherwise: the user's data directory.

    For root it is in /var/lib/exuvia: the account that the server runs under cannot enter /root.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return SYSTEM_DIR / "postgres"
    if sys.platform == "darwin":
        return Path("~/Library/Application Support/exuvia/postgres").expanduser()
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "exuvia" / "postgres"


def start(data_dir: Path | None = None, *, database: str = EMBEDDED_DATABASE) -> Server:
    """Start the server if it does not run, and make ``database`` if it does not exist.

    The first start makes the cluster. The server goes on when this process ends; after a crash or a reboot the next
    start brings it back. Several processes may call this at once: one starts the server, all return it.

    Raises:
        TargetError: The binaries are not installed, the directory cannot be used, or the server does not come up;
            the message then ends with the last lines of its log.
    """
    home = _home(data_dir)
    account = account_for(home / "data")
    _make_home(home, account)
    with _locked(home):
        if _running(home) is None:
            installation = reachable(find_installation(_major(home)), account)
            if _major(home) is None:
                _make_cluster(home, account, installation)
            _launch(home, account, installation)
        return _server(home, _await_ready(home), database, make=True)


def stop(data_dir: Path | None = None) -> bool:
    """Stop the server and return True; return False if none runs. Open transactions are rolled back.

    Raises:
        TargetError: The server belongs to another user, or does not stop within a minute.
    """
    home = _home(data_dir)
    if not home.exists():
        return False
    with _locked(home):
        postmaster = _running(home)
        if postmaster is None:
            return False
        account = account_for(home / "data")
        program = reachable(find_installation(_major(home)), account).program("pg_ctl")
        command = [program, "stop", "-D", "data", "-m", "fast", "-t", str(STOP_SECONDS)]
        if _logged(home, account, command) != 0:
            raise TargetError(f"The PostgreSQL server in {home} does not stop.{_log_tail(home)}", code="embedded_stop")
        if Path(postmaster.socket_dir) != home / "data":
            with suppress(OSError):
                Path(postmaster.socket_dir).rmdir()
        return True


def status(data_dir: Path | None = None, *, database: str = EMBEDDED_DATABASE) -> Server | None:
    """Return the running server, None if none runs in ``data_dir``.

    Raises:
        TargetError: The server belongs to another user, or does not answer.
    """
    home = _home(data_dir)
    postmaster = _running(home)
    return _server(home, postmaster, database, make=False) if postmaster is not None and postmaster.ready else None


def url(data_dir: Path | None = None, *, database: str = EMBEDDED_DATABASE) -> str:
    """Return the URL of a database of the running server.

    Raises:
        TargetError: The server does not run.
    """
    server = status(data_dir, database=database)
    if server is None:
        raise TargetError(
            f"No PostgreSQL server runs in {_home(data_dir)}.",
            hint="Start it with: exuvia pg start",
            code="embedded_stopped",
        )
    return server.url


def _home(data_dir: Path | None) -> Path:
    if sys.platform == "win32":
        raise TargetError(
            "The pip-installed PostgreSQL is run on Linux and macOS only.",
            hint="Name a server instead: postgresql://user@host/database.",
            code="embedded_platform",
        )
    return (data_dir or default_data_dir()).expanduser().resolve()


def _make_home(home: Path, account: Account) -> None:
    try:
        account.make_enterable(home)
        ours = (home / "data" / "PG_VERSION").exists()
        foreign = set() if ours else {path.name for path in home.iterdir()} - {_LOG, "lock", "data.new"}
    except OSError as error:
        elsewhere = f", such as {SYSTEM_DIR}/app: PostgreSQL does not run as root" if account.switch else ""
        raise TargetError(
            f"The directory {home} cannot be used for PostgreSQL: {error.strerror}.",
            hint=f"Name another one with --data-dir or EXUVIA_DATA_DIR{elsewhere}.",
            code="embedded_directory",
        ) from error
    if foreign:
        raise TargetError(
            f"The directory {home} already holds something else ({', '.join(sorted(foreign)[:3])}).",
            hint="Name an empty or a new directory.",
            code="embedded_directory",
        )


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    import fcntl

    try:
        lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _not_ours(home) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _running(home: Path) -> Postmaster | None:
    try:
        return read_postmaster(home / "data")
    except PermissionError as error:
        raise _not_ours(home) from error


def _not_ours(home: Path) -> TargetError:
    return TargetError(
        f"The PostgreSQL server in {home} belongs to another user.",
        hint="Use it as that user, or name a directory of your own.",
        code="embedded_directory",
    )


def _major(home: Path) -> int | None:
    try:
        return int((home / "data" / "PG_VERSION").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _make_cluster(home: Path, account: Account, installation: Installation) -> None:
    """Run initdb beside the final place, so that an interrupted one is never taken for a cluster.

    The locale is PostgreSQL's built-in C.UTF-8 where there is one (17 and newer): the same on every machine, and it
    sorts by code point, as SQLite does.
    """
    fresh = home / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    account.own(fresh)
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if installation.major >= 17 else []
    command = [
        *(installation.program("initdb"), "-D", fresh.name, "-U", SUPERUSER, "--encoding=UTF8"),
        *("--auth-local=trust", "--auth-host=reject", "--no-instructions", *(locale or ["--locale=C"])),
    ]
    if _logged(home, account, command) != 0:
        raise TargetError(f"PostgreSQL's data in {home} could not be made.{_log_tail(home)}", code="embedded_initdb")
    with (fresh / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\ninclude_if_exists '../exuvia.conf'\n")
    fresh.rename(home / "data")


def _launch(home: Path, account: Account, installation: Installation) -> None:
    data = home / "data"
    clear_stale(data)
    sockets = _socket_dir(home, account)
    settings = _SETTINGS + f"unix_socket_directories = '{sockets}'\n"
    shared_memory = Path("/dev/shm")  # noqa: S108
    # Containers often have 64 MB of it, which a parallel index build outgrows.
    if shared_memory.exists() and shutil.disk_usage(shared_memory).total < _SMALL_SHARED_MEMORY_BYTES:
        settings += "dynamic_shared_memory_type = mmap\n"
    conf = home / "exuvia.conf"
    conf.write_text(settings, encoding="utf-8")
    conf.chmod(0o644)
    log = home / _LOG
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.old"))
    # Relative names, because pg_ctl hands its arguments to a shell.
    command = [installation.program("pg_ctl"), "start", "-D", data.name, "-t", str(START_SECONDS)]
    if _logged(home, account, command) != 0:
        raise TargetError(f"The PostgreSQL server in {home} does not start.{_log_tail(home)}", code="embedded_start")


def _await_ready(home: Path) -> Postmaster:
    deadline = time.monotonic() + START_SECONDS
    while (postmaster := _running(home)) is not None:
        if postmaster.ready:
            return postmaster
        if time.monotonic() > deadline:
            raise TargetError(
                f"The PostgreSQL server in {home} is not ready after {START_SECONDS} s.{_log_tail(home)}",
                hint="It may be recovering from a crash; wait, then try again.",
                code="embedded_start",
            )
        time.sleep(0.05)
    raise TargetError(
        f"The PostgreSQL server in {home} stopped after its start.{_log_tail(home)}", code="embedded_start"
    )


def _socket_dir(home: Path, account: Account) -> str:
    """Return the directory for the server's socket: the data directory, or one with a short and plain name.

    A socket's path has at most 107 bytes on Linux and 103 on macOS, and libpq splits a list of hosts at commas.
    """
    data = str(home / "data")
    if len(os.fsencode(f"{data}/.s.PGSQL.5432")) <= _SOCKET_PATH_BYTES and not re.search(r"[,'\"\\\n]", data):
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    short = Path("/tmp") / f"exuvia-{account.uid}-{digest}"  # noqa: S108
    short.mkdir(mode=0o700, exist_ok=True)
    account.own(short)
    found = short.lstat()
    if short.is_symlink() or found.st_uid != account.uid or found.st_mode & 0o077:
        raise TargetError(f"{short} is not a private directory of the server's account.", code="embedded_directory")
    return str(short)


def _logged(home: Path, account: Account, command: Sequence[object]) -> int:
    with (home / _LOG).open("ab") as log:
        return account.run(command, cwd=home, output=log.fileno()).returncode


def _log_tail(home: Path) -> str:
    try:
        lines = (home / _LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
    except OSError:
        return ""
    return "\n".join(["", f"The end of {home / _LOG}:", *(f"  {line}" for line in lines)]) if lines else ""


def _server(home: Path, postmaster: Postmaster, database: str, *, make: bool) -> Server:
    import psycopg
    from psycopg import sql

    def address(name: str) -> str:
        parts = {"user": SUPERUSER, "host": postmaster.socket_dir, "dbname": name}
        return PostgresLocation(tuple(parts.items())).url

    try:
        with psycopg.connect(address("postgres"), autocommit=True, connect_timeout=10) as connection:
            names = [name for (name,) in connection.execute("SELECT datname FROM pg_database")]
            for name in dict.fromkeys((EMBEDDED_DATABASE, database)) if make else ():
                if name not in names:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            number = connection.info.server_version
    except psycopg.Error as error:
        raise TargetError(
            f"The PostgreSQL server in {home} does not answer: {error}{_log_tail(home)}", code="embedded_start"
        ) from error
    return Server(address(database), postmaster.pid, home, f"{number // 10000}.{number % 10000}")
