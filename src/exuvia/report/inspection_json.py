"""An inspection as JSON; ``exuvia.report.inspection_document`` describes every field."""

from __future__ import annotations

import math
from collections.abc import Sequence

from exuvia.catalog.model import Catalog, Column, Table
from exuvia.move.pipeline import Inspection
from exuvia.move.planning.evidence import evidence
from exuvia.report import inspection_document as doc
from exuvia.report.document import VERSION, ExampleDocument
from exuvia.report.json_report import dump, example, source_document
from exuvia.values.facts import (
    BlobFacts,
    ColumnFacts,
    Example,
    FormFacts,
    IntegerFacts,
    RealFacts,
    TextFacts,
    VectorFacts,
)
from exuvia.values.profile import TableProfile


def inspection_to_json(inspection: Inspection) -> str:
    """Return an inspection as one JSON document (``exuvia.report.inspection_document.InspectionDocument``)."""
    return dump(inspection_document(inspection))


def inspection_document(inspection: Inspection) -> doc.InspectionDocument:
    """Return the stable form of an inspection."""
    catalog, profile = inspection.catalog, inspection.profile
    return doc.InspectionDocument(
        format="exuvia.inspection",
        version=VERSION,
        source=source_document(catalog),
        seconds=profile.seconds,
        tables=[
            _table(table, profile.tables.get(table.name), profile.unreadable.get(table.name, ""))
            for table in (*catalog.tables, *catalog.derived)
        ],
        objects=_objects(catalog),
    )


def _table(table: Table, found: TableProfile | None, unreadable: str) -> doc.InspectedTableDocument:
    return doc.InspectedTableDocument(
        name=table.name,
        rows=found.rows if found else None,
        bytes=found.bytes if found else None,
        unreadable=unreadable,
        columns=[_column(column, found.columns.get(column.name) if found else None) for column in table.columns],
        primary_key=table.primary_key.columns if table.primary_key else (),
        uniques=[key.columns for key in table.uniques],
        foreign_keys=[
            doc.InspectedForeignKeyDocument(
                key.columns, key.target_table, key.target_columns, key.on_update, key.on_delete
            )
            for key in table.foreign_keys
        ],
        checks=[check.expression for check in table.checks],
        indexes=[doc.InspectedIndexDocument(index.name, index.unique, index.sql) for index in table.indexes],
        rowid_column=table.rowid_column,
        autoincrement=table.autoincrement,
        sequence=table.sequence,
        without_rowid=table.without_rowid,
        strict=table.strict,
        sql=table.sql,
        derived=bool(table.query),
    )


def _column(column: Column, facts: ColumnFacts | None) -> doc.InspectedColumnDocument:
    return doc.InspectedColumnDocument(
        name=column.name,
        declared_type=column.declared_type,
        affinity=column.affinity.value,
        not_null=column.not_null,
        default=column.default,
        collation=column.collation,
        generated=column.generated.expression if column.generated else None,
        summary=evidence(facts) if facts else "",
        facts=_facts(facts) if facts else None,
    )


def _facts(facts: ColumnFacts) -> doc.FactsDocument:
    return doc.FactsDocument(
        facts.rows,
        facts.nulls,
        _integers(facts.integers) if facts.integers else None,
        _reals(facts.reals) if facts.reals else None,
        _texts(facts.texts) if facts.texts else None,
        _blobs(facts.blobs) if facts.blobs else None,
        _vectors(facts.vectors) if facts.vectors else None,
    )


def _integers(facts: IntegerFacts) -> doc.IntegersDocument:
    return doc.IntegersDocument(
        count=facts.count,
        minimum=facts.minimum,
        maximum=facts.maximum,
        zero_or_one=facts.zero_or_one,
        seconds=facts.seconds,
        milliseconds=facts.milliseconds,
        microseconds=facts.microseconds,
        examples=_examples(facts.examples),
    )


def _reals(facts: RealFacts) -> doc.RealsDocument:
    return doc.RealsDocument(
        count=facts.count,
        minimum=_bound(facts.minimum),
        maximum=_bound(facts.maximum),
        integral=facts.integral,
        not_finite=facts.not_finite,
        max_scale=facts.max_scale,
        max_integer_digits=facts.max_integer_digits,
        seconds=facts.seconds,
        milliseconds=facts.milliseconds,
        julian_days=facts.julian_days,
        examples=_examples(facts.examples),
    )


def _texts(facts: TextFacts) -> doc.TextsDocument:
    return doc.TextsDocument(
        count=facts.count,
        min_length=facts.min_length,
        max_length=facts.max_length,
        max_bytes=facts.max_bytes,
        forms={form.value: _form(found) for form, found in facts.forms.items()},
        json_safe=facts.json_safe,
        max_scale=facts.max_scale,
        max_integer_digits=facts.max_integer_digits,
        canonical_integers=facts.canonical_integers,
    )


def _blobs(facts: BlobFacts) -> doc.BlobsDocument:
    return doc.BlobsDocument(
        facts.count, facts.min_length, facts.max_length, facts.utf8, facts.float32, _examples(facts.examples)
    )


def _vectors(facts: VectorFacts) -> doc.VectorsDocument:
    sizes = {str(size): _form(found) for size, found in sorted(facts.dimensions.items())}
    return doc.VectorsDocument(facts.count, sizes, _form(facts.zero), _form(facts.not_finite))


def _form(facts: FormFacts) -> doc.FormDocument:
    return doc.FormDocument(facts.count, _examples(facts.examples))


def _bound(number: float) -> float | str:
    return number if math.isfinite(number) else "Infinity" if number > 0 else "-Infinity"


def _examples(examples: Sequence[Example]) -> list[ExampleDocument]:
    return [example(item) for item in examples]


def _objects(catalog: Catalog) -> list[doc.InspectedObjectDocument]:
    return [
        *(doc.InspectedObjectDocument("view", view.name, "", "", (), "", view.sql) for view in catalog.views),
        *(
            doc.InspectedObjectDocument("trigger", trigger.name, trigger.table, "", (), "", trigger.sql)
            for trigger in catalog.triggers
        ),
        *(
            doc.InspectedObjectDocument("virtual table", table.name, "", table.module, table.shadows, "", table.sql)
            for table in catalog.virtual_tables
        ),
        *(
            doc.InspectedObjectDocument(item.kind, item.name, "", "", (), item.reason, item.sql)
            for item in catalog.unreadable
        ),
    ]
