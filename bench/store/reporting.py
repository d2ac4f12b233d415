"""The page of what was measured, with how each figure is made."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

from bench.facts import host_facts
from bench.store.crowd import CLIENTS, Crowd
from bench.store.events import DIMENSION, PROJECTS
from bench.store.measuring import Measured
from bench.store.timing import Answer, middle, percentile
from bench.tables import markdown

_METHOD = f"""\
Events come from a seed ({len(PROJECTS)} projects of which the n-th has 1/n of the first one's events, 200 events a
session, seven kinds, 100 to 3,000 bytes of JSON with words of which few are frequent), and are appended by
`store.events.append`, 200 a call; those of the largest project get a vector of {DIMENSION} numbers each, at most
50,000. Everything is asked of this largest project unless the line says otherwise, and every page has 100 events.

**By hand** is what a user would write instead: one table with the same indexes, FTS5 or a generated tsvector with GIN,
pgvector's HNSW (sqlite-vec's function on SQLite, NumPy on a server without pgvector), filled with the same events, and
SQL through apsw or psycopg on one connection. It checks nothing, has no foreign keys and no row-level security; of what
has a word it ranks everything and returns rows, where the store ranks the last 500 and returns excerpts with the words
marked. Both sides take turns, call by call. A figure is the median in milliseconds, with p95 beside it; *times* is the
store's median divided by the other. *Allowed* is what the requirements allow with a million events on PostgreSQL.

**SQLAlchemy** is its asynchronous engine and expression language (psycopg, aiosqlite) on the same tables made by hand,
with a pool of 60 connections on PostgreSQL, as many as the store's has at most, and its own default on SQLite.

**Clients**: {CLIENTS} tasks of one process over one pool, each asking again as soon as it is answered. So the median is
about {CLIENTS} times what a call takes when nobody is idle; clients that pause see less. Pages have 20 events. Allowed
are 100 ms for p95 of simple queries.
"""


def report(command: str, results: Sequence[Measured]) -> str:
    """Return the results as Markdown."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("apsw", "psycopg", "SQLAlchemy", "aiosqlite"))
    facts = (
        f"{host_facts(command)}; servers with their stock settings, Python {platform.python_version()}, {libraries}."
    )
    return "\n".join([f"# The store\n\n{facts}\n\n{_METHOD}", *map(_engine, results)])


def _engine(measured: Measured) -> str:
    return (
        f"## {measured.name}, {measured.events:,} events\n\n"
        f"{measured.largest:,} of the events are of the largest project. {measured.rate:,.0f} were appended in a"
        f" second, and of {measured.vectors:,} vectors {measured.vector_rate:,.0f}.\n\n"
        f"{_answers(measured.answers, 'by hand')}\n"
        f"From asynchronous code, one task alone:\n\n{_answers(measured.from_tasks, 'SQLAlchemy')}\n"
        f"{_crowds(measured.crowds)}\n"
        f"How lists of events are read:\n\n"
        f"{markdown(('list', 'read by'), [(plan.name, plan.steps) for plan in measured.plans])}"
    )


def _answers(answers: Sequence[Answer], other: str) -> str:
    limited = any(answer.limit for answer in answers)
    heads = ("question", "store ms", "p95", f"{other} ms", "p95", "times", *(("allowed ms",) if limited else ()))
    return markdown(heads, [_line(answer, limited=limited) for answer in answers])


def _line(answer: Answer, *, limited: bool) -> tuple[str, ...]:
    ours, others = middle(answer.store), middle(answer.other)
    figures = (ours, percentile(answer.store, 95), others, percentile(answer.other, 95), ours / others)
    allowed = (f"{answer.limit:g}" if answer.limit else "",) if limited else ()
    return (answer.name, *(f"{figure:.2f}" for figure in figures), *allowed)


def _crowds(crowds: Sequence[Crowd]) -> str:
    heads = (f"{CLIENTS} clients", "by", "calls/s", "p50 ms", "p95", "p99", "max", "errors")
    return markdown(heads, [_fared(crowd) for crowd in crowds])


def _fared(crowd: Crowd) -> tuple[str, ...]:
    figures = [percentile(crowd.calls, rank) for rank in (50, 95, 99)] + [1000 * max(crowd.calls, default=0)]
    errors = ", ".join(f"{count} {name}" for name, count in crowd.errors.items()) or "0"
    return (
        crowd.what,
        crowd.who,
        f"{len(crowd.calls) / crowd.seconds:,.0f}",
        *(f"{figure:.1f}" for figure in figures),
        errors,
    )
