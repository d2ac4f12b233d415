"""The three ways into PostgreSQL that are compared: exuvia's command, pgloader's command, and a bare COPY BINARY."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

_BLOCK = 1 << 20
_EXUVIA = Path(sys.executable).with_name("exuvia")

_TABLES = """
    SELECT n.nspname, c.relname,
        (SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'r' AND n.nspname = 'public' ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """A program's run: wall seconds, peak resident memory in bytes, exit code, output, and exuvia's stage seconds."""

    seconds: float
    peak_bytes: int
    code: int
    output: str
    stages: Mapping[str, float] = field(default_factory=dict)


def timed(command: Sequence[str], directory: Path) -> Finished:
    """Run a program to its end and measure it; its memory is the kernel's own count (wait4, ru_maxrss)."""
    with tempfile.TemporaryFile() as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=directory, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    unit = 1 if sys.platform == "darwin" else 1024
    return Finished(seconds, usage.ru_maxrss * unit, process.returncode, text)


def compile_exuvia() -> None:
    """Compile exuvia's modules to bytecode, as pip does when it installs them."""
    package = find_spec("exuvia")
    for directory in package.submodule_search_locations or () if package else ():
        compileall.compile_dir(directory, quiet=1)


def exuvia(source: Path, url: str) -> Finished:
    """Move a file with exuvia's command line, verification included."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        command = [str(_EXUVIA), "migrate", str(source), url, "--quiet", "--report", str(report)]
        finished = timed(command, Path(directory))
        if finished.code != 0:
            raise RuntimeError(f"exuvia failed on {source.name}:\n{finished.output}")
        stages = json.loads(report.read_text(encoding="utf-8"))["stages"]
    seconds = {stage["stage"]: float(stage["seconds"]) for stage in stages}
    return Finished(finished.seconds, finished.peak_bytes, finished.code, finished.output, seconds)


def run_exuvia(arguments: Sequence[str], directory: Path) -> Finished:
    """Run a command of exuvia's that prints a report as JSON."""
    finished = timed([str(_EXUVIA), *arguments, "--json"], directory)
    if finished.code != 0:
        raise RuntimeError(f"exuvia {' '.join(arguments)} failed:\n{finished.output}")
    seconds = {stage["stage"]: float(stage["seconds"]) for stage in json.loads(finished.output)["stages"]}
    return replace(finished, stages=seconds)


def has_pgloader() -> bool:
    """Tell whether pgloader is installed, and say how to get it when it is not."""
    if shutil.which("pgloader"):
        return True
    print("pgloader is not installed and is left out; get it with: apt-get install pgloader", flush=True)
    return False


def pgloader(source: Path, url: str, options: Sequence[str] = ()) -> Finished:
    """Move a file with pgloader's usual command, or with options added to it."""
    with tempfile.TemporaryDirectory() as directory:
        return timed(["pgloader", "--root-dir", f"{directory}/", *options, str(source), url], Path(directory))


@dataclass(frozen=True, slots=True)
class ReadyFile:
    """A table's rows as COPY BINARY wrote them, and the table's definition without keys and indexes."""

    schema: str
    name: str
    columns: str
    path: Path


def ready_files(url: str, directory: Path) -> list[ReadyFile]:
    """Write every table of a database as a COPY BINARY file."""
    files = []
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(_TABLES).fetchall()
        for number, (schema, name, columns) in enumerate(tables):
            path = directory / f"{number}.bin"
            query = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(schema, name))
            with connection.cursor() as cursor, cursor.copy(query) as stream, path.open("wb") as output:
                for block in stream:
                    output.write(block)
            files.append(ReadyFile(schema, name, columns, path))
    return files


def bare_copy(files: Sequence[ReadyFile], url: str) -> float:
    """Return the seconds that COPY BINARY needs for ready-made files into identical tables made beforehand."""
    with psycopg.connect(url, autocommit=True) as connection:
        for file in files:
            definition = sql.SQL("CREATE TABLE {} (" + file.columns + ")")
            connection.execute(definition.format(sql.Identifier(file.schema, file.name)))
        connection.execute("CHECKPOINT")
        begun = time.perf_counter()
        for file in files:
            query = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(file.schema, file.name))
            with connection.cursor() as cursor, cursor.copy(query) as stream, file.path.open("rb") as content:
                while block := content.read(_BLOCK):
                    stream.write(block)
        return time.perf_counter() - begun
