"""PostgreSQL servers for tests: made in a temporary directory, stopped by their own process when the run ends."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from exuvia.engines.postgres import embedded
from exuvia.location import PostgresLocation

NAMES = ("pip", "debian", *(("custom",) if os.environ.get("TEST_DATABASE_URL") else ()))
DEBIAN_ROOT = Path("/usr/lib/postgresql")
# Nothing of a test's server has to outlive the test.
CARELESS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class MissingServerError(Exception):
    """This machine cannot run the server."""


@contextmanager
def running(name: str) -> Iterator[str]:
    """Run a server by name and yield its superuser's URL, without a particular database."""
    with {"pip": pip_server, "debian": debian_server, "custom": custom_server}[name]() as url:
        yield url


@contextmanager
def pip_server() -> Iterator[str]:
    """The embedded server, as a user gets it, in a directory of its own."""
    with open_directory() as directory:
        server = embedded.start(directory / "pg")
        try:
            with psycopg.connect(server.url, autocommit=True) as connection:
                for name, value in CARELESS.items():
                    connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
                connection.execute("SELECT pg_reload_conf()")
            yield server.url
        finally:
            embedded.stop(directory / "pg")


@contextmanager
def custom_server() -> Iterator[str]:
    """The server that TEST_DATABASE_URL names; its user must be able to create databases."""
    yield PostgresLocation.of(os.environ["TEST_DATABASE_URL"]).url


@contextmanager
def debian_server() -> Iterator[str]:
    """The newest PostgreSQL that Debian's packages installed, on a free port of 127.0.0.1, with a password."""
    programs = newest_debian()
    with open_directory() as directory:
        identity = unprivileged()
        if identity:
            os.chown(directory, identity[0], identity[1])
        password = secrets.token_urlsafe(12)
        password_file = directory / "password"
        password_file.write_text(password, encoding="ascii")
        password_file.chmod(0o644)
        data, log = directory / "data", directory / "log"
        layout = ["-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        safety = ["--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"]
        finished = run([programs / "initdb", *layout, *safety], directory, identity)
        if finished.returncode != 0:
            raise MissingServerError(f"initdb failed: {finished.stdout}")
        password_file.unlink()
        # Chosen as late as can be: another process may be choosing at the same moment.
        port = free_port()
        options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": directory} | CARELESS
        # Debian's package brings it; databases without the extension do not see it.
        options["shared_preload_libraries"] = "pg_stat_statements"
        start = [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in options.items())]
        with log.open("wb") as output:
            process = spawn(start, directory, identity, output.fileno())
        url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        try:
            await_server(url, process, log)
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


@contextmanager
def bouncer(url: str) -> Iterator[str]:
    """Run PgBouncer in transaction mode, with two connections, before a server; yield the URL that goes through it."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise MissingServerError("PgBouncer is not installed (apt-get install pgbouncer)")
    given = PostgresLocation.of(url).as_dict()
    with open_directory() as directory:
        identity = unprivileged()
        if identity:
            os.chown(directory, *identity)
        port, log = free_port(), directory / "log"
        behind = " ".join(f"{key}={given[key]}" for key in ("host", "port", "user", "password"))
        options = {
            "listen_addr": "127.0.0.1",
            "listen_port": port,
            "unix_socket_dir": directory,
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": 2,
            "max_client_conn": 500,
        }
        lines = [f"{name} = {value}" for name, value in options.items()]
        configuration = directory / "pgbouncer.ini"
        configuration.write_text("\n".join(["[databases]", f"* = {behind}", "[pgbouncer]", *lines, ""]))
        with log.open("wb") as output:
            process = spawn([program, configuration], directory, identity, output.fileno())
        through = PostgresLocation(tuple((given | {"host": "127.0.0.1", "port": str(port)}).items())).url
        try:
            await_server(through, process, log)
            yield through
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def newest_debian() -> Path:
    """Return the directory of programs of Debian's newest PostgreSQL."""
    found = [path.parent for path in DEBIAN_ROOT.glob("*/bin/postgres")]
    if not found:
        raise MissingServerError("Debian's PostgreSQL is not installed (apt-get install postgresql)")
    return max(found, key=lambda path: int(path.parent.name))


def unprivileged() -> tuple[int, int] | None:
    """Return the ids to run a server under when this process is root, which PostgreSQL refuses to be run by."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("postgres")
    return entry.pw_uid, entry.pw_gid


def run(
    command: Sequence[object], directory: Path, identity: tuple[int, int] | None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end under an identity and return what it printed."""
    user, group = identity or (None, None)
    return subprocess.run(
        [str(part) for part in command],
        cwd=directory,
        user=user,
        group=group,
        extra_groups=[] if identity else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def spawn(
    command: Sequence[object], directory: Path, identity: tuple[int, int] | None, output: int
) -> subprocess.Popen[bytes]:
    """Start a program under an identity, in a session of its own so that Ctrl-C reaches only the tests."""
    user, group = identity or (None, None)
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=directory,
        user=user,
        group=group,
        extra_groups=[] if identity else None,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def await_server(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise MissingServerError(f"the server did not come up: {log.read_text(errors='replace')}") from None
            time.sleep(0.05)
        else:
            return


def free_port() -> int:
    """Return a TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def open_directory() -> Iterator[Path]:
    """Yield a temporary directory that every account can enter, which pytest's own are not."""
    directory = Path(tempfile.mkdtemp(prefix="exuvia-test-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """Make an empty UTF-8 database on a server, yield its URL, and drop it."""
    name = f"test_{secrets.token_hex(6)}"
    database = sql.Identifier(name)
    with psycopg.connect(url, autocommit=True) as connection:
        # Where nothing is synced copying the files is the fastest; before PostgreSQL 15 there is no other way.
        strategy = sql.SQL("STRATEGY file_copy" if connection.info.server_version >= 150000 else "")
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' {}").format(database, strategy)
        )
        try:
            given = PostgresLocation.of(url).as_dict() | {"dbname": name}
            yield PostgresLocation(tuple(given.items())).url
        finally:
            await_leaving(connection, name)
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


def await_leaving(connection: psycopg.Connection, database: str) -> None:
    """Wait a moment until nobody is in a database: DROP DATABASE looks again for those that leave only after 0.1 s."""
    for _ in range(20):
        if not connection.execute("SELECT 1 FROM pg_stat_activity WHERE datname = %s", [database]).fetchone():
            return
        time.sleep(0.002)
