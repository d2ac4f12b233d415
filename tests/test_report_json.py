"""The JSON documents: the fields that are documented, of the types that are documented, readable by any parser."""

from __future__ import annotations

import json
import sqlite3
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import orjson
import pytest

from exuvia.move.pipeline import inspect, plan
from exuvia.move.results import MoveReport, Rejection
from exuvia.report import document, inspection_document
from exuvia.report.document import PlanDocument, ReportDocument
from exuvia.report.inspection_document import InspectionDocument
from exuvia.report.inspection_json import inspection_to_json
from exuvia.report.json_report import plan_to_json, to_json
from report_samples import different_report, dry_report, good_report, rejected_report

# Version 1 promises these names; a field may be added, but none may be renamed or removed.
VERSION_1 = {
    "ExampleDocument": "row position value",
    "ProblemDocument": "level where message count rows choices",
    "ObjectDocument": "kind name table fate reason source_sql target_sql",
    "ColumnDocument": (
        "source declared_type affinity target type not_null default identity generated storage_classes epoch "
        "naive_time separator on_misfit reason evidence"
    ),
    "KeyDocument": "name columns",
    "ForeignKeyDocument": "name columns target_schema target_table target_columns on_update on_delete validated",
    "TablePlanDocument": "source schema name rows bytes columns primary_key uniques foreign_keys indexes",
    "SourceDocument": "label encoding size_bytes journal_mode application_id user_version notes",
    "PlanDocument": "format version source style naive_time tables objects problems",
    "VerdictDocument": "level headline detail",
    "ServerDocument": "url version database",
    "StageDocument": "stage seconds",
    "TableResultDocument": "source schema name rows_source rows_copied rows_rejected bytes seconds",
    "RejectionDocument": "table row column reason values stored",
    "DifferenceDocument": "table row column source target",
    "TableProofDocument": (
        "table schema name rows_source rows_target rows_rejected values_compared equal method digest "
        "target_digest columns differences"
    ),
    "ProofDocument": "equal values_compared seconds tables",
    "EstimateDocument": "rows bytes seconds",
    "ReportDocument": (
        "format version exuvia status verdict source target started seconds stages tables objects rejections "
        "quarantine_file proof estimate plan"
    ),
    "IntegersDocument": "count minimum maximum zero_or_one seconds milliseconds microseconds examples",
    "RealsDocument": (
        "count minimum maximum integral not_finite max_scale max_integer_digits seconds milliseconds "
        "julian_days examples"
    ),
    "FormDocument": "count examples",
    "TextsDocument": (
        "count min_length max_length max_bytes forms json_safe max_scale max_integer_digits canonical_integers"
    ),
    "BlobsDocument": "count min_length max_length utf8 float32 examples",
    "VectorsDocument": "count dimensions zero not_finite",
    "FactsDocument": "rows nulls integers reals texts blobs vectors",
    "InspectedColumnDocument": "name declared_type affinity not_null default collation generated summary facts",
    "InspectedForeignKeyDocument": "columns target_table target_columns on_update on_delete",
    "InspectedIndexDocument": "name unique sql",
    "InspectedTableDocument": (
        "name rows bytes unreadable columns primary_key uniques foreign_keys checks indexes rowid_column "
        "autoincrement sequence without_rowid strict sql derived"
    ),
    "InspectedObjectDocument": "kind name table module shadows reason sql",
    "InspectionDocument": "format version source seconds tables objects",
}


