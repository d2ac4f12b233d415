"""A picture of the target's tables and foreign keys: an SVG element, drawn in the colours of the page around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup
from rich.cells import cell_len, set_cell_size

from exuvia.report.document import TablePlanDocument
from exuvia.report.layout import LOOP, Edge, Layout, Node, Point, arrange
from exuvia.report.words import counted, one_line

Detail = Literal["columns", "keys", "names"]

MAX_TABLES = 400
MAX_ROWS = 24
_HEADER = 30.0
_ROW = 19.0
_PAD = 8.0
_TITLE_CHARACTER = 7.4
_CHARACTER = 6.65
_BADGES = 40.0


@dataclass(frozen=True, slots=True)
class Picture:
    """The drawing: ``svg`` is safe markup, ``caption`` says what is shown and what is not."""

    svg: Markup
    caption: str
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Row:
    text: str
    badge: str = ""
    type: str = ""
    faint: bool = False


@dataclass(frozen=True, slots=True)
class _Shape:
    """A table's box before it is placed; ``ports`` are the heights of the rows of its columns."""

    key: str
    title: str
    rows: Sequence[_Row]
    ports: Mapping[str, float]
    width: float
    height: float


def draw(tables: Sequence[TablePlanDocument], anchors: Mapping[tuple[str, str], str] | None = None) -> Picture:
    """Draw tables with arrows from each foreign key to what it refers to.

    All columns are shown in a small database, keys only in a middling one, names only in a large one. Beyond
    ``MAX_TABLES`` the tables with the most foreign keys are drawn and the caption says so.

    Args:
        tables: The tables, in loading order.
        anchors: Element ids to link to, by schema and name of the table.
    """
    chosen = _most_connected(tables)
    detail = _detail(chosen)
    with_schema = len({table.schema for table in chosen}) > 1
    shapes = {(table.schema, table.name): _shape(table, detail, with_schema) for table in chosen}
    edges, dashed = _edges(chosen, shapes)
    layout = arrange([Node(shape.key, shape.width, shape.height) for shape in shapes.values()], edges)
    parts = [_path(edge, layout.routes[number], number in dashed) for number, edge in enumerate(edges)]
    parts += [_box(shape, layout, (anchors or {}).get(name, "")) for name, shape in shapes.items()]
    caption = _caption(tables, chosen, edges, detail, bool(dashed))
    width, height = layout.width + 12, layout.height + 8
    svg = Markup(
        '<svg class="picture" role="img" aria-label="{label}" viewBox="-4 -4 {width:.0f} {height:.0f}" '
        'width="{width:.0f}" height="{height:.0f}" xmlns="http://www.w3.org/2000/svg">'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7.4" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto" markerUnits="userSpaceOnUse"><path d="M.6.8 7.4 4 .6 7.2z"/></marker></defs>'
    ).format(label=caption, width=width, height=height)
    return Picture(svg + Markup("").join(parts) + Markup("</svg>"), caption, width, height)


def _most_connected(tables: Sequence[TablePlanDocument]) -> list[TablePlanDocument]:
    if len(tables) <= MAX_TABLES:
        return list(tables)
    degree = {(table.schema, table.name): len(table.foreign_keys) for table in tables}
    for table in tables:
        for key in table.foreign_keys:
            if (key.target_schema, key.target_table) in degree:
                degree[key.target_schema, key.target_table] += 1
    kept = sorted(tables, key=lambda table: -degree[table.schema, table.name])[:MAX_TABLES]
    names = {(table.schema, table.name) for table in kept}
    return [table for table in tables if (table.schema, table.name) in names]


def _detail(tables: Sequence[TablePlanDocument]) -> Detail:
    rows = sum(min(len(table.columns), MAX_ROWS) for table in tables)
    if len(tables) <= 16 and rows <= 220:
        return "columns"
    return "keys" if len(tables) <= 80 else "names"


def _shape(table: TablePlanDocument, detail: Detail, with_schema: bool) -> _Shape:
    name = f"{table.schema}.{table.name}" if with_schema else table.name
    title = _fit(name, 30)
    primary = set(table.primary_key.columns) if table.primary_key else set()
    foreign = {column for key in table.foreign_keys for column in key.columns}
    listed = [column for column in table.columns if detail == "columns" or column.target in primary | foreign]
    listed = [] if detail == "names" else listed
    if len(listed) > MAX_ROWS:
        keyed = [column for column in listed if column.target in primary | foreign]
        rest = [column for column in listed if column.target not in primary | foreign]
        keep = {column.target for column in [*keyed, *rest][:MAX_ROWS]}
        listed = [column for column in listed if column.target in keep]
    rows = []
    ports = {}
    for number, column in enumerate(listed):
        marks = ["PK"] if column.target in primary else []
        marks += ["FK"] if column.target in foreign else []
        rows.append(_Row(_fit(column.target, 26), " ".join(marks), column.type if detail == "columns" else ""))
        ports[column.target] = _HEADER + _ROW * number + _ROW / 2 + 2
    hidden = len(table.columns) - len(listed)
    if hidden and detail != "names":
        rows.append(_Row(f"{hidden} more" if rows else counted(hidden, "column"), faint=True))
    wide = max(
        [cell_len(title) * _TITLE_CHARACTER + 2 * _PAD + 4]
        + [
            _BADGES + (cell_len(row.text) + (len(row.type) + 2 if row.type else 0)) * _CHARACTER + 2 * _PAD
            for row in rows
        ]
    )
    height = _HEADER + (_ROW * len(rows) + 6 if rows else 0)
    return _Shape(f"{table.schema}\0{table.name}", title, rows, ports, max(96.0, float(round(wide))), height)


