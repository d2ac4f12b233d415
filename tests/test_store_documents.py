"""Resources, collections, citations and annotations, changed by many at once without losing a write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import exuvia
from exuvia.store import Page, Store, field
from exuvia.store.core.values import new_id
from exuvia.store.documents import CitationCounts, Resource
from exuvia.store.errors import (
    ConflictError,
    InvalidValueError,
    MissingReferenceError,
    NotFoundError,
    PageTokenError,
    StateError,
    StoreError,
)


@pytest.fixture
def bound(shared_store: Store, project: str) -> Store:
    """A store that is bound to a project of its own."""
    return shared_store.project(project)


def ids(page: Page[Resource]) -> list[str]:
    """Return the ids of a page's resources."""
    return [one.id for one in page.items]


def add(store: Store, *names: str) -> None:
    """Add resources of these ids."""
    for name in names:
        store.documents.resources.create(name, id=name)


def test_a_resource_comes_back_as_it_was_made(bound: Store) -> None:
    made = bound.documents.resources.create(
        "On Computable Numbers",
        creators=["Alan Turing"],
        url="https://example.org/turing",
        identifier="doi:10.1112/plms/s2-42.1.230",
        language="en",
        media_type="application/pdf",
        description="What a machine can compute.",
        content="The “computable” numbers …",
        classification="511.35",
        quality=1,
        read_status="in_progress",
        tags=["logic", "logic", "1936"],
        data={"pages": 36},
        id="turing",
    )
    assert bound.documents.resources.get("turing") == made
    assert (made.version, made.quality, made.tags) == (1, 1.0, ("logic", "1936"))


def test_lists_leave_out_the_texts_unless_asked(bound: Store) -> None:
    bound.documents.resources.create("Long", content="many words")
    assert bound.documents.resources.list().items[0].content is None
    assert bound.documents.resources.list(content=True).items[0].content == "many words"


def test_an_update_of_what_has_changed_since_is_refused(bound: Store) -> None:
    resources = bound.documents.resources
    read = resources.create("A", id="a", url="https://example.org", tags=["x"])
    changed = resources.update("a", version=read.version, title="B", url=None)
    assert (changed.title, changed.url, changed.tags, changed.version) == ("B", None, ("x",), 2)
    with pytest.raises(ConflictError, match="version 2"):
        resources.update("a", version=read.version, title="C")
    assert resources.get("a") == changed


def test_what_changes_nothing_is_not_written(bound: Store) -> None:
    made = bound.documents.resources.create("A", id="a", data={"b": 1, "a": 2})
    assert bound.documents.resources.edit("a", lambda found: replace(found, title="A")) == made


def test_a_document_that_a_function_changes_in_place_is_written(bound: Store) -> None:
    bound.documents.resources.create("A", id="a", data={"pages": 1})

    def turn(found: Resource) -> Resource:
        found.data["pages"] += 1
        return found

    assert bound.documents.resources.edit("a", turn).version == 2
    assert bound.documents.resources.get("a").data == {"pages": 2}


def eight_times(work: Callable[[int], object], rounds: int = 3) -> list[object]:
    """Do work in eight threads at once."""
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(work, range(8 * rounds)))


def test_edits_by_eight_threads_lose_nothing(bound: Store) -> None:
    bound.documents.resources.create("A", id="a", data={"count": 0})

    def count(number: int) -> object:
        return bound.documents.resources.edit(
            "a", lambda found: replace(found, data={"count": found.data["count"] + 1}, tags=(*found.tags, f"t{number}"))
        )

    eight_times(count)
    found = bound.documents.resources.get("a")
    assert (found.data, len(found.tags), found.version) == ({"count": 24}, 24, 25)