def conform(value: object, kind: object, where: str = "$") -> None:
    """Fail unless a JSON value has the shape of a documented type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is object:
        return
    if isinstance(kind, type) and is_dataclass(kind):
        assert isinstance(value, dict), where
        assert list(value) == [field.name for field in fields(kind)], where
        for name, hint in typing.get_type_hints(kind).items():
            conform(value[name], hint, f"{where}.{name}")
    elif origin is typing.Literal:
        assert value in arguments, where
    elif origin in (types.UnionType, typing.Union):
        fitting = [argument for argument in arguments if fits(value, argument)]
        assert fitting, where
        conform(value, fitting[0], where)
    elif origin is not None and issubclass(origin, Mapping):
        assert isinstance(value, dict), where
        for key, item in value.items():
            conform(item, arguments[1], f"{where}[{key!r}]")
    elif origin is not None and issubclass(origin, Sequence):
        assert isinstance(value, list), where
        for number, item in enumerate(value):
            conform(item, arguments[0], f"{where}[{number}]")
    else:
        assert fits(value, kind), f"{where}: {value!r} is no {kind}"


def fits(value: object, kind: object) -> bool:
    """Whether a JSON value may be of a type, by a look at its outside."""
    if kind is type(None):
        return value is None
    if isinstance(kind, type) and is_dataclass(kind):
        return isinstance(value, dict)
    if kind is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind) if isinstance(kind, type) else value is not None


@pytest.mark.parametrize("name", VERSION_1)
def test_the_fields_of_version_1_are_still_there(name: str) -> None:
    kind = getattr(document, name, None) or getattr(inspection_document, name)
    assert set(VERSION_1[name].split()) <= {field.name for field in fields(kind)}


@pytest.mark.parametrize(
    "report", [good_report(), rejected_report(), different_report(), dry_report()], ids=lambda report: report.status
)
def test_a_report_is_what_its_document_says(report: MoveReport) -> None:
    text = to_json(report)
    found = json.loads(text)
    conform(found, ReportDocument)
    assert (found["format"], found["version"]) == ("exuvia.report", 1)
    assert text.endswith("}\n")
    assert orjson.loads(text) == found


def test_a_report_carries_every_figure_of_the_move() -> None:
    report = rejected_report()
    assert report.proof is not None
    found = json.loads(to_json(report))
    assert [table["rows_copied"] for table in found["tables"]] == [table.rows_copied for table in report.tables]
    assert found["verdict"]["level"] == "attention"
    assert found["rejections"][0] == {
        "table": "Invoice",
        "row": "rowid=1",
        "column": "InvoiceDate",
        "reason": "'2026-02-30 00:00:00' is not a day that exists",
        "values": dict(report.rejections[0].values),
        "stored": "exuvia.quarantine",
    }
    assert found["proof"]["tables"][0]["columns"] == dict(report.proof.tables[0].columns)
    assert found["started"] == "2026-03-14T15:09:26+00:00"
    assert found["stages"][0] == {"stage": "inspect", "seconds": 0.012}


def test_values_that_json_lacks_are_words_and_every_parser_reads_the_rest() -> None:
    values: dict[str, object] = {
        "nan": float("nan"),
        "plus": float("inf"),
        "minus": float("-inf"),
        "huge": 10**30,
        "lone": "a\udcff\ud800b",
        "\udc80key": "\x00",
        "nested": [{"deep": float("inf")}],
    }
    row = Rejection("t\udcff", "rowid=1", "c", "r", values, "q")
    text = to_json(replace(rejected_report(), rejections=(row,)))
    text.encode("utf-8")
    [found] = json.loads(text, parse_constant=pytest.fail)["rejections"]
    assert found["values"] == {
        "nan": "NaN",
        "plus": "Infinity",
        "minus": "-Infinity",
        "huge": 10**30,
        "lone": "a\\udcff\\ud800b",
        "\\udc80key": "\x00",
        "nested": [{"deep": "Infinity"}],
    }
    assert found["table"] == "t\\udcff"


def test_passwords_stay_out() -> None:
    report = good_report()
    assert report.target is not None
    target = replace(report.target, url="postgresql://me:s3cret@host/db?password=s3cret")
    assert "s3cret" not in to_json(replace(report, target=target, source="postgresql://a:s3cret@b/c"))


def test_a_plan_of_a_real_file_is_what_its_document_says(real_data: Path) -> None:
    decided = plan(real_data / "aiknowsys.sqlite")
    found = json.loads(plan_to_json(decided))
    conform(found, PlanDocument)
    assert [table["source"] for table in found["tables"]] == [table.source.name for table in decided.tables]
    assert [column["type"] for column in found["tables"][0]["columns"]] == [
        str(column.target.type) for column in decided.tables[0].columns
    ]


@pytest.mark.parametrize("name", ["aiknowsys", "pgloader-types", "chroma-empty"])
def test_an_inspection_of_a_real_file_is_what_its_document_says(name: str, real_data: Path) -> None:
    seen = inspect(real_data / f"{name}.sqlite")
    found = json.loads(inspection_to_json(seen))
    conform(found, InspectionDocument)
    assert {table["name"]: table["rows"] for table in found["tables"]} == {
        name: table.rows for name, table in seen.profile.tables.items()
    }


def test_an_inspection_tells_every_storage_class_and_infinite_bounds(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "mixed.db")
    connection.executescript(
        """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v);
        INSERT INTO t (v) VALUES (7), (9e999), (-9e999), ('2026-01-02'), (x'0001'), (NULL);
        CREATE VIEW seen AS SELECT v FROM t;
        CREATE TRIGGER changed AFTER UPDATE ON t BEGIN SELECT 1; END;
        """
    )
    connection.close()
    found = json.loads(inspection_to_json(inspect(tmp_path / "mixed.db")), parse_constant=pytest.fail)
    conform(found, InspectionDocument)
    facts = found["tables"][0]["columns"][1]["facts"]
    assert (facts["rows"], facts["nulls"]) == (6, 1)
    assert (facts["integers"]["minimum"], facts["integers"]["maximum"]) == (7, 7)
    assert (facts["reals"]["minimum"], facts["reals"]["maximum"]) == ("-Infinity", "Infinity")
    assert facts["texts"]["forms"]["date"]["count"] == 1
    assert facts["blobs"]["max_length"] == 2
    assert [(item["kind"], item["name"], item["table"]) for item in found["objects"]] == [
        ("view", "seen", ""),
        ("trigger", "changed", "t"),
    ]
