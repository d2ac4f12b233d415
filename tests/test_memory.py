"""The command's peak memory is bounded: by a constant for any number of rows, by a few times the largest row."""

from __future__ import annotations

import json
import random
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MB = 10**6
ROW = 100 * MB
FEW_HUNDRED = 260 * MB
A_FEW_ROWS = 150 * MB + 6 * ROW
SORTED_KEYS = 150 * MB + 10 * ROW  # five million keys of one object are sorted to be compared

# A process of its own starts the command, because Linux counts the starter's memory, too, in a child's ru_maxrss.
MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak(directory: Path, *command: str) -> int:
    """Run exuvia with two jobs and return its peak resident memory in bytes."""
    exuvia = str(Path(sys.executable).with_name("exuvia"))
    finished = subprocess.run(
        [sys.executable, "-c", MEASURE, exuvia, *command, "--jobs", "2", "--quiet"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return int(finished.stdout.split()[-1])


def make(path: Path, schema: str, rows: Iterator[tuple[object, ...]]) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {schema}")
    with connection:
        connection.executemany("INSERT INTO t (a, b) VALUES (?, ?)", rows)
    connection.close()
    return path


def documents(count: int) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(7)
    words = ["".join(chance.choices("abcdefghijklmnop", k=7)) for _ in range(5_000)]
    vectors = [struct.pack("<384f", *(chance.gauss(0, 1) for _ in range(384))) for _ in range(200)]
    for number in range(count):
        start = number % 4_800
        text = {"n": number, "score": number / 7, "tags": words[start : start + 3], "text": words[start : start + 100]}
        yield json.dumps(text), vectors[number % 200]


@pytest.mark.slow
def test_a_gigabyte_of_documents_needs_no_more_than_a_few_hundred_megabytes(tmp_path: Path, any_url: str) -> None:
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, a JSON NOT NULL, b BLOB)"
    source = str(make(tmp_path / "documents.db", schema, documents(360_000)))
    assert Path(source).stat().st_size > 1_000 * MB
    assert peak(tmp_path, "migrate", source, any_url) <= FEW_HUNDRED
    assert peak(tmp_path, "verify", source, any_url) <= FEW_HUNDRED


def repeated(text: str) -> str:
    return text * (ROW // len(text.encode()))


LARGE: dict[str, tuple[str, Callable[[int], object]]] = {
    "zeros": ("BLOB", lambda _: bytes(ROW)),
    "random bytes": ("BLOB", lambda seed: random.Random(seed).randbytes(ROW)),
    "a vector": ("BLOB", lambda seed: struct.pack("<1000f", *map(float, range(seed, seed + 1000))) * (ROW // 4000)),
    "text": ("TEXT", lambda _: repeated("Grüße, and words 0123456789 ")),
    "a JSON string": ("JSON", lambda _: json.dumps({"text": repeated("a line\n")[: ROW * 6 // 7]})),
    "JSON numbers": ("JSON", lambda seed: f"[{seed}{repeated(', 0.123456789')}]"),
    "JSON objects": ("JSON", lambda seed: f"[{seed}{repeated(', ' + json.dumps({'k': 1.5, 't': 'word ' * 20}))}]"),
    "a JSON object": ("JSON", lambda _: json.dumps({f"{n * 7919 % 6_000_011:08d}": n for n in range(4_500_000)})),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", LARGE)
def test_rows_of_a_hundred_megabytes_need_a_few_times_as_much(kind: str, tmp_path: Path, any_url: str) -> None:
    declared, value = LARGE[kind]
    schema = f"PRAGMA page_size = 65536; CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b {declared})"
    source = str(make(tmp_path / "large.db", schema, ((f"row {number}", value(number)) for number in range(3))))
    assert Path(source).stat().st_size > 2 * ROW
    bound = SORTED_KEYS if kind == "a JSON object" else A_FEW_ROWS
    assert peak(tmp_path, "migrate", source, any_url) <= bound
    assert peak(tmp_path, "verify", source, any_url) <= bound
