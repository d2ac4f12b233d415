"""What is no message is answered too: a client that sent it would wait for ever."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from serving import COMMAND

PING = {"jsonrpc": "2.0", "id": 99, "method": "tools/list", "params": {}}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def answers_to(lines: list[bytes], place: Path) -> list[dict[str, Any]]:
    sent = [orjson.dumps(HELLO), b'{"jsonrpc":"2.0","method":"notifications/initialized"}', *lines, orjson.dumps(PING)]
    with subprocess.Popen(
        [*COMMAND, "--store", f"sqlite:///{place}/memory.db"],
        env=os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n".join(sent) + b"\n")
        process.stdin.flush()
        told = [orjson.loads(process.stdout.readline())]
        while told[-1].get("id") != 99:
            told.append(orjson.loads(process.stdout.readline()))
        rest, said = process.communicate(timeout=30)
    assert (rest, said, process.returncode) == (b"", b"", 0)
    return told[1:-1]


def call(argument: bytes) -> bytes:
    start = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search_tools","arguments":{"intent":'
    return start + argument + b"}}}"


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        (call(b'"\\ud800"'), 7, -32700),
        (call(b"[" * 300 + b"]" * 300), 7, -32700),
        (call(b"[" * 100_000), None, -32700),
        (b'{"jsonrpc":"2.0","id":0,"method":7}', 0, -32600),
        (b"hello", None, -32700),
        (b"\xff\xfe", None, -32700),
        (b"[]", None, -32600),
        (b'{"jsonrpc":"1.0","id":"a","method":"tools/list"}', "a", -32600),
    ],
    ids=["half a character", "deep", "deeper", "no method", "words", "bytes", "list", "version"],
)
def test_a_line_that_is_no_message_is_an_error_of_the_protocol(
    line: bytes, number: int | str | None, code: int, tmp_path: Path
) -> None:
    (answer,) = answers_to([line], tmp_path)
    assert answer["id"] == number
    assert answer["error"]["code"] == code


def test_empty_lines_are_nothing(tmp_path: Path) -> None:
    assert answers_to([b"", b"  ", b"\r"], tmp_path) == []
