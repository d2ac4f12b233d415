"""Serving one client over standard input and output."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, Self, cast

from mcp.server.stdio import stdio_server

from exuvia.mcp.server import Serving, make_server

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_AHEAD: Final = 64  # lines that are read before anybody wants them


async def serve_stdio(serving: Serving) -> None:
    """Serve until the client closes standard input or is gone, or until SIGINT or SIGTERM.

    Calls that run then are cancelled, and their statements with them.

    Args:
        serving: What is served.
    """
    server, lines = make_server(serving), _Lines.of_standard_input()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, lines.end)
    async with serving.desk:
        try:
            async with stdio_server(stdin=cast("Any", lines)) as (incoming, outgoing):
                await server.run(incoming, outgoing, server.create_initialization_options())
        except* BrokenPipeError:
            pass  # the client is gone


class _Lines:
    """The lines of a descriptor, read by a thread that nobody waits for: a read cannot be cancelled.

    Args:
        descriptor: What is read.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD)
        self._loop = asyncio.get_running_loop()

    @classmethod
    def of_standard_input(cls) -> Self:
        """Take over standard input, so that nothing else that runs here reads what the client sends."""
        taken, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        return cls(taken)

    def end(self) -> None:
        """Let the lines end here, as if the client had closed its end."""
        self._lines.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        threading.Thread(target=self._read, name="standard input", daemon=True).start()
        while (line := await self._lines.get()) is not None:
            self._room.release()
            yield line

    def _read(self) -> None:
        rest = b""
        with suppress(OSError, RuntimeError):  # the loop is closed while this still waits
            while chunk := os.read(self._descriptor, 1 << 16):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._give(line.decode("utf-8", "replace"))
            self._give(rest.decode("utf-8", "replace") or None)
            self._give(None)

    def _give(self, line: str | None) -> None:
        self._room.acquire()
        self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
