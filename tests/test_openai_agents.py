"""Sessions of the OpenAI Agents SDK on the store: as its own SQLite session is, and under its Runner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest
from agents import (
    Agent,
    Model,
    ModelResponse,
    RunConfig,
    Runner,
    SessionSettings,
    SQLiteSession,
    TResponseInputItem,
    Usage,
    function_tool,
)
from agents.items import TResponseOutputItem
from agents.memory import Session
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from exuvia.integrations.openai_agents import ExuviaSession
from exuvia.store import AsyncStore, Store, open_store
from exuvia.store.errors import ConflictError, InvalidValueError

QUIET = RunConfig(tracing_disabled=True)
Work = Callable[[AsyncStore], Awaitable[None]]


@pytest.fixture
def run(shared_store_url: str, shared_store: Store, project: str) -> Callable[[Work], None]:
    """Run a piece of work on a store that is bound to a project of its own."""

    async def opened(work: Work) -> None:
        async with open_store(shared_store_url) as store:
            await work(store.project(project))

    return lambda work: asyncio.run(opened(work))


def say(text: str, role: str = "user") -> TResponseInputItem:
    return cast(TResponseInputItem, {"role": role, "content": text})


def messages(*texts: str) -> list[TResponseInputItem]:
    return [say(text) for text in texts]


class Echo(Model):
    """Calls the tool ``count`` about each new message, then says what came of it; keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[list[Any]] = []

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> ModelResponse:  # noqa: A002
        self.shown.append(list(input))
        last = input[-1]
        turn = len(self.shown)
        output: TResponseOutputItem
        if last.get("type") == "function_call_output":
            said = ResponseOutputText(text=f"It has {last['output']} letters", type="output_text", annotations=[])
            output = ResponseOutputMessage(
                id="__fake_id__", content=[said], role="assistant", status="completed", type="message"
            )
        else:
            word = f'{{"word": "{last["content"]}"}}'
            output = ResponseFunctionToolCall(
                call_id=f"call {turn}", name="count", arguments=word, type="function_call"
            )
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


@function_tool
def count(word: str) -> int:
    """Count the letters of a word."""
    return len(word)


def test_it_is_a_session(run: Callable[[Work], None]) -> None:
    async def work(store: AsyncStore) -> None:
        assert isinstance(ExuviaSession("s", store), Session)

    run(work)


@pytest.mark.parametrize("limit", [None, 3, 99, 1, 0, -1])
@pytest.mark.parametrize("settings", [None, SessionSettings(limit=2)])
def test_as_many_items_are_read_as_from_the_sdks_own_session(
    run: Callable[[Work], None], limit: int | None, settings: SessionSettings | None
) -> None:
    async def work(store: AsyncStore) -> None:
        own = SQLiteSession("s", session_settings=settings)
        ours = ExuviaSession("s", store, session_settings=settings)
        read = []
        for session in (own, ours):
            assert await session.pop_item() is None
            await session.add_items([])
            await session.add_items(messages("a", "b", "c", "d"))
            await session.add_items(messages("e"))
            read.append([await session.get_items(limit), await session.pop_item(), await session.get_items()])
            await session.clear_session()
            read[-1].append(await session.get_items())
        own.close()
        assert read[0] == read[1]

    run(work)


def test_items_come_back_as_they_were_whatever_is_in_them(run: Callable[[Work], None]) -> None:
    async def work(store: AsyncStore) -> None:
        items = [
            {"type": "function_call_output", "call_id": "1", "output": "\0 and \\u0000 and \ud83d"},
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "…"}], "n": 2**70},
            {"role": "user", "content": [{"type": "input_text", "text": "what?"}, {"type": "input_image"}], "x": 1e22},
            {"$json": "[]"},
            {"role": "user", "content": "same"},
            {"role": "user", "content": "same"},
        ]
        session = ExuviaSession("s", store)
        await session.add_items(cast(list[TResponseInputItem], items))
        assert await session.get_items() == items
        found = await store.chat.search("what", role="user")
        assert found.items[0].entry.data["thread_id"] == "session:s"
        with pytest.raises(InvalidValueError):
            await session.add_items(cast(list[TResponseInputItem], [say("fine"), {"content": object()}]))
        assert len(await session.get_items()) == len(items)

    run(work)


