"""Serving many clients over HTTP, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import errno
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import anyio
import uvicorn

from exuvia.errors import CancelledError, ConfigError
from exuvia.mcp.server import Serving, make_server
from exuvia.mcp.web import Site, make_app

# A name may have addresses of a family that this machine does not use, such as localhost's ::1.
_NOT_HERE: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_BACKLOG: Final = 512
_GRACE_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens.

    Args:
        host: A name or an address of this machine.
        port: 0 for any that is free.
        certificate: A file with the certificate and those that signed it (PEM); None for no TLS.
        key: A file with its key; None when it is in the certificate's.
    """

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


async def serve_http(serving: Serving, site: Site, address: Address, started: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. Calls that run then are cancelled, and their statements with them.

    Args:
        serving: What is served.
        site: Under which path and names, and for whom.
        address: Where to listen.
        started: Told the URL of the endpoint.

    Raises:
        ConfigError: The address cannot be listened at, or the certificate is no such.
    """
    stopping = anyio.Event()
    app = make_app(make_server(serving, stopping), site, serving.desk)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
    )
    _load(config)
    with listening(address) as sockets:
        port = sockets[0].getsockname()[1]
        shown = f"[{address.host}]" if ":" in address.host else address.host
        started(f"{'https' if config.is_ssl else 'http'}://{shown}:{port}{site.path}")
        async with serving.desk:
            await _Uvicorn(config, stopping).serve(sockets=list(sockets))


@contextmanager
def listening(address: Address) -> Iterator[Sequence[socket.socket]]:
    """Listen at every address of a host, all at one port.

    Raises:
        ConfigError: The host is unknown, or the port taken.
    """
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        refused = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, _, _, _, where in dict.fromkeys(found):
                port = sockets[0].getsockname()[1] if sockets else address.port
                try:
                    sockets.append(stack.enter_context(_listen(family, (where[0], port, *where[2:]))))
                except OSError as error:
                    if error.errno not in _NOT_HERE:
                        raise
                    refused = error
            if not sockets:
                raise refused
        except OSError as error:
            raise ConfigError(
                f"{address.host}:{address.port} cannot be listened at: {error.strerror}.",
                hint="Name another one with --port, or --port 0 for any that is free; --host names this machine.",
                code="mcp_address",
            ) from None
        yield sockets


def _listen(family: int, where: tuple[Any, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(where)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _load(config: uvicorn.Config) -> None:
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"The certificate or its key cannot be used: {error.strerror or type(error).__name__}.",
            hint="Pass PEM files: --certfile chain.pem --keyfile key.pem.",
            code="mcp_certificate",
        ) from None


class _Uvicorn(uvicorn.Server):
    """Tells the running calls when it is to stop; a second Ctrl-C does not wait for them."""

    def __init__(self, config: uvicorn.Config, stopping: anyio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's
        """Take a signal; uvicorn would send it again at its end, before the databases are closed."""
        if self.should_exit and sig == signal.SIGINT:
            os._exit(CancelledError.exit_code)
        self.should_exit = True
        self._stopping.set()
