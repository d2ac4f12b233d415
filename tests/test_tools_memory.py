"""Tools over the memory, on both engines: plans, sessions, events, projects, and the errors of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from exuvia.store import Store
from exuvia.store.core.values import new_id
from exuvia.tools import memory
from exuvia.tools.frame import Tool
from remembering import Agent, Server, rows

IN_PROJECTS = [tool for tool in memory.TOOLS if "project" in tool.arguments.model_fields]
BY_NAME = {tool.name: tool for tool in memory.TOOLS}


@pytest.fixture(scope="module")
def nowhere() -> Iterator[Server]:
    """A server of a store that is never opened, since what is asked of it is refused before."""
    with Server("sqlite:////nowhere/memory.db") as server:
        yield server


@pytest.mark.parametrize("tool", memory.TOOLS, ids=lambda tool: tool.name)
def test_the_example_of_each_tool_is_a_right_call(agent: Agent, shop: str, tool: Tool) -> None:
    example = dict(tool.example)
    if tool.name == "put_project":
        example["id"] = new_id()
    agent.does(tool.name, **example)


@pytest.mark.parametrize("tool", memory.TOOLS, ids=lambda tool: tool.name)
def test_an_argument_that_does_not_exist_is_named_with_a_right_call(nowhere: Server, tool: Tool) -> None:
    error = nowhere.agent("shop").fails(tool.name, **tool.example, colour="red")
    assert (error["error"], error["argument"]) == ("argument.unknown", "colour")
    assert error["example"] == tool.example
    assert "colour" in error["message"]


@pytest.mark.parametrize("tool", memory.TOOLS, ids=lambda tool: tool.name)
def test_an_argument_of_a_wrong_type_is_named(nowhere: Server, tool: Tool) -> None:
    for name, value in tool.example.items():
        wrong: Any = {"no": "number"} if not isinstance(value, dict) else 7
        error = nowhere.agent("shop").fails(tool.name, **{**tool.example, name: wrong})
        assert error["error"] == "argument.wrong"
        assert error["argument"].split(".")[0] == name


@pytest.mark.parametrize("tool", memory.TOOLS, ids=lambda tool: tool.name)
def test_a_missing_argument_is_named(nowhere: Server, tool: Tool) -> None:
    for name, field in tool.arguments.model_fields.items():
        if field.is_required():
            given = {key: value for key, value in tool.example.items() if key != name}
            error = nowhere.agent("shop").fails(tool.name, **given)
            assert (error["error"], error["argument"]) == ("argument.missing", name)


@pytest.mark.parametrize("tool", IN_PROJECTS, ids=lambda tool: tool.name)
def test_who_is_confined_to_a_project_cannot_name_another(nowhere: Server, tool: Tool) -> None:
    error = nowhere.agent("shop", confined=True).fails(tool.name, **tool.example, project="other")
    assert (error["error"], error["argument"]) == ("argument.project", "project")
    assert "other" not in error["message"]


@pytest.mark.parametrize("name", ["get_plan", "update_plan", "get_session", "update_session", "get_event"])
def test_an_id_that_does_not_exist_is_told_with_the_tool_that_lists_them(agent: Agent, name: str) -> None:
    error = agent.fails(name, **{**BY_NAME[name].example, "id": "nowhere"})
    assert error["argument"] == "id"
    assert error["error"].startswith("store.not_found")
    assert "list_" in error["hint"]
    assert "store." not in error["hint"]


def test_another_projects_record_is_not_there_for_who_is_confined(
    memory_server: Server, shared_store: Store, shop: str
) -> None:
    other = shared_store.projects.put(new_id()).id
    shared_store.plans.create("A secret", id="secret", project=other)
    confined = memory_server.agent(shop, confined=True)
    assert confined.fails("get_plan", id="secret")["error"] == "store.not_found.plan"
    assert confined.does("search_text", text="secret")["rows"] == []
    assert [row["id"] for row in rows(confined.does("list_projects"))] == [shop]
    assert confined.fails("put_project", id=other)["argument"] == "id"


def test_a_plan_is_made_read_changed_and_listed(agent: Agent) -> None:
    made = agent.does("create_plan", title="Two factors", content="# Goal\n\nA second factor.\n", topics=["auth"])
    assert set(made) == {"id", "version"}
    plan = agent.does("get_plan", id=made["id"])
    assert (plan["title"], plan["status"], plan["topics"]) == ("Two factors", "planned", ["auth"])
    assert plan["content"] == "# Goal\n\nA second factor.\n"
    assert agent.does("update_plan", id=made["id"], status="active") == {"version": 2}
    agent.does("update_plan", id=made["id"], append="# Progress\n\nNone.\n", topics=[])
    assert agent.does("get_plan", id=made["id"], section="Progress")["content"] == "# Progress\n\nNone."
    listed = rows(agent.does("list_plans", status=["active"]))
    assert {row["title"] for row in listed} == {"Two factors", "Faster checkout"}
    assert "status" not in listed[0]


def test_an_id_of_ones_own_is_not_echoed(agent: Agent) -> None:
    assert agent.does("create_plan", title="A", id="own") == {"version": 1}


def test_what_is_not_named_stays_and_null_empties(agent: Agent) -> None:
    agent.does("update_plan", id="login", author=None)
    plan = agent.does("get_plan", id="login")
    assert "author" not in plan
    assert (plan["priority"], plan["data"]) == ("high", {"ticket": 17, "note": None})


def test_a_change_of_what_somebody_else_has_changed_is_refused_with_the_version_that_is_there(agent: Agent) -> None:
    agent.does("update_plan", id="login", title="Passkeys")
    error = agent.fails("update_plan", id="login", version=1, title="Log in")
    assert (error["argument"], error["error"]) == ("version", "store.conflict.version")
    assert "version 2" in error["message"]


def test_a_status_that_does_not_follow_names_those_that_do(agent: Agent) -> None:
    error = agent.fails("update_plan", id="login", status="complete")
    assert error["argument"] == "status"
    assert "active" in error["hint"]


def test_an_id_that_is_taken_is_named(agent: Agent) -> None:
    error = agent.fails("create_plan", title="Again", id="login")
    assert (error["argument"], error["error"]) == ("id", "store.conflict.exists")


def test_a_long_text_comes_in_parts_that_make_up_the_whole(agent: Agent) -> None:
    content = "\n".join(f"# Part {number}\n\n{'A sentence about it. ' * 40}" for number in range(12))
    agent.does("create_plan", title="Long", id="long", content=content)
    parts: list[str] = []
    given: dict[str, Any] = {"id": "long", "max_tokens": 500}
    first = agent.does("get_plan", **given)
    assert first["headings"] == [f"Part {number}" for number in range(12)]
    while True:
        answer = agent.does("get_plan", **given)
        parts.append(answer["content"])
        if "next" not in answer:
            break
        given["after"] = answer["next"]
        assert "title" in answer if len(parts) == 1 else "title" not in answer
    assert "".join(parts) == content
    assert len(parts) > 4


def test_data_that_are_too_long_follow_the_text(agent: Agent) -> None:
    agent.does("create_plan", title="Wide", id="wide", content="Short.", data={"rows": list(range(2000))})
    answer = agent.does("get_plan", id="wide", max_tokens=300)
    assert "data" not in answer
    assert answer["notice"].startswith("The data follow")
    assert answer["content"].startswith('Short.\n\ndata: {"rows":[0,1,2')
    assert "next" in answer


@pytest.mark.parametrize("numbers", [20, 60, 100, 140, 180, 400])
def test_text_and_data_come_whole_wherever_the_first_part_ends(agent: Agent, numbers: int) -> None:
    content, data = "A sentence about it. " * 60, {"rows": list(range(1000, 1000 + numbers))}
    agent.does("create_plan", title="A title of some length" * 5, id="both", content=content, data=data)
    given: dict[str, Any] = {"id": "both", "max_tokens": 300}
    first = answer = agent.does("get_plan", **given)
    text = answer["content"]
    while "next" in answer:
        answer = agent.does("get_plan", **given, after=answer["next"])
        text += answer["content"]
    told = first["data"] if "data" in first else orjson.loads(text.partition("\n\ndata: ")[2])
    assert told == data
    assert text.startswith(content)


def test_the_size_metadata_has_the_headings_instead_of_the_text(agent: Agent) -> None:
    plan = agent.does("get_plan", id="login", size="metadata")
    assert plan["headings"] == ["Goal", "Steps"]
    assert "content" not in plan
    assert "data" not in plan


def test_a_section_that_is_not_there_names_those_that_are(agent: Agent) -> None:
    error = agent.fails("get_plan", id="login", section="Risks")
    assert error["argument"] == "section"
    assert "Goal; Steps" in error["hint"]


def test_a_session_is_begun_and_ended(agent: Agent) -> None:
    made = agent.does("start_session", title="Tests", plan="login")
    agent.does("update_session", id=made["id"], status="complete", append="All green.")
    session = agent.does("get_session", id=made["id"])
    assert (session["status"], session["plan"], session["content"]) == ("complete", "login", "All green.")
    assert session["ended"] >= session["started"]
    agent.does("update_session", id=made["id"], status="active")
    assert "ended" not in agent.does("get_session", id=made["id"])


def test_a_plan_that_is_not_there_is_named(agent: Agent) -> None:
    error = agent.fails("start_session", title="Tests", plan="nowhere")
    assert (error["argument"], error["error"]) == ("plan", "store.reference.missing")
    assert "nowhere" in error["message"]
    error = agent.fails("record_events", session="nowhere", events=[{"kind": "note"}])
    assert error["argument"] == "session"


def test_a_project_that_is_not_there_is_named_by_reading_and_writing(memory_server: Server) -> None:
    stranger = memory_server.agent()
    for name, given in (
        ("list_plans", {}),
        ("search_text", {"text": "anything"}),
        ("create_plan", {"title": "A"}),
        ("record_events", {"events": [{"kind": "note"}]}),
    ):
        error = stranger.fails(name, **given, project="nowhere")
        assert error["argument"] == "project", name
        assert "put_project" in error["hint"], name


def test_without_a_project_a_tool_answers_for_all_or_asks_for_one(memory_server: Server, shop: str) -> None:
    stranger = memory_server.agent()
    for tool in IN_PROJECTS:
        reply = stranger.reply(tool.name, tool.example)
        assert not reply.failed or reply.data["argument"] in {"project", "collection"}, (tool.name, reply.data)
        assert reply.failed or tool.effect == "reads", tool.name


def test_without_a_project_a_list_is_of_all_and_tells_which(memory_server: Server, shop: str) -> None:
    stranger = memory_server.agent()
    assert "project" in stranger.does("list_plans", limit=1)["columns"]
    error = stranger.fails("create_plan", title="A")
    assert (error["argument"], error["error"]) == ("project", "argument.missing")


def test_events_are_recorded_and_listed_by_kind_time_and_data(agent: Agent) -> None:
    answer = agent.does(
        "record_events",
        session="day-1",
        events=[
            {"kind": "task_completed", "data": {"task": "The form", "tests_added": 4}},
            {"kind": "note", "summary": "Long ago", "at": "2020-01-01", "id": "old"},
        ],
    )
    assert answer == {"recorded": 2}
    assert [row["summary"] for row in rows(agent.does("list_events", kind=["task_completed"]))] == ["The form"]
    assert [row["id"] for row in rows(agent.does("list_events", until="2020-01-01"))] == ["old"]
    assert [row["id"] for row in rows(agent.does("list_events", since="5d", until="2d"))] == ["e2"]
    assert [row["summary"] for row in rows(agent.does("list_events", data={"tests_added": 4}))] == ["The form"]
    assert agent.does("get_event", id="e2")["data"] == {"symptom": "The form forgets the name", "solution": None}


def test_a_list_of_one_kind_does_not_repeat_the_kind(agent: Agent) -> None:
    assert "kind" not in agent.does("list_events", kind=["decision_made"])["columns"]


def test_what_does_not_fit_its_kind_is_told_by_its_field(agent: Agent) -> None:
    error = agent.fails("record_events", events=[{"kind": "decision_made", "data": {"choice": "A"}}])
    assert (error["argument"], error["error"]) == ("events.0", "argument.payload")
    assert "decision" in error["message"]
    assert "decision, rationale?" in error["hint"]


def test_the_known_kinds_are_described_with_their_fields() -> None:
    manual = BY_NAME["record_events"].manual
    assert "decision_made: decision, rationale?, alternatives? [texts], trade_offs? {texts}" in manual
    assert "task_completed: task, outcome? (success|partial|failed)" in manual
    assert "confidence? (low|medium|high)" in manual
    assert manual not in BY_NAME["record_events"].description


def test_an_array_is_called_one(agent: Agent) -> None:
    assert "valid array" in agent.fails("list_events", kind="note")["message"]


def test_times_that_are_none_are_told_with_those_that_are(agent: Agent) -> None:
    error = agent.fails("list_events", since="last week")
    assert (error["argument"], error["error"]) == ("since", "argument.wrong")
    assert "7d" in error["message"]


def test_pages_of_a_list_since_some_days_go_on(agent: Agent) -> None:
    agent.does("record_events", events=[{"kind": "note", "summary": f"{number}"} for number in range(30)])
    given: dict[str, Any] = {"since": "1d", "kind": ["note"], "limit": 7}
    seen: list[str] = []
    while True:
        answer = agent.does("list_events", **given)
        seen += [row["summary"] for row in rows(answer)]
        if "next" not in answer:
            break
        given["after"] = answer["next"]
    assert sorted(seen, key=int) == [f"{number}" for number in range(30)]


def test_a_project_keeps_what_is_not_named(agent: Agent, shared_store: Store) -> None:
    own = new_id()
    agent.does("put_project", id=own, name="The shop", data={"stage": 2})
    agent.does("put_project", id=own, name="Another shop")
    found = shared_store.projects.get(own)
    assert (found.name, found.data) == ("Another shop", {"stage": 2})
