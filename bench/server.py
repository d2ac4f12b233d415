"""A PostgreSQL server with its stock settings, on a free port of 127.0.0.1 and without a password."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

import servers
from exuvia.engines.postgres.embedded.binaries import find_installation

SERVERS = ("debian", "pip")


@dataclass(frozen=True, slots=True)
class Server:
    """A server: the URL of its maintenance database, and its version."""

    url: str
    version: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, yield its URL, and drop it."""
        name = f"bench_{secrets.token_hex(4)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            identifier = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(identifier))
            connection.execute("CHECKPOINT")
            try:
                yield f"{self.url.rpartition('/')[0]}/{name}"
            finally:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


@contextmanager
def serving(name: str, url: str | None) -> Iterator[Server]:
    """Yield the server behind a URL, or start one by name and stop it afterwards by its own process."""
    if url is not None:
        yield _described(url)
        return
    programs = servers.newest_debian() if name == "debian" else find_installation().root / "bin"
    with servers.open_directory() as directory:
        identity = servers.unprivileged()
        if identity:
            os.chown(directory, *identity)
        data, log, port = directory / "data", directory / "log", servers.free_port()
        layout = ["-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust"]
        finished = servers.run([programs / "initdb", *layout], directory, identity)
        if finished.returncode != 0:
            raise servers.MissingServerError(f"initdb failed: {finished.stdout}")
        options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": directory}
        start = [programs / "postgres", "-D", data, *(f"--{key}={value}" for key, value in options.items())]
        with log.open("wb") as output:
            process = servers.spawn(start, directory, identity, output.fileno())
        address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        try:
            servers.await_server(address, process, log)
            yield _described(address)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _described(url: str) -> Server:
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return Server(url, str(row[0]) if row else "unknown")
