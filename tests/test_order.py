"""The order in which tables are loaded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exuvia.catalog.model import Column, ForeignKey, Table
from exuvia.catalog.order import load_order


def table(name: str, *targets: str) -> Table:
    keys = tuple(ForeignKey(("a",), target, ("a",)) for target in targets)
    return Table(name, (Column("a"),), foreign_keys=keys)


def names(tables: list[Table]) -> list[str]:
    return [table.name for table in tables]


def test_targets_come_before_the_tables_that_refer_to_them() -> None:
    ordered, cycles = load_order(
        [table("line", "order", "item"), table("order", "client"), table("client"), table("item")]
    )
    assert names(ordered) == ["client", "order", "item", "line"]
    assert cycles == []


def test_tables_without_foreign_keys_keep_their_order() -> None:
    assert names(load_order([table("c"), table("a"), table("b")])[0]) == ["c", "a", "b"]


def test_a_self_reference_is_a_cycle_of_one_table_and_does_not_move_it() -> None:
    ordered, cycles = load_order([table("a"), table("tree", "tree"), table("b")])
    assert names(ordered) == ["a", "tree", "b"]
    assert cycles == [frozenset({"tree"})]


def test_a_cycle_stays_together_between_its_targets_and_its_dependents() -> None:
    ordered, cycles = load_order(
        [table("leaf", "x"), table("x", "y"), table("alone"), table("y", "z", "base"), table("z", "x"), table("base")]
    )
    assert names(ordered) == ["alone", "base", "x", "y", "z", "leaf"]
    assert cycles == [frozenset({"x", "y", "z"})]


def test_a_target_that_is_not_there_is_no_constraint() -> None:
    assert names(load_order([table("a", "gone"), table("b")])[0]) == ["a", "b"]


def test_a_chain_of_thousands_of_tables_is_sorted() -> None:
    chain = [table(f"t{number}", f"t{number + 1}") for number in range(5000)]
    ordered, cycles = load_order(chain)
    assert names(ordered) == [f"t{number}" for number in reversed(range(5000))]
    assert cycles == []
    _, cycles = load_order([*chain, table("t5000", "t0")])
    assert cycles == [frozenset(f"t{number}" for number in range(5001))]


@given(st.lists(st.sets(st.integers(0, 11)), max_size=12))
def test_any_graph_is_a_permutation_whose_backward_references_are_all_inside_cycles(graph: list[set[int]]) -> None:
    tables = [table(str(node), *map(str, sorted(targets))) for node, targets in enumerate(graph)]
    ordered, cycles = load_order(tables)
    assert sorted(names(ordered)) == sorted(names(tables))
    place = {name: number for number, name in enumerate(names(ordered))}
    cycle_of = {name: cycle for cycle in cycles for name in cycle}
    for child in tables:
        for key in child.foreign_keys:
            if key.target_table in place and place[key.target_table] >= place[child.name]:
                assert key.target_table in cycle_of.get(child.name, ())
    for cycle in cycles:
        for name in cycle:
            assert _reaches(graph, int(name)) >= {int(other) for other in cycle}


def _reaches(graph: list[set[int]], start: int) -> set[int]:
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        fresh = {target for target in graph[waiting.pop()] if target < len(graph)} - seen
        seen |= fresh
        waiting += fresh
    return seen
