"""A wire to a PostgreSQL server that a test can cut and mend."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict


class Relay:
    """Passes bytes between clients and a server while it is up, at a port of its own.

    Args:
        url: The server's; it may be reached by a socket file.
    """

    def __init__(self, url: str) -> None:
        self._given = {key: str(value) for key, value in conninfo_to_dict(url).items()}
        self._pairs: list[socket.socket] = []
        self._listening: socket.socket | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]

    @property
    def url(self) -> str:
        """Where clients connect, as a URL; the password is one that must not be told."""
        given = {key: self._given.get(key, "") for key in ("user", "dbname")}
        password = self._given.get("password", "hunter2-hunter2")
        return f"postgresql://{given['user']}:{password}@127.0.0.1:{self._port}/{given['dbname']}?sslmode=disable"

    def mend(self) -> None:
        """Let clients connect."""
        self._listening = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def cut(self) -> None:
        """Let nobody connect, and lose the connections that there are."""
        if self._listening is not None:
            with suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        while self._pairs:
            end = self._pairs.pop()
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = self._connect()
                self._pairs += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = self._given.get("host", "127.0.0.1"), self._given.get("port", "5432")
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        local = socket.socket(socket.AF_UNIX)
        local.connect(f"{host}/.s.PGSQL.{port}")
        return local


@contextmanager
def relay(url: str) -> Iterator[Relay]:
    """Make a wire to a server, which is cut to begin with."""
    wire = Relay(url)
    try:
        yield wire
    finally:
        wire.cut()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
