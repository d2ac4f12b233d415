"""What a moved table was in SQLite: written into the comment of the PostgreSQL table, and read on the way back.

A comment goes where the table goes (renamed, into another schema, through pg_dump) and is gone when it is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exuvia.move.plan import ColumnPlan, TablePlan
from exuvia.values.cells import StorageClass
from exuvia.values.facts import TextForm
from exuvia.values.rules import Epoch

_LEAD = "Moved from SQLite by exuvia. "
_VERSION = 1


@dataclass(frozen=True, slots=True)
class OriginColumn:
    """A column as it was in SQLite.

    Args:
        name: Its name.
        declared: Its declared type, empty without one.
        collation: Its collating sequence.
        default: Its default as SQLite's SQL, None without one.
        epoch: How its numbers were read as moments, None if they were not.
        zoned: Whether its texts named a time zone.
        hex_uuid: Whether its texts were UUIDs without hyphens.
        kind: The one storage class of its values (``integer``, ``real``, ``text``, ``blob``), empty for several.
    """

    name: str
    declared: str
    collation: str = "BINARY"
    default: str | None = None
    epoch: Epoch | None = None
    zoned: bool = True
    hex_uuid: bool = False
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """A table as it was in SQLite; ``columns`` by their names in PostgreSQL."""

    table: str
    without_rowid: bool = False
    strict: bool = False
    autoincrement: bool = False
    rowid_column: str | None = None
    columns: Mapping[str, OriginColumn] = field(default_factory=dict)


def comment(table: TablePlan) -> str:
    """Return the comment for a table that is being moved."""
    source = table.source
    written: dict[str, Any] = {
        "v": _VERSION,
        "table": source.name,
        "without_rowid": source.without_rowid,
        "strict": source.strict,
        "autoincrement": source.autoincrement,
        "rowid_column": source.rowid_column,
        "columns": {column.target.name: _column(table, column) for column in table.columns},
    }
    return _LEAD + json.dumps({key: value for key, value in written.items() if value not in (False, None)})


def read(text: str) -> Origin | None:
    """Return what a table's comment says about its origin; None where it says nothing that this version understands."""
    if not text.startswith(_LEAD):
        return None
    try:
        found = json.loads(text[len(_LEAD) :])
        if found.pop("v") != _VERSION:
            return None
        columns = {name: _read_column(column) for name, column in found.pop("columns").items()}
        return Origin(columns=columns, **found)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _read_column(found: Mapping[str, Any]) -> OriginColumn:
    epoch = found.get("epoch")
    return OriginColumn(**{**found, "epoch": Epoch(epoch) if epoch is not None else None})


def _column(table: TablePlan, column: ColumnPlan) -> dict[str, Any]:
    source = column.source
    facts = table.profile.columns.get(source.name)
    forms = facts.texts.forms if facts is not None and facts.texts is not None else {}
    naive = TextForm.TIMESTAMP in forms and TextForm.TIMESTAMP_ZONE not in forms
    # A BLOB is no moment: where numbers were read as moments, it stayed behind
    classes = column.classes - {StorageClass.BLOB} if column.rule.epoch is not None else column.classes
    full: dict[str, Any] = {
        "name": source.name,
        "declared": source.declared_type,
        "collation": source.collation if source.collation != "BINARY" else None,
        "default": source.default,
        "epoch": column.rule.epoch.value if column.rule.epoch is not None else None,
        "zoned": False if naive and column.rule.naive_time == "utc" else None,
        "hex_uuid": (TextForm.UUID_HEX in forms and TextForm.UUID not in forms) or None,
        "kind": next(iter(classes)).value if len(classes) == 1 else None,
    }
    return {key: value for key, value in full.items() if value is not None}
