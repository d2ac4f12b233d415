"""Questions in plain English through the tool, on both engines."""

from __future__ import annotations

import asyncio

from exuvia.store import Store
from exuvia.store.core.values import new_id
from remembering import Agent, Server, fill, rows


def test_a_question_is_answered_with_its_sources(agent: Agent) -> None:
    found = agent.does("ask", question="which bugs are open?")
    assert "The form forgets the name" in found["text"]
    assert rows(found["sources"]) == [{"kind": "event", "id": "e2"}]
    assert found["understood"].startswith("open bugs")


def test_nothing_found_is_an_answer(memory_server: Server, project: str) -> None:
    found = memory_server.agent(project).does("ask", question="what did we decide about penguins?")
    assert found["text"].startswith("Nothing found")
    assert not {"more", "sources"} & set(found)


def test_a_question_may_name_another_project_unless_its_asker_is_confined(
    memory_server: Server, shared_store: Store, shop: str
) -> None:
    name = f"zoo{new_id()[-12:]}"
    other = shared_store.projects.put(name).id
    shared_store.project(other).plans.create("Feed the penguins", status="active")
    question = f"which plans are active in project {name}?"
    found = memory_server.agent(shop).does("ask", question=question)
    assert "Feed the penguins" in found["text"]
    assert found["sources"]["columns"] == ["kind", "id", "project"]
    assert "Feed the penguins" not in memory_server.agent(shop, confined=True).does("ask", question=question)["text"]


def test_the_hosts_model_writes_the_text_when_it_is_asked_to(memory_server: Server, shop: str) -> None:
    asked: list[tuple[str, str, int]] = []

    async def sample(system: str, message: str, tokens: int) -> str:
        await asyncio.sleep(0)
        asked.append((system, message, tokens))
        return "There is one: the form [1]."

    agent = memory_server.agent(shop, sample=sample)
    assert "The form forgets" in agent.does("ask", question="which bugs are open?")["text"]
    assert asked == []
    found = agent.does("ask", question="which bugs are open?", write=True, max_tokens=200)
    assert found["text"] == "There is one: the form [1]."
    assert rows(found["sources"]) == [{"kind": "event", "id": "e2"}]
    ((_, message, tokens),) = asked
    assert "The form forgets the name" in message
    assert tokens == 200


def test_without_a_model_the_answer_says_so(agent: Agent) -> None:
    found = agent.does("ask", question="which bugs are open?", write=True)
    assert "The form forgets" in found["text"]
    assert "No model is at hand" in found["notice"]


def test_a_question_that_is_too_long_or_in_another_project_is_told_by_its_argument(
    memory_server: Server, shared_store: Store, shop: str
) -> None:
    agent = memory_server.agent(shop, confined=True)
    assert agent.fails("ask", question="")["argument"] == "question"
    assert agent.fails("ask", question="a" * 2001)["argument"] == "question"
    other = shared_store.projects.put(new_id()).id
    fill(shared_store, other)
    assert agent.fails("ask", question="a", project=other)["argument"] == "project"
    assert memory_server.agent().fails("ask", question="what is open?", project="nowhere")["argument"] == "project"
