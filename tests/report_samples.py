"""Hand-made plans and reports, so that a report can be tested without moving anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b

from exuvia.catalog.model import Affinity, Catalog, Column, ForeignKey, Key, Table
from exuvia.catalog.target import TargetColumn, TargetForeignKey, TargetKey, TargetTable
from exuvia.catalog.types import SqlType
from exuvia.move.plan import ColumnPlan, Fate, ObjectPlan, Plan, Problem, TablePlan
from exuvia.move.results import (
    Difference,
    Estimate,
    MoveReport,
    Proof,
    Rejection,
    Server,
    TableProof,
    TableResult,
)
from exuvia.values.cells import StorageClass
from exuvia.values.facts import Example
from exuvia.values.profile import Chunk, TableProfile
from exuvia.values.rules import Rule

STARTED = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


@dataclass(frozen=True)
class Spec:
    """A table in short: columns as ``name: (declared, target type)``, the first is the key; foreign keys by column."""

    columns: Mapping[str, tuple[str, str]]
    rows: int = 10
    references: Mapping[str, str] | None = None


def table_plan(name: str, spec: Spec, specs: Mapping[str, Spec], schema: str = "public") -> TablePlan:
    """Return the plan of one table."""
    names = list(spec.columns)
    columns = []
    for position, (column, (declared, target)) in enumerate(spec.columns.items()):
        source = Column(column, declared, Affinity.INTEGER if "INT" in declared else Affinity.TEXT, position == 0)
        columns.append(
            ColumnPlan(
                source,
                TargetColumn(column, SqlType.parse(target), not_null=position == 0, identity=position == 0),
                Rule(SqlType.parse(target)),
                frozenset({StorageClass.INTEGER if "INT" in declared else StorageClass.TEXT}),
                reason=f"{declared or 'no type'} is {target} where every value fits",
                evidence=f"{spec.rows:,} values, all {'integers 1 to ' + str(spec.rows) if position == 0 else 'text'}",
            )
        )
    references = spec.references or {}
    foreign_keys = tuple(
        TargetForeignKey(f"{name}_{column}_fkey", (column,), schema, parent, (next(iter(specs[parent].columns)),))
        for column, parent in references.items()
    )
    source_table = Table(
        name,
        tuple(column.source for column in columns),
        Key((names[0],)),
        foreign_keys=tuple(
            ForeignKey((column,), parent, (next(iter(specs[parent].columns)),)) for column, parent in references.items()
        ),
    )
    target_table = TargetTable(
        schema,
        name,
        tuple(column.target for column in columns),
        TargetKey(f"{name}_pkey", (names[0],)),
        foreign_keys=foreign_keys,
    )
    profile = TableProfile(name, spec.rows, spec.rows * 90, (Chunk(0, None, None, spec.rows),), {})
    return TablePlan(source_table, target_table, tuple(columns), profile)


def plan_of(specs: Mapping[str, Spec], label: str = "chinook.sqlite") -> Plan:
    """Return a plan for the tables of ``specs``."""
    tables = tuple(table_plan(name, spec, specs) for name, spec in specs.items())
    catalog = Catalog(label, size_bytes=1_011_712, journal_mode="wal", tables=tuple(item.source for item in tables))
    return Plan(catalog, "faithful", "utc", tables, (), ())


def digest(text: str) -> str:
    """Return 32 hexadecimal digits that depend on ``text``."""
    return blake2b(text.encode(), digest_size=16).hexdigest()


def proof_of(plan: Plan, rejected: Mapping[str, int] | None = None) -> Proof:
    """Return the proof that everything in ``plan`` arrived, but for ``rejected`` rows by table."""
    missing = rejected or {}
    tables = []
    for item in plan.tables:
        name, rows = item.target.name, item.profile.rows - missing.get(item.source.name, 0)
        columns = {column.target.name: digest(f"{name}.{column.target.name}") for column in item.columns}
        tables.append(
            TableProof(
                item.source.name,
                item.target.schema,
                name,
                item.profile.rows,
                rows,
                missing.get(item.source.name, 0),
                rows * len(columns),
                True,
                "keyed" if item.target.primary_key else "multiset",
                digest(name),
                digest(name),
                columns,
            )
        )
    return Proof(tuple(tables), sum(table.values_compared for table in tables), True, 0.21)


def report_of(plan: Plan, *, proof: Proof | None = None) -> MoveReport:
    """Return the report of a move of ``plan`` in which everything went well."""
    tables = tuple(
        TableResult(
            item.source.name,
            item.target.schema,
            item.target.name,
            item.profile.rows,
            item.profile.rows,
            0,
            item.profile.bytes,
            0.004 + item.profile.rows / 900_000,
        )
        for item in plan.tables
    )
    stages = {
        "inspect": 0.012,
        "profile": 0.094,
        "plan": 0.008,
        "create": 0.051,
        "copy": 0.187,
        "finish": 0.142,
        "verify": 0.21,
    }
    server = Server("postgresql://postgres@127.0.0.1:5432/app", "18.4", "app")
    return MoveReport(
        "moved",
        plan.catalog.label,
        server,
        STARTED,
        sum(stages.values()),
        stages,
        plan,
        tables,
        plan.objects,
        (),
        proof or proof_of(plan),
    )


def chinook() -> dict[str, Spec]:
    """Return the music shop that everybody knows: 11 tables, a self reference, a table with two foreign keys."""
    return {
        "Artist": Spec({"ArtistId": ("INTEGER", "integer"), "Name": ("NVARCHAR(120)", "varchar(120)")}, 275),
        "Genre": Spec({"GenreId": ("INTEGER", "integer"), "Name": ("NVARCHAR(120)", "varchar(120)")}, 25),
        "MediaType": Spec({"MediaTypeId": ("INTEGER", "integer"), "Name": ("NVARCHAR(120)", "varchar(120)")}, 5),
        "Playlist": Spec({"PlaylistId": ("INTEGER", "integer"), "Name": ("NVARCHAR(120)", "varchar(120)")}, 18),
        "Employee": Spec(
            {
                "EmployeeId": ("INTEGER", "integer"),
                "LastName": ("NVARCHAR(20)", "varchar(20)"),
                "FirstName": ("NVARCHAR(20)", "varchar(20)"),
                "ReportsTo": ("INTEGER", "integer"),
                "BirthDate": ("DATETIME", "timestamp"),
                "Email": ("NVARCHAR(60)", "varchar(60)"),
            },
            8,
            {"ReportsTo": "Employee"},
        ),
        "Album": Spec(
            {
                "AlbumId": ("INTEGER", "integer"),
                "Title": ("NVARCHAR(160)", "varchar(160)"),
                "ArtistId": ("INTEGER", "integer"),
            },
            347,
            {"ArtistId": "Artist"},
        ),
        "Customer": Spec(
            {
                "CustomerId": ("INTEGER", "integer"),
                "FirstName": ("NVARCHAR(40)", "varchar(40)"),
                "LastName": ("NVARCHAR(20)", "varchar(20)"),
                "Company": ("NVARCHAR(80)", "varchar(80)"),
                "Email": ("NVARCHAR(60)", "varchar(60)"),
                "SupportRepId": ("INTEGER", "integer"),
            },
            59,
            {"SupportRepId": "Employee"},
        ),
        "Track": Spec(
            {
                "TrackId": ("INTEGER", "integer"),
                "Name": ("NVARCHAR(200)", "varchar(200)"),
                "AlbumId": ("INTEGER", "integer"),
                "MediaTypeId": ("INTEGER", "integer"),
                "GenreId": ("INTEGER", "integer"),
                "Composer": ("NVARCHAR(220)", "varchar(220)"),
                "Milliseconds": ("INTEGER", "integer"),
                "Bytes": ("INTEGER", "bigint"),
                "UnitPrice": ("NUMERIC(10,2)", "numeric(10,2)"),
            },
            3_503,
            {"AlbumId": "Album", "MediaTypeId": "MediaType", "GenreId": "Genre"},
        ),
        "Invoice": Spec(
            {
                "InvoiceId": ("INTEGER", "integer"),
                "CustomerId": ("INTEGER", "integer"),
                "InvoiceDate": ("DATETIME", "timestamp"),
                "Total": ("NUMERIC(10,2)", "numeric(10,2)"),
            },
            412,
            {"CustomerId": "Customer"},
        ),
        "InvoiceLine": Spec(
            {
                "InvoiceLineId": ("INTEGER", "integer"),
                "InvoiceId": ("INTEGER", "integer"),
                "TrackId": ("INTEGER", "integer"),
                "UnitPrice": ("NUMERIC(10,2)", "numeric(10,2)"),
                "Quantity": ("INTEGER", "integer"),
            },
            2_240,
            {"InvoiceId": "Invoice", "TrackId": "Track"},
        ),
        "PlaylistTrack": Spec(
            {"PlaylistId": ("INTEGER", "integer"), "TrackId": ("INTEGER", "integer")},
            8_715,
            {"PlaylistId": "Playlist", "TrackId": "Track"},
        ),
    }


def good_report() -> MoveReport:
    """Return a move of Chinook in which every value arrived."""
    plan = plan_of(chinook())
    objects = (
        ObjectPlan("index", "IFK_AlbumArtistId", "Album", Fate.MOVED, "the same index in PostgreSQL"),
        ObjectPlan(
            "view",
            "top_tracks",
            "",
            Fate.TRANSLATED,
            "date functions rewritten; it runs in the target",
            "CREATE VIEW top_tracks AS SELECT strftime('%Y', InvoiceDate) AS year, count(*) FROM Invoice GROUP BY 1",
            "CREATE VIEW public.top_tracks AS SELECT to_char(\"InvoiceDate\", 'YYYY') AS year, count(*) FROM "
            'public."Invoice" GROUP BY 1',
        ),
        ObjectPlan(
            "virtual table",
            "track_fts",
            "",
            Fate.LEFT_OUT,
            "FTS5 table over Track; PostgreSQL's counterpart is tsvector with a GIN index",
            "CREATE VIRTUAL TABLE track_fts USING fts5(Name, content='Track', content_rowid='TrackId')",
        ),
    )
    note = Problem(
        "note", "Invoice.InvoiceDate", "412 times carry no zone; they are kept as they stand", (Example(0, "x"),), 412
    )
    return report_of(replace(plan, objects=objects, problems=(note,)))


def rejected_report(rejections: int = 3) -> MoveReport:
    """Return a move in which some rows of Invoice went to quarantine."""
    report = good_report()
    rows = tuple(
        Rejection(
            "Invoice",
            f"rowid={number}",
            "InvoiceDate",
            "'2026-02-30 00:00:00' is not a day that exists",
            {"InvoiceId": number, "CustomerId": 7, "InvoiceDate": "2026-02-30 00:00:00", "Total": 1.98, "Note": None},
            "exuvia.quarantine",
        )
        for number in range(1, rejections + 1)
    )
    tables = tuple(
        replace(table, rows_copied=table.rows_source - rejections, rows_rejected=rejections)
        if table.source == "Invoice"
        else table
        for table in report.tables
    )
    problem = Problem(
        "warning",
        "Invoice.InvoiceDate",
        f"{rejections:,} values do not fit timestamp",
        (Example(16, "2026-02-30 00:00:00", "rowid=17"),),
        rejections,
        ('tables.Invoice.columns.InvoiceDate.type = "text"', 'tables.Invoice.columns.InvoiceDate.on_misfit = "null"'),
    )
    return replace(
        report,
        status="moved with rejections",
        tables=tables,
        rejections=rows,
        proof=proof_of(report.plan, {"Invoice": rejections}),
        quarantine_file="chinook.quarantine.jsonl",
        plan=replace(report.plan, problems=(*report.plan.problems, problem)),
    )


def different_report() -> MoveReport:
    """Return a comparison that found a changed value and a missing row in Track."""
    report = good_report()
    assert report.proof is not None
    found = (
        Difference("Track", "TrackId=17", "Name", "'Let There Be Rock'", "'Let There Be Rock '"),
        Difference("Track", "TrackId=3503", "", "present", "missing"),
    )
    tables = tuple(
        replace(table, equal=False, target_digest=digest("other"), rows_target=table.rows_target - 1, differences=found)
        if table.table == "Track"
        else table
        for table in report.proof.tables
    )
    return replace(report, status="different", proof=replace(report.proof, tables=tables, equal=False))


def dry_report() -> MoveReport:
    """Return a dry run of Chinook."""
    report = good_report()
    stages = {stage: report.stages[stage] for stage in ("inspect", "profile", "plan")}
    estimate = Estimate(15_607, 1_404_630, 0.6)
    return replace(
        report, status="planned", stages=stages, seconds=0.114, tables=(), proof=None, estimate=estimate, target=None
    )


def wide(tables: int, columns: int = 6, fan: int = 2) -> dict[str, Spec]:
    """Return ``tables`` tables that refer to earlier ones, ``fan`` foreign keys each, deterministic."""
    specs: dict[str, Spec] = {}
    names = [f"table_{number:03d}" for number in range(tables)]
    for number, name in enumerate(names):
        parents: Sequence[str] = [names[(number * 7 + step * 13) % max(1, number)] for step in range(fan)]
        cells = {"id": ("INTEGER", "bigint")}
        references = {}
        if number and number % 5:
            for step, parent in enumerate(parents):
                cells[f"{parent}_{step}"] = ("INTEGER", "bigint")
                references[f"{parent}_{step}"] = parent
        cells |= {f"value_{position}": ("TEXT", "text") for position in range(columns)}
        specs[name] = Spec(cells, 1000 + number, references)
    return specs