def _fit(name: str, cells: int) -> str:
    name = one_line(name)
    return name if cell_len(name) <= cells else set_cell_size(name, cells - 1).rstrip() + "…"


def _edges(
    tables: Sequence[TablePlanDocument], shapes: Mapping[tuple[str, str], _Shape]
) -> tuple[list[Edge], frozenset[int]]:
    edges: list[Edge] = []
    dashed = set()
    for table in tables:
        source = shapes[table.schema, table.name]
        for key in table.foreign_keys:
            target = shapes.get((key.target_schema, key.target_table))
            if target is None:
                continue
            if not key.validated:
                dashed.add(len(edges))
            start = next((source.ports[name] for name in key.columns if name in source.ports), _HEADER / 2)
            end = next((target.ports[name] for name in key.target_columns if name in target.ports), _HEADER / 2)
            edges.append(Edge(source.key, target.key, start, end))
    return edges, frozenset(dashed)


def _caption(
    tables: Sequence[TablePlanDocument],
    chosen: Sequence[TablePlanDocument],
    edges: Sequence[Edge],
    detail: Detail,
    dashed: bool,
) -> str:
    shown = {"columns": "all columns", "keys": "key columns only", "names": "names only"}[detail]
    text = f"{counted(len(chosen), 'table')}, {counted(len(edges), 'foreign key')}, {shown}."
    if len(chosen) < len(tables):
        text += f" The {len(tables) - len(chosen):,} tables with the fewest foreign keys are not drawn."
    if edges:
        text += " An arrow points from a foreign key to the table it refers to."
    if dashed:
        text += " A dashed arrow is a constraint kept NOT VALID, because the source holds rows that violate it."
    return text


def _path(edge: Edge, points: Sequence[Point], dashed: bool) -> Markup:
    (x, y), *rest = points
    steps = [f"M{x:.1f} {y:.1f}"]
    if edge.source == edge.target:
        end = rest[0][1] if abs(rest[0][1] - y) > 1 else y - _ROW / 2
        steps.append(f"C{x + LOOP:.1f} {y:.1f} {x + LOOP:.1f} {end:.1f} {x:.1f} {end:.1f}")
        rest = []
    for to_x, to_y in rest:
        if abs(to_y - y) < 0.05:
            steps.append(f"H{to_x:.1f}")
        else:
            bend = (to_x - x) / 2
            steps.append(f"C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return Markup('<path class="{cls}" data-a="{a}" data-b="{b}" marker-end="url(#arrow)" d="{d}"/>').format(
        cls="fk dashed" if dashed else "fk", a=_label(edge.source), b=_label(edge.target), d=" ".join(steps)
    )


def _box(shape: _Shape, layout: Layout, anchor: str) -> Markup:
    box = layout.boxes[shape.key]
    header = _HEADER if shape.rows else box.height
    text = [
        Markup('<g class="box" data-k="{key}" transform="translate({x:.1f} {y:.1f})"><title>{full}</title>').format(
            key=_label(shape.key), x=box.x, y=box.y, full=_label(shape.key)
        ),
        Markup('<rect class="frame" width="{w:.0f}" height="{h:.0f}" rx="6"/>').format(w=box.width, h=box.height),
        Markup('<path class="head" d="M0 {b:.0f}V6a6 6 0 0 1 6-6H{r:.0f}a6 6 0 0 1 6 6V{b:.0f}{c}"/>').format(
            b=header if shape.rows else header - 6,
            r=box.width - 6,
            c="z" if shape.rows else "a6 6 0 0 1-6 6H6a6 6 0 0 1-6-6z",
        ),
        Markup('<text class="name" x="{x}" y="19.5">{name}</text>').format(x=_PAD + 2, name=shape.title),
    ]
    for number, row in enumerate(shape.rows):
        y = _HEADER + _ROW * number + _ROW / 2 + 6
        if row.badge:
            badge = Markup('<text class="badge" x="{x}" y="{y}">{badge}</text>')
            text.append(badge.format(x=_PAD, y=y, badge=row.badge))
        text.append(
            Markup('<text class="{cls}" x="{x:.0f}" y="{y}">{name}</text>').format(
                cls="col faint" if row.faint else "col", x=_PAD + _BADGES, y=y, name=row.text
            )
        )
        if row.type:
            kind = Markup('<text class="type" x="{x:.0f}" y="{y}">{type}</text>')
            text.append(kind.format(x=box.width - _PAD, y=y, type=row.type))
    text.append(Markup("</g>"))
    drawn = Markup("").join(text)
    return Markup('<a href="#{anchor}">{drawn}</a>').format(anchor=anchor, drawn=drawn) if anchor else drawn


def _label(key: str) -> str:
    return one_line(key.removeprefix("\0").replace("\0", "."))
