"""Frames: a call stack of work that outlives the process."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from exuvia.store import Store
from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Operation, Row, Statement
from exuvia.store.errors import ConflictError, InvalidValueError, MissingReferenceError, NotFoundError, StateError
from exuvia.store.filters import field
from exuvia.store.frames import Frame, NewFrameEvent


@pytest.fixture
def bound(shared_store: Store, project: str) -> Store:
    """A store that is bound to a project of its own."""
    return shared_store.project(project)


def nest(store: Store, depth: int, run: str = "run") -> list[Frame]:
    """Open frames in each other; return them, the outermost first."""
    frames: list[Frame] = []
    for level in range(depth):
        frames.append(store.frames.open(f"level {level}", parent=frames[-1].id if frames else None, run=run))
    return frames


def test_a_frame_belongs_to_its_parents_run_one_deeper(bound: Store) -> None:
    outer = bound.frames.open("outer", inputs={"goal": "ship"}, id="outer")
    inner = bound.frames.open("inner", type="subtask", parent="outer")
    assert (inner.run_id, inner.depth, inner.parent_id) == (outer.run_id, 1, "outer")
    assert bound.frames.get("outer") == outer
    assert outer.inputs == {"goal": "ship"}


def test_the_stack_is_the_open_frames_outermost_first(bound: Store) -> None:
    frames = nest(bound, 3)
    assert [frame.id for frame in bound.frames.stack("run")] == [frame.id for frame in frames]
    bound.frames.close(frames[2].id)
    assert [frame.id for frame in bound.frames.stack("run")] == [frame.id for frame in frames[:2]]


def test_closing_a_frame_closes_what_is_open_in_it(bound: Store) -> None:
    frames = nest(bound, 4)
    bound.frames.open("sibling", parent=frames[1].id)
    closed = bound.frames.close(frames[1].id, outputs={"done": True})
    assert closed.state == "closed"
    assert closed.outputs == {"done": True}
    below = bound.frames.subtree(frames[1].id)
    assert {frame.state for frame in below} == {"closed"}
    assert {frame.closed_at for frame in below} == {closed.closed_at}
    assert len(below) == 4
    assert bound.frames.get(frames[0].id).state == "open"


def test_a_closed_frame_takes_no_more(bound: Store) -> None:
    frame = bound.frames.open("short")
    bound.frames.close(frame.id)
    for attempt in (
        lambda: bound.frames.close(frame.id),
        lambda: bound.frames.open("inside", parent=frame.id),
        lambda: bound.frames.add_events(frame.id, [NewFrameEvent("observation")]),
    ):
        with pytest.raises(StateError, match="is closed"):
            attempt()


def test_the_digest_tells_what_happened(bound: Store) -> None:
    frame = bound.frames.open("build")
    bound.frames.open("compile", parent=frame.id)
    bound.frames.add_events(
        frame.id, [NewFrameEvent("tool_call"), NewFrameEvent("tool_call"), NewFrameEvent("decision")]
    )
    bound.frames.pin(frame.id, "Use WAL mode", type="decision", priority=9)
    bound.frames.pin(frame.id, "Disk is slow", type="risk", priority=1)
    closed = bound.frames.close(frame.id)
    assert closed.digest_text is not None
    assert closed.digest_text.splitlines()[1:] == [
        "Events: 1 decision, 2 tool_call",
        "decision: Use WAL mode",
        "risk: Disk is slow",
        "Frames: compile",
    ]
    assert closed.digest["events"] == {"decision": 1, "tool_call": 2}


def test_the_callers_own_digest_is_kept(bound: Store) -> None:
    frame = bound.frames.open("build")
    closed = bound.frames.close(frame.id, digest_text="It works.", digest={"verdict": "good"})
    assert (closed.digest_text, closed.digest) == ("It works.", {"verdict": "good"})


def test_events_come_back_in_their_order(bound: Store) -> None:
    frame = bound.frames.open("talk")
    first = bound.frames.add_events(frame.id, [NewFrameEvent("user_message", {"text": "hi"}, id="a")])
    rest = bound.frames.add_events(frame.id, [NewFrameEvent("tool_call", {"n": n}) for n in range(250)])
    assert [event.seq for event in first + rest] == list(range(1, 252))
    page = bound.frames.events(frame.id, limit=200)
    assert page.total == 251
    assert page.items + bound.frames.events(frame.id, limit=200, after=page.next).items == first + rest
    assert bound.frames.events(frame.id, filter=field("data.n") == 7).items == (rest[7],)
    assert bound.frames.events(frame.id, newest_first=True, limit=1).items == rest[-1:]


def test_an_event_that_is_there_already_adds_none_of_its_call(bound: Store) -> None:
    frame = bound.frames.open("talk")
    bound.frames.add_events(frame.id, [NewFrameEvent("note", id="same")])
    with pytest.raises(ConflictError):
        bound.frames.add_events(frame.id, [NewFrameEvent("note"), NewFrameEvent("note", id="same")])
    added = bound.frames.add_events(frame.id, [NewFrameEvent("note")])
    assert [event.seq for event in added] == [2]


def test_threads_that_add_events_at_once_get_numbers_without_gaps(bound: Store) -> None:
    frame = bound.frames.open("busy")

    def add(thread: int) -> None:
        for number in range(5):
            bound.frames.add_events(frame.id, [NewFrameEvent("note", {"thread": thread, "n": number})] * 2)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(8)))
    events = bound.frames.events(frame.id, limit=1000).items
    assert [event.seq for event in events] == list(range(1, 81))


def test_no_frame_stays_open_in_one_that_was_closed_at_the_same_moment(bound: Store) -> None:
    root = bound.frames.open("root", run="race")
    child = bound.frames.open("child", parent=root.id)
    start = threading.Barrier(5)

    def open_more() -> None:
        start.wait()
        for number in range(10):
            try:
                bound.frames.open(f"{number}", parent=child.id)
            except StateError:
                return

    with ThreadPoolExecutor(5) as threads:
        opening = [threads.submit(open_more) for _ in range(4)]
        start.wait()
        bound.frames.close(root.id)
        for future in opening:
            future.result()
    assert bound.frames.stack("race") == ()


def test_a_frame_is_closed_by_one_of_those_who_try(bound: Store) -> None:
    frame = bound.frames.open("contested")

    def close(number: int) -> bool:
        try:
            bound.frames.close(frame.id, outputs={"by": number})
        except StateError:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(close, range(6))) == 1


def test_path_and_subtree_walk_the_tree(bound: Store) -> None:
    root, left, right = (
        bound.frames.open("root", id="root"),
        bound.frames.open("left", parent="root", id="left"),
        bound.frames.open("right", parent="root", id="right"),
    )
    leaf = bound.frames.open("leaf", parent="left", id="leaf")
    assert bound.frames.path("leaf") == (root, left, leaf)
    assert [frame.id for frame in bound.frames.subtree("root")] == ["root", "left", "leaf", "right"]
    assert bound.frames.subtree("right") == (right,)


def test_anchors_come_by_priority_and_from_a_whole_run(bound: Store) -> None:
    frames = nest(bound, 2)
    bound.frames.pin(frames[0].id, "low", priority=1)
    high = bound.frames.pin(frames[1].id, "high", priority=8, data={"source": "user"})
    assert [anchor.text for anchor in bound.frames.anchors(run="run").items] == ["high", "low"]
    assert bound.frames.anchors(min_priority=5).items == (high,)
    assert bound.frames.anchors(filter=field("data.source") == "user").items == (high,)
    assert bound.frames.unpin(high.id)
    assert not bound.frames.unpin(high.id)


def test_frames_are_found_by_run_state_and_type(bound: Store) -> None:
    frames = nest(bound, 3)
    other = bound.frames.open("other", type="debug", run="another", inputs={"level": 3})
    bound.frames.close(frames[2].id)
    assert bound.frames.list(run="run").total == 3
    assert bound.frames.list(state="closed").items == (bound.frames.get(frames[2].id),)
    assert bound.frames.list(type="debug").items == (other,)
    assert bound.frames.list(filter=field("inputs.level") >= 3).items == (other,)
    assert [frame.name for frame in bound.frames.list(limit=1).items] == ["other"]


def test_mistakes_are_told(bound: Store) -> None:
    frame = bound.frames.open("x", id="x")
    with pytest.raises(NotFoundError):
        bound.frames.open("inside", parent="nowhere")
    with pytest.raises(NotFoundError):
        bound.frames.pin("nowhere", "fact")
    with pytest.raises(NotFoundError):
        bound.frames.add_events("nowhere", [NewFrameEvent("note")])
    with pytest.raises(NotFoundError):
        bound.frames.path("nowhere")
    with pytest.raises(ConflictError):
        bound.frames.open("again", id="x")
    with pytest.raises(InvalidValueError):
        bound.frames.pin(frame.id, "fact", priority=11)
    with pytest.raises(InvalidValueError):
        bound.frames.open("x" * 3, type="")
    with pytest.raises(StateError, match="belongs to the run"):
        bound.frames.open("inside", parent="x", run="another run")


def test_frames_of_an_unknown_project_are_refused(shared_store: Store) -> None:
    with pytest.raises(MissingReferenceError):
        shared_store.frames.open("x", project="no such project")


def test_frames_and_anchors_can_be_searched_from_the_moment_they_are_there(bound: Store) -> None:
    frame = bound.frames.open("Investigate zebrafish")
    bound.frames.pin(frame.id, "quokka index is missing", id="pinned")
    assert searched(bound, frame.project_id) == {("anchor", "", "quokka index is missing"), ("frame", frame.name, "")}
    bound.frames.unpin("pinned")
    bound.frames.close(frame.id, digest_text="Found it.")
    assert searched(bound, frame.project_id) == {("frame", frame.name, "Found it.")}


def searched(store: Store, project: str) -> set[tuple[str, str, str]]:
    """Return the kind, the title and the text of what can be searched in a project."""

    def look() -> Operation[list[Row]]:
        return (yield Statement("SELECT kind, title, body FROM search_entries WHERE project_id = :p", {"p": project}))

    return {(kind, title, body) for kind, title, body in store._runner.run(look, Kind.READ, idempotent=True)}