def test_updates_by_eight_threads_lose_nothing(bound: Store) -> None:
    bound.documents.resources.create("A", id="a", data=0)

    def count(_: int) -> int:
        tries = 0
        while True:
            tries += 1
            found = bound.documents.resources.get("a")
            try:
                bound.documents.resources.update("a", version=found.version, data=found.data + 1)
            except ConflictError:
                continue
            return tries

    eight_times(count, rounds=2)
    assert bound.documents.resources.get("a").data == 16


def test_a_locked_resource_waits_for_the_transaction(bound: Store) -> None:
    bound.documents.resources.create("A", id="a", data=0)

    def count(_: int) -> None:
        with bound.transaction() as tx:
            found = tx.documents.resources.lock("a")
            tx.documents.resources.update("a", version=found.version, data=found.data + 1)

    eight_times(count, rounds=2)
    assert bound.documents.resources.get("a").data == 16


def test_tasks_edit_as_threads_do(shared_store_url: str, project: str) -> None:
    async def work() -> Resource:
        async with exuvia.open(shared_store_url) as store:
            own = store.project(project)
            await own.documents.resources.create("A", id="a", data=0)
            edits = (own.documents.resources.edit("a", lambda one: replace(one, data=one.data + 1)) for _ in range(8))
            await asyncio.gather(*edits)
            return await own.documents.resources.get("a")

    assert asyncio.run(work()).data == 8


