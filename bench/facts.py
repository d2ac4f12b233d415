"""What a reader needs to know about the machine and the tools to place the figures."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.server import Server


def machine_facts(server: Server, command: str) -> str:
    """Return a paragraph of facts in Markdown."""
    return (
        f"{host_facts(command)}; PostgreSQL {server.version}"
        f" with its stock settings, Python {platform.python_version()}, pyarrow {version('pyarrow')},"
        f" psycopg {version('psycopg')}, pgloader {pgloader_version() or 'not installed'}.\n"
    )


def host_facts(command: str) -> str:
    """Return the beginning of such a paragraph: the day, the command and the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} with `{command}` on {os.cpu_count()} cores ({_processor()}),"
        f" {memory:.0f} GB of memory, {platform.system()} {platform.release()}"
    )


def pgloader_version() -> str | None:
    """Return pgloader's version as its package manager knows it, None when it is not installed."""
    if shutil.which("pgloader") is None:
        return None
    if shutil.which("dpkg-query"):
        shown = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", "pgloader"], capture_output=True, text=True, check=False
        )
        if shown.returncode == 0 and shown.stdout:
            return shown.stdout.strip()
    shown = subprocess.run(["pgloader", "--version"], capture_output=True, text=True, check=False)
    return shown.stdout.split('"')[1] if '"' in shown.stdout else "of unknown version"


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
