"""Frames, anchors, the graph, documents, tasks, the audit, and going on with the work, by tools on both engines."""

from __future__ import annotations

import pytest

from exuvia.tools import memory
from remembering import Agent, Server, rows

BY_NAME = {tool.name: tool for tool in memory.TOOLS}


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("close_frame", "id"),
        ("get_frame", "id"),
        ("open_frame", "parent"),
        ("add_frame_events", "frame"),
        ("list_frame_events", "frame"),
        ("pin_anchor", "frame"),
        ("unpin_anchor", "id"),
        ("get_node", "id"),
        ("delete_node", "id"),
        ("find_neighbours", "id"),
        ("find_paths", "source"),
        ("find_paths", "target"),
        ("get_document", "id"),
        ("update_task", "id"),
        ("list_frames", "parent"),
        ("list_anchors", "frame"),
        ("list_sessions", "plan"),
        ("list_events", "session"),
        ("list_events", "plan"),
    ],
)
def test_an_id_that_does_not_exist_is_told_by_its_argument(agent: Agent, name: str, argument: str) -> None:
    error = agent.fails(name, **{**BY_NAME[name].example, argument: "nowhere"})
    assert error["argument"] == argument
    assert "not_found" in error["error"]
    assert "'nowhere'" in error["message"]
    assert "list_" in error["hint"]


def test_frames_are_opened_in_each_other_and_closed_together(agent: Agent) -> None:
    inner = agent.does("open_frame", name="Read the plan", parent="f2")
    assert set(inner) == {"id"}
    frame = agent.does("get_frame", id=inner["id"])
    assert frame["path"] == [["f1", "Make checkout faster"], ["f2", "Find the slow query"]]
    outer = agent.does("get_frame", id="f1")
    assert outer["open"] == [["f2", "Find the slow query"]]
    assert outer["anchors"] == ["fact: orders.customer_id has no index"]
    assert outer["data"] == {"inputs": {"goal": "under 200 ms"}}
    digest = agent.does("close_frame", id="f1", outputs={"milliseconds": 140})["content"]
    assert "orders.customer_id has no index" in digest
    assert agent.does("get_frame", id="f1")["content"] == digest
    assert rows(agent.does("list_frames", state="open")) == []
    error = agent.fails("open_frame", name="Late", parent="f1")
    assert error["error"] == "store.state.frame_closed"


def test_a_run_of_its_own_is_told(agent: Agent) -> None:
    made = agent.does("open_frame", name="Something else")
    assert set(made) == {"id", "run"}
    assert [row["id"] for row in rows(agent.does("list_frames", run=made["run"]))] == [made["id"]]


def test_what_happens_in_a_frame_is_numbered(agent: Agent) -> None:
    events = [{"type": "tool_call", "data": {"tool": "explain"}}, {"type": "observation"}]
    assert agent.does("add_frame_events", frame="f2", events=events) == {"seq": 2}
    listed = rows(agent.does("list_frame_events", frame="f2"))
    assert [(row["seq"], row["type"]) for row in listed] == [(1, "tool_call"), (2, "observation")]
    newest = agent.does("list_frame_events", frame="f2", newest_first=True, limit=1)
    assert rows(newest)[0]["seq"] == 2


def test_facts_are_pinned_and_listed_by_priority(agent: Agent) -> None:
    agent.does("pin_anchor", frame="f1", text="Never on Fridays", type="constraint", priority=10, id="friday")
    assert [row["id"] for row in rows(agent.does("list_anchors"))] == ["friday", "a1"]
    agent.does("unpin_anchor", id="friday")
    assert [row["id"] for row in rows(agent.does("list_anchors"))] == ["a1"]
    assert agent.fails("pin_anchor", frame="f1", text="x", priority=11)["argument"] == "priority"


def test_the_graph_is_put_read_and_walked(agent: Agent) -> None:
    assert agent.does("put_nodes", nodes=[{"id": "ada", "data": {"born": 1815}}]) == {"put": 1}
    node = agent.does("get_node", id="ada")
    assert (node["name"], node["data"], node["revision"]) == ("Ada Lovelace", {"born": 1815}, 2)
    assert [row["id"] for row in rows(agent.does("list_nodes", data={"born": 1815}))] == ["ada"]
    near = rows(agent.does("find_neighbours", id="engine"))
    assert [(row["edge"], row["id"]) for row in near] == [("designed", "babbage"), ("programmed", "ada")]
    far = rows(agent.does("find_neighbours", id="ada", depth=2))
    assert [(row["distance"], row["id"]) for row in far] == [(0, "ada"), (1, "engine"), (2, "babbage")]
    paths = agent.does("find_paths", source="ada", target="babbage")
    assert paths["rows"] == [["ada -programmed-> engine <-designed- babbage"]]
    assert agent.does("find_paths", source="ada", target="babbage", direction="out")["rows"] == []


