"""Random work on two stores, one on each engine: every answer and every error is the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

import servers
from exuvia.store import Page, Store, open_store
from exuvia.store import filters as f
from exuvia.store.core.values import Json
from exuvia.store.errors import StoreError
from exuvia.store.frames import NewFrameEvent
from exuvia.store.graph import NewEdge, NewNode
from exuvia.store.knowledge.records import NewEvent
from exuvia.store.operations import LogLine, ToolExecution
from exuvia.store.workflows import NewStep

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
IDS = st.sampled_from(["a", "b", "c"])
PARENTS = st.none() | IDS
WORDS = st.sampled_from(
    ["red fox", "Red Foxes", "fox", "naïve Straße", "a_b-c", "", "x" * 300, "%", "日本語 text", "'; --"]
)
TOPICS = st.lists(st.sampled_from(["auth", "auth2", "Auth", "db"]), max_size=3)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, 1])
LEAVES = st.none() | st.booleans() | NUMBERS | st.sampled_from(["", "1", "é", "true"])
JSON: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)
FIELDS = st.sampled_from(["data.a", "data.b.c", "data", "data.a[0]"]).map(f.field)
FILTERS = st.none() | st.one_of(
    st.tuples(FIELDS, LEAVES).map(lambda pair: pair[0] == pair[1]),
    st.tuples(FIELDS, st.integers(-5, 5)).map(lambda pair: pair[0] >= pair[1]),
    st.tuples(FIELDS, JSON).map(lambda pair: pair[0].contains(pair[1])),
    FIELDS.map(lambda one: ~one.exists()),
)
QUALITIES = st.none() | st.sampled_from([0, 0.1, 1 / 3, 1, 2])
CODES = st.none() | st.sampled_from(["5", "51", "510.1", "é"])
TIMES = st.none() | st.integers(0, 40).map(lambda seconds: START + timedelta(seconds=seconds))
QUERIES = st.sampled_from(
    ["fox", "red OR naïve", '"red fox"', "fo*", "fox -red", "strasse", "日本語", "-red", '"', "a_b"]
)


@dataclass
class Pair:
    """Two stores that have seen the same calls.

    Args:
        stores: One on each engine.
        times: What their clocks say.
        projects: How many projects were handed out.
    """

    stores: tuple[Store, ...]
    times: Callable[[datetime], None]
    projects: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))


@pytest.fixture(scope="module", params=servers.NAMES)
def pair(
    request: pytest.FixtureRequest, server_url: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """A store in SQLite and one in PostgreSQL, with one clock."""
    now = [START]
    path: Path = tmp_path_factory.mktemp("machine") / "memory.db"
    with ExitStack() as stack:
        url = stack.enter_context(servers.fresh_database(server_url(request.param)))
        stores = tuple(
            stack.enter_context(open_store(where, clock=lambda: now[0])) for where in (f"sqlite:///{path}", url)
        )
        yield Pair(stores, lambda moment: now.__setitem__(0, moment))


class Machine(RuleBasedStateMachine):
    """Calls that are made on both stores, in a project of their own."""

    pair: ClassVar[Pair]

    @initialize()
    def begin(self) -> None:
        """Make a project."""
        self.project = f"project-{next(self.pair.projects)}"
        self.moment = START
        self.pair.times(START)
        for store in self.pair.stores:
            store.projects.put(self.project)

    def both(self, call: Callable[[Store], object]) -> None:
        """Make a call on both stores and compare what comes of it."""
        self.moment += timedelta(seconds=1)
        self.pair.times(self.moment)
        first, second = (outcome(call, store.project(self.project)) for store in self.pair.stores)
        assert first == second

    @rule(id=IDS, title=WORDS, topics=TOPICS, data=JSON, author=PARENTS)
    def create_plan(self, **given: Any) -> None:
        self.both(lambda store: store.plans.create(**given))

    @rule(id=IDS, status=st.sampled_from(["active", "complete", "paused", "nonsense"]))
    def change_plan(self, id: str, status: Any) -> None:  # noqa: A002
        self.both(lambda store: store.plans.set_status(id, status))

    @rule(id=IDS, version=st.integers(0, 3), title=WORDS, data=JSON)
    def update_plan(self, id: str, **given: Any) -> None:  # noqa: A002
        self.both(lambda store: store.plans.update(id, **given))

    @rule(topic=st.none() | st.sampled_from(["auth", "au"]), filter=FILTERS, text=st.none() | WORDS, since=TIMES)
    def list_plans(self, **given: Any) -> None:
        self.both(lambda store: every(lambda **page: store.plans.list(**given, **page)))

    @rule(id=IDS)
    def delete_plan(self, id: str) -> None:  # noqa: A002
        self.both(lambda store: store.plans.delete(id))

    @rule(id=IDS, title=WORDS, plan=PARENTS, data=JSON, started_at=TIMES)
    def create_session(self, **given: Any) -> None:
        self.both(lambda store: store.sessions.create(**given))

    @rule(id=IDS)
    def delete_session(self, id: str) -> None:  # noqa: A002
        self.both(lambda store: store.sessions.delete(id))

    @rule(data=st.lists(JSON, max_size=4), session=PARENTS, plan=PARENTS, summary=st.none() | WORDS, at=TIMES, ids=IDS)
    def append_events(self, data: list[Json], ids: str, **rest: Any) -> None:
        events = [NewEvent("note", one, id=f"{ids}{number}", **rest) for number, one in enumerate(data)]
        self.both(lambda store: store.events.append(events))

    @rule(filter=FILTERS, session=PARENTS, since=TIMES, until=TIMES, oldest_first=st.booleans())
    def list_events(self, **given: Any) -> None:
        self.both(lambda store: every(lambda **page: store.events.list(**given, **page)))

    @rule(id=IDS, name=WORDS, parent=PARENTS, run=st.sampled_from(["r", "s"]), inputs=JSON)
    def open_frame(self, **given: Any) -> None:
        self.both(lambda store: store.frames.open(**given))

    @rule(id=IDS, outputs=JSON)
    def close_frame(self, id: str, outputs: Json) -> None:  # noqa: A002
        self.both(lambda store: store.frames.close(id, outputs=outputs))

    @rule(frame=IDS, data=st.lists(JSON, max_size=3), id=PARENTS)
    def add_frame_events(self, frame: str, data: list[Json], id: str | None) -> None:  # noqa: A002
        events = [NewFrameEvent("note", one, id=f"{id}-{frame}-{number}") for number, one in enumerate(data)]
        self.both(lambda store: store.frames.add_events(frame, events))

    @rule(frame=IDS, id=IDS, text=WORDS, priority=st.integers(-1, 11), data=JSON)
    def pin(self, frame: str, **given: Any) -> None:
        self.both(lambda store: store.frames.pin(frame, **given))

    @rule(id=IDS, run=st.sampled_from(["r", "s"]))
    def walk(self, id: str, run: str) -> None:  # noqa: A002
        self.both(lambda store: store.frames.stack(run))
        self.both(lambda store: (store.frames.path(id), store.frames.subtree(id), store.frames.events(id).items))
        self.both(lambda store: every(lambda **page: store.frames.anchors(run=run, **page)))

    @rule(id=IDS, name=WORDS, tags=TOPICS, data=JSON)
    def create_workflow(self, **given: Any) -> None:
        self.both(lambda store: store.workflows.create(**given))
        self.both(lambda store: store.workflows.add_version(given["id"], given["data"]))

    @rule(id=IDS, workflow=IDS, version=st.none() | st.integers(0, 2), inputs=JSON)
    def create_run(self, **given: Any) -> None:
        self.both(lambda store: store.runs.create(**given))

    @rule(id=IDS, step=st.sampled_from(["start", "succeed", "cancel"]))
    def take_on(self, id: str, step: str) -> None:  # noqa: A002
        self.both(lambda store: getattr(store.runs, step)(id))
        self.both(lambda store: store.runs.record(id, [NewStep(step)] * 2))
        self.both(lambda store: store.runs.history(id).items)

    @rule(before=TIMES.filter(bool), keep=st.integers(0, 2))
    def prune(self, **given: Any) -> None:
        self.both(lambda store: store.runs.prune(**given))
        self.both(lambda store: every(store.runs.list))

    @rule(id=IDS, name=st.none() | WORDS, namespace=PARENTS, data=OBJECTS, mode=st.sampled_from(["merge", "replace"]))
    def put_node(self, mode: Any, **given: Any) -> None:
        self.both(lambda store: store.graph.put_nodes([NewNode(**given)], mode=mode))

    @rule(ends=st.lists(st.tuples(IDS, st.sampled_from(["to", "of"]), IDS), max_size=4), data=OBJECTS)
    def put_edges(self, ends: list[tuple[str, str, str]], data: Json) -> None:
        self.both(lambda store: store.graph.put_edges([NewEdge(*edge, data) for edge in ends]))

    @rule(id=IDS, to=IDS, direction=st.sampled_from(["out", "in", "both"]), filter=FILTERS)
    def walk_the_graph(self, id: str, to: str, direction: Any, filter: f.Filter | None) -> None:  # noqa: A002
        self.both(lambda store: store.graph.neighbours(id, direction=direction, filter=filter).items)
        self.both(lambda store: every(lambda **page: store.graph.within(id, 2, direction=direction, **page)))
        self.both(lambda store: store.graph.paths(id, to, direction=direction))

    @rule(ids=st.none() | st.lists(IDS, max_size=2), source=IDS, goal=IDS)
    def promote(self, ids: Any, source: str, goal: str) -> None:
        def promoted(store: Store) -> object:
            return [(line.node_id, line.at) for line in store.graph.promote(ids, source=source, target=goal)]

        self.both(promoted)
        self.both(lambda store: store.graph.export().document())

    @rule(id=IDS, title=WORDS, tags=TOPICS, data=JSON, quality=QUALITIES, classification=CODES)
    def create_resource(self, **given: Any) -> None:
        self.both(lambda store: store.documents.resources.create(**given))

    @rule(id=IDS, version=st.integers(0, 3), title=WORDS, data=JSON, quality=QUALITIES)
    def update_resource(self, id: str, **given: Any) -> None:  # noqa: A002
        self.both(lambda store: store.documents.resources.update(id, **given))

    @rule(
        classified_under=CODES,
        min_quality=QUALITIES,
        filter=FILTERS,
        collection=PARENTS,
        nested=st.booleans(),
        order=st.sampled_from(["newest", "changed", "title", "quality"]),
    )
    def list_resources(self, **given: Any) -> None:
        self.both(lambda store: every(lambda **page: store.documents.resources.list(**given, **page)))

    @rule(id=IDS, parent=PARENTS)
    def nest_collections(self, id: str, parent: str | None) -> None:  # noqa: A002
        self.both(lambda store: store.documents.collections.create("c", id=id, parent=parent))
        self.both(lambda store: store.documents.collections.move(id, parent))
        self.both(lambda store: store.documents.collections.subtree(id))

    @rule(id=IDS, resources=st.lists(IDS, max_size=3), before=PARENTS)
    def collect(self, id: str, resources: list[str], before: str | None) -> None:  # noqa: A002
        self.both(lambda store: store.documents.collections.add(id, resources, before=before))
        self.both(lambda store: every(lambda **page: store.documents.collections.resources(id, **page)))

    @rule(resource=IDS, to=PARENTS, url=st.none() | WORDS, position=st.none() | st.integers(-1, 3), id=IDS)
    def cite(self, resource: str, to: str | None, **given: Any) -> None:
        self.both(lambda store: store.documents.citations.add(resource, to=to, **given))
        self.both(lambda store: every(lambda **page: store.documents.citations.list(resource=resource, **page)))
        self.both(lambda store: store.documents.citations.counts(resource))

    @rule(resource=IDS, note=WORDS, start=st.none() | st.integers(0, 3), shared=st.booleans(), id=IDS)
    def annotate(self, resource: str, start: int | None, **given: Any) -> None:
        self.both(lambda store: store.documents.annotations.create(resource, start=start, end=start, **given))
        self.both(lambda store: every(lambda **page: store.documents.annotations.list(resource=resource, **page)))

    @rule(id=IDS, of=st.sampled_from(["resources", "collections", "citations", "annotations"]))
    def delete_document(self, id: str, of: str) -> None:  # noqa: A002
        self.both(lambda store: getattr(store.documents, of).delete(id))

    @rule(id=IDS, title=WORDS, parent=PARENTS, session=PARENTS, data=JSON)
    def create_task(self, **given: Any) -> None:
        self.both(lambda store: store.tasks.create(**given))

    @rule(id=IDS, step=st.sampled_from(["start", "succeed", "cancel"]), filter=FILTERS)
    def take_a_task_on(self, id: str, step: str, filter: f.Filter | None) -> None:  # noqa: A002
        self.both(lambda store: getattr(store.tasks, step)(id))
        self.both(lambda store: (store.tasks.counts(), every(lambda **page: store.tasks.list(filter=filter, **page))))

    @rule(
        data=st.lists(JSON, max_size=3),
        level=st.sampled_from(["info", "error", "loud"]),
        id=IDS,
        task=PARENTS,
        at=TIMES.filter(bool),
    )
    def log(self, data: list[Json], level: Any, id: str, task: str | None, at: datetime) -> None:  # noqa: A002
        lines = [LogLine(level=level, id=f"{id}{n}", task_id=task, data=one, at=at) for n, one in enumerate(data)]
        self.both(lambda store: store.logs.append(lines))
        self.both(lambda store: (store.logs.per_hour(), every(store.logs.list)))
        self.both(lambda store: every(lambda **page: store.tasks.timeline(id, **page)))

    @rule(seconds=st.sampled_from([None, 1.5, 2]), tool=IDS, succeeded=st.booleans())
    def call_a_tool(self, **given: Any) -> None:
        calls = [ToolExecution(id=f"call {self.moment}", **given)]
        self.both(lambda store: store.tool_executions.append(calls))
        self.both(lambda store: [(use.tool, use.failures, use.p95_seconds) for use in store.tool_executions.use()])

    @rule(before=TIMES.filter(bool))
    def prune_tasks(self, before: datetime) -> None:
        self.both(lambda store: store.tasks.prune(before=before))

    @rule(query=QUERIES, filter=FILTERS)
    def search(self, query: str, **given: Any) -> None:
        self.both(lambda store: [hit.entry for hit in store.search(query, **given).items])

    @rule(id=IDS, data=JSON, parent=IDS)
    def work_in_a_transaction(self, id: str, data: Json, parent: str) -> None:  # noqa: A002
        def work(store: Store) -> object:
            with store.transaction() as tx:
                made = tx.frames.open("in a transaction", id=id, inputs=data, run="r")
                return made, tx.frames.open("below", parent=parent, id=f"{id}+")

        self.both(work)


def outcome(call: Callable[[Store], object], store: Store) -> object:
    """Return what a call gives, or the kind of error it ends in."""
    try:
        return call(store)
    except StoreError as error:
        return type(error).__name__, error.code


def every(page: Callable[..., Page[Any]]) -> tuple[int | None, list[Any]]:
    """Return a list's total and its rows, read two at a time."""
    found: list[Any] = []
    after, total = None, None
    while True:
        part = page(limit=2, after=after)
        total = part.total if after is None else total
        found += part.items
        if part.next is None:
            return total, found
        after = part.next


def test_both_engines_give_the_same_answers(pair: Pair) -> None:
    machine = type("PairMachine", (Machine,), {"pair": pair})
    examples = int(os.environ.get("EXUVIA_EXAMPLES", "15"))
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None))
