"""The shape of exuvia's JSON documents: field names here are stable, and change only with ``VERSION``.

Each document begins with ``format`` (what it is) and ``version``. A field is added without a new version, never
renamed or removed. Times are ISO 8601 with an offset, spans are seconds, sizes are bytes, digests are
hexadecimal (``exuvia.values.digest`` says how they are made). Infinite numbers are the strings ``Infinity`` and
``-Infinity``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

VERSION = 1


@dataclass(frozen=True, slots=True)
class ExampleDocument:
    """One row that shows a fact; ``row`` names it (``rowid=17``), ``value`` is shortened."""

    row: str
    position: int
    value: str


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """Something to know before rows move; ``count`` is 0 when it is not about rows."""

    level: Literal["note", "warning", "error"]
    where: str
    message: str
    count: int
    rows: Sequence[ExampleDocument]
    choices: Sequence[str]


@dataclass(frozen=True, slots=True)
class ObjectDocument:
    """The fate of a view, trigger, index, check, default, foreign key, virtual table or excluded table."""

    kind: str
    name: str
    table: str
    fate: Literal["moved", "translated", "replaced", "left out"]
    reason: str
    source_sql: str
    target_sql: str


@dataclass(frozen=True, slots=True)
class ColumnDocument:
    """One column's decision: from ``source`` (declared as ``declared_type``) to ``target`` of ``type``, and why."""

    source: str
    declared_type: str
    affinity: str
    target: str
    type: str
    not_null: bool
    default: str | None
    identity: bool
    generated: str | None
    storage_classes: Sequence[str]
    epoch: str | None
    naive_time: str
    separator: str
    on_misfit: Literal["quarantine", "null"]
    reason: str
    evidence: str


@dataclass(frozen=True, slots=True)
class KeyDocument:
    """A primary key or UNIQUE constraint of a target table."""

    name: str
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class ForeignKeyDocument:
    """A foreign key of a target table. ``validated`` is false where orphans keep it NOT VALID."""

    name: str
    columns: Sequence[str]
    target_schema: str
    target_table: str
    target_columns: Sequence[str]
    on_update: str
    on_delete: str
    validated: bool


@dataclass(frozen=True, slots=True)
class TablePlanDocument:
    """One table's way: names on both sides, what was found in it, its columns and keys in the target."""

    source: str
    schema: str
    name: str
    rows: int
    bytes: int
    columns: Sequence[ColumnDocument]
    primary_key: KeyDocument | None
    uniques: Sequence[KeyDocument]
    foreign_keys: Sequence[ForeignKeyDocument]
    indexes: Sequence[str]


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """The source as it describes itself."""

    label: str
    encoding: str
    size_bytes: int
    journal_mode: str
    application_id: int
    user_version: int
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """``exuvia plan --json``, and the ``plan`` of a report."""

    format: Literal["exuvia.plan"]
    version: int
    source: SourceDocument
    style: Literal["faithful", "native"]
    naive_time: Literal["utc", "local", "as-is"]
    tables: Sequence[TablePlanDocument]
    objects: Sequence[ObjectDocument]
    problems: Sequence[ProblemDocument]


@dataclass(frozen=True, slots=True)
class VerdictDocument:
    """The outcome: ``level`` for programs, ``headline`` and ``detail`` for people."""

    level: Literal["good", "attention", "bad"]
    headline: str
    detail: str


@dataclass(frozen=True, slots=True)
class ServerDocument:
    """A server, ``url`` without a password; or the SQLite file of the way back, with SQLite's version."""

    url: str
    version: str
    database: str


@dataclass(frozen=True, slots=True)
class StageDocument:
    """How long a stage took."""

    stage: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TableResultDocument:
    """One table's copy; ``bytes`` were sent to the target."""

    source: str
    schema: str
    name: str
    rows_source: int
    rows_copied: int
    rows_rejected: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RejectionDocument:
    """A row in quarantine: which, why, its original values and where it is kept."""

    table: str
    row: str
    column: str
    reason: str
    values: Mapping[str, object]
    stored: str


@dataclass(frozen=True, slots=True)
class DifferenceDocument:
    """A value, or with ``column`` empty a whole row, that is not the same on both sides."""

    table: str
    row: str
    column: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class DifferingDocument:
    """How many rows of a table differ: on both sides with other values, only in the source, only in the target. Among
    about ``unread`` other rows are more, which were not looked at one by one."""

    changed: int
    missing: int
    additional: int
    unread: int


@dataclass(frozen=True, slots=True)
class TableSampleDocument:
    """How many of a table's rows a sample has; ``counted`` says whether the table's numbers of rows are exact."""

    rows: int
    counted: bool


@dataclass(frozen=True, slots=True)
class SampleDocument:
    """How many of the source's rows were compared. ``seed`` chose them; ``tables_not_compared`` were only counted."""

    rows_compared: int
    rows: int
    counted: bool
    seed: int
    tables_not_compared: Sequence[str]


@dataclass(frozen=True, slots=True)
class TableProofDocument:
    """The comparison of one table: 128-bit digests of its rows, and in ``columns`` 64-bit digests by target column.
    ``sample`` is null where all rows were compared; else everything but the numbers of rows is about the sample."""

    table: str
    schema: str
    name: str
    rows_source: int
    rows_target: int
    rows_rejected: int
    values_compared: int
    equal: bool
    method: Literal["keyed", "multiset"]
    digest: str
    target_digest: str
    columns: Mapping[str, str]
    differences: Sequence[DifferenceDocument]
    differing: DifferingDocument
    sample: TableSampleDocument | None


@dataclass(frozen=True, slots=True)
class ProofDocument:
    """The comparison of everything that was moved. Where ``sample`` is not null it is no proof: ``equal`` then is about
    some rows of each table, and about the numbers of rows."""

    equal: bool
    values_compared: int
    seconds: float
    tables: Sequence[TableProofDocument]
    sample: SampleDocument | None


@dataclass(frozen=True, slots=True)
class EstimateDocument:
    """What a move would take."""

    rows: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class NotExactDocument:
    """What SQLite holds otherwise than PostgreSQL: of a column, or with ``column`` empty of the table. ``count`` is 0
    when it is not about single values."""

    table: str
    column: str
    type: str
    stored: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """``exuvia migrate --json``, ``exuvia verify --json`` and ``--report FILE.json``, in either direction.

    ``objects`` are final fates; those of ``plan.objects`` were the intention. On the way to SQLite ``source_server``
    and ``source_schema`` say more about the source than ``plan.source`` does, and ``not_exact`` lists everything that
    SQLite holds otherwise; on the way to PostgreSQL they are null and empty.
    """

    format: Literal["exuvia.report"]
    version: int
    exuvia: str
    status: Literal["planned", "moved", "moved with rejections", "different"]
    verdict: VerdictDocument
    source: str
    target: ServerDocument | None
    started: str
    seconds: float
    stages: Sequence[StageDocument]
    tables: Sequence[TableResultDocument]
    objects: Sequence[ObjectDocument]
    rejections: Sequence[RejectionDocument]
    quarantine_file: str
    proof: ProofDocument | None
    estimate: EstimateDocument | None
    plan: PlanDocument
    direction: Literal["to PostgreSQL", "to SQLite"]
    source_server: ServerDocument | None
    source_schema: str
    not_exact: Sequence[NotExactDocument]