def test_sessions_users_and_projects_are_apart(run: Callable[[Work], None], shared_store: Store) -> None:
    async def work(store: AsyncStore) -> None:
        ada, bob = (ExuviaSession("s", store, user=user) for user in ("ada", "bob"))
        await ada.add_items(messages("secret"))
        await ExuviaSession("t", store, user="ada").add_items(messages("elsewhere"))
        assert await bob.get_items() == []
        assert await bob.pop_item() is None
        await bob.clear_session()
        with pytest.raises(ConflictError):
            await bob.add_items(messages("intruding"))
        assert await ada.get_items() == messages("secret")

    run(work)
    with pytest.raises(InvalidValueError, match="project"):
        ExuviaSession("s", shared_store)


def test_tasks_add_and_take_without_tearing_or_losing(run: Callable[[Work], None]) -> None:
    async def work(store: AsyncStore) -> None:
        await asyncio.gather(
            *(ExuviaSession("s", store).add_items(messages(f"{n} a", f"{n} b", f"{n} c")) for n in range(12))
        )
        items = cast(list[dict[str, str]], await ExuviaSession("s", store).get_items())
        assert [item["content"][-1] for item in items] == ["a", "b", "c"] * 12
        assert all(items[at]["content"][:-1] == items[at + 2]["content"][:-1] for at in range(0, 36, 3))
        taken = await asyncio.gather(*(ExuviaSession("s", store).pop_item() for _ in range(40)))
        found = [cast(dict[str, str], item)["content"] for item in taken if item is not None]
        assert sorted(found) == sorted(item["content"] for item in items)

    run(work)


def test_a_session_that_is_cleared_while_others_add_stays_whole(run: Callable[[Work], None]) -> None:
    async def work(store: AsyncStore) -> None:
        session = ExuviaSession("s", store)
        await asyncio.gather(
            *(session.add_items(messages("a", "b")) if n % 3 else session.clear_session() for n in range(24))
        )
        left = cast(list[dict[str, str]], await session.get_items())
        assert [item["content"] for item in left] == ["a", "b"] * (len(left) // 2)

    run(work)


def test_a_runner_goes_on_where_it_was(run: Callable[[Work], None]) -> None:
    async def work(store: AsyncStore) -> None:
        model = Echo()
        agent = Agent(name="counter", model=model, tools=[count])
        first = await Runner.run(agent, "tulip", session=ExuviaSession("s", store, user="ada"), run_config=QUIET)
        assert first.final_output == "It has 5 letters"
        later = ExuviaSession("s", store, user="ada")
        second = await Runner.run(agent, "rose", session=later, run_config=QUIET)
        assert second.final_output == "It has 4 letters"
        kinds = [cast(dict[str, Any], item).get("type", "message") for item in await later.get_items()]
        assert kinds == ["message", "function_call", "function_call_output", "message"] * 2
        assert [item.get("content") for item in model.shown[2] if item.get("role") == "user"] == ["tulip", "rose"]
        found = await store.chat.search("letters", owner="ada", role="assistant")
        assert sorted(hit.entry.body for hit in found.items) == ["It has 4 letters", "It has 5 letters"]

    run(work)


def test_a_run_without_an_event_loop_has_a_synchronous_store(shared_store: Store, project: str) -> None:
    agent = Agent(name="counter", model=Echo(), tools=[count])
    session = ExuviaSession("s", shared_store, project=project)
    for word, letters in (("tulip", 5), ("rose", 4)):
        assert (
            Runner.run_sync(agent, word, session=session, run_config=QUIET).final_output == f"It has {letters} letters"
        )
    assert len(asyncio.run(session.get_items())) == 8
