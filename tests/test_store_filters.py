"""JSON filters: the same answer from SQLite, from PostgreSQL, and from a few lines of Python."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import servers
from exuvia.store import NewEvent, Store, field, open_store
from exuvia.store.core.listing import Where
from exuvia.store.core.operations import Subsystem, Sync, reading, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import encode_json, new_id
from exuvia.store.errors import InvalidValueError
from exuvia.store.filters import And, Compare, Contains, Equal, Exists, Filter, Has, Not, Or

Json = Any

MISSING = object()
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Documents(Subsystem[Sync]):
    """Asks a filter of documents that are in no table."""

    @reading
    def chosen(self, documents: list[Json], asked: Filter) -> Operation[list[int]]:
        where = Where().json("d.data", asked, self.dialect)
        source = (
            "jsonb_array_elements(CAST(:documents AS jsonb)) WITH ORDINALITY AS d(data, place)"
            if self.dialect.is_postgres
            else "(SELECT key + 1 AS place, :documents -> ('$[' || key || ']') AS data FROM json_each(:documents)) AS d"
        )
        rows = yield Statement(
            f"SELECT place FROM {source} WHERE {where} ORDER BY place",
            where.parameters | {"documents": encode_json(documents)},
        )
        return [place - 1 for (place,) in rows]


def chosen(store: Store, documents: list[Json], asked: Filter) -> list[int]:
    return Documents(store._runner).chosen(documents, asked)


def matches(asked: Filter, document: Json) -> bool:
    """Tell what a filter says of a document, in Python."""
    match asked:
        case And(filters):
            return all(matches(part, document) for part in filters)
        case Or(filters):
            return any(matches(part, document) for part in filters)
        case Not(part):
            return not matches(part, document)
        case Equal(path, value):
            return equal(at(document, path), value)
        case Compare(path, order, value):
            found = at(document, path)
            return kind(found) == kind(value) and ORDERS[order](ordered(found), ordered(value))
        case Has(path, value):
            found = at(document, path)
            return isinstance(found, list) and any(equal(element, value) for element in found)
        case Contains(path, value):
            return contains(at(document, path), value)
        case Exists(path):
            return at(document, path) is not MISSING
    raise AssertionError(asked)


def at(document: Json, path: tuple[str | int, ...]) -> Json:
    for step in path[1:]:
        keys = document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
        if step not in keys:
            return MISSING
        document = document[step]
    return document


def kind(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def ordered(value: Json) -> Json:
    return value if isinstance(value, str) else Decimal(str(value))


def equal(found: Json, value: Json) -> bool:
    if kind(found) != kind(value):
        return False
    if isinstance(value, list):
        return len(found) == len(value) and all(map(equal, found, value))
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(equal(found[key], value[key]) for key in value)
    return bool(ordered(found) == ordered(value)) if kind(value) == "number" else bool(found == value)


def contains(found: Json, part: Json) -> bool:
    if isinstance(part, dict):
        return isinstance(found, dict) and all(key in found and contains(found[key], part[key]) for key in part)
    if isinstance(part, list):
        return isinstance(found, list) and all(any(contains(element, one) for element in found) for one in part)
    return equal(found, part)


def nested(depth: int) -> Json:
    return [nested(depth - 1)] if depth else 1


KEYS = st.sampled_from(["a", "b", "", "é", 'q"u', "back\\slash", "dot.ted", "[0]", "0", "'", "\n", "\U0001d4b3", "$"])
NUMBERS = st.one_of(
    st.sampled_from([0, 1, 2, -1, 1.0, 0.1, 2**53, 2**53 + 1, 2.0**53, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 1e22]),
    st.sampled_from([2.0**60, 2**60, -(2.0**60), -(2**60), 1e23, 9.3e18, 1e-300, -1e300, 1e19, 10**19, 1.5]),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
TEXTS = st.one_of(
    st.sampled_from(["", "a", "A", "b", "é", "e\u0301", "1", "true", "null", "\uffff", "\U00010000", "-5", "[]"]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Json], Filter]:
    """Draw documents, and a filter whose values and paths often come from them."""
    documents = draw(st.lists(DOCUMENTS, min_size=1, max_size=5))
    parts = [part for document in documents for part in within(document, ("data",))]
    values = st.one_of(st.sampled_from([value for _, value in parts]), DOCUMENTS)
    paths = st.one_of(
        st.sampled_from([path for path, _ in parts]),
        st.lists(st.one_of(KEYS, st.integers(0, 2)), max_size=3).map(lambda steps: ("data", *steps)),
    )
    bounds = st.one_of(NUMBERS, TEXTS)
    leaf = st.one_of(
        st.builds(Equal, paths, values),
        st.builds(Compare, paths, st.sampled_from(list(ORDERS)), bounds),
        st.builds(Has, paths, values),
        st.builds(lambda path, value: field("data").at(*path[1:]).contains(value), paths, values),
        st.builds(Exists, paths),
    )
    several = lambda inner: st.one_of(  # noqa: E731
        st.lists(inner, min_size=1, max_size=3).map(lambda found: And(tuple(found))),
        st.lists(inner, max_size=3).map(lambda found: Or(tuple(found))),
        inner.map(Not),
    )
    return documents, draw(st.recursive(leaf, several, max_leaves=4))


def within(document: Json, path: tuple[str | int, ...]) -> list[tuple[tuple[str | int, ...], Json]]:
    found = [(path, document)]
    if isinstance(document, dict):
        inner = list(document.items())
    else:
        inner = list(enumerate(document)) if isinstance(document, list) else []
    return found + [part for step, value in inner for part in within(value, (*path, step))]


@settings(deadline=None, max_examples=60)
@given(questions())
@example(([{"a": "x"}, {"a": ["x"]}], field("data").at("a", 0) == "x"))
@example((["x", ["x"]], field("data").has("x")))
@example(([2**60, 2.0**60], field("data") == 2.0**60))
def test_a_filter_means_what_it_means_in_python(shared_store: Store, question: tuple[list[Json], Filter]) -> None:
    documents, asked = question
    expected = [place for place, document in enumerate(documents) if matches(asked, document)]
    assert chosen(shared_store, documents, asked) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (field("data.n") == 1, [1, 0, 0, 0, 0, 0]),
        (field("data.n") == True, [0, 0, 1, 0, 0, 0]),  # noqa: E712
        (field("data.n") == "1", [0, 1, 0, 0, 0, 0]),
        (field("data.n") == None, [0, 0, 0, 1, 0, 0]),  # noqa: E711
        (field("data.n") != 1, [0, 1, 1, 1, 1, 1]),
        (field("data.n").exists(), [1, 1, 1, 1, 0, 1]),
        (field("data.n") >= 0, [1, 0, 0, 0, 0, 0]),
        (field("data.n") > "", [0, 1, 0, 0, 0, 0]),
        (field("data.n").in_([1, None]), [1, 0, 0, 1, 0, 0]),
        (field("data.n").in_([]), [0, 0, 0, 0, 0, 0]),
        (field("data.n").has(1), [0, 0, 0, 0, 0, 1]),
        (field("data.n[1].m") == "x", [0, 0, 0, 0, 0, 1]),
        (field("data").contains({"n": [{"m": "x"}]}), [0, 0, 0, 0, 0, 1]),
        (field("data").contains({"n": []}), [0, 0, 0, 0, 0, 1]),
        (~((field("data.n") == 1) | field("data.n").has(1)), [0, 1, 1, 1, 1, 0]),
    ],
)
def test_types_are_told_apart(shared_store: Store, asked: Filter, expected: list[int]) -> None:
    documents = [{"n": 1.0}, {"n": "1"}, {"n": True}, {"n": None}, {}, {"n": [1, {"m": "x", "k": 2}]}]
    assert chosen(shared_store, documents, asked) == [place for place, yes in enumerate(expected) if yes]


def test_a_list_takes_a_filter(shared_store: Store) -> None:
    mark = new_id()
    for number in range(5):
        shared_store.projects.put(f"{mark}-{number}", data={"mark": mark, "number": number})
    asked = (field("data.mark") == mark) & (field("data.number") >= 2)
    page = shared_store.projects.list(filter=asked, limit=2)
    assert (page.total, [item.data["number"] for item in page.items]) == (3, [2, 3])
    rest = shared_store.projects.list(filter=asked, limit=2, after=page.next)
    assert [item.data["number"] for item in rest.items] == [4]


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", 'a"b', "a[0]b", "a\0", None, 5])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(InvalidValueError):
        field(path)


@pytest.mark.parametrize(
    "make",
    [
        lambda: field("data.a") >= None,  # type: ignore[operator]
        lambda: field("data.a") < True,
        lambda: field("data.a") < [1],  # type: ignore[operator]
        lambda: field("data.a").has(float("nan")),
        lambda: field("data.a") == "\0",
        lambda: field("data.a") == object(),
        lambda: field("data").at(-1),
        lambda: field("data").at(True),
        lambda: field("data").at("\ud800"),
        lambda: field("data").at(*["a"] * 100),
        lambda: (field("data.a") == 1) and (field("data.b") == 2),
        lambda: 1 < field("data.a") < 3,
        lambda: (field("data.a") == 1) & True,  # type: ignore[operator]
    ],
)
def test_what_is_no_filter_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidValueError):
        make()


@pytest.mark.parametrize(
    "asked",
    [
        field("name") == "x",
        field("data.a").in_(range(600)),
        field("data.a") == list(range(600)),
        reduce(lambda found, place: ~(found & (field("data.a") == place)), range(60), field("data.a").exists()),
        field("data.a") == nested(60),
        "data.a = 1",
    ],
)
def test_what_a_list_cannot_be_asked_is_refused_by_both(shared_store: Store, asked: Any) -> None:
    with pytest.raises(InvalidValueError):
        shared_store.projects.list(filter=asked)


def test_a_filter_keeps_the_value_it_was_made_with() -> None:
    value = {"a": [1]}
    asked = field("data").contains(value)
    value["a"].append(2)
    assert isinstance(asked, Contains)
    assert asked.value == {"a": [1]}


class Planner(Subsystem[Sync]):
    """Asks PostgreSQL how it would answer."""

    @writing_once
    def run(self, sql: str) -> Operation[None]:
        yield Statement(sql)

    @reading
    def plan(self, asked: Filter) -> Operation[str]:
        where = Where().equal("project_id", "p").json(("data", "topics"), asked, self.dialect)
        rows = yield Statement(f"EXPLAIN SELECT id FROM events WHERE {where}", where.parameters)
        return "\n".join(line for (line,) in rows)


@pytest.fixture(scope="module")
def planner(server_url: Callable[[str], str]) -> Iterator[Planner]:
    """A store on PostgreSQL with events enough for indexes to be worth it, and two indexes on expressions."""
    with servers.fresh_database(server_url("debian")) as url, open_store(url) as store:
        store.projects.put("p")
        events = [
            NewEvent(
                "note",
                {"n": n, "name": f"name {n:05}", "of": {"k": [n % 500]}, "pad": "x" * 200},
                topics=(f"t{n % 500}",),
            )
            for n in range(5000)
        ]
        store.events.append(events, project="p")
        made = Planner(store._runner)
        made.run("CREATE INDEX events_n ON events ((data -> 'n'))")
        made.run("""CREATE INDEX events_name ON events (((data ->> 'name') COLLATE "C"))""")
        made.run("VACUUM ANALYZE events")
        yield made


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (field("data.n") == 7, "events_data"),
        (field("data.n").in_([7, 8]), "events_data"),
        (field("data.of.k").has(7), "events_data"),
        (field("data").contains({"of": {"k": [7]}}), "events_data"),
        (field("data.of.k[0]") == 7, "events_data"),
        (field("topics").has("t7"), "events_topics"),
        (field("data.n") >= 4990, "events_n"),
        ((field("data.n") > 10) & (field("data.n") < 20), "events_n"),
        (field("data.name") >= "name 04990", "events_name"),
    ],
)
def test_postgresql_answers_from_an_index(planner: Planner, asked: Filter, index: str) -> None:
    plan = planner.plan(asked)
    assert f"Scan on {index} " in plan or f"Scan using {index} " in plan
