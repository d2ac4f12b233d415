"""Serving one client over standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, cast

import anyio
import mcp_types as types
from mcp.server.stdio import stdio_server
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from exuvia.mcp.server import Serving, make_server

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_AHEAD: Final = 64  # lines that are read before anybody wants them
_NO_JSON: Final = types.ErrorData(
    code=types.PARSE_ERROR,
    message="This is no JSON that is read here: its texts are Unicode, and it is nested less than 200 deep.",
)
_NO_MESSAGE: Final = types.ErrorData(code=types.INVALID_REQUEST, message="This is no message of JSON-RPC 2.0.")


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
                await server.run(_Readable(incoming, outgoing), outgoing, server.create_initialization_options())
        except* BrokenPipeError:
            pass  # the client is gone


class _Readable:
    """What the client sends, without what is no message: that is answered here, since the SDK says nothing to it.

    Args:
        incoming: Messages, and errors where a line was none.
        outgoing: Takes the answers.
    """

    def __init__(self, incoming: ReadStream[SessionMessage | Exception], outgoing: WriteStream[SessionMessage]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    async def receive(self) -> SessionMessage | Exception:
        """Return the next message."""
        while isinstance(item := await self._incoming.receive(), Exception):
            await self._outgoing.send(SessionMessage(_refusal(item)))
        return item

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Read no more."""
        await self._incoming.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _refusal(error: Exception) -> types.JSONRPCError:
    """Say that a line is no message, to the call that it was meant to be where that can be read."""
    found = error.errors(include_url=False) if isinstance(error, ValidationError) else []
    is_json = bool(found) and found[0]["type"] != "json_invalid"
    number = next((it for one in found if (it := _number(one["input"])) is not None), None)
    said = _NO_MESSAGE if is_json else _NO_JSON
    return types.JSONRPCError(jsonrpc="2.0", id=number, error=said)


def _number(sent: Any) -> int | str | None:
    try:
        told = json.loads(sent) if isinstance(sent, str) else sent  # which reads what JSON does not allow, too
    except (ValueError, RecursionError):
        return None
    number = told.get("id") if isinstance(told, dict) else None
    return number if isinstance(number, int | str) and not isinstance(number, bool) else None


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
                for line in filter(bytes.strip, lines):
                    self._give(line.decode("utf-8", "replace"))
            self._give(rest.decode("utf-8", "replace") or None)
            self._give(None)

    def _give(self, line: str | None) -> None:
        self._room.acquire()
        self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