def test_a_node_that_somebody_has_changed_is_not_put(agent: Agent) -> None:
    agent.does("put_nodes", nodes=[{"id": "ada", "text": "A mathematician"}])
    error = agent.fails("put_nodes", nodes=[{"id": "ada", "text": "A poet", "revision": 1}])
    assert (error["error"], error["argument"]) == ("store.conflict.revision", "nodes")
    assert "revision 2" in error["message"]


def test_edges_are_listed_and_deleted(agent: Agent) -> None:
    assert rows(agent.does("list_edges", type="programmed")) == [
        {"source": "ada", "target": "engine", "data": {"year": 1843}}
    ]
    agent.does("delete_edge", source="ada", type="programmed", target="engine")
    error = agent.fails("delete_edge", source="ada", type="programmed", target="engine")
    assert (error["argument"], error["hint"]) == ("source", "list_edges shows what there is.")
    error = agent.fails("put_edges", edges=[{"source": "ada", "type": "knows", "target": "nobody"}])
    assert (error["argument"], error["error"]) == ("edges", "store.reference.missing")
    agent.does("delete_node", id="engine")
    assert agent.does("list_edges")["rows"] == []


def test_a_document_is_added_read_by_section_and_changed_by_version(agent: Agent) -> None:
    made = agent.does("put_document", title="Notes", content="# One\n\nFirst.\n\n# Two\n\nSecond.\n", tags=["a"])
    assert agent.does("get_document", id=made["id"], section="Two")["content"] == "# Two\n\nSecond."
    assert agent.does("put_document", id=made["id"], version=1, read_status="completed") == {"version": 2}
    error = agent.fails("put_document", id=made["id"], version=1, title="Other")
    assert (error["argument"], error["error"]) == ("version", "store.conflict.version")
    assert agent.fails("put_document", id="another")["argument"] == "title"
    assert agent.fails("put_document", title="x", version=2)["argument"] == "id"
    assert agent.fails("put_document", title="x", id="turing")["argument"] == "id"
    assert [row["title"] for row in rows(agent.does("list_documents", tag="a"))] == ["Notes"]


def test_a_task_goes_its_way(agent: Agent) -> None:
    made = agent.does("create_task", title="Write tests", assignee="eve")
    error = agent.fails("update_task", id=made["id"], state="succeeded")
    assert (error["argument"], error["error"]) == ("state", "store.state.transition")
    agent.does("update_task", id=made["id"], state="running")
    assert agent.fails("update_task", id=made["id"], state="failed")["argument"] == "error"
    agent.does("update_task", id=made["id"], state="failed", error="no time")
    (failed,) = rows(agent.does("list_tasks", assignee="eve"))
    assert (failed["state"], failed["error"]) == ("failed", "no time")


def test_the_audit_is_listed(agent: Agent) -> None:
    (entry,) = rows(agent.does("list_audit", action="plan.create"))
    assert (entry["actor"], entry["row_id"]) == ("ada", "login")
    assert agent.does("list_audit", actor="eve")["rows"] == []


def test_resuming_tells_what_was_under_way_and_what_happened_last(agent: Agent) -> None:
    found = agent.does("resume")
    assert [row["id"] for row in rows(found["sessions"])] == ["day-1"]
    assert {row["id"] for row in rows(found["frames"])} == {"f1", "f2"}
    assert rows(found["anchors"])[0]["text"] == "orders.customer_id has no index"
    assert rows(found["tasks"])[0]["title"] == "Find the bug"
    assert "Passkeys first" in {row["summary"] for row in rows(found["events"])}


def test_resuming_within_few_tokens_says_what_was_cut(agent: Agent) -> None:
    agent.does("record_events", events=[{"kind": "note", "summary": "A sentence. " * 20} for _ in range(20)])
    found = agent.does("resume", max_tokens=400)
    assert "events" in found["notice"]


def test_resuming_in_an_empty_project_answers_nothing(memory_server: Server, project: str) -> None:
    assert memory_server.agent(project).does("resume") == {}
    assert memory_server.agent().fails("resume", project="nowhere")["argument"] == "project"
