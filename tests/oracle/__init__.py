"""An independent judge of a move from SQLite to PostgreSQL.

It shares no code with exuvia's conversions: it reads the source with Python's sqlite3 and the target as text with
psycopg, and checks what the mover claims about them. ``judge`` returns complaints; none means that everything is well.
"""

from __future__ import annotations

from pathlib import Path

from oracle import objects, rows
from oracle.behaviour import behave_alike
from oracle.claim import Claim, ClaimedColumn, ClaimedReject, ClaimedTable, Mention, claim_of
from oracle.source import fingerprint, opened
from oracle.target import Target


def judge(path: Path, url: str, claim: Claim, *, only_rows: bool = False) -> list[str]:
    """Check a claim about a move against both databases.

    Args:
        path: The SQLite file; it is copied before it is read.
        url: The PostgreSQL database.
        claim: What the mover says.
        only_rows: Check the rows and nothing about keys, indexes and other objects.

    Returns:
        One sentence for each thing that is wrong.
    """
    with opened(path) as source:
        target = Target(url)
        try:
            complaints = objects.duplicates(claim)
            for table in claim.tables:
                complaints += rows.compare(source, target, claim, table)
            if not only_rows:
                complaints += objects.entries(source, target, claim)
                for table in claim.tables:
                    if source.is_vectors(table.source):
                        continue
                    complaints += objects.tables(source, target, claim, table)
                complaints += objects.views(source, target, claim)
        finally:
            target.close()
    return complaints


__all__ = [
    "Claim",
    "ClaimedColumn",
    "ClaimedReject",
    "ClaimedTable",
    "Mention",
    "behave_alike",
    "claim_of",
    "fingerprint",
    "judge",
]
