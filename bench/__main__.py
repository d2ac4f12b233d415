"""``python -m bench``: measure, print the tables, and write them to a page of bench/: RESULTS.md, WAYS.md, LIVE.md …"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import correctness, guard, live, memory, overhead, speed, transitions, vectors, ways
from bench.contenders import compile_exuvia
from bench.data import DATASETS
from bench.facts import host_facts, machine_facts
from bench.server import SERVERS, Server, serving
from bench.speed import SpeedOptions
from bench.store import measuring as store_measuring
from bench.store import reporting as store_reporting

HERE = Path(__file__).parent


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--server", choices=SERVERS, default="debian", help="whose PostgreSQL to start (default: debian)"
    )
    parser.add_argument("--url", help="use a running server instead: postgresql://…, a superuser without a password")
    parser.add_argument(
        "--runs", type=int, default=3, metavar="N", help="runs of each tool, of which the median counts"
    )
    parser.add_argument("--only", action="append", choices=tuple(DATASETS), help="only this data (repeatable)")
    parser.add_argument(
        "--large",
        action="store_true",
        help="also measure peak memory on 5 GB; with --store, a million events",
    )
    parser.add_argument("--store", action="store_true", help="measure the store beside SQL by hand instead")
    parser.add_argument(
        "--scale", type=float, default=1, metavar="F", help="with --store: of how many events (default: 1, 100,000)"
    )
    parser.add_argument("--ways", action="store_true", help="measure there, back, export and import instead")
    parser.add_argument("--live", action="store_true", help="measure live moves instead: pauses and lag")
    parser.add_argument(
        "--gigabytes", action="append", type=float, metavar="N", help="with --live: size of the file (repeatable; 1, 5)"
    )
    parser.add_argument(
        "--vectors",
        action="store_true",
        help=f"measure search by vectors instead; beside Chroma if {vectors.CHROMA} names a Python that has it",
    )
    parser.add_argument("--rows", type=int, default=100_000, metavar="N", help="with --vectors: how many")
    parser.add_argument("--langgraph", action="store_true", help="measure LangGraph's checkpointers instead")
    parser.add_argument(
        "--checkpoints", type=int, default=1000, metavar="N", help="with --langgraph: of a thread (default: 1000)"
    )
    parser.add_argument("--transitions", action="store_true", help="measure runs' transitions by 100 workers instead")
    parser.add_argument("--calls", action="store_true", help="measure tools' calls beside the bare query instead")
    parser.add_argument(
        "--tokens", action="store_true", help="count the tokens of tools' answers, beside those of Markdown files"
    )
    parser.add_argument("--definitions", action="store_true", help="count the tokens of tools' definitions instead")
    parser.add_argument("--conformance", action="store_true", help="run MCP's conformance suite instead")
    parser.add_argument("--correctness", action="store_true", help="judge exuvia and pgloader on the zoo instead")
    parser.add_argument("--guard", action="store_true", help="measure guarded statements beside the driver instead")
    parser.add_argument("--store-overhead", action="store_true", help="measure the store beside the driver instead")
    parser.add_argument(
        "--match", default="", metavar="TEXT", help="with --correctness: only files whose name holds TEXT"
    )
    return parser


def main(given: list[str]) -> int:
    """Run what the command line asks for."""
    options = arguments().parse_args(given)
    compile_exuvia()
    command = " ".join(["python -m bench", *given])
    if options.definitions or options.tokens or options.conformance or options.store:
        return _without_a_server(command, options)
    with serving(options.server, options.url) as server:
        facts = machine_facts(server, command)
        if options.correctness:
            _publish("CORRECTNESS.md", correctness.report(facts, correctness.measure(server, options.match)))
        elif options.vectors:
            found = vectors.measure(server, options.rows)
            _publish("VECTORS.md", vectors.report(facts, found, options.rows))
        elif options.live:
            _publish("LIVE.md", live.report(facts, live.measure(server, options.gigabytes or [1, 5])))
        elif options.store_overhead or options.guard:
            name, kind = ("GUARD.md", guard) if options.guard else ("OVERHEAD.md", overhead)
            _publish(name, kind.report(facts, kind.measure(server)))
        elif options.transitions:
            _publish("TRANSITIONS.md", transitions.report(facts, transitions.measure(server)))
        elif options.calls:
            from bench import calls

            _publish("CALLS.md", calls.report(facts, calls.measure(server)))
        elif options.langgraph:
            from bench import langgraph

            found = langgraph.measure(server, options.runs, options.checkpoints)
            _publish("LANGGRAPH.md", langgraph.report(facts, found))
        elif options.ways:
            _publish("WAYS.md", ways.report(facts, ways.measure(server, options.runs)))
        else:
            _publish("RESULTS.md", _measured(server, facts, options))
    return 0


def _without_a_server(command: str, options: argparse.Namespace) -> int:
    if options.definitions:
        from bench import definitions

        _publish("DEFINITIONS.md", definitions.report(host_facts(command)))
    elif options.tokens:
        from bench.tokens import measuring, reporting

        _publish("TOKENS.md", reporting.report(host_facts(command), measuring.measure()))
    elif options.conformance:
        from bench import conformance

        outcomes = conformance.measure()
        _publish("MCP.md", conformance.report(host_facts(command), outcomes))
        return int(any(outcome.faults for outcome in outcomes.values()))
    else:
        results = []
        for measured in store_measuring.measure(options.scale, large=options.large):
            results.append(measured)
            _publish("STORE.md", store_reporting.report(command, results))
    return 0


def _measured(server: Server, facts: str, options: argparse.Namespace) -> str:
    names = tuple(options.only or DATASETS)
    results = speed.measure(server, SpeedOptions(names, options.runs))
    sizes = memory.measure(server, large=options.large)
    return speed.report(facts, results) + memory.report(sizes)


def _publish(name: str, text: str) -> None:
    (HERE / name).write_text(text, encoding="utf-8")
    print(f"\n{text}\nwritten to {HERE.name}/{name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
