"""A move's report as one HTML file that needs nothing else: no request leaves the page."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from exuvia.move.results import MoveReport
from exuvia.report import document as doc
from exuvia.report import words
from exuvia.report.grouping import Group, full_name, grouped
from exuvia.report.json_report import report_document
from exuvia.report.picture import draw
from exuvia.report.verdict import rows_rejected, verdict

MAX_LISTED = 1_000
MAX_COLUMNS = 20_000
MAX_TEXT = 20_000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Listed:
    """The first items of a list, and how many there are in all."""

    items: Sequence[Any]
    total: int

    @property
    def shown(self) -> int:
        """How many the listed items stand for; a group stands for several."""
        return sum(item.size if isinstance(item, Group) else 1 for item in self.items)


@dataclass(frozen=True, slots=True)
class TableView:
    """Everything that the page says about one table."""

    anchor: str
    plan: doc.TablePlanDocument
    result: doc.TableResultDocument | None
    proof: doc.TableProofDocument | None
    changed: int

    @property
    def rows(self) -> int:
        """Rows in the source."""
        return self.result.rows_source if self.result else self.proof.rows_source if self.proof else self.plan.rows


def to_html(report: MoveReport) -> str:
    """Return the report as one self-contained HTML page.

    Names and values are escaped, control characters are made visible, and a Content-Security-Policy forbids every
    request and every script but the page's own. Lists are cut at ``MAX_LISTED`` entries, and the page says so.
    """
    document = report_document(report)
    tables = _tables(document)
    anchors = {(table.plan.schema, table.plan.name): table.anchor for table in tables}
    script = _asset("report.js")
    page = _environment().get_template("template.html.j2")
    objects = document.objects
    return page.render(
        report=document,
        verdict=verdict(report),
        started=_when(report.started),
        tables=tables,
        totals=_totals(report, tables),
        stages=_stages(document),
        problems=_by_level(document.plan.problems),
        not_moved=_objects([item for item in objects if item.fate == "left out"]),
        translated=_objects([item for item in objects if item.fate in ("translated", "replaced")]),
        moved=listed([item for item in objects if item.fate == "moved"]),
        rejections=listed(document.rejections),
        rejected=rows_rejected(report),
        differences=listed([item for table in document.proof.tables for item in table.differences])
        if document.proof
        else listed([]),
        column_count=sum(len(table.plan.columns) for table in tables),
        columns_open=sum(len(table.plan.columns) for table in tables) <= 120,
        picture=draw([table.target for table in report.plan.tables], anchors) if report.plan.tables else None,
        style=_asset("report.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def listed(items: Sequence[Item]) -> Listed:
    """Return the first ``MAX_LISTED`` items with their total."""
    return Listed(items[:MAX_LISTED], len(items))


def _objects(objects: Sequence[doc.ObjectDocument]) -> Listed:
    return Listed(grouped(objects)[:MAX_LISTED], len(objects))


def _tables(document: doc.ReportDocument) -> list[TableView]:
    results = {table.source: table for table in document.tables}
    proofs = {table.table: table for table in document.proof.tables} if document.proof else {}
    views = []
    columns = 0
    for number, plan in enumerate(document.plan.tables):
        columns += len(plan.columns)
        if columns > MAX_COLUMNS:
            break
        changed = sum(column.declared_type.lower() != column.type.lower() for column in plan.columns)
        views.append(TableView(f"t{number}", plan, results.get(plan.source), proofs.get(plan.source), changed))
    return views


def _totals(report: MoveReport, tables: Sequence[TableView]) -> dict[str, Any]:
    copied = sum(table.rows_copied for table in report.tables)
    seconds = report.stages.get("copy", 0.0)
    return {
        "rows": sum(table.rows for table in tables),
        "copied": copied,
        "bytes": sum(table.bytes for table in report.tables),
        "rate": words.rate(copied, seconds),
        "largest": max((table.rows for table in tables), default=0),
        "tables": len(report.plan.tables),
        "equal": sum(table.equal for table in report.proof.tables) if report.proof else 0,
        "compared": report.proof.values_compared if report.proof else 0,
    }


def _stages(document: doc.ReportDocument) -> list[dict[str, Any]]:
    whole = sum(stage.seconds for stage in document.stages) or 1.0
    return [
        {"name": stage.stage, "seconds": stage.seconds, "share": 100 * stage.seconds / whole}
        for stage in document.stages
    ]


def _by_level(problems: Sequence[doc.ProblemDocument]) -> dict[str, Listed]:
    levels = ("error", "warning", "note")
    return {level: listed([problem for problem in problems if problem.level == level]) for level in levels}


def _when(moment: datetime) -> str:
    return f"{moment:%-d %B %Y, %H:%M:%S} {moment.tzname() or ''}".strip()


def _values(values: Mapping[str, object]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False)


def _sql(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _finalize(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        shown = words.plain(value)
        return shown if len(shown) <= MAX_TEXT else f"{shown[:MAX_TEXT]}… ({len(shown):,} characters in all)"
    return value


def _asset(name: str) -> str:
    return files("exuvia.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("exuvia.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= {
        "count": words.count,
        "size": words.size,
        "duration": words.duration,
        "product": words.product,
        "values_json": _values,
        "sql": _sql,
    }
    environment.globals |= {
        "beyond_declared": words.beyond_declared,
        "counted": words.counted,
        "full_name": full_name,
        "rate": words.rate,
    }
    return environment
