"""Search over the store: what is found, in what order, and that both engines agree."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import servers
from exuvia.cli.app import app
from exuvia.store import NewEvent, Store, open_store
from exuvia.store.core.requests import Statement
from exuvia.store.core.values import new_id
from exuvia.store.errors import InvalidValueError, NotFoundError, PageTokenError, TenantError
from exuvia.store.filters import field
from exuvia.store.search import Highlight, Hit
from exuvia.store.search.finding import Within, newest
from exuvia.store.search.syntax import AnyOf, Node, Term, parse
from exuvia.store.search.words import words
from exuvia.store.vectors import NewVector
from searching import BEGINNING, Document, ask, fill

ANIMALS = (
    Document("fox", "Red fox", "animals wood", "The quick red fox jumps over the lazy dog."),
    Document("whale", "Blue whale", "animals sea", "A whale is no fish; the fox is none either.", type="big"),
    Document("cafe", "Café plans", "", "Ünïcode: naïve café, “quoted” 日本語", kind="plan", minutes=10),
    Document("long", "", "", "fox the fox the fox " + "word " * 300 + "tail red", minutes=5, data={"n": 3}),
    Document("code", "Errors", "", "E-1234 in foo_bar(); mail ada@example.org, https://example.org/a?b=1.5e3"),
)


def found(store: Store, project: str, query: str, **more: object) -> list[str]:
    return [hit.entry.id for hit in store.search(query, project=project, **more).items]  # type: ignore[arg-type]


@pytest.fixture
def animals(shared_store: Store, project: str) -> str:
    fill(shared_store, project, ANIMALS)
    return project


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("fox", {"fox", "whale", "long"}),
        ("RED fox", {"fox", "long"}),
        ('"red fox"', {"fox"}),
        ('"fox the fox"', {"long"}),
        ('"fox red"', set()),
        ("whal*", {"whale"}),
        ('"lazy do"*', {"fox"}),
        ("fox -red", {"whale"}),
        ('fox -"red fox"', {"whale", "long"}),
        ("whale OR cafe", {"whale", "cafe"}),
        ("(whale OR red) fox", {"fox", "whale", "long"}),
        ("cafe", {"cafe"}),
        ("UNICODE naive", {"cafe"}),
        ("日本語", {"cafe"}),
        ("日本*", {"cafe"}),
        ("日本", set()),
        ("e-1234", {"code"}),
        ("1234", {"code"}),
        ("foo", {"code"}),
        ("foo_bar", {"code"}),
        ("ada@example.org", {"code"}),
        ("example.org/a", {"code"}),
        ("1.5e3", {"code"}),
        ("animals", {"fox", "whale"}),
        ("wood the", {"fox"}),
        ('"animals wood the"', set()),
        ("nothing", set()),
    ],
)
def test_queries_find_what_they_ask_for(shared_store: Store, animals: str, query: str, ids: set[str]) -> None:
    page = shared_store.search(query, project=animals)
    assert {hit.entry.id for hit in page.items} == ids
    assert page.total == len(ids)


def test_any_of_the_words_may_be_enough_and_rare_ones_count_more(shared_store: Store, animals: str) -> None:
    assert found(shared_store, animals, "the blue café", match="any")[0] in {"whale", "cafe"}
    assert set(found(shared_store, animals, "lazy tail", match="any")) == {"fox", "long"}


def test_filters_hold_within_the_search(shared_store: Store, animals: str) -> None:
    assert found(shared_store, animals, "fox OR cafe", kinds="plan") == ["cafe"]
    assert set(found(shared_store, animals, "fox OR cafe", kinds=["plan", "note"])) == {"fox", "whale", "long", "cafe"}
    assert found(shared_store, animals, "fox", type=["big"]) == ["whale"]
    assert found(shared_store, animals, "fox", filter=field("data.n") >= 3) == ["long"]
    later = BEGINNING + timedelta(minutes=5)
    assert set(found(shared_store, animals, "fox OR cafe", since=later)) == {"long", "cafe"}
    assert set(found(shared_store, animals, "fox OR cafe", until=later)) == {"fox", "whale", "long"}
    assert found(shared_store, animals, "fox", kinds="none") == []


def test_hits_show_what_was_found(shared_store: Store, animals: str) -> None:
    (hit,) = shared_store.search("café", project=animals, highlight=Highlight("<b>", "</b>", escape=True)).items
    assert (hit.entry.project_id, hit.entry.kind, hit.entry.id) == (animals, "plan", "cafe")
    assert hit.entry.at == BEGINNING + timedelta(minutes=10)
    assert hit.title == "<b>Café</b> plans"
    assert hit.excerpt == "Ünïcode: naïve <b>café</b>, “quoted” 日本語"
    (hit,) = shared_store.search("tail", project=animals, highlight=Highlight(words=3)).items
    assert hit.excerpt == "…word **tail** red"
    assert hit.entry.data == {"n": 3}


def test_pages_join_to_the_whole_ranking(shared_store: Store, project: str) -> None:
    fill(shared_store, project, [Document(f"n{n}", body="red " * (n % 5 + 1), minutes=n % 3) for n in range(23)])
    whole = found(shared_store, project, "red", limit=1000)
    pages, after = [], None
    while True:
        page = shared_store.search("red", project=project, limit=5, after=after)
        assert page.total == 23
        pages += [hit.entry.id for hit in page.items]
        if page.next is None:
            break
        after = page.next
    assert pages == whole
    assert len(set(whole)) == 23
    with pytest.raises(PageTokenError):
        shared_store.search("red blue", project=project, after=after)
    with pytest.raises(PageTokenError):
        shared_store.search("red", project=project, after="nonsense")


def test_of_very_many_matches_the_last_entered_are_ranked(shared_store: Store, project: str) -> None:
    fill(shared_store, project, [Document(f"n{n:03}", body="red") for n in range(600)])
    fill(shared_store, project, [Document("blue", body="blue")])
    page = shared_store.search("red", project=project, limit=1000)
    assert page.total is None
    assert {hit.entry.id for hit in page.items} == {f"n{n:03}" for n in range(100, 600)}
    fill(shared_store, project, [Document(f"m{n:03}", body="red") for n in range(600)])
    assert "blue" in found(shared_store, project, "red OR blue", limit=1)


@pytest.mark.parametrize(
    "more",
    [
        {"limit": 0},
        {"limit": 1001},
        {"match": "some"},
        {"kinds": [""]},
        {"kinds": [1]},
        {"kinds": 1},
        {"type": ["a\0"]},
        {"project": ""},
        {"since": 3},
        {"filter": "x"},
        {"text": 'red "fox'},
        {"text": None},
        {"text": "\ud800x"},
    ],
)
def test_mistakes_are_told_alike(shared_store: Store, more: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError) as raised:
        shared_store.search(**({"text": "red"} | more))  # type: ignore[arg-type]
    assert raised.value.hint


def test_the_largest_query_is_answered(shared_store: Store, project: str) -> None:
    several = [f"word{n}" for n in range(63)]
    fill(shared_store, project, [Document("all", body=" ".join(several)), Document("one", body="word5 here")])
    assert found(shared_store, project, " ".join(several)) == ["all"]
    assert found(shared_store, project, " ".join(several) + ' "word5 here"', match="any") == ["all", "one"]
    assert found(shared_store, project, " OR ".join(several)) == ["all", "one"]
    assert found(shared_store, project, "(" * 20 + "word5 here" + ")" * 20) == ["one"]
    assert found(shared_store, project, " ".join(several), fuzzy=True) == []


def test_hostile_queries_are_only_words(shared_store: Store, animals: str) -> None:
    for query in ("fox' OR 1=1 --", "fox NEAR/2 red", "{title} : fox", "fox & !red | x:*A", "^fox", "fox\\", 'a\'b"c"'):
        found_ids = answer(shared_store, query, animals, "all")
        assert isinstance(found_ids, list) or found_ids.startswith("store.invalid.query")


def test_the_index_follows_the_subsystems(store: Store) -> None:
    project = store.projects.put("p").id
    plan = store.plans.create("Kestrel migration", content="swift", topics=["bird"], project=project)
    store.events.append([NewEvent("note", {"text": "a kestrel"}, summary="seen")], project=project)
    assert {hit.entry.kind for hit in store.search("kestrel").items} == {"plan", "event"}
    assert found(store, project, "bird swift") == [plan.id]
    store.plans.update(plan.id, content="slow", version=plan.version, project=project)
    assert found(store, project, "swift") == []
    assert found(store, project, "slow kestrel") == [plan.id]
    assert found(store, project, "kestrl", fuzzy=True) == [plan.id]
    store.plans.delete(plan.id, project=project)
    assert found(store, project, "migration") == []
    store.projects.delete(project)
    assert store.search("kestrel").total == 0
    if not store.dialect.is_postgres:
        for table in ("search_words", "search_names"):
            ask(store, Statement(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)"))


def test_a_bound_store_searches_its_own_project(shared_store: Store, animals: str) -> None:
    other = shared_store.projects.put(new_id()).id
    fill(shared_store, other, [Document("strange", "Red fox", body="fox"), *ANIMALS[:1]])
    bound = shared_store.project(animals)
    assert {hit.entry.id for hit in bound.search("fox").items} == {"fox", "whale", "long"}
    assert [hit.entry.id for hit in bound.search("bleu whael", fuzzy=True).items] == ["whale"]
    assert bound.search("strange").total == 0
    with pytest.raises(TenantError):
        bound.search("fox", project=other)
    in_session = bound.session("s1")
    assert {hit.entry.id for hit in in_session.search("fox").items} == {"fox", "whale", "long"}


def test_it_is_awaited_in_asynchronous_code(shared_store_url: str, animals: str) -> None:
    async def run() -> list[str]:
        async with open_store(shared_store_url) as store:
            return [hit.entry.id for hit in (await store.search('"red fox"', project=animals)).items]

    assert asyncio.run(run()) == ["fox"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("postgers", ["pg"]),
        ("migraton", ["plan"]),
        ("migartion to postgresl", ["plan"]),
        ("chekpoint", ["check"]),
        ("cehckpoint", ["check"]),
        ("plna", ["plan"]),
        ("pool", ["pool"]),
        ("poo", ["pool"]),
        ("pxol", ["pool"]),
        ("kafe", []),
        ("cafe", ["cafe"]),
        ("xyzzy", []),
    ],
)
def test_typing_errors_in_names_are_forgiven(shared_store: Store, project: str, query: str, ids: list[str]) -> None:
    titles = {
        "pg": "Postgres: tuning",
        "plan": "Migration plan (to PostgreSQL)",
        "check": "Checkpoint/restore",
        "pool": "pool-size",
        "cafe": "Café",
    }
    fill(shared_store, project, [Document(key, title, body="xyzzy") for key, title in titles.items()])
    page = shared_store.search(query, project=project, fuzzy=True)
    assert [hit.entry.id for hit in page.items] == ids
    assert all("**" in hit.title for hit in page.items)


def test_rare_words_are_found_by_index_and_common_ones_from_the_end(shared_store: Store, project: str) -> None:
    documents = [Document(f"d{n}", f"title {n}", body=f"common rare{n % 1000} filler") for n in range(4000)]
    fill(shared_store, project, documents)
    within = Within(project)
    plans = {
        query: plan(shared_store, newest(parse(query), within, 50, shared_store.dialect))
        for query in ("rare7", "common")
    }
    if shared_store.dialect.is_postgres:
        assert "search_entries_words" in plans["rare7"]
        assert "search_entries_by_" in plans["common"]
        assert "search_entries_words" not in plans["common"]
    else:
        for text in plans.values():
            assert "VIRTUAL TABLE INDEX" in text
            assert "USING INTEGER PRIMARY KEY" in text
            assert "TEMP B-TREE" not in text


def plan(store: Store, statement: Statement) -> str:
    """Return how a statement is run."""
    if store.dialect.is_postgres:
        ask(store, Statement("ANALYZE search_entries"))
    explain = "EXPLAIN" if store.dialect.is_postgres else "EXPLAIN QUERY PLAN"
    return "\n".join(str(row[-1]) for row in ask(store, statement._replace(sql=f"{explain} {statement.sql}")))


@pytest.fixture(scope="module")
def stores(server_url: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Store]]:
    """A store on each engine, at once."""
    with ExitStack() as stack:
        path: Path = tmp_path_factory.mktemp("same") / "memory.db"
        urls = [f"sqlite:///{path}"]
        urls += [stack.enter_context(servers.fresh_database(server_url(name))) for name in servers.NAMES]
        yield [stack.enter_context(open_store(url)) for url in urls]


# The pools' threads draw random numbers while hypothesis draws examples.
NOT_OURS = pytest.mark.filterwarnings("ignore:Do not use the `random` module")
TRICKY = (
    *("fox", "Fox", "föx", "fóx", "FOX", "foxes", "fo", "ﬁ", "ß", "SS", "İ", "\u0131", "ǆ", "Σς", "x́y", "ñ", "n\u0303"),
    *(
        "1",
        "12",
        "1.5",
        "1e5",
        "1e5x",
        "0x1f",
        "-1",
        "+3",
        "v1.2.3",
        "foo_bar",
        "foo-bar",
        "a@b.org",
        "http://x.y/z?q=1",
    ),
    *(
        "日本",
        "日本語",
        "が",
        "が",
        "한국",
        "привет",
        "ПРИВЕТ",
        "Ελλάς",
        "العربية",
        "हिन्दी",
        "😀",
        "—",
        "“",
        "…",
        "\u00a0",
        "\u0085",
    ),
    *(
        "\u200b",
        "\ufeff",
        "\u180e",
        "\u2028",
        "'",
        "''",
        "\\",
        "\\'",
        ":",
        "&",
        "|",
        "!",
        "*",
        "(",
        ")",
        "<->",
        "NEAR",
        "OR",
    ),
    *("AND", "NOT", "-", "title:", "{body}", "^", "\t", "\n", "%", "_", "$1", ":name", "the", "the", "a", "b"),
)
texts = st.lists(st.one_of(st.sampled_from(TRICKY), st.text(max_size=4)), max_size=8).flatmap(
    lambda pieces: st.sampled_from(["", " ", " ", " "]).map(lambda joint: joint.join(pieces).replace("\0", ""))
)
asked = st.lists(
    st.one_of(
        st.sampled_from(TRICKY),
        st.sampled_from(["fo*", "1*", '"the fox"', '"a b"*', "-fox", "-the", "(", ")", "OR", "AND", '"', "日*"]),
    ),
    min_size=1,
    max_size=5,
).map(" ".join)


@pytest.mark.postgresql
@NOT_OURS
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=5),
    st.lists(asked, min_size=1, max_size=6),
    st.sampled_from(["all", "any"]),
)
def test_every_engine_finds_the_same_in_the_same_order(
    stores: list[Store], documents: list[tuple[str, str, str]], queries: list[str], match: str
) -> None:
    entries = [Document(f"d{n}", *parts) for n, parts in enumerate(documents)]
    project = new_id()
    for store in stores:
        store.projects.put(project)
        fill(store, project, entries)
    for query in queries:
        answers = [answer(store, query, project, match) for store in stores]
        assert all(other == answers[0] for other in answers)
        if isinstance(answers[0], list):
            expected = {one.id for one in entries if matches(parse(query, match), one)}  # type: ignore[arg-type]
            assert {hit.entry.id for hit in answers[0]} == expected


def answer(store: Store, query: str, project: str, match: str, *, fuzzy: bool = False) -> list[Hit] | str:
    try:
        page = store.search(query, project=project, match=match, fuzzy=fuzzy)  # type: ignore[arg-type]
    except InvalidValueError as error:
        return f"{error.code} {error}"
    assert page.total == len(page.items)
    return list(page.items)


def matches(node: Node, document: Document) -> bool:
    """Match by the definition of a query."""
    if isinstance(node, Term):
        fields = (words(document.title), words(document.tags), words(document.body))
        return any(stands(node, found[place:]) for found in fields for place in range(len(found)))
    if isinstance(node, AnyOf):
        return any(matches(part, document) for part in node.parts)
    return all(matches(part, document) for part in node.parts) and not any(
        matches(part, document) for part in node.without
    )


def stands(term: Term, found: tuple[str, ...]) -> bool:
    *first, last = term.words
    if len(found) < len(term.words) or list(found[: len(first)]) != first:
        return False
    return found[len(first)] == last or (term.prefix and found[len(first)].startswith(last))


@pytest.mark.postgresql
@NOT_OURS
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text("abcé -_/", min_size=1, max_size=14), min_size=1, max_size=6),
    st.lists(st.text("abcé ", min_size=3, max_size=12), min_size=1, max_size=5),
)
def test_every_engine_forgives_the_same_errors(stores: list[Store], titles: list[str], queries: list[str]) -> None:
    project = new_id()
    for store in stores:
        store.projects.put(project)
        fill(store, project, [Document(f"d{n}", title) for n, title in enumerate(titles)])
    for query in queries:
        answers = [answer(store, query, project, "all", fuzzy=True) for store in stores]
        assert all(other == answers[0] for other in answers)


@pytest.mark.postgresql
def test_postgresql_folds_every_character_as_sqlite_does(stores: list[Store]) -> None:
    everything = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    common = everything[:0x3000] + everything[0xA000:0xB000] + everything[0xF000:0x11000:3] + everything[0x11000::97]
    for start in range(0, len(common), 4000):
        text = " ".join(f"a{character}b {character}c" for character in common[start : start + 4000])
        expected = "".join(f"  {word}" for word in words(text)) + "  "
        for store in stores[1:]:
            assert ask(store, Statement("SELECT search_fold(:text)", {"text": text})) == [(expected,)]


def test_very_long_words_and_texts_can_be_stored(shared_store: Store, project: str) -> None:
    digest = "f" * 5000
    fill(shared_store, project, [Document("long", digest, digest, f"begin {digest} " + "é日 " * 90_000 + "end")])
    assert found(shared_store, project, "begin") == ["long"]
    assert found(shared_store, project, "f" * 255 + "*") == ["long"]
    assert found(shared_store, project, "f" * 255) == []
    assert found(shared_store, project, "end") == []


def test_words_and_vectors_are_joined(shared_store: Store, animals: str) -> None:
    vectors = shared_store.vectors
    vectors.create("meaning", 2, project=animals)
    near = {"whale": (1.0, 0.0), "fox": (0.9, 0.1), "cafe": (0.0, 1.0)}
    kinds = {one.id: one.kind for one in ANIMALS}
    items = [NewVector(vector, kind=kinds[key], entry_id=key) for key, vector in near.items()]
    vectors.put_many("meaning", [*items, NewVector((1.0, 0.0), text="of no entry")], project=animals)
    hits = shared_store.search.hybrid("lazy fox", "meaning", vector=(1.0, 0.0), project=animals)
    assert [hit.entry.id for hit in hits][:2] == ["fox", "whale"]
    assert {hit.entry.id for hit in hits} == {"fox", "whale", "long", "cafe"}
    assert "**lazy**" in hits[0].excerpt
    assert hits[0].score == pytest.approx(1 / 61 + 1 / 62)
    only = shared_store.search.hybrid("lazy", "meaning", vector=(1.0, 0.0), project=animals, weights=(0, 1), limit=1)
    assert [hit.entry.id for hit in only] == ["whale"]
    plans = shared_store.search.hybrid("fox", "meaning", vector=(1.0, 0.0), project=animals, kind="plan")
    assert [hit.entry.id for hit in plans] == ["cafe"]
    bound = shared_store.project(animals).search.hybrid("lazy fox", "meaning", vector=(1.0, 0.0))
    assert [hit.entry.id for hit in bound] == [hit.entry.id for hit in hits]


def test_a_hybrid_search_refuses_what_neither_could_answer(shared_store: Store, animals: str) -> None:
    search = shared_store.search.hybrid
    with pytest.raises(NotFoundError):
        search("fox", "nowhere", vector=(1.0,), project=animals)
    shared_store.vectors.create("two", 2, project=animals)
    for more in ({}, {"vector": (1.0,)}, {"vector": (1.0, 0.0), "weights": (0, 0)}, {"vector": (1.0, 0.0), "limit": 0}):
        with pytest.raises(InvalidValueError):
            search("fox", "two", project=animals, **more)
    with pytest.raises(InvalidValueError, match="character 1"):
        search('"fox', "two", vector=(1.0, 0.0), project=animals)


def test_the_command_finds_what_the_store_has(shared_store_url: str, animals: str) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["store", "search", *arguments, shared_store_url, "--project", animals])

    shown = run("red fox")
    assert shown.exit_code == 0
    assert "note fox" in shown.output
    assert "The quick red fox" in shown.output
    document = json.loads(run("bleu wahle", "--fuzzy", "--json").output)
    assert [hit["id"] for hit in document["hits"]] == ["whale"]
    assert document["total"] == 1
    assert document["hits"][0]["title"] == "**Blue** **whale**"
    assert "Nothing was found" in run("xyzzy").output
    assert "1 shown of 3" in run("fox", "-n", "1").output
    assert [hit["id"] for hit in json.loads(run("fox café", "--any", "-k", "plan", "--json").output)["hits"]] == [
        "cafe"
    ]


@pytest.mark.postgresql
def test_a_large_collection_is_ordered_alike(stores: list[Store]) -> None:
    chance = random.Random(7)
    weights = [1 / (rank + 1) for rank in range(400)]

    def text(length: int) -> str:
        return " ".join(f"w{number}" for number in chance.choices(range(400), weights, k=length))

    documents = [
        Document(f"d{n}", text(chance.randint(0, 6)), text(2), text(chance.randint(0, 60)), minutes=n % 90)
        for n in range(1500)
    ]
    project = new_id()
    for store in stores:
        store.projects.put(project)
        fill(store, project, documents)
    queries = ["w0", "w1 w2", "w300 OR w0", '"w0 w1"', "w17* -w1", "w399", "w50 w60", "w3 w5 w8 w13 w21 w34"]
    for query, match in itertools.product(queries, ("all", "any")):
        pages = [store.search(query, project=project, match=match, limit=300) for store in stores]  # type: ignore[arg-type]
        assert pages[0].items
        for page in pages[1:]:
            assert page.items == pages[0].items
            assert page.total == pages[0].total
