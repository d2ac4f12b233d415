"""Threads, their items in one order, attachments, and search in what was said."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exuvia.store import Page, Store
from exuvia.store.chat import Item, NewItem
from exuvia.store.core.values import new_id
from exuvia.store.errors import (
    ConflictError,
    InvalidValueError,
    MissingReferenceError,
    NotFoundError,
    PageTokenError,
    StoreError,
)
from exuvia.store.filters import field

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def bound(shared_store: Store, project: str) -> Store:
    """A store that is bound to a project of its own, in which ada has the thread ``t``."""
    store = shared_store.project(project)
    store.chat.threads.put("t", owner="ada", title="Plans for the garden", data={"pinned": True}, created_at=NOON)
    return store


def say(text: str, role: str = "user", id: str | None = None) -> NewItem:  # noqa: A002
    return NewItem("message", {"said": text}, role=role, text=text, id=id)


def walk(read: Callable[[str | None], Page[Item]]) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = read(after)
        found += [item.text for item in page.items]
        if page.next is None:
            return found
        after = page.next


def test_a_thread_is_changed_but_does_not_change_hands(bound: Store) -> None:
    bound.chat.items.add("t", [say("hello")])
    changed = bound.chat.threads.put("t", owner="ada", title="Garden")
    assert (changed.title, changed.data, changed.created_at) == ("Garden", {}, NOON)
    assert bound.chat.items.list("t").total == 1
    with pytest.raises(ConflictError, match="another owner"):
        bound.chat.threads.put("t", owner="bob", title="Mine")
    with pytest.raises(ConflictError, match="another owner"):
        bound.chat.threads.put("t", title="Nobody's")
    assert bound.chat.threads.get("t").title == "Garden"


def test_another_owner_sees_and_changes_nothing(bound: Store) -> None:
    bound.chat.items.add("t", [say("secret", id="m")])
    with pytest.raises(NotFoundError):
        bound.chat.threads.get("t", owner="bob")
    with pytest.raises(NotFoundError):
        bound.chat.items.get("t", "m", owner="bob")
    with pytest.raises(NotFoundError):
        bound.chat.items.add("t", [say("intruding")], owner="bob")
    with pytest.raises(NotFoundError):
        bound.chat.items.put("t", say("changed", id="m"), owner="bob")
    assert bound.chat.items.list("t", owner="bob").items == ()
    assert bound.chat.items.last("t", owner="bob") == ()
    assert bound.chat.items.pop("t", owner="bob") is None
    assert not bound.chat.items.delete("t", "m", owner="bob")
    assert not bound.chat.threads.delete("t", owner="bob")
    assert bound.chat.search("secret", owner="bob").items == ()
    assert bound.chat.items.get("t", "m", owner="ada").text == "secret"


def test_threads_are_found(bound: Store) -> None:
    bound.chat.threads.put("u", owner="ada", created_at=NOON + timedelta(hours=1))
    bound.chat.threads.put("v", owner="bob", created_at=NOON + timedelta(hours=2))
    bound.chat.items.add("t", [say("the last word")])

    def ids(**asked: object) -> list[str]:
        return [thread.id for thread in bound.chat.threads.list(**asked).items]  # type: ignore[arg-type]

    assert ids() == ["v", "u", "t"]
    assert ids(owner="ada", newest_first=False) == ["t", "u"]
    assert ids(order="updated_at") == ["t", "v", "u"]
    assert ids(filter=field("data.pinned") == True) == ["t"]  # noqa: E712
    assert ids(since=NOON, until=NOON + timedelta(hours=1)) == ["u", "t"]
    assert ids(after_id="v") == ["u", "t"]
    with pytest.raises(NotFoundError):
        ids(after_id="v", owner="ada")
    with pytest.raises(InvalidValueError):
        ids(order="title")


def test_items_that_are_added_at_once_have_places_of_their_own(bound: Store) -> None:
    def add(writer: int) -> list[int]:
        added = bound.chat.items.add("t", [say(f"{writer} {number}") for number in range(3)])
        return [item.seq for item in added]

    with ThreadPoolExecutor(8) as threads:
        places = list(threads.map(add, range(12)))
    assert sorted(place for batch in places for place in batch) == list(range(1, 37))
    assert all(batch == list(range(batch[0], batch[0] + 3)) for batch in places)


def test_items_that_are_taken_at_once_are_taken_once(bound: Store) -> None:
    bound.chat.items.add("t", [say(str(number)) for number in range(10)])
    with ThreadPoolExecutor(8) as threads:
        taken = [item for item in threads.map(lambda _: bound.chat.items.pop("t"), range(14)) if item]
    assert sorted(item.seq for item in taken) == list(range(1, 11))
    assert bound.chat.items.add("t", [say("new")])[0].seq == 11


def test_an_item_that_two_put_at_once_is_there_once(bound: Store) -> None:
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda number: bound.chat.items.put("t", say(str(number), id="m")), range(12)))
    (item,) = bound.chat.items.list("t").items
    assert (item.id, item.seq) == ("m", 1)


def test_pages_of_items_lose_and_repeat_nothing_whatever_the_times(bound: Store) -> None:
    made = [
        NewItem("message", text=str(number), created_at=NOON - timedelta(minutes=number // 3)) for number in range(9)
    ]
    bound.chat.items.add("t", made)
    added = [str(number) for number in range(9)]
    timely = ["6", "7", "8", "3", "4", "5", "0", "1", "2"]
    assert walk(lambda after: bound.chat.items.list("t", limit=2, after=after)) == added
    assert walk(lambda after: bound.chat.items.list("t", limit=4, after=after, newest_first=True)) == added[::-1]
    assert walk(lambda after: bound.chat.items.list("t", limit=2, after=after, order="created_at")) == timely
    third = bound.chat.items.list("t", order="created_at").items[2]
    rest = bound.chat.items.list("t", order="created_at", after_id=third.id)
    assert ([item.text for item in rest.items], rest.total) == (timely[3:], None)
    assert [item.text for item in bound.chat.items.last("t", 3)] == added[-3:]
    first = bound.chat.items.list("t", limit=1).next
    with pytest.raises(PageTokenError):
        bound.chat.items.list("t", limit=1, after=first, role="user")


IDS = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(IDS, max_size=3, unique=True)),
        st.tuples(st.sampled_from(["put", "delete"]), IDS),
        st.tuples(st.just("pop"), st.none()),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_items_are_as_a_list_would_have_them(bound: Store, steps: list[tuple[str, list[str] | str | None]]) -> None:
    thread, items, model = new_id(), bound.chat.items, dict[str, str]()
    bound.chat.threads.put(thread)
    for number, (step, about) in enumerate(steps):
        text = f"word{number}"
        if step == "add" and isinstance(about, list):
            if model.keys() & about:
                with pytest.raises(ConflictError):
                    items.add(thread, [say(text, id=key) for key in about])
            else:
                items.add(thread, [say(text, id=key) for key in about])
                model |= dict.fromkeys(about, text)
        elif step == "put" and isinstance(about, str):
            items.put(thread, say(text, id=about))
            model[about] = text
        elif step == "delete" and isinstance(about, str):
            assert items.delete(thread, about) == (model.pop(about, None) is not None)
        elif step == "pop":
            taken = items.pop(thread)
            assert (taken and (taken.id, taken.text)) == (model.popitem() if model else None)
        found = items.list(thread)
        assert [(item.id, item.text) for item in found.items] == list(model.items())
        assert len({item.seq for item in found.items}) == len(model)
        assert bound.chat.search(text, thread=thread).total == list(model.values()).count(text)


def test_a_changed_item_keeps_its_place(bound: Store) -> None:
    bound.chat.items.add("t", [say("one", id="a"), say("two", id="b")])
    changed = bound.chat.items.put("t", NewItem("widget", {"w": 1}, id="a"))
    assert [item.id for item in bound.chat.items.list("t").items] == ["a", "b"]
    assert (changed.type, changed.role, changed.data, changed.seq) == ("widget", None, {"w": 1}, 1)
    assert [item.id for item in bound.chat.items.list("t", type="widget").items] == ["a"]
    assert [item.id for item in bound.chat.items.list("t", filter=field("data.said") == "two").items] == ["b"]


def test_threads_may_have_items_of_the_same_id(bound: Store) -> None:
    bound.chat.items.add("other", [say("there", id="m")], begin="chat", owner="ada")
    bound.chat.items.add("t", [say("here", id="m")])
    with pytest.raises(ConflictError):
        bound.chat.items.add("t", [say("fine"), say("again", id="m")])
    assert [item.text for item in bound.chat.items.list("t").items] == ["here"]
    assert bound.chat.search("there OR here").total == 2


def test_what_was_said_is_found_and_follows_its_item(bound: Store) -> None:
    bound.chat.items.add("t", [say("plant tulips", id="a"), say("tulips need sun", "assistant", "b"), NewItem("end")])
    bound.chat.items.add("mine", [say("tulips elsewhere")], begin="chat")
    assert bound.chat.search("tulips").total == 3
    (hit,) = bound.chat.search("tulips", thread="t", role="assistant").items
    assert (hit.entry.kind, hit.entry.data) == ("message", {"thread_id": "t", "item_id": "b", "owner": "ada"})
    assert bound.chat.search("tulips", owner="ada").total == 2
    bound.chat.items.put("t", say("plant roses", id="a"))
    assert bound.chat.search("roses").total == 1
    bound.chat.items.put("t", NewItem("end", id="a"))
    assert bound.chat.search("roses").total == 0
    bound.chat.items.put("t", say("plant lilies", id="a"))
    assert bound.chat.search("lilies").total == 1
    assert bound.search("garden", kinds="thread").items[0].entry.id == "t"
    bound.chat.threads.delete("t")
    assert bound.chat.search("tulips").total == 1
    assert bound.search("garden").total == 0


def test_attachments_keep_bytes_beside_what_is_known_of_them(bound: Store) -> None:
    files = bound.chat.attachments
    made = files.put("a.png", "image/png", size=7, data={"url": "x"}, owner="ada", id="f")
    assert (made.size, made.thread_id, files.content("f")) == (7, None, None)
    content = bytes(range(256)) * 4
    assert files.fill("f", content, owner="ada").data == {"url": "x"}
    changed = files.put("b.png", "image/png", size=7, thread="t", owner="ada", id="f")
    assert (changed.name, changed.size, changed.thread_id) == ("b.png", 1024, "t")
    assert files.content("f", owner="ada") == content
    with pytest.raises(NotFoundError):
        files.content("f", owner="bob")
    with pytest.raises(ConflictError):
        files.put("c.png", "image/png", owner="bob", id="f")
    with pytest.raises(InvalidValueError, match="1,024 bytes"):
        files.fill("f", content, at_most=1000)
    with pytest.raises(MissingReferenceError):
        files.put("d.png", "image/png", thread="nowhere")
    assert [one.id for one in files.list(thread="t", mime_type="image/png").items] == ["f"]
    assert not files.delete("f", owner="bob")
    bound.chat.threads.delete("t")
    assert files.list().total == 0


def test_projects_are_apart(shared_store: Store, bound: Store) -> None:
    other = shared_store.project(shared_store.projects.put(new_id()).id)
    other.chat.items.add("t", [say("ours")], begin="chat", owner="bob")
    bound.chat.items.add("t", [say("theirs")])
    assert [item.text for item in other.chat.items.list("t").items] == ["ours"]
    assert other.chat.threads.list().total == 1
    assert other.chat.search("theirs").total == 0
    assert other.chat.threads.delete("t")
    assert bound.chat.items.list("t").total == 1


@pytest.mark.parametrize(
    ("mistake", "error"),
    [
        (lambda chat: chat.items.add("nowhere", [say("x")]), NotFoundError),
        (lambda chat: chat.items.add("t", [say("x")], begin="chat"), ConflictError),
        (lambda chat: chat.items.add("t", iter([say("x")])), InvalidValueError),
        (lambda chat: chat.items.get("t", "nowhere"), NotFoundError),
        (lambda chat: chat.items.list("t", after_id="nowhere"), NotFoundError),
        (lambda chat: chat.items.list("t", order="text"), InvalidValueError),
        (lambda chat: chat.items.add("t", [NewItem("")]), InvalidValueError),
        (lambda chat: chat.items.add("t", [NewItem("x", {"n": float("nan")})]), InvalidValueError),
        (lambda chat: chat.items.add("t", [NewItem("x", created_at=datetime(2026, 1, 1))]), InvalidValueError),  # noqa: DTZ001
        (lambda chat: chat.threads.put(owner=""), InvalidValueError),
        (lambda chat: chat.attachments.put("x", "x/y", size=-1), InvalidValueError),
        (lambda chat: chat.attachments.fill("nowhere", b"x"), NotFoundError),
    ],
)
def test_mistakes_are_told(bound: Store, mistake: Callable[[object], object], error: type[StoreError]) -> None:
    with pytest.raises(error):
        mistake(bound.chat)
