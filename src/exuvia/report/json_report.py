"""A move or a plan as JSON; ``exuvia.report.document`` describes every field."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING

import orjson

from exuvia.catalog.model import Catalog
from exuvia.move.plan import ColumnPlan, ObjectPlan, Plan, Problem, TablePlan
from exuvia.move.results import MoveReport, Proof, Rejection, Server, TableProof, TableResult
from exuvia.report import document as doc
from exuvia.report.sampled import sample_size
from exuvia.report.verdict import verdict
from exuvia.report.words import without_password
from exuvia.values.facts import Example

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def to_json(report: MoveReport) -> str:
    """Return a move's report as one JSON document (``exuvia.report.document.ReportDocument``)."""
    return dump(report_document(report))


def plan_to_json(plan: Plan) -> str:
    """Return a plan as one JSON document (``exuvia.report.document.PlanDocument``)."""
    return dump(plan_document(plan))


def dump(value: DataclassInstance) -> str:
    """Return a document as indented JSON text that ends with a newline."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    except TypeError:
        # orjson refuses integers over 64 bits and lone surrogates, which no JSON text can carry.
        return json.dumps(plain_json(asdict(value)), indent=2, ensure_ascii=False) + "\n"


def plain_json(value: object) -> object:
    """Return a value as any JSON reader takes it: numbers that are not finite as words (``Infinity``), lone surrogates
    as their escapes, everything else that JSON lacks as text."""
    if isinstance(value, Mapping):
        return {str(plain_json(str(key))): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
    if value is None or isinstance(value, bool | int):
        return value
    return str(value).encode("utf-8", "backslashreplace").decode()


def report_document(report: MoveReport) -> doc.ReportDocument:
    """Return the stable form of a report."""
    judged, server, estimate = verdict(report), report.target, report.estimate
    return doc.ReportDocument(
        format="exuvia.report",
        version=doc.VERSION,
        exuvia=version("exuvia"),
        status=report.status,
        verdict=doc.VerdictDocument(judged.level, judged.headline, judged.detail),
        source=without_password(report.source),
        target=server_document(server) if server else None,
        started=report.started.isoformat(),
        seconds=report.seconds,
        stages=stage_documents(report.stages),
        tables=[result_document(table) for table in report.tables],
        objects=[object_document(item) for item in report.objects],
        rejections=[
            doc.RejectionDocument(row.table, row.row, row.column, row.reason, _values(row), row.stored)
            for row in report.rejections
        ],
        quarantine_file=report.quarantine_file,
        proof=proof_document(report.proof) if report.proof else None,
        estimate=doc.EstimateDocument(estimate.rows, estimate.bytes, estimate.seconds) if estimate else None,
        plan=plan_document(report.plan),
        direction="to PostgreSQL",
        source_server=None,
        source_schema="",
        not_exact=[],
    )


def plan_document(plan: Plan) -> doc.PlanDocument:
    """Return the stable form of a plan."""
    return doc.PlanDocument(
        format="exuvia.plan",
        version=doc.VERSION,
        source=source_document(plan.catalog),
        style=plan.style,
        naive_time=plan.naive_time,
        tables=[_table(table) for table in plan.tables],
        objects=[object_document(item) for item in plan.objects],
        problems=[_problem(problem) for problem in plan.problems],
    )


def _values(row: Rejection) -> Mapping[str, object]:
    return {str(plain_json(name)): plain_json(value) for name, value in row.values.items()}


def source_document(catalog: Catalog) -> doc.SourceDocument:
    """Return the stable form of what a source says of itself."""
    return doc.SourceDocument(
        without_password(catalog.label),
        catalog.encoding,
        catalog.size_bytes,
        catalog.journal_mode,
        catalog.application_id,
        catalog.user_version,
        catalog.notes,
    )


def _table(table: TablePlan) -> doc.TablePlanDocument:
    target = table.target
    return doc.TablePlanDocument(
        source=table.source.name,
        schema=target.schema,
        name=target.name,
        rows=table.profile.rows,
        bytes=table.profile.bytes,
        columns=[_column(column) for column in table.columns],
        primary_key=doc.KeyDocument(target.primary_key.name, target.primary_key.columns)
        if target.primary_key
        else None,
        uniques=[doc.KeyDocument(key.name, key.columns) for key in target.uniques],
        foreign_keys=[
            doc.ForeignKeyDocument(
                key.name,
                key.columns,
                key.schema,
                key.table,
                key.target_columns,
                key.on_update,
                key.on_delete,
                key.validate,
            )
            for key in target.foreign_keys
        ],
        indexes=[index.name for index in target.indexes],
    )


def _column(column: ColumnPlan) -> doc.ColumnDocument:
    source, target, rule = column.source, column.target, column.rule
    return doc.ColumnDocument(
        source=source.name,
        declared_type=source.declared_type,
        affinity=source.affinity.value,
        target=target.name,
        type=str(target.type),
        not_null=target.not_null,
        default=target.default,
        identity=target.identity,
        generated=target.generated,
        storage_classes=sorted(kind.value for kind in column.classes),
        epoch=rule.epoch.value if rule.epoch else None,
        naive_time=rule.naive_time,
        separator=rule.separator,
        on_misfit=column.on_misfit,
        reason=column.reason,
        evidence=column.evidence,
    )


def server_document(server: Server) -> doc.ServerDocument:
    """Return the stable form of one end of a move."""
    return doc.ServerDocument(without_password(server.url), server.version, server.database)


def stage_documents(stages: Mapping[str, float]) -> list[doc.StageDocument]:
    """Return the stable form of the seconds of each stage."""
    return [doc.StageDocument(stage, seconds) for stage, seconds in stages.items()]


def result_document(table: TableResult) -> doc.TableResultDocument:
    """Return the stable form of a table's copy."""
    return doc.TableResultDocument(
        table.source,
        table.schema,
        table.name,
        table.rows_source,
        table.rows_copied,
        table.rows_rejected,
        table.bytes,
        table.seconds,
    )


