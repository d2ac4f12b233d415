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
from typing import Any, Literal, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from exuvia.move.results import MoveReport
from exuvia.report import document as doc
from exuvia.report import words
from exuvia.report.grouping import Group, full_name, grouped
from exuvia.report.json_report import report_document
from exuvia.report.picture import draw
from exuvia.report.sampled import differing_words, is_only_counted
from exuvia.report.verdict import rows_rejected

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


@dataclass(frozen=True, slots=True)
class End:
    """One end of a move: its engine, where it is, and what else to know of it."""

    engine: Literal["SQLite", "PostgreSQL"]
    what: str
    more: str


def to_html(report: MoveReport) -> str:
    """Return a move's report as one self-contained HTML page; see ``page``."""
    return page(report_document(report))


def page(document: doc.ReportDocument) -> str:
    """Return a report of either direction as one self-contained HTML page.

    Names and values are escaped, control characters are made visible, and a Content-Security-Policy forbids every
    request and every script but the page's own. Lists are cut at ``MAX_LISTED`` entries, and the page says so.
    """
    tables = _tables(document)
    anchors = {(table.plan.schema, table.plan.name): table.anchor for table in tables}
    script = _asset("report.js")
    objects = document.objects
    sample = document.proof.sample if document.proof else None
    source, target = _ends(document)
    template = _environment().get_template("template.html.j2")
    return template.render(
        report=document,
        verdict=document.verdict,
        started=_when(datetime.fromisoformat(document.started)),
        source=source,
        target=target,
        types_lead=_types_lead(document),
        tables=tables,
        totals=_totals(document, tables),
        stages=_stages(document),
        problems=_by_level(document.plan.problems),
        not_moved=_objects([item for item in objects if item.fate == "left out"]),
        translated=_objects([item for item in objects if item.fate in ("translated", "replaced")]),
        moved=listed([item for item in objects if item.fate == "moved"]),
        rejections=listed(document.rejections),
        rejected=rows_rejected(document),
        not_exact=listed(document.not_exact),
        differences=listed([item for table in document.proof.tables for item in table.differences])
        if document.proof
        else listed([]),
        sample=sample,
        column_count=0 if sample else sum(len(table.plan.columns) for table in tables),
        columns_open=sum(len(table.plan.columns) for table in tables) <= 120,
        picture=draw(document.plan.tables, anchors) if document.plan.tables and not sample else None,
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


def _ends(document: doc.ReportDocument) -> tuple[End, End]:
    """Return where the rows came from and where they went."""
    found, server, target = document.plan.source, document.source_server, document.target
    if document.direction == "to SQLite":
        version = words.product(server.version) if server else ""
        file = "Nothing was written." if document.status == "planned" else target.version if target else ""
        source = End("PostgreSQL", document.source, f"{version}, schema {document.source_schema}")
        return source, End("SQLite", target.url if target else "", file)
    more = f"{words.size(found.size_bytes)}, {found.encoding}, journal mode {found.journal_mode}"
    file_end = End("SQLite", document.source, more)
    if target is None:
        return file_end, End("PostgreSQL", "no target yet", "Nothing was written.")
    return file_end, End("PostgreSQL", target.url, f"{words.product(target.version)}, database {target.database}")


def _types_lead(document: doc.ReportDocument) -> str:
    """Return how types were chosen, in a sentence or two."""
    if document.direction == "to SQLite":
        return (
            "A column is declared as it was in SQLite where it came from there, else as PostgreSQL's type asks for."
            " Where SQLite would have changed a value under that type, the column got one that keeps every value."
        )
    zones = {
        "local": "; times without a zone are local time",
        "utc": "; times without a zone are UTC where a zone is needed",
    }
    style = f"Style {document.plan.style}{zones.get(document.plan.naive_time, '')}."
    return f"Each type was chosen from the declared type and from all values of the column. {style}"


def _totals(report: doc.ReportDocument, tables: Sequence[TableView]) -> dict[str, Any]:
    copied = sum(table.rows_copied for table in report.tables)
    seconds = sum(stage.seconds for stage in report.stages if stage.stage == "copy")
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
        "values_json": _values,
        "sql": _sql,
    }
    environment.globals |= {
        "beyond_declared": words.beyond_declared,
        "counted": words.counted,
        "differing_words": differing_words,
        "only_counted": is_only_counted,
        "full_name": full_name,
        "rate": words.rate,
    }
    return environment
