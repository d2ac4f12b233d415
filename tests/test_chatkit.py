"""ChatKit on the store: what its own tests ask of a store, and its server with a scripted answer.

The behaviours of threads, items, pages and users are those of chatkit-python's tests/test_store.py.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from chatkit.server import ChatKitServer, NonStreamingResult, StreamingResult
from chatkit.store import NotFoundError
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    AttachmentCreateParams,
    ClientToolCallItem,
    FileAttachment,
    HiddenContextItem,
    ImageAttachment,
    InferenceOptions,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    UserMessageTextContent,
    WidgetItem,
)
from chatkit.widgets import Card, Text
from pydantic import AnyUrl

from exuvia.integrations.chatkit import ExuviaAttachmentStore, ExuviaStore, Whose
from exuvia.integrations.openai_agents import ExuviaSession
from exuvia.store import AsyncStore, Store, open_store
from exuvia.store.errors import ConflictError, InvalidValueError

pytestmark = pytest.mark.filterwarnings("ignore:Direct usage of named widget classes:DeprecationWarning")

NOW = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - ChatKit's own times have no zone


@dataclass(frozen=True)
class Request:
    """What the application hands to ChatKit."""

    user_id: str
    project: str


Work = Callable[[ExuviaStore[Request], Request], Awaitable[None]]


@pytest.fixture
def run(shared_store_url: str, shared_store: Store, project: str) -> Callable[[Work], None]:
    """Run a piece of work on a ChatKit store, for the user ada."""

    async def opened(work: Work) -> None:
        async with open_store(shared_store_url) as store:
            await work(ExuviaStore(store, whose), Request("ada", project))

    return lambda work: asyncio.run(opened(work))


def whose(context: Request) -> Whose:
    return Whose(context.project, context.user_id)


def other(context: Request) -> Request:
    return Request("bob", context.project)


def thread(key: str = "t", seconds: int = 0, title: str | None = "Test") -> ThreadMetadata:
    made = NOW + timedelta(seconds=seconds)
    return ThreadMetadata(id=key, title=title, created_at=made, metadata={"test": "test"})


def message(key: str, text: str = "x", seconds: int = 0) -> UserMessageItem:
    return UserMessageItem(
        id=key,
        content=[UserMessageTextContent(text=text)],
        inference_options=InferenceOptions(),
        thread_id="t",
        created_at=NOW + timedelta(seconds=seconds),
    )


def everything() -> list[ThreadItem]:
    attached = FileAttachment(id="file_1", mime_type="text/plain", name="test.txt", metadata={"source": "test"})
    said = message("msg_100000", "Hello!\0 \ud83d").model_copy(update={"attachments": [attached]})
    made = NOW + timedelta(seconds=1)
    return [
        said,
        AssistantMessageItem(
            id="msg_000001", content=[AssistantMessageContent(text="Hi!")], thread_id="t", created_at=made
        ),
        WidgetItem(id="w", thread_id="t", created_at=made, widget=Card(children=[Text(value="Title", size="sm")])),
        ClientToolCallItem(
            id="c", thread_id="t", created_at=made, call_id="1", name="f", arguments={"n": 2**70}, output={"a": None}
        ),
        HiddenContextItem(id="h", thread_id="t", created_at=made, content={"secret": 1.5}),
    ]


def test_a_thread_comes_back_as_it_was_saved_last(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        for saved in (thread(), thread(title=None), thread(title="Two\0\ud800")):
            await store.save_thread(saved, context)
            assert await store.load_thread("t", context) == saved
        assert len((await store.load_threads(10, None, "asc", context)).data) == 1

    run(work)


def test_items_of_each_type_come_back_as_they_were(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        await store.save_thread(thread(), context)
        items = everything()
        for item in items:
            await store.add_thread_item("t", item, context)
        assert (await store.load_thread_items("t", None, 10, "asc", context)).data == items
        assert [await store.load_item("t", item.id, context) for item in items] == items

    run(work)


def test_pages_of_threads_end_where_the_next_begin(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        for place in range(3):
            await store.save_thread(thread(f"thread{place}", place), context)
        first = await store.load_threads(2, None, "asc", context)
        assert ([one.id for one in first.data], first.has_more, first.after) == (
            ["thread0", "thread1"],
            True,
            "thread1",
        )
        second = await store.load_threads(2, first.after, "asc", context)
        assert ([one.id for one in second.data], second.has_more, second.after) == (["thread2"], False, None)
        newest = await store.load_threads(3, None, "desc", context)
        assert ([one.id for one in newest.data], newest.has_more) == (["thread2", "thread1", "thread0"], False)
        with pytest.raises(NotFoundError):
            await store.load_threads(2, "nowhere", "asc", context)

    run(work)


def test_pages_of_items_lose_none_of_the_same_time(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        await store.save_thread(thread(), context)
        for place in (4, 0, 1, 2, 3):
            await store.add_thread_item("t", message(f"msg{place}", seconds=place // 2), context)
        for order, expected in (("asc", ["msg0", "msg1", "msg2", "msg3", "msg4"]), ("desc", "43210")):
            found, after = [], None
            while True:
                page = await store.load_thread_items("t", after, 2, order, context)
                found += [item.id for item in page.data]
                if not page.has_more:
                    break
                after = page.after
            assert page.after is None
            assert [key[-1] for key in found] == [key[-1] for key in expected]
        with pytest.raises(NotFoundError):
            await store.load_thread_items("t", "nowhere", 2, "asc", context)
        assert len((await store.load_thread_items("t", None, 10**9, "asc", context)).data) == 5

    run(work)


def test_a_saved_item_keeps_its_place_or_is_added(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        await store.save_thread(thread(), context)
        await store.add_thread_item("t", message("a", "one"), context)
        await store.add_thread_item("t", message("b", "two", seconds=1), context)
        await store.save_item("t", message("a", "changed"), context)
        await store.save_item("t", message("c", "three", seconds=2), context)
        page = await store.load_thread_items("t", None, 10, "asc", context)
        assert page.data == [message("a", "changed"), message("b", "two", 1), message("c", "three", 2)]
        with pytest.raises(ConflictError):
            await store.add_thread_item("t", message("a"), context)
        await store.delete_thread_item("t", "b", context)
        await store.delete_thread_item("t", "b", context)
        with pytest.raises(NotFoundError):
            await store.load_item("t", "b", context)
        await store.delete_thread("t", context)
        await store.delete_thread("t", context)
        assert (await store.load_thread_items("t", None, 10, "asc", context)).data == []
        with pytest.raises(NotFoundError):
            await store.add_thread_item("t", message("a"), context)

    run(work)


def test_users_see_nothing_of_each_other(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        bob = other(context)
        await store.save_thread(thread(), context)
        await store.add_thread_item("t", message("a"), context)
        await store.save_attachment(FileAttachment(id="f", mime_type="text/plain", name="x"), context)
        assert (await store.load_thread_items("t", None, 10, "asc", bob)).data == []
        assert (await store.load_threads(10, None, "asc", bob)).data == []
        for reading in (
            store.load_thread("t", bob),
            store.load_item("t", "a", bob),
            store.load_attachment("f", bob),
            store.add_thread_item("t", message("b"), bob),
        ):
            with pytest.raises(NotFoundError):
                await reading
        with pytest.raises(ConflictError):
            await store.save_thread(thread(title="mine"), bob)
        await store.delete_thread("t", bob)
        await store.delete_attachment("f", bob)
        assert (await store.load_thread("t", context)).title == "Test"
        assert (await store.load_attachment("f", context)).name == "x"

    run(work)


def test_a_session_of_the_agents_sdk_is_no_thread_of_chatkit(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        await store.save_thread(thread(), context)
        session = ExuviaSession("t", store._store, project=context.project, user=context.user_id)
        await session.add_items([{"role": "user", "content": "hello"}])
        assert (await store.load_thread_items("t", None, 10, "asc", context)).data == []
        assert [one.id for one in (await store.load_threads(10, None, "asc", context)).data] == ["t"]
        with pytest.raises(NotFoundError):
            await store.load_thread("session:t", context)
        await store.delete_thread("t", context)
        assert len(await session.get_items()) == 1

    run(work)


def test_generated_ids_have_chatkits_prefixes(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        made = store.generate_thread_id(context)
        assert made.startswith("thr_")
        assert len(made) == 36
        assert store.generate_item_id("message", thread(), context).startswith("msg_")

    run(work)


def test_bytes_of_attachments_come_in_a_second_request(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        files = ExuviaAttachmentStore(
            store._store,
            whose,
            upload_url=lambda key, _: f"https://shop.test/upload/{key}",
            preview_url=lambda key, _: f"https://shop.test/{key}",
            at_most=10,
        )
        made = await files.create_attachment(
            AttachmentCreateParams(name="a.png", size=4, mime_type="image/png"), context
        )
        assert isinstance(made, ImageAttachment)
        assert made.upload_descriptor is not None
        assert made.upload_descriptor.url == AnyUrl(f"https://shop.test/upload/{made.id}")
        await store.save_attachment(made, context)
        with pytest.raises(NotFoundError):
            await files.content(made.id, context)
        with pytest.raises(NotFoundError):
            await files.receive(made.id, b"\0\1\2\3", other(context))
        received = await files.receive(made.id, b"\0\1\2\3", context)
        assert received.upload_descriptor is None
        assert await store.load_attachment(made.id, context) == received
        await store.save_attachment(received, context)
        assert await files.content(made.id, context) == b"\0\1\2\3"
        with pytest.raises(InvalidValueError):
            await files.receive(made.id, b"x" * 11, context)
        with pytest.raises(InvalidValueError):
            await files.create_attachment(AttachmentCreateParams(name="b", size=11, mime_type="a/b"), context)
        await files.delete_attachment(made.id, context)
        with pytest.raises(NotFoundError):
            await store.load_attachment(made.id, context)

    run(work)


class Scripted(ChatKitServer[Request]):
    """Answers with what was said, a hidden note, and a widget that it replaces; gives the thread a title."""

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: Request
    ) -> AsyncIterator[ThreadStreamEvent]:
        assert input_user_message is not None
        said = input_user_message.content[0].text
        made: dict[str, Any] = {"thread_id": thread.id, "created_at": datetime.now()}  # noqa: DTZ005 - as ChatKit does
        key = self.store.generate_item_id("message", thread, context)
        note = HiddenContextItem(id=f"{key}_note", content="for the model only", **made)
        yield ThreadItemDoneEvent(item=note)
        answer = AssistantMessageItem(id=key, content=[AssistantMessageContent(text=f"You said {said}")], **made)
        yield ThreadItemDoneEvent(item=answer)
        for value in ("before", "after"):
            widget = WidgetItem(id=f"{key}_w", widget=Card(children=[Text(value=value)]), **made)
            yield ThreadItemDoneEvent(item=widget) if value == "before" else ThreadItemReplacedEvent(item=widget)
        thread.title = said.title()


async def ask(server: Scripted, context: Request, kind: str, **params: Any) -> Any:
    answer = await server.process(json.dumps({"type": kind, "params": params}), context)
    if isinstance(answer, NonStreamingResult):
        return json.loads(answer.json)
    assert isinstance(answer, StreamingResult)
    return [json.loads(line.removeprefix(b"data: ")) async for line in answer]


def typed(text: str, *attachments: str) -> dict[str, Any]:
    return {
        "content": [{"type": "input_text", "text": text}],
        "attachments": list(attachments),
        "inference_options": {},
    }


def test_a_server_keeps_a_conversation(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        files = ExuviaAttachmentStore(store._store, whose, upload_url=lambda key, _: f"https://shop.test/{key}")
        server = Scripted(store, files)
        file = await ask(server, context, "attachments.create", name="a.txt", size=3, mime_type="text/plain")
        events = await ask(server, context, "threads.create", input=typed("tulips", file["id"]))
        assert not [event for event in events if event["type"] == "error"]
        key = events[0]["thread"]["id"]
        assert (await store.load_attachment(file["id"], context)).thread_id == key
        await ask(server, context, "threads.add_user_message", thread_id=key, input=typed("roses"))
        loaded = await ask(server, context, "threads.get_by_id", thread_id=key)
        assert loaded["title"] == "Roses"
        kinds = ["user_message", "assistant_message", "widget"]
        assert [item["type"] for item in loaded["items"]["data"]] == kinds * 2
        assert loaded["items"]["data"][2]["widget"]["children"][0]["value"] == "after"
        page = await ask(server, context, "items.list", thread_id=key, limit=3, order="desc")
        assert (page["has_more"], [item["type"] for item in page["data"]]) == (True, ["widget", "assistant_message"])
        assert isinstance(store._store, AsyncStore)
        found = await store._store.chat.search("tulips", owner="ada", project=context.project, role="assistant")
        assert [hit.entry.body for hit in found.items] == ["You said tulips"]
        listed = await ask(server, context, "threads.list", limit=9)
        assert [one["id"] for one in listed["data"]] == [key]
        first = loaded["items"]["data"][0]["id"]
        await ask(server, context, "threads.retry_after_item", thread_id=key, item_id=first)
        assert len((await store.load_thread_items(key, None, 20, "asc", context)).data) == 4
        await ask(server, context, "threads.delete", thread_id=key)
        assert (await ask(server, context, "threads.list"))["data"] == []

    run(work)


class Slow(ChatKitServer[Request]):
    """Begins an answer and never ends it."""

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: Request
    ) -> AsyncIterator[ThreadStreamEvent]:
        begun = AssistantMessageItem(id="a", thread_id=thread.id, created_at=datetime.now(), content=[])  # noqa: DTZ005
        yield ThreadItemAddedEvent(item=begun)
        part = AssistantMessageContentPartTextDelta(content_index=0, delta="Half a")
        yield ThreadItemUpdatedEvent(item_id="a", update=part)
        await asyncio.Event().wait()


def test_what_was_said_before_a_cancellation_is_kept(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        half_said = asyncio.Event()

        async def listen() -> None:
            request = {"type": "threads.create", "params": {"input": typed("tulips")}}
            answer = await Slow(store).process(json.dumps(request), context)
            assert isinstance(answer, StreamingResult)
            async for event in answer:
                if b"Half a" in event:
                    half_said.set()

        listening = asyncio.create_task(listen())
        await half_said.wait()
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        (begun,) = (await store.load_threads(9, None, "desc", context)).data
        items = (await store.load_thread_items(begun.id, None, 9, "asc", context)).data
        assert [item.type for item in items] == ["user_message", "assistant_message", "sdk_hidden_context"]

    run(work)


def test_conversations_at_once_stay_whole(run: Callable[[Work], None]) -> None:
    async def work(store: ExuviaStore[Request], context: Request) -> None:
        server = Scripted(store)
        created = await asyncio.gather(
            *(ask(server, context, "threads.create", input=typed(f"flower {number}")) for number in range(6))
        )
        for number, events in enumerate(created):
            found = await store.load_thread_items(events[0]["thread"]["id"], None, 10, "asc", context)
            assert len(found.data) == 4
            assert found.data[2].content[0].text == f"You said flower {number}"  # type: ignore[union-attr]

    run(work)


@pytest.mark.parametrize("name", ["chatkit", "openai_agents"])
def test_a_missing_package_is_named(name: str) -> None:
    program = (
        "import sys\n"
        "sys.modules.update({'chatkit': None, 'agents': None})\n"
        f"try:\n    import exuvia.integrations.{name}\n"
        "except ImportError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert f"pip install 'exuvia[{name.replace('_', '-')}]'" in said


def test_a_synchronous_store_serves_as_well(shared_store: Store, project: str) -> None:
    async def work() -> None:
        store: ExuviaStore[Request] = ExuviaStore(shared_store.project(project), lambda _: Whose(user="ada"))
        context = Request("ada", "")
        await store.save_thread(thread(), context)
        await store.add_thread_item("t", message("a"), context)
        assert (await store.load_thread_items("t", None, 10, "asc", context)).data == [message("a")]

    asyncio.run(work())
