"""Plans, sessions and events: the same answers and errors on every engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exuvia.store import NewEvent, Store, TaskCompleted, field, open_store
from exuvia.store.core.values import new_id
from exuvia.store.errors import (
    ConflictError,
    InvalidValueError,
    MissingReferenceError,
    NotFoundError,
    PageTokenError,
    StateError,
    StoreError,
    TenantError,
)
from exuvia.store.knowledge.kinds import KINDS, DecisionMade
from exuvia.store.knowledge.sizes import section_of

DAY = datetime(2026, 2, 15, 9, 30, tzinfo=UTC)
TEXT = "# Auth\n\nIntro.\n\n## Goal ##\n\nOne login.\n\n### Why\n\n```\n## Notes\n```\n\n## Notes\n\nNone.\n"


@pytest.fixture
def mine(shared_store: Store, project: str) -> Store:
    """The shared store, bound to a new project."""
    return shared_store.project(project)


def test_a_plan_comes_back_as_it_was_made(mine: Store) -> None:
    made = mine.plans.create(
        "Auth",
        priority="high",
        author="ada",
        topics=("auth", "api", "auth"),
        content=TEXT,
        data={"n": 1.0},
        id="PLAN_a",
    )
    assert mine.plans.get("PLAN_a") == made
    assert (made.topics, made.version, made.status) == (("auth", "api"), 1, "planned")


def test_a_session_comes_back_as_it_was_made(mine: Store) -> None:
    mine.plans.create("Auth", id="p")
    made = mine.sessions.create("Work", plan="p", started_at=DAY, ended_at=DAY + timedelta(hours=1), status="complete")
    assert mine.sessions.get(made.id) == made
    assert made.started_at == DAY


def test_an_update_changes_what_it_names(mine: Store) -> None:
    made = mine.plans.create("Auth", author="ada", topics=("a",), content="x", data={"k": 1})
    changed = mine.plans.update(made.id, version=1, author=None, status="active", data=None)
    assert (changed.title, changed.author, changed.status, changed.data) == ("Auth", None, "active", None)
    assert (changed.version, changed.created_at, changed.content) == (2, made.created_at, "x")
    assert mine.plans.get(made.id) == changed


def test_an_update_of_an_older_version_is_refused(mine: Store) -> None:
    made = mine.plans.create("Auth")
    mine.plans.update(made.id, version=1, title="Login")
    with pytest.raises(ConflictError, match="has version 2 by now"):
        mine.plans.update(made.id, version=1, title="Lost")
    assert mine.plans.get(made.id).title == "Login"
    with pytest.raises(NotFoundError):
        mine.plans.update("nobody", version=1, title="x")


def test_no_update_is_lost_when_threads_write_at_once(mine: Store) -> None:
    made = mine.sessions.create("Work", data={"count": 0})
    errors: list[BaseException] = []

    def count() -> None:
        for _ in range(5):
            while True:
                found = mine.sessions.get(made.id)
                try:
                    mine.sessions.update(made.id, version=found.version, data={"count": found.data["count"] + 1})
                    break
                except ConflictError:
                    continue
                except BaseException as error:
                    errors.append(error)
                    raise

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = mine.sessions.get(made.id)
    assert not errors
    assert (found.data["count"], found.version) == (20, 21)


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        (["active", "paused", "active", "complete", "active"], "nonsense"),
        (["active", "complete"], "paused"),
        (["cancelled"], "complete"),
        (["superseded", "planned"], "paused"),
        ([], "complete"),
    ],
)
def test_a_status_leads_to_some_and_not_to_others(mine: Store, path: list[Any], refused: Any) -> None:
    made = mine.plans.create("Auth")
    for status in path:
        assert mine.plans.set_status(made.id, status).status == status
    with pytest.raises(StoreError) as caught:
        mine.plans.set_status(made.id, refused)
    assert isinstance(caught.value, InvalidValueError if refused == "nonsense" else StateError)
    with pytest.raises(type(caught.value)):
        mine.plans.update(made.id, version=len(path) + 1, status=refused)
    assert mine.plans.get(made.id).status == ["planned", *path][-1]


def test_setting_the_status_again_is_no_mistake(mine: Store) -> None:
    made = mine.sessions.create("Work")
    assert mine.sessions.set_status(made.id, "complete").status == "complete"
    assert mine.sessions.set_status(made.id, "complete").status == "complete"
    with pytest.raises(StateError, match="complete, which does not lead to paused"):
        mine.sessions.set_status(made.id, "paused")


def test_only_one_of_many_threads_makes_an_id(mine: Store) -> None:
    made, refused = [], []

    def make() -> None:
        try:
            made.append(mine.plans.create("Auth", id="same"))
        except ConflictError as error:
            refused.append(error)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 5)


def fill(store: Store) -> None:
    for number in range(6):
        store.plans.create(
            f"Plan {number}",
            id=f"p{number}",
            status="active" if number % 2 else "planned",
            author="ada" if number < 3 else "bob",
            priority="high" if number in {1, 4} else None,
            topics=("auth", "api") if number in {2, 4} else ("authentication",),
            content=f"Text {number} of ÄPFEL",
            data={"number": number},
        )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "543210"),
        ({"status": "active"}, "531"),
        ({"status": ["active", "planned"]}, "543210"),
        ({"status": []}, ""),
        ({"author": "ada"}, "210"),
        ({"topic": "auth"}, "42"),
        ({"topic": "aut"}, ""),
        ({"priority": "high"}, "41"),
        ({"text": "pLAN 3"}, "3"),
        ({"text": "tEXT 4 OF ÄP"}, "4"),
        ({"text": "äpfel"}, ""),
        ({"text": "100%"}, ""),
        ({"filter": field("data.number") >= 4}, "54"),
        ({"filter": field("topics").has("api") & ~(field("data.number") == 2)}, "4"),
        ({"status": "planned", "author": "bob", "topic": "auth", "priority": "high"}, "4"),
    ],
)
def test_plans_are_found_by_what_is_asked(mine: Store, asked: dict[str, Any], found: str) -> None:
    fill(mine)
    page = mine.plans.list(**asked)
    assert "".join(plan.id[1] for plan in page.items) == found
    assert page.total == len(found)


def test_pages_of_a_filtered_list_join_to_it(mine: Store) -> None:
    fill(mine)
    found, after = "", None
    while True:
        page = mine.plans.list(status="planned", limit=1, after=after)
        found += "".join(plan.id[1] for plan in page.items)
        assert page.total == 3
        if page.next is None:
            break
        after = page.next
    assert found == "420"
    with pytest.raises(PageTokenError):
        mine.plans.list(status="active", after=after)


def test_sessions_are_found_by_plan_and_time_both_ends_included(mine: Store) -> None:
    mine.plans.create("Auth", id="p")
    for number in range(4):
        mine.sessions.create(
            f"S{number}", id=f"s{number}", started_at=DAY + timedelta(days=number), plan="p" if number % 2 else None
        )
    page = mine.sessions.list(since=DAY + timedelta(days=1), until=DAY + timedelta(days=3))
    assert [session.id for session in page.items] == ["s3", "s2", "s1"]
    assert [session.id for session in mine.sessions.list(plan="p").items] == ["s3", "s1"]


@pytest.mark.parametrize(
    ("size", "content", "data"),
    [("preview", TEXT[:240], None), ("metadata", None, {"n": 1}), ("full", TEXT * 9, {"n": 1})],
)
def test_a_list_returns_as_much_as_it_is_asked_for(mine: Store, size: Any, content: str | None, data: Any) -> None:
    mine.plans.create("Auth", content=TEXT * 9, data={"n": 1})
    (plan,) = mine.plans.list(size=size).items
    assert plan.data == data
    assert plan.content == ((TEXT * 9)[:240] if size == "preview" else content)


def test_a_section_comes_with_its_subsections(mine: Store) -> None:
    mine.plans.create("Auth", content=TEXT)
    (plan,) = mine.plans.list(size="section", section="goal").items
    assert plan.content == "## Goal ##\n\nOne login.\n\n### Why\n\n```\n## Notes\n```"
    (plan,) = mine.plans.list(size="section", section="nothing").items
    assert plan.content is None
    assert section_of(TEXT, "Notes") == "## Notes\n\nNone."


def test_deleting_a_plan_keeps_its_sessions(mine: Store) -> None:
    mine.plans.create("Auth", id="p")
    mine.sessions.create("Work", id="s", plan="p")
    mine.events.add("note", plan="p", id="gone")
    mine.events.add("note", session="s", id="kept")
    assert mine.plans.delete("p") is True
    assert mine.plans.delete("p") is False
    assert mine.sessions.get("s").plan_id is None
    assert [event.id for event in mine.events.list().items] == ["kept"]
    assert mine.sessions.delete("s") is True
    assert mine.events.list().total == 0


def test_deleting_a_project_deletes_what_is_in_it(shared_store: Store, project: str) -> None:
    mine = shared_store.project(project)
    mine.plans.create("Auth", id="p")
    mine.sessions.create("Work", id="s", plan="p")
    mine.events.add("note", session="s", plan="p")
    shared_store.projects.delete(project)
    shared_store.projects.put(project)
    assert (mine.plans.list().total, mine.sessions.list().total, mine.events.list().total) == (0, 0, 0)


def test_writing_a_record_as_it_is_tells_what_became_of_it(mine: Store) -> None:
    plan = mine.plans.create("Auth", data={"b": 1, "a": [1.5]})
    assert mine.plans.put(plan) == "unchanged"
    assert mine.plans.get(plan.id) == plan
    other = mine.plans.update(plan.id, version=1, title="Login")
    assert mine.plans.put(plan) == "changed"
    assert mine.plans.get(plan.id).title == "Auth"
    assert mine.plans.get(plan.id).version == other.version + 1
    mine.plans.delete(plan.id)
    assert mine.plans.put(plan) == "created"
    assert mine.plans.get(plan.id) == plan


def test_events_come_back_in_the_order_in_which_they_were_appended(mine: Store) -> None:
    mine.sessions.create("Work", id="s")
    events = [NewEvent("note", {"n": number}, session="s", topics=("a",)) for number in range(1500)]
    appended = mine.events.append(events)
    first = mine.events.list(oldest_first=True, limit=1000)
    rest = mine.events.list(oldest_first=True, limit=1000, after=first.next)
    assert (*first.items, *rest.items) == appended
    assert [event.data["n"] for event in appended] == list(range(1500))
    assert first.total == 1500


def test_appending_again_changes_nothing(mine: Store) -> None:
    events = [NewEvent("note", {"n": number}) for number in range(5)]
    appended = mine.events.append(events)
    more = [*events, NewEvent("note", {"n": 5}, id="five", at=DAY)]
    assert mine.events.append(more)[:5] == appended
    assert mine.events.append(more)[5].at == DAY
    assert mine.events.list().total == 6


def test_an_event_that_says_something_else_under_the_same_id_is_refused_with_the_whole_call(mine: Store) -> None:
    mine.events.add("note", {"n": 1}, id="one")
    with pytest.raises(ConflictError, match="says something else"):
        mine.events.append([NewEvent("note", {"n": 0}), NewEvent("note", {"n": 2}, id="one")])
    with pytest.raises(ConflictError):
        mine.events.add("note", {"n": 1}, id="one", at=DAY)
    assert mine.events.list().total == 1
    assert mine.events.get("one").data == {"n": 1}


def test_threads_that_append_the_same_events_append_them_once(mine: Store) -> None:
    events = [NewEvent("note", {"n": number}) for number in range(200)]
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(mine.events.append(events))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer == answers[0] for answer in answers] == [True] * 4
    assert mine.events.list().total == 200


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "43210"),
        ({"kind": "task_completed"}, "20"),
        ({"kind": ["decision_made", "note"]}, "431"),
        ({"session": "s"}, "10"),
        ({"plan": "p"}, "2"),
        ({"author": "ada"}, "1"),
        ({"topic": "api"}, "21"),
        ({"text": "STORE"}, "20"),
        ({"since": DAY + timedelta(minutes=3)}, "43"),
        ({"until": DAY + timedelta(minutes=1)}, "10"),
        ({"filter": field("data.outcome") == "failed"}, "2"),
        ({"filter": (field("data.tests_added") > 4) | field("data").contains({"alternatives": ["jwt"]})}, "10"),
        ({"filter": field("data[0]") == 1}, "4"),
    ],
)
def test_events_are_found_by_what_is_asked(mine: Store, asked: dict[str, Any], found: str) -> None:
    mine.plans.create("Auth", id="p")
    mine.sessions.create("Work", id="s")
    events = [
        NewEvent.of(TaskCompleted(task="Store it", tests_added=5), session="s"),
        NewEvent.of(
            DecisionMade(decision="Sessions", alternatives=["jwt", "oauth"]), session="s", author="ada", topics=("api",)
        ),
        NewEvent.of(TaskCompleted(task="Restore", outcome="failed"), plan="p", topics=("api", "db")),
        NewEvent("note", {"tests_added": "9"}),
        NewEvent("note", [1]),
    ]
    for number, event in enumerate(events):
        mine.events.add(
            event.kind,
            event.data,
            session=event.session,
            plan=event.plan,
            author=event.author,
            topics=event.topics,
            id=str(number),
            at=DAY + timedelta(minutes=number),
        )
    page = mine.events.list(**asked)
    assert "".join(event.id for event in page.items) == found
    assert page.total == len(found)


def test_events_of_all_projects_are_listed_together(shared_store: Store) -> None:
    mark = new_id()
    projects = [shared_store.projects.put(new_id()).id for _ in range(3)]
    for number in range(9):
        shared_store.events.add(mark, {"n": number}, project=projects[number % 3], id="same" if number < 3 else None)
    first = shared_store.events.list(kind=mark, limit=5)
    rest = shared_store.events.list(kind=mark, limit=5, after=first.next)
    assert [event.data["n"] for event in (*first.items, *rest.items)] == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert first.total == 9
    assert shared_store.events.get("same", project=projects[1]).data == {"n": 1}


@pytest.mark.parametrize("size", ["preview", "metadata", "section", "full"])
def test_events_are_returned_in_four_sizes(mine: Store, size: Any) -> None:
    mine.events.add(TaskCompleted(task="Store", outcome="partial"))
    (event,) = mine.events.list(size=size, section="outcome" if size == "section" else None).items
    assert event.summary == "Store"
    assert event.data == {"section": {"outcome": "partial"}, "full": {"task": "Store", "outcome": "partial"}}.get(size)


def test_an_event_of_a_known_kind_is_read_as_its_class(mine: Store) -> None:
    said = DecisionMade(decision="Sessions", trade_offs={"speed": "less"})
    event = mine.events.add(said, topics=("auth",))
    assert event.payload == said
    assert event.data == {"decision": "Sessions", "trade_offs": {"speed": "less"}}
    assert mine.events.add("note", "any text").payload is None
    more = mine.events.add("task_completed", {"task": "x", "tdd_cycle": True})
    assert mine.events.get(more.id).data["tdd_cycle"] is True
    assert more.summary == "x"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("task_completed", {}),
        ("task_completed", {"task": 5}),
        ("task_completed", {"task": "x", "outcome": "great"}),
        ("task_completed", {"task": "x", "tests_added": "5"}),
        ("task_completed", ["task"]),
        ("task_completed", None),
        ("decision_made", {"decision": "x", "alternatives": "y"}),
        ("bug_encountered", {"symptom": None}),
        ("learning_captured", {"insight": "x", "confidence": "sure"}),
        ("", {}),
        ("k" * 101, {}),
        (5, {}),
        ("note", {"x": float("nan")}),
        ("note", object()),
    ],
)
def test_data_that_do_not_fit_their_kind_are_refused(mine: Store, kind: Any, data: Any) -> None:
    with pytest.raises(InvalidValueError):
        mine.events.append([NewEvent("note"), NewEvent(kind, data)])
    assert mine.events.list().total == 0


def test_every_known_kind_has_a_headline_of_its_own() -> None:
    for kind, payload in KINDS.items():
        assert payload.kind == kind
        assert payload.headline in payload.model_fields


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda s: s.plans.create(""), InvalidValueError),
        (lambda s: s.plans.create("x" * 1001), InvalidValueError),
        (lambda s: s.plans.create("x", status="done"), InvalidValueError),
        (lambda s: s.plans.create("x", priority="urgent"), InvalidValueError),
        (lambda s: s.plans.create("x", topics="auth"), InvalidValueError),
        (lambda s: s.plans.create("x", topics=(1,)), InvalidValueError),
        (lambda s: s.plans.create("x", content="a\0"), InvalidValueError),
        (lambda s: s.plans.create("x", id="a\n"), InvalidValueError),
        (lambda s: s.plans.create("x", project="another"), TenantError),
        (lambda s: s.plans.list(size="large"), InvalidValueError),
        (lambda s: s.plans.list(size="section"), InvalidValueError),
        (lambda s: s.plans.list(section="Goal"), InvalidValueError),
        (lambda s: s.plans.list(status="done"), InvalidValueError),
        (lambda s: s.plans.list(since=datetime(2026, 1, 1)), InvalidValueError),  # noqa: DTZ001
        (lambda s: s.plans.list(filter=field("content") == "x"), InvalidValueError),
        (lambda s: s.plans.get("nobody"), NotFoundError),
        (lambda s: s.plans.update("nobody", version="1"), InvalidValueError),
        (lambda s: s.sessions.create("x", plan="nobody"), MissingReferenceError),
        (lambda s: s.sessions.create("x", started_at="2026-01-01"), InvalidValueError),
        (lambda s: s.sessions.set_status("nobody", "paused"), NotFoundError),
        (lambda s: s.events.add("note", session="nobody"), MissingReferenceError),
        (lambda s: s.events.add("note", plan="nobody"), MissingReferenceError),
        (lambda s: s.events.add("note", topics="auth"), InvalidValueError),
        (lambda s: s.events.append([NewEvent("a", id="x"), NewEvent("b", id="x")]), InvalidValueError),
        (lambda s: s.events.append([{"kind": "a"}]), InvalidValueError),
        (lambda s: s.events.append(NewEvent("a") for _ in range(2)), InvalidValueError),
        (lambda s: s.events.add("note", topics=(topic for topic in "ab")), InvalidValueError),
        (lambda s: s.plans.list(status=iter(["active"])), InvalidValueError),
        (lambda s: s.events.get("nobody"), NotFoundError),
    ],
)
def test_what_is_wrong_is_told_alike(mine: Store, call: Callable[[Any], object], error: type[StoreError]) -> None:
    with pytest.raises(error):
        call(mine)


def test_a_missing_project_is_told(shared_store: Store) -> None:
    with pytest.raises(MissingReferenceError):
        shared_store.plans.create("x", project=new_id())
    with pytest.raises(InvalidValueError, match="No project"):
        shared_store.plans.create("x")


def test_tasks_append_and_read_at_once(store_url: str) -> None:
    async def run() -> tuple[int | None, list[int]]:
        async with open_store(store_url) as store:
            await store.projects.put("p")
            mine = store.project("p")
            await mine.plans.create("Auth", id="plan")

            async def work(worker: int) -> None:
                for number in range(5):
                    await mine.events.append([NewEvent("note", {"w": worker, "n": number}) for _ in range(4)])
                    await mine.events.list(limit=3)

            await asyncio.gather(*(work(worker) for worker in range(20)))
            page = await mine.events.list(filter=field("data.w") == 7, oldest_first=True)
            return (await mine.events.list(limit=1)).total, [event.data["n"] for event in page.items]

    total, numbers = asyncio.run(run())
    assert total == 400
    assert numbers == sorted(numbers)
    assert len(numbers) == 20


def test_what_is_known_is_found_by_search_as_it_is_now(mine: Store) -> None:
    plan = mine.plans.create("Lantern", topics=("harbour",), content="A quiet mooring")
    work = mine.sessions.create("Rigging", content="The mooring again", plan=plan.id)
    event = mine.events.add("note", {"deep": [{"said": "mooring lines"}]}, session=work.id, topics=("harbour",))

    def found(query: str) -> set[tuple[str, str]]:
        return {(hit.entry.kind, hit.entry.id) for hit in mine.search(query).items}

    assert found("mooring") == {("plan", plan.id), ("session", work.id), ("event", event.id)}
    assert found("harbour") == {("plan", plan.id), ("event", event.id)}
    mine.plans.update(plan.id, version=1, content="Dry land", topics=())
    assert found("mooring harbour") == {("event", event.id)}
    mine.sessions.delete(work.id)
    assert found("mooring") == set()
    assert found("land") == {("plan", plan.id)}
