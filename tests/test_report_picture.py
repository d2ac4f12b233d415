"""Pictures of tables: boxes stay apart and arrows stay out of them, whatever the foreign keys."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from exuvia.report.document import TablePlanDocument
from exuvia.report.json_report import plan_document
from exuvia.report.layout import LOOP, Box, Edge, Layout, Node, Point, arrange
from exuvia.report.picture import MAX_TABLES, draw
from report_samples import Spec, chinook, plan_of, wide

SVG = "{http://www.w3.org/2000/svg}"
SLACK = 0.01


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Node], list[Edge]]:
    """Nodes of many sizes with edges between any two, to themselves and in circles, several at once."""
    sizes = draw(st.lists(st.tuples(st.integers(96, 400), st.integers(30, 500)), min_size=1, max_size=14))
    nodes = [Node(f"n{number}", float(width), float(height)) for number, (width, height) in enumerate(sizes)]
    ends = st.sampled_from(nodes)
    port = st.floats(0, 1, allow_nan=False)
    pairs = draw(st.lists(st.tuples(ends, ends, port, port), max_size=24))
    return nodes, [Edge(a.key, b.key, p * a.height, q * b.height) for a, b, p, q in pairs]


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width <= other.x + SLACK
        or other.x + other.width <= one.x + SLACK
        or one.y + one.height <= other.y + SLACK
        or other.y + other.height <= one.y + SLACK
    )


def crosses(start: Point, end: Point, box: Box) -> bool:
    """Whether the piece of an edge between two points, a line or an S-curve with level ends, enters a box."""
    for step in range(41):
        t = step / 40
        # A cubic Bézier curve with control points level with its ends, half-way across.
        x = start[0] + (end[0] - start[0]) * (1.5 * t * (1 - t) ** 2 + 1.5 * t**2 * (1 - t) + t**3)
        y = start[1] + (end[1] - start[1]) * (3 * t**2 * (1 - t) + t**3)
        if box.x + 0.5 < x < box.x + box.width - 0.5 and box.y + 0.5 < y < box.y + box.height - 0.5:
            return True
    return False


def outside(layout: Layout) -> list[Box]:
    return [
        box
        for box in layout.boxes.values()
        if min(box.x, box.y) < -SLACK
        or box.x + box.width > layout.width + SLACK
        or box.y + box.height > layout.height + SLACK
    ]


@given(graphs())
def test_boxes_never_overlap_and_lie_within_the_drawing(graph: tuple[list[Node], list[Edge]]) -> None:
    nodes, edges = graph
    layout = arrange(nodes, edges)
    assert {key: (box.width, box.height) for key, box in layout.boxes.items()} == {
        node.key: (node.width, node.height) for node in nodes
    }
    assert all(apart(one, other) for one, other in combinations(layout.boxes.values(), 2))
    assert outside(layout) == []


@given(graphs())
def test_an_arrow_joins_its_two_ports_and_runs_through_no_other_box(graph: tuple[list[Node], list[Edge]]) -> None:
    nodes, edges = graph
    layout = arrange(nodes, edges)
    for edge, points in zip(edges, layout.routes, strict=True):
        source, target = layout.boxes[edge.source], layout.boxes[edge.target]
        assert abs(points[0][1] - source.y - edge.source_port) < SLACK
        assert abs(points[-1][1] - target.y - edge.target_port) < SLACK
        assert min(abs(points[0][0] - source.x), abs(points[0][0] - source.x - source.width)) < SLACK
        assert min(abs(points[-1][0] - target.x), abs(points[-1][0] - target.x - target.width)) < SLACK
        others = [box for key, box in layout.boxes.items() if key not in (edge.source, edge.target)]
        if edge.source == edge.target:
            assert points[0][0] + LOOP <= layout.width + SLACK
            continue
        for start, end in pairwise(points):
            assert not any(crosses(start, end, box) for box in others)


def tables_of(specs: dict[str, Spec]) -> Sequence[TablePlanDocument]:
    return plan_document(plan_of(specs)).tables


def test_every_table_and_foreign_key_is_drawn_and_a_self_reference_is_a_loop() -> None:
    picture = draw(tables_of(chinook()), {("public", "Album"): "t5"})
    root = ET.fromstring(str(picture.svg))
    boxes = root.findall(f".//{SVG}g[@class='box']")
    assert {box.get("data-k") for box in boxes} == {f"public.{name}" for name in chinook()}
    arrows = [path for path in root.iter(f"{SVG}path") if (path.get("class") or "").startswith("fk")]
    assert len(arrows) == sum(len(spec.references or {}) for spec in chinook().values())
    loops = [path for path in arrows if path.get("data-a") == path.get("data-b")]
    assert [path.get("data-a") for path in loops] == ["public.Employee"]
    assert [link.get("href") for link in root.iter(f"{SVG}a")] == ["#t5"]
    assert picture.caption.startswith("11 tables, 11 foreign keys, all columns.")


def test_a_constraint_kept_not_valid_is_dashed_and_explained() -> None:
    tables = tables_of(chinook())
    loose = [
        replace(table, foreign_keys=[replace(key, validated=False) for key in table.foreign_keys])
        if table.name == "Album"
        else table
        for table in tables
    ]
    picture = draw(loose)
    assert str(picture.svg).count('class="fk dashed"') == 1
    assert "NOT VALID" in picture.caption
    assert "NOT VALID" not in draw(tables).caption


def test_names_are_markup_of_nobody() -> None:
    hostile = {'</title><script>alert(1)</script>"': Spec({"<b>&amp;": ("INTEGER", "bigint")})}
    picture = draw(tables_of(hostile), {})
    assert "<script" not in str(picture.svg)
    root = ET.fromstring(str(picture.svg))
    assert [title.text for title in root.iter(f"{SVG}title")] == ['public.</title><script>alert(1)</script>"']


def test_a_large_database_is_drawn_with_less_detail_and_says_what_it_leaves_off() -> None:
    assert "key columns only" in draw(tables_of(wide(40))).caption
    assert "names only" in draw(tables_of(wide(100))).caption
    most = draw(tables_of(wide(MAX_TABLES + 7, columns=0)))
    assert most.caption.startswith(f"{MAX_TABLES} tables, ")
    assert "The 7 tables with the fewest foreign keys are not drawn." in most.caption


def test_a_table_of_1600_columns_stays_a_box_of_a_bearable_height() -> None:
    spec = Spec({f"column_{number}": ("TEXT", "text") for number in range(1600)})
    picture = draw(tables_of({"broad": spec}))
    assert "1576 more" in str(picture.svg)
    assert picture.height < 600
