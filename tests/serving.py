"""The MCP server as a process of its own, and clients of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

COMMAND = (sys.executable, "-m", "exuvia", "mcp")
_URL = re.compile(r"https?://\S+(?=;)")


@dataclass
class Process:
    """A server over HTTP.

    Args:
        url: Of its endpoint.
        process: The process.
        said: The lines of its standard error so far.
    """

    url: str
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    @property
    def root(self) -> str:
        """The URL without the endpoint's path."""
        return self.url.rpartition("/")[0]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def over_http(*arguments: str, command: Sequence[str] = (*COMMAND, "--http"), **environment: str) -> Iterator[Process]:
    """Run a server at a free port from when it has said where it listens; it must end well."""
    process = subprocess.Popen(
        [*command, "--port", "0", *arguments],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if (found := _URL.search(line)) is not None:
            break
    else:
        raise AssertionError(f"the server has not started: {''.join(said)}")
    rest = threading.Thread(target=lambda: said.extend(process.stderr or ()))
    rest.start()
    try:
        yield Process(found[0], process, said)
    finally:
        if process.poll() is None:
            process.terminate()
        code = process.wait(timeout=30)
        rest.join()
        process.stderr.close()
    assert code == 0, "".join(said)
    assert "Traceback" not in "".join(said), "".join(said)


@asynccontextmanager
async def client_of(url: str, token: str | None = None, **options: Any) -> AsyncIterator[Client]:
    """Connect the SDK's client over HTTP."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    web = httpx2.AsyncClient(headers=headers, timeout=60)
    async with web, Client(streamable_http_client(url, http_client=web), **options) as client:
        yield client


def content(answer: Any) -> dict[str, Any]:
    """Return what a tool answered, from the text that a model reads."""
    told: dict[str, Any] = orjson.loads(answer.content[0].text)
    return told
