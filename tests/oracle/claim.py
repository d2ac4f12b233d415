"""What a mover says it did: the statement that the oracle checks against both databases."""

from __future__ import annotations

from dataclasses import dataclass

from exuvia.move.results import MoveReport


@dataclass(frozen=True, slots=True)
class ClaimedColumn:
    """A source column, its target column and, where numbers became times, the unit they were read in."""

    source: str
    target: str
    epoch: str = "auto"
    separator: str = ","


@dataclass(frozen=True, slots=True)
class ClaimedTable:
    """A source table and where it is said to be."""

    source: str
    schema: str
    name: str
    columns: tuple[ClaimedColumn, ...]


@dataclass(frozen=True, slots=True)
class ClaimedReject:
    """A row that is said not to have gone: ``row`` names it as ``rowid=17`` where the table has rowids."""

    table: str
    row: str
    reason: str


@dataclass(frozen=True, slots=True)
class Mention:
    """An object of the source that the report names, with its fate and the reason."""

    kind: str
    name: str
    table: str
    fate: str
    reason: str


@dataclass(frozen=True, slots=True)
class Claim:
    """All that a mover says about one move."""

    tables: tuple[ClaimedTable, ...]
    rejects: tuple[ClaimedReject, ...] = ()
    mentions: tuple[Mention, ...] = ()

    def table(self, source: str) -> ClaimedTable | None:
        """Return what is claimed of a source table, None when it is not said to have been moved."""
        return next((table for table in self.tables if table.source == source), None)

    def names(self, *words: str, table: str | None = None) -> bool:
        """Tell whether some mention speaks of all these words, of this table if one is given."""
        return any(_speaks_of(mention, words, table) for mention in self.mentions)


def _speaks_of(mention: Mention, words: tuple[str, ...], table: str | None) -> bool:
    if table is not None and table.lower() not in (mention.table.lower(), mention.name.lower().split(".")[0]):
        return False
    text = f"{mention.kind} {mention.name} {mention.reason}".lower()
    return bool(mention.reason) and all(word.lower() in text for word in words)


def claim_of(report: MoveReport) -> Claim:
    """Read the claim out of exuvia's own report."""
    catalog = report.plan.catalog
    # What is put together of several tables is in the source only as those
    readable = (table for table in catalog.virtual_tables if table.module.lower().startswith(("fts", "vec0")))
    stored = {table.name for table in catalog.tables} | {table.name for table in readable}
    tables = tuple(
        ClaimedTable(
            plan.source.name,
            plan.target.schema,
            plan.target.name,
            tuple(
                ClaimedColumn(
                    c.source.name, c.target.name, c.rule.epoch.value if c.rule.epoch else "none", c.rule.separator
                )
                for c in plan.columns
            ),
        )
        for plan in report.plan.tables
        if plan.source.name in stored
    )
    rejects = tuple(ClaimedReject(r.table, r.row, r.reason) for r in report.rejections)
    objects = tuple(
        Mention(o.kind, o.name, o.table, o.fate.value, o.reason) for o in (*report.objects, *report.plan.objects)
    )
    problems = tuple(
        Mention("problem", p.where, p.where.split(".")[0], "noted", p.message) for p in report.plan.problems
    )
    return Claim(tables, rejects, objects + problems)
