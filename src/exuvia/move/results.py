"""What a move found and did: the values behind every report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from exuvia.move.plan import ObjectPlan, Plan


@dataclass(frozen=True, slots=True)
class TableResult:
    """One table's copy. ``bytes`` counts what was sent to the target."""

    source: str
    schema: str
    name: str
    rows_source: int
    rows_copied: int
    rows_rejected: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that could not go. ``row`` names it (``rowid=17``), ``values`` are its original values as JSON can show
    them; ``stored`` says where the row was put."""

    table: str
    row: str
    column: str
    reason: str
    values: Mapping[str, object]
    stored: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One value, or one whole row (``column`` empty), that is not the same on both sides."""

    table: str
    row: str
    column: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class TableSample:
    """How much of a table was compared: ``rows`` of the source's. ``counted`` says whether the numbers of rows in the
    table are counts, which have to agree, or only estimates."""

    rows: int
    counted: bool


@dataclass(frozen=True, slots=True)
class DifferingRows:
    """How many rows differ: ``changed`` ones are on both sides with other values, ``missing`` ones only in the source,
    ``additional`` ones only in the target. There are more among about ``unread`` rows, which were not looked at one by
    one. In a table without a key a changed row counts as missing and as additional."""

    changed: int = 0
    missing: int = 0
    additional: int = 0
    unread: int = 0

    def __add__(self, other: DifferingRows) -> DifferingRows:
        return DifferingRows(
            self.changed + other.changed,
            self.missing + other.missing,
            self.additional + other.additional,
            self.unread + other.unread,
        )

    def __bool__(self) -> bool:
        return any((self.changed, self.missing, self.additional, self.unread))


@dataclass(frozen=True, slots=True)
class TableProof:
    """The comparison of one table. ``digest`` is the xxh3-128 of the source's canonical values and
    ``target_digest`` the target's; ``columns`` are the digests by target column; ``method`` says whether rows were
    paired by key or compared as a multiset. ``differences`` are the first of all that ``differing`` counts. ``sample``
    is None where all rows were compared; else digests are those of the sample."""

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
    differences: tuple[Difference, ...] = ()
    differing: DifferingRows = DifferingRows()
    sample: TableSample | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """The comparison of everything that was moved. ``seed`` is None, except where only a sample was compared: then it
    chose the rows, and ``equal`` is about those alone."""

    tables: tuple[TableProof, ...]
    values_compared: int
    equal: bool
    seconds: float
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a move would take: bytes in the target, seconds, and the rate (rows/s) behind the seconds."""

    rows: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Server:
    """The target as it described itself; ``url`` carries no password."""

    url: str
    version: str
    database: str


Status = Literal["planned", "moved", "moved with rejections", "different"]


@dataclass(frozen=True, slots=True)
class MoveReport:
    """Everything a move found, decided, did and proved. ``objects`` carries final fates: what the target refused is
    'left out' with the server's reason. ``proof`` is None when verification was switched off or for a dry run."""

    status: Status
    source: str
    target: Server | None
    started: datetime
    seconds: float
    stages: Mapping[str, float]
    plan: Plan
    tables: tuple[TableResult, ...]
    objects: tuple[ObjectPlan, ...]
    rejections: tuple[Rejection, ...]
    proof: Proof | None
    estimate: Estimate | None = None
    quarantine_file: str = ""


@dataclass(frozen=True, slots=True)
class JointReport:
    """Several sources that moved, or were compared, together.

    Args:
        reports: What was done with each.
        seconds: How long all took.
    """

    reports: tuple[MoveReport, ...]
    seconds: float

    @property
    def status(self) -> Status:
        """The gravest of all."""
        gravest: tuple[Status, ...] = ("different", "planned", "moved with rejections", "moved")
        return next(status for status in gravest if any(report.status == status for report in self.reports))
