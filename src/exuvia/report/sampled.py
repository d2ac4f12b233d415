"""What a report says of a comparison of only some rows, and of rows that differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exuvia.move.results import DifferingRows, Proof, TableProof
from exuvia.report.document import DifferingDocument, TableProofDocument
from exuvia.report.words import counted


@dataclass(frozen=True, slots=True)
class SampleSize:
    """How much a sample covers.

    Args:
        compared: Rows of the source that were compared.
        rows: Rows that the source's tables have, or about how many.
        counted: Whether they were counted, all of them.
        not_compared: Tables of which no row was compared, although they have rows.
    """

    compared: int
    rows: int
    counted: bool
    not_compared: Sequence[str]

    @property
    def words(self) -> str:
        """The size in words: ``9,984 of 10,000,000 rows``."""
        about = "" if self.counted else "about "
        return f"{self.compared:,} of {about}{counted(self.rows, 'row')}"


def sample_size(proof: Proof) -> SampleSize | None:
    """Return how much was compared, None where everything was."""
    if proof.seed is None:
        return None
    parts = [(table, table.sample) for table in proof.tables if table.sample is not None]
    return SampleSize(
        sum(part.rows for _, part in parts),
        sum(table.rows_source for table, _ in parts),
        all(part.counted for _, part in parts),
        tuple(table.table for table, _ in parts if is_only_counted(table)),
    )


def is_only_counted(table: TableProof | TableProofDocument) -> bool:
    """Return whether a sample has none of a table's rows."""
    return table.sample is not None and not table.sample.rows and bool(table.rows_source)


def differing_words(rows: DifferingRows | DifferingDocument) -> str:
    """Return how many rows differ and how, in words; empty where that is not known."""
    parts = [
        f"{counted(rows.changed, 'row')} changed" if rows.changed else "",
        f"{counted(rows.missing, 'row')} only in the source" if rows.missing else "",
        f"{counted(rows.additional, 'row')} only in the target" if rows.additional else "",
        f"more among about {counted(rows.unread, 'other row')}, not looked at one by one" if rows.unread else "",
    ]
    return ", ".join(part for part in parts if part)
