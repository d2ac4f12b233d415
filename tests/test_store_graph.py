"""The knowledge graph: upserts that lose nothing, walks that end, promotion with its log, and export."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exuvia.store import Store
from exuvia.store.core.values import Json, new_id
from exuvia.store.errors import ConflictError, InvalidValueError, MissingReferenceError, NotFoundError, StateError
from exuvia.store.filters import field
from exuvia.store.graph import NewEdge, NewNode, Path
from exuvia.store.graph.putting import merged
from exuvia.store.graph.walking import DEEPEST

EDGES = st.lists(st.tuples(*[st.sampled_from("abcde"), st.sampled_from("xy"), st.sampled_from("abcde")]), max_size=10)


@pytest.fixture
def bound(shared_store: Store, project: str) -> Store:
    """A store that is bound to a project of its own."""
    return shared_store.project(project)


def draw(store: Store, edges: str) -> None:
    """Put edges of the type ``to``, written as ``a>b b>c``, with their nodes."""
    pairs = [edge.split(">") for edge in edges.split()]
    store.graph.put_nodes([NewNode(end) for end in sorted({end for pair in pairs for end in pair})])
    store.graph.put_edges([NewEdge(source, "to", target) for source, target in pairs])


def ways(paths: tuple[Path, ...]) -> list[str]:
    return ["".join(path.nodes) for path in paths]


def test_a_node_that_is_put_again_keeps_what_is_not_said(bound: Store) -> None:
    first = bound.graph.put_node("ada", type="person", name="Ada", text="Wrote programs.", data={"born": 1815})
    again = bound.graph.put_node("ada", data={"died": 1852})
    assert again == bound.graph.node("ada")
    assert (again.type, again.name, again.text) == ("person", "Ada", "Wrote programs.")
    assert again.data == {"born": 1815, "died": 1852}
    assert (again.revision, again.created_at) == (first.revision + 1, first.created_at)
    plain = bound.graph.put_node("x")
    assert (plain.namespace, plain.type, plain.name, plain.data) == ("default", "entity", "x", {})


def test_data_is_merged_as_a_merge_patch_or_replaced(bound: Store) -> None:
    bound.graph.put_node("n", data={"a": {"b": 1, "c": [1, 2]}, "gone": 1, "none": None})
    assert bound.graph.node("n").data == {"a": {"b": 1, "c": [1, 2]}, "gone": 1}
    bound.graph.put_node("n", data={"a": {"c": [3], 'd."e': 1e22}, "gone": None})
    assert bound.graph.node("n").data == {"a": {"b": 1, "c": [3], 'd."e': 1e22}}
    bound.graph.put_node("n", data={"only": None}, mode="replace")
    assert bound.graph.node("n").data == {"only": None}


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, {"b": {"c": {"d": None}}}, {"a": "foo", "b": {"c": {}}}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ],
)
def test_the_examples_of_rfc_7396_come_out_as_it_says(document: Json, patch: Json, expected: Json) -> None:
    assert merged(document, patch) == expected


def test_nodes_and_edges_that_many_put_at_once_lose_nothing(bound: Store) -> None:
    bound.graph.put_node("hub")

    def work(number: int) -> None:
        bound.graph.put_nodes([NewNode("new", data={f"k{number}": number}), NewNode(f"own{number % 3}")])
        bound.graph.put_edges([NewEdge("hub", "to", "new", {f"k{number}": number})])

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(12)))
    expected = {f"k{number}": number for number in range(12)}
    assert bound.graph.node("new").data == expected
    (edge,) = bound.graph.edges(source="hub").items
    assert edge.data == expected
    assert (edge.revision, bound.graph.node("new").revision) == (12, 12)


def test_a_node_can_be_put_while_others_add_edges_to_it(bound: Store) -> None:
    bound.graph.put_nodes([NewNode("a"), NewNode("b")])

    def work(number: int) -> None:
        with bound.transaction() as tx:
            tx.graph.put_edge("a", f"t{number}", "b")
            tx.graph.put_node("a", data={str(number): True})

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(12)))
    assert len(bound.graph.node("a").data) == bound.graph.edges(source="a").total == 12


def test_what_has_changed_since_it_was_read_is_not_put(bound: Store) -> None:
    bound.graph.put_node("n", revision=0)
    bound.graph.put_node("n", revision=1, data={"a": 1})
    for stale in (0, 1, 3):
        with pytest.raises(ConflictError, match="revision"):
            bound.graph.put_nodes([NewNode("other"), NewNode("n", revision=stale)])
    with pytest.raises(ConflictError, match="not there"):
        bound.graph.put_node("nowhere", revision=2)
    assert bound.graph.nodes().total == 1


def test_neighbours_are_found_by_direction_type_and_what_they_are(bound: Store) -> None:
    bound.graph.put_nodes(
        [NewNode("a"), NewNode("b", "file", data={"size": 5}), NewNode("c", "file", namespace="team"), NewNode("d")]
    )
    bound.graph.put_edges(
        [
            NewEdge("a", "imports", "b", {"weight": 0.9}),
            NewEdge("a", "imports", "c", {"weight": 0.1}),
            NewEdge("d", "knows", "a"),
            NewEdge("a", "knows", "a"),
        ]
    )

    def found(**given: object) -> list[tuple[str, str, str]]:
        page = bound.graph.neighbours("a", **given)  # type: ignore[arg-type]
        return [(one.direction, one.edge_type, one.id) for one in page.items]

    files = [("out", "imports", "b"), ("out", "imports", "c")]
    assert found() == [*files, ("out", "knows", "a"), ("in", "knows", "d")]
    assert found(direction="out") == [*files, ("out", "knows", "a")]
    assert found(direction="in", types="knows") == [("in", "knows", "a"), ("in", "knows", "d")]
    assert found(types=["imports", "none"]) == found(node_type="file") == files
    assert found(namespace="team") == files[1:]
    assert found(filter=field("edge_data.weight") > 0.5) == found(filter=field("data.size") == 5) == files[:1]
    first = bound.graph.neighbours("a", limit=3)
    assert [one.id for one in bound.graph.neighbours("a", limit=3, after=first.next).items] == ["d"]


def test_what_is_within_a_distance_is_found_though_there_are_cycles(bound: Store) -> None:
    draw(bound, "a>b b>c c>a c>d d>e x>a")

    def found(depth: int, **given: object) -> list[tuple[int, str]]:
        page = bound.graph.within("a", depth, **given)  # type: ignore[arg-type]
        return [(one.distance, one.id) for one in page.items]

    assert found(0) == [(0, "a")]
    assert found(2, direction="out") == [(0, "a"), (1, "b"), (2, "c")]
    assert found(DEEPEST, direction="out") == [(0, "a"), (1, "b"), (2, "c"), (3, "d"), (4, "e")]
    assert found(1) == [(0, "a"), (1, "b"), (1, "c"), (1, "x")]
    assert found(3, types="other") == [(0, "a")]


def test_paths_come_shortest_first_and_never_to_a_node_twice(bound: Store) -> None:
    draw(bound, "a>b b>a a>c b>d c>d d>b d>e a>e")
    assert ways(bound.graph.paths("a", "e").items) == ["ae", "abde", "acde"]
    assert ways(bound.graph.paths("e", "a", direction="in").items) == ["ea", "edba", "edca"]
    assert ways(bound.graph.paths("a", "e", depth=2).items) == ["ae"]
    cut = bound.graph.paths("a", "e", limit=2)
    assert (ways(cut.items), cut.complete) == (["ae", "abde"], False)
    (backward,) = bound.graph.paths("e", "a", direction="both", depth=1).items
    assert [(edge.source, edge.type, edge.target) for edge in backward.edges] == [("a", "to", "e")]
    assert ways(bound.graph.paths("a", "a").items) == ["a"]
    assert bound.graph.paths("a", "nowhere").items == bound.graph.paths("e", "a").items == ()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDGES, st.integers(0, 5), st.sampled_from(["out", "in", "both"]))
def test_paths_are_all_that_there_are(
    shared_store: Store, edges: list[tuple[str, str, str]], depth: int, direction: str
) -> None:
    store = shared_store.project(shared_store.projects.put(new_id()).id)
    store.graph.put_nodes([NewNode(one) for one in "abcde"])
    store.graph.put_edges([NewEdge(*edge) for edge in set(edges)])
    found = store.graph.paths("a", "e", depth=depth, direction=direction, limit=1000)  # type: ignore[arg-type]
    assert found.complete
    assert [len(path.edges) for path in found.items] == sorted(len(path.edges) for path in found.items)
    steps = list(found.items)
    assert len(set(steps)) == len(steps)
    expected = sorted(tuple(way) for way in walked("a", set(edges), depth, direction))
    assert sorted(tuple(interleaved(path)) for path in steps) == expected


def interleaved(path: Path) -> Iterator[str]:
    for (here, there), edge in zip(pairwise(path.nodes), path.edges, strict=True):
        yield f"{here}{'>' if (edge.source, edge.target) == (here, there) else '<'}{edge.type}{there}"


def walked(
    at: str, edges: set[tuple[str, str, str]], depth: int, direction: str, been: str = ""
) -> Iterator[list[str]]:
    """Find the paths from ``at`` to ``e`` by trying all."""
    if at == "e":
        yield []
        return
    steps = {(s, ">", k, t) for s, k, t in edges if direction != "in"}
    steps |= {(t, "<", k, s) for s, k, t in edges if direction != "out"}
    for here, sign, kind, there in steps if depth else ():
        if here == at and there not in been + at:
            for rest in walked(there, edges, depth - 1, direction, been + at):
                yield [f"{here}{sign}{kind}{there}", *rest]


def test_a_graph_with_more_paths_than_can_be_looked_at_still_gives_the_shortest(bound: Store) -> None:
    ids = [f"n{number:02}" for number in range(14)]
    bound.graph.put_nodes([NewNode(one) for one in ids])
    bound.graph.put_edges([NewEdge(one, "to", other) for one in ids for other in ids if one != other])
    found = bound.graph.paths("n00", "n13", depth=8, limit=3)
    assert [path.nodes for path in found.items] == [("n00", "n13"), ("n00", "n01", "n13"), ("n00", "n02", "n13")]
    assert not found.complete


def test_promotion_moves_nodes_and_is_logged(bound: Store) -> None:
    bound.graph.put_nodes([NewNode(one, namespace="session") for one in "abc"])
    draw(bound, "a>b")
    log = bound.graph.promote(["b", "a"], source="session", target="team", by="reviewer", reason="true for all")
    assert [(line.node_id, line.source, line.target, line.promoted_by) for line in log] == [
        ("a", "session", "team", "reviewer"),
        ("b", "session", "team", "reviewer"),
    ]
    assert bound.graph.namespaces() == {"session": 1, "team": 2}
    assert bound.graph.put_node("a", namespace="session").namespace == "team"
    with pytest.raises(StateError, match="'a'"):
        bound.graph.promote(["a", "c"], source="session", target="team")
    assert len(bound.graph.promote(source="session", target="team")) == 1
    bound.graph.delete_node("a")
    assert [line.reason for line in bound.graph.promotions(node="a").items] == ["true for all"]
    assert bound.graph.promotions(target="team").total == 3
    assert bound.graph.edges().total == 0


def test_of_several_who_promote_a_node_one_succeeds(bound: Store) -> None:
    bound.graph.put_node("n", namespace="session")

    def work(number: int) -> bool:
        try:
            bound.graph.promote(["n"], source="session", target=f"team{number}")
        except StateError:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(work, range(6))) == 1
    assert bound.graph.promotions(node="n").total == 1


def test_a_namespace_is_exported_as_json_and_as_a_picture(bound: Store) -> None:
    draw(bound, "a>b")
    bound.graph.put_node("a", name='x"] --> y\n`#quot;` <b>', data={"n": 1})
    bound.graph.put_node("end", namespace="team", name="")
    bound.graph.put_edge("a", "to", "end")
    export = bound.graph.export(namespace="default")
    document = export.document()
    assert [node["id"] for node in document["nodes"]] == ["a", "b"]
    assert [(edge["source"], edge["type"], edge["target"]) for edge in document["edges"]] == [("a", "to", "b")]
    assert document["nodes"][0]["data"] == {"n": 1}
    assert export.mermaid() == (
        'flowchart LR\n  n0["x#34;#93; --#62; y #96;#35;quot#59;#96; #60;b#62;"]\n  n1["b"]\n  n0 -->|"to"| n1\n'
    )
    assert len(bound.graph.export().edges) == 2


def test_nodes_are_found_by_search_as_they_are_now(bound: Store) -> None:
    bound.graph.put_node("ada", type="person", name="Ada Lovelace", text="Wrote the first program.")
    bound.graph.put_node("ada", text="Wrote about the engine.", data={"born": 1815})
    (hit,) = bound.search("engine lovelace", kinds="node", type="person", filter=field("data.born") == 1815).items
    assert (hit.entry.kind, hit.entry.id) == ("node", "ada")
    assert not bound.search("program").items
    bound.graph.delete_node("ada")
    assert not bound.search("lovelace").items


def test_a_project_sees_nothing_of_anothers_graph(shared_store: Store, bound: Store) -> None:
    other = shared_store.project(shared_store.projects.put(new_id()).id)
    draw(other, "a>b b>c")
    draw(bound, "a>b")
    assert bound.graph.nodes().total == bound.graph.within("a", 5).total == 2
    assert bound.graph.paths("a", "c").items == ()
    assert ways(other.graph.paths("a", "c").items) == ["abc"]


def test_mistakes_are_told(bound: Store) -> None:
    with pytest.raises(NotFoundError):
        bound.graph.node("nowhere")
    with pytest.raises(NotFoundError):
        bound.graph.neighbours("nowhere")
    with pytest.raises(MissingReferenceError):
        bound.graph.put_edge("nowhere", "to", "nowhere else")
    bound.graph.put_node("a")
    for wrong in (
        lambda: bound.graph.put_node("a", data=[1]),  # type: ignore[arg-type]
        lambda: bound.graph.put_node("a", mode="mix"),  # type: ignore[arg-type]
        lambda: bound.graph.put_nodes([NewNode("a"), NewNode("a")]),
        lambda: bound.graph.put_edge("a", "", "a"),
        lambda: bound.graph.within("a", DEEPEST + 1),
        lambda: bound.graph.paths("a", "a", direction="up"),  # type: ignore[arg-type]
        lambda: bound.graph.promote(source="x", target="x"),
    ):
        with pytest.raises(InvalidValueError):
            wrong()
    assert not bound.graph.delete_edge("a", "to", "a")
