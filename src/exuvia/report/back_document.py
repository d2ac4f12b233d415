"""The way back as the report that both directions share: ``exuvia.report.document.ReportDocument``."""

from __future__ import annotations

from importlib.metadata import version

from exuvia.catalog.model import ForeignKey
from exuvia.engines.sqlite.affinity import affinity
from exuvia.move.back.plan import BackColumn, BackTable
from exuvia.move.back.results import BackReport
from exuvia.move.results import TableProof
from exuvia.report import document as doc
from exuvia.report.json_report import (
    dump,
    object_document,
    proof_document,
    result_document,
    server_document,
    stage_documents,
)
from exuvia.report.verdict import Verdict
from exuvia.report.words import counted, without_password


def back_to_json(report: BackReport) -> str:
    """Return the way back's report as one JSON document (``exuvia.report.document.ReportDocument``)."""
    return dump(back_document(report))


def back_document(report: BackReport) -> doc.ReportDocument:
    """Return the stable form of the way back's report."""
    judged, source = back_verdict(report), without_password(report.source.url)
    return doc.ReportDocument(
        format="exuvia.report",
        version=doc.VERSION,
        exuvia=version("exuvia"),
        status=report.status,
        verdict=doc.VerdictDocument(judged.level, judged.headline, judged.detail),
        source=source,
        target=server_document(report.target),
        started=report.started.isoformat(),
        seconds=report.seconds,
        stages=stage_documents(report.stages),
        tables=[result_document(table) for table in report.tables],
        objects=[object_document(item) for item in report.objects],
        rejections=[],
        quarantine_file="",
        proof=proof_document(report.proof) if report.proof else None,
        estimate=None,
        plan=_plan(report, source),
        direction="to SQLite",
        source_server=server_document(report.source),
        source_schema=report.schema,
        not_exact=[
            doc.NotExactDocument(loss.table, loss.column, loss.type, loss.stored, loss.reason, loss.count)
            for loss in report.losses
        ],
    )


def back_verdict(report: BackReport) -> Verdict:
    """Judge a report; nothing but compared values makes a verdict good."""
    proof = report.proof
    if report.status == "planned":
        inexact = counted(len(report.losses), "thing")
        return Verdict("good", "Ready to move", f"{inexact} that SQLite holds otherwise; nothing was written")
    if proof is None:
        rows = sum(table.rows_copied for table in report.tables)
        return Verdict("attention", f"{counted(rows, 'row')} moved", "values were not compared")
    if report.status == "different":
        wrong = sum(not table.equal for table in proof.tables)
        verb = "differs" if wrong == 1 else "differ"
        detail = f"{counted(proof.values_compared, 'value')} compared"
        unwritten = "; the file was not made" if report.tables else ""
        return Verdict("bad", f"{wrong:,} of {counted(len(proof.tables), 'table')} {verb}", detail + unwritten)
    rows = sum(table.rows_source for table in proof.tables)
    detail = f"{counted(rows, 'row')}, {counted(proof.values_compared, 'value')} compared, 0 differences"
    return Verdict("good", "Every value arrived", detail)


def _plan(report: BackReport, source: str) -> doc.PlanDocument:
    proofs = {proof.table: proof for proof in report.proof.tables} if report.proof else {}
    return doc.PlanDocument(
        format="exuvia.plan",
        version=doc.VERSION,
        source=doc.SourceDocument(source, "", 0, "", 0, 0, []),
        style="faithful",
        naive_time="as-is",
        tables=[_table(table, proofs.get(table.source.name)) for table in report.plan],
        objects=[object_document(item) for item in report.objects],
        problems=[doc.ProblemDocument("warning", "", note, 0, [], []) for note in report.notes],
    )


def _table(table: BackTable, proof: TableProof | None) -> doc.TablePlanDocument:
    target = table.target
    key = target.primary_key
    return doc.TablePlanDocument(
        source=table.source.name,
        schema="",
        name=target.name,
        rows=proof.rows_source if proof else table.source.rows,
        bytes=0,
        columns=[_column(table, column) for column in table.columns],
        primary_key=doc.KeyDocument(key.name or "", key.columns) if key else None,
        uniques=[doc.KeyDocument(unique.name or "", unique.columns) for unique in target.uniques],
        foreign_keys=[_foreign_key(foreign) for foreign in target.foreign_keys],
        indexes=[index.name for index in table.indexes],
    )


def _column(table: BackTable, column: BackColumn) -> doc.ColumnDocument:
    source, target, way = column.source, column.target, column.carriage
    return doc.ColumnDocument(
        source=source.name,
        declared_type=source.type.text,
        affinity=affinity(target.declared_type).value,
        target=target.name,
        type=target.declared_type,
        not_null=target.not_null,
        default=target.default,
        identity=target.name == table.target.rowid_column,
        generated=target.generated.expression if target.generated else None,
        storage_classes=sorted(kind.value for kind in way.classes),
        epoch=way.rule.epoch.value if way.rule.epoch else None,
        naive_time=way.rule.naive_time,
        separator=way.rule.separator,
        on_misfit="quarantine",
        reason="; ".join(filter(None, (way.reason, way.loss))),
        evidence=f"stored as {' or '.join(sorted(kind.value for kind in way.classes))}",
    )


def _foreign_key(key: ForeignKey) -> doc.ForeignKeyDocument:
    return doc.ForeignKeyDocument(
        key.name or "", key.columns, "", key.target_table, key.target_columns, key.on_update, key.on_delete, True
    )