def test_a_function_that_fails_changes_nothing(bound: Store) -> None:
    made = bound.documents.resources.create("A", id="a")

    def wrong(_: Resource) -> Resource:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bound.documents.resources.edit("a", wrong)
    with pytest.raises(InvalidValueError, match="not a resource"):
        bound.documents.resources.edit("a", lambda _: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(InvalidValueError, match="id"):
        bound.documents.resources.edit("a", lambda found: replace(found, id="b"))
    assert bound.documents.resources.get("a") == made


def test_resources_are_found_by_classification_and_quality(bound: Store) -> None:
    resources = bound.documents.resources
    for code, quality in (("004", 0.2), ("004.6", 0.9), ("005", 0.5), (None, None)):
        resources.create("x", id=str(code), classification=code, quality=quality)
    assert ids(resources.list(classification="004")) == ["004"]
    assert ids(resources.list(classified_under="004")) == ["004.6", "004"]
    assert ids(resources.list(min_quality=0.5)) == ["005", "004.6"]
    assert ids(resources.list(min_quality=0.2, max_quality=0.5)) == ["005", "004"]
    assert ids(resources.list(order="quality")) == ["004.6", "005", "004", "None"]


def test_resources_are_found_by_what_they_are(bound: Store) -> None:
    resources = bound.documents.resources
    first = resources.create("B", id="b", creators=["Ada"], tags=["x"], language="en", data={"year": 1843})
    second = resources.create(
        "A", id="a", read_status="archived", identifier="isbn:1", url="https://a", data={"year": 2}
    )
    assert ids(resources.list(creator="Ada")) == ids(resources.list(tag="x")) == ["b"]
    assert ids(resources.list(language="en")) == ["b"]
    assert ids(resources.list(read_status="archived")) == ids(resources.list(identifier="isbn:1")) == ["a"]
    assert ids(resources.list(url="https://a")) == ids(resources.list(filter=field("data.year") < 1000)) == ["a"]
    assert ids(resources.list(filter=field("tags").contains(["x"]))) == ["b"]
    assert ids(resources.list(order="title")) == ["a", "b"]
    assert ids(resources.list(until=first.created_at)) == ["b"]
    assert ids(resources.list(since=second.created_at)) == ["a"]
    changed = resources.update("b", version=1, title="C")
    assert ids(resources.list(order="changed")) == ["b", "a"]
    assert ids(resources.list(changed_since=changed.updated_at)) == ["b"]
    assert resources.list(changed_until=first.updated_at).total == 0


@pytest.mark.parametrize("order", ["newest", "changed", "title", "quality"])
def test_pages_have_every_resource_once(bound: Store, order: str) -> None:
    for number in range(7):
        bound.documents.resources.create("same", quality=None if number % 3 else number / 10)
    whole = ids(bound.documents.resources.list(order=order))  # type: ignore[arg-type]
    page = bound.documents.resources.list(order=order, limit=2)  # type: ignore[arg-type]
    read = ids(page)
    while page.next:
        assert page.total == 7
        page = bound.documents.resources.list(order=order, limit=2, after=page.next)  # type: ignore[arg-type]
        read += ids(page)
    assert read == whole
    assert len(set(read)) == 7


def test_a_collection_keeps_the_order_of_its_resources(bound: Store) -> None:
    add(bound, *"abcde")
    collections = bound.documents.collections
    collections.create("Shelf", id="s")
    collections.add("s", ["c", "a"])
    collections.add("s", ["b"])
    collections.add("s", ["d", "b"], before="a")
    assert ids(collections.resources("s")) == ["c", "d", "b", "a"]
    assert collections.remove("s", ["d", "e"]) == 1
    page = collections.resources("s", limit=2)
    assert (ids(page), page.total) == (["c", "b"], 3)
    assert ids(collections.resources("s", limit=2, after=page.next)) == ["a"]
    with pytest.raises(NotFoundError, match="not in the collection"):
        collections.add("s", ["a"], before="e")


def test_resources_that_are_added_at_once_all_have_places(bound: Store) -> None:
    names = [f"r{number:02}" for number in range(24)]
    add(bound, *names)
    bound.documents.collections.create("Shelf", id="s")
    eight_times(lambda number: bound.documents.collections.add("s", [names[number]]))
    assert sorted(ids(bound.documents.collections.resources("s"))) == names


def test_collections_are_nested(bound: Store) -> None:
    add(bound, *"abc")
    collections = bound.documents.collections
    for name, parent in (("top", None), ("left", "top"), ("right", "top"), ("leaf", "left"), ("other", None)):
        collections.create(name, id=name, parent=parent)
    collections.add("top", ["a"])
    collections.add("leaf", ["b", "a"])
    assert [one.id for one in collections.subtree("top")] == ["top", "left", "leaf", "right"]
    assert [one.id for one in collections.list(parent="top").items] == ["left", "right"]
    assert [one.id for one in collections.list(parent=None).items] == ["top", "other"]
    assert [one.id for one in collections.list(resource="a").items] == ["top", "leaf"]
    assert ids(bound.documents.resources.list(collection="top")) == ["a"]
    assert ids(bound.documents.resources.list(collection="top", nested=True, order="title")) == ["a", "b"]
    moved = collections.move("left", "other")
    assert (moved.parent_id, moved.version) == ("other", 2)
    assert [one.id for one in collections.subtree("other")] == ["other", "left", "leaf"]
    assert collections.move("left", None).parent_id is None


def test_a_collection_is_never_inside_of_itself(bound: Store) -> None:
    collections = bound.documents.collections
    for name, parent in (("a", None), ("b", "a"), ("c", "b"), ("x", None), ("y", None)):
        collections.create(name, id=name, parent=parent)
    for parent in "abc":
        with pytest.raises(StateError, match="which is in it"):
            collections.move("a", parent)
    with pytest.raises(StateError):
        collections.create("z", id="z", parent="z")
    with pytest.raises(InvalidValueError, match="parent_id"):
        collections.edit("a", lambda found: replace(found, parent_id="c"))

    def into_each_other(number: int) -> bool:
        try:
            collections.move(*(("x", "y") if number % 2 else ("y", "x")))
        except StateError:
            return False
        return True

    eight_times(into_each_other)
    assert sorted((collections.get("x").parent_id is None, collections.get("y").parent_id is None)) == [False, True]


def test_citations_are_seen_from_both_ends(bound: Store) -> None:
    add(bound, *"abc")
    citations = bound.documents.citations
    citations.add("a", to="b", position=40, type="quotation", context="as b says")
    citations.add("a", url="https://outside", position=7)
    citations.add("c", to="b", data={"page": 3})
    assert [(one.target_id, one.url) for one in citations.list(resource="a").items] == [
        (None, "https://outside"),
        ("b", None),
    ]
    assert [one.resource_id for one in citations.list(to="b").items] == ["c", "a"]
    assert [one.context for one in citations.list(type="quotation").items] == ["as b says"]
    assert citations.list(filter=field("data.page") == 3).total == 1
    assert citations.counts("a") == CitationCounts(cites=2, outside=1, cited_by=0)
    assert citations.counts("b") == CitationCounts(cites=0, outside=0, cited_by=2)


def test_citations_of_an_address_become_those_of_a_resource(bound: Store) -> None:
    add(bound, "a", "b")
    citations = bound.documents.citations
    made = citations.add("a", url="https://outside")
    with pytest.raises(MissingReferenceError):
        citations.resolve("https://outside", "nowhere")
    assert citations.resolve("https://outside", "b") == 1
    assert citations.resolve("https://outside", "b") == 0
    assert citations.list(to="b").items == (replace(made, target_id="b"),)
    bound.documents.resources.delete("b")
    assert citations.list(resource="a").items == (made,)


def test_a_citation_with_an_address_outlives_what_it_cites_even_in_a_race(bound: Store) -> None:
    add(bound, "from")
    citations = bound.documents.citations

    def cite(number: int) -> bool:
        if number == 12:
            return not bound.documents.resources.delete("to")
        try:
            citations.add("from", to="to", url="https://outside")
        except MissingReferenceError:
            return False
        return True

    for _ in range(3):
        add(bound, "to")
        before = citations.counts("from").cites
        made = sum(map(bool, eight_times(cite)))
        assert citations.counts("from").cites - before == made
    assert citations.counts("from").outside == citations.counts("from").cites


def test_annotations_come_in_the_order_of_the_text(bound: Store) -> None:
    add(bound, "a", "b")
    annotations = bound.documents.annotations
    late = annotations.create(
        "a", start=10, end=20, text="marked", note="why", tags=["q"], author="ada", color="yellow"
    )
    early = annotations.create("a", start=0, end=0, author="bob", shared=True)
    whole = annotations.create("a", note="all of it", author="bob")
    other = annotations.create("b", author="ada", shared=True)
    assert annotations.list(resource="a").items == (early, late, whole)
    assert annotations.list(author="ada").items == (other, late)
    assert annotations.list(reader="ada").items == (other, early, late)
    assert annotations.list(shared=False, author="bob").items == (whole,)
    assert annotations.list(tag="q", color="yellow", since=late.created_at, until=late.created_at).items == (late,)
    changed = annotations.update(late.id, version=1, shared=True, start=None, end=None)
    assert (changed.shared, changed.start_offset, changed.note) == (True, None, "why")
    assert annotations.edit(late.id, lambda found: replace(found, note="new")).version == 3
    assert annotations.delete(late.id)
    assert not annotations.delete(late.id)


def test_texts_are_found_by_search_as_they_are_now(bound: Store) -> None:
    resources, annotations = bound.documents.resources, bound.documents.annotations
    resources.create("Axolotls", id="a", content="of the lake", creators=["Ada"], tags=["zoo"], classification="597")
    annotations.create("a", note="a quagga here", id="n", shared=True)
    for words, kind in (
        ("axolotls", "resource"),
        ("lake", "resource"),
        ("ada zoo", "resource"),
        ("quagga", "annotation"),
    ):
        assert [hit.entry.kind for hit in bound.search(words).items] == [kind]
    assert bound.search("lake", type="597").total == 1
    assert bound.search("quagga", kinds="annotation", type="private").total == 0
    resources.update("a", version=1, content="of the river", classification="5")
    annotations.update("n", version=1, note="no more", shared=False)
    assert [bound.search(words).total for words in ("lake", "river", "quagga", "more")] == [0, 1, 0, 1]
    assert bound.search("river", type="5").total == 1
    resources.delete("a")
    assert [bound.search(words).total for words in ("river", "more")] == [0, 0]


def test_what_belongs_to_a_resource_goes_with_it(bound: Store) -> None:
    add(bound, *"ab")
    documents = bound.documents
    documents.collections.create("Shelf", id="s")
    documents.collections.create("Inner", id="i", parent="s")
    documents.collections.add("i", ["a", "b"])
    documents.citations.add("a", to="b")
    documents.citations.add("b", to="a")
    documents.annotations.create("a")
    assert documents.resources.delete("a")
    assert not documents.resources.delete("a")
    assert documents.citations.list().total == documents.annotations.list().total == 0
    assert ids(documents.collections.resources("i")) == ["b"]
    assert documents.collections.delete("s")
    assert documents.collections.list().total == 0
    assert documents.resources.list().total == 1


def test_projects_do_not_see_each_other(shared_store: Store, bound: Store) -> None:
    other = shared_store.project(shared_store.projects.put(new_id()).id)
    for store in (bound, other):
        add(store, "a", "b")
        store.documents.collections.create("Shelf", id="s")
        store.documents.collections.add("s", ["a"])
        store.documents.citations.add("a", to="b")
    other.documents.resources.delete("a")
    assert ids(bound.documents.resources.list(collection="s", nested=True)) == ["a"]
    assert bound.documents.citations.counts("b").cited_by == 1
    with pytest.raises(MissingReferenceError):
        other.documents.collections.add("s", ["a"])


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda d: d.resources.create(""), InvalidValueError),
        (lambda d: d.resources.create("x", quality=1.1), InvalidValueError),
        (lambda d: d.resources.create("x", quality=float("nan")), InvalidValueError),
        (lambda d: d.resources.create("x", read_status="read"), InvalidValueError),
        (lambda d: d.resources.create("x", tags="abc"), InvalidValueError),
        (lambda d: d.resources.create("x", content="nul \0"), InvalidValueError),
        (lambda d: d.resources.create("x", id="a"), ConflictError),
        (lambda d: d.resources.get("nowhere"), NotFoundError),
        (lambda d: d.resources.update("nowhere", version=1), NotFoundError),
        (lambda d: d.resources.update("a", version=None), InvalidValueError),
        (lambda d: d.resources.update("a", version=1, data=float("inf")), InvalidValueError),
        (lambda d: d.resources.list(order="best"), InvalidValueError),
        (lambda d: d.resources.list(min_quality=2), InvalidValueError),
        (lambda d: d.resources.list(after="nonsense"), PageTokenError),
        (lambda d: d.collections.create("x", parent="nowhere"), MissingReferenceError),
        (lambda d: d.collections.move("nowhere", None), NotFoundError),
        (lambda d: d.collections.subtree("nowhere"), NotFoundError),
        (lambda d: d.collections.add("nowhere", ["a"]), NotFoundError),
        (lambda d: d.collections.add("nowhere", "a"), InvalidValueError),
        (lambda d: d.citations.add("a"), InvalidValueError),
        (lambda d: d.citations.add("a", to="nowhere"), MissingReferenceError),
        (lambda d: d.citations.add("a", url="x", position=-1), InvalidValueError),
        (lambda d: d.annotations.create("nowhere"), MissingReferenceError),
        (lambda d: d.annotations.create("a", start=3), InvalidValueError),
        (lambda d: d.annotations.create("a", start=3, end=2), InvalidValueError),
    ],
)
def test_mistakes_are_told(bound: Store, wrong: Callable[[object], object], error: type[StoreError]) -> None:
    add(bound, "a")
    with pytest.raises(error):
        wrong(bound.documents)


def test_a_range_of_the_future_is_empty(bound: Store) -> None:
    add(bound, "a")
    assert bound.documents.resources.list(since=datetime.now(UTC) + timedelta(hours=1)).total == 0