def object_document(item: ObjectPlan) -> doc.ObjectDocument:
    """Return the stable form of an object's fate."""
    return doc.ObjectDocument(
        item.kind, item.name, item.table, item.fate.value, item.reason, item.source_sql, item.target_sql
    )


def example(value: Example) -> doc.ExampleDocument:
    """Return the stable form of an example."""
    return doc.ExampleDocument(value.row, value.position, value.value)


def _problem(problem: Problem) -> doc.ProblemDocument:
    rows = [example(row) for row in problem.rows]
    return doc.ProblemDocument(problem.level, problem.where, problem.message, problem.count, rows, problem.choices)


def proof_document(proof: Proof) -> doc.ProofDocument:
    """Return the stable form of a proof."""
    tables = [_table_proof(table) for table in proof.tables]
    return doc.ProofDocument(proof.equal, proof.values_compared, proof.seconds, tables, _sample(proof))


def _sample(proof: Proof) -> doc.SampleDocument | None:
    size = sample_size(proof)
    if size is None or proof.seed is None:
        return None
    return doc.SampleDocument(size.compared, size.rows, size.counted, proof.seed, size.not_compared)


def _table_proof(table: TableProof) -> doc.TableProofDocument:
    return doc.TableProofDocument(
        table=table.table,
        schema=table.schema,
        name=table.name,
        rows_source=table.rows_source,
        rows_target=table.rows_target,
        rows_rejected=table.rows_rejected,
        values_compared=table.values_compared,
        equal=table.equal,
        method=table.method,
        digest=table.digest,
        target_digest=table.target_digest,
        columns=dict(table.columns),
        differences=[
            doc.DifferenceDocument(item.table, item.row, item.column, item.source, item.target)
            for item in table.differences
        ],
        differing=doc.DifferingDocument(
            table.differing.changed, table.differing.missing, table.differing.additional, table.differing.unread
        ),
        sample=doc.TableSampleDocument(table.sample.rows, table.sample.counted) if table.sample else None,
    )
