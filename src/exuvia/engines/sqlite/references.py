"""Foreign keys against the tables that they refer to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from exuvia.catalog.model import ForeignKey, Table
from exuvia.catalog.names import fold


def resolve(
    tables: Sequence[Table], unique_keys: Mapping[str, Collection[frozenset[str]]]
) -> tuple[tuple[Table, ...], list[str]]:
    """Give foreign keys their target's declared spelling and, where the SQL leaves it out, its primary key.

    A foreign key's ``target_columns`` become empty when the target table, a column of it, or a primary key, UNIQUE
    constraint or unique index over just these columns does not exist. SQLite accepts such a foreign key and calls
    it a mismatch when it is first enforced (https://sqlite.org/foreignkeys.html, section 3).

    Args:
        tables: All tables; their foreign keys name targets as the SQL does.
        unique_keys: By table, each set of columns that is unique.

    Returns:
        The tables, and a sentence for each foreign key that refers to nothing.
    """
    by_name = {fold(table.name): table for table in tables}
    notes: list[str] = []

    def resolved(table: Table, key: ForeignKey) -> ForeignKey:
        target = by_name.get(fold(key.target_table))
        columns, problem = _target_columns(key, target, unique_keys)
        if problem:
            notes.append(f"The foreign key of {table.name} ({', '.join(key.columns)}) refers to {problem}.")
        return replace(key, target_table=target.name if target else key.target_table, target_columns=columns)

    described = tuple(
        replace(table, foreign_keys=tuple(resolved(table, key) for key in table.foreign_keys))
        if table.foreign_keys
        else table
        for table in tables
    )
    return described, notes


def _target_columns(
    key: ForeignKey, target: Table | None, unique_keys: Mapping[str, Collection[frozenset[str]]]
) -> tuple[tuple[str, ...], str]:
    """The resolved columns, or none and what it is that does not exist."""
    if target is None:
        return (), f"{key.target_table}, and there is no such ordinary table"
    named = key.target_columns
    if not named:
        primary = target.primary_key.columns if target.primary_key else ()
        if len(primary) == len(key.columns):
            return primary, ""
        return (), f"the primary key of {target.name}, which has {len(primary) or 'no'} columns"
    spelling = {fold(column.name): column.name for column in target.columns}
    missing = [name for name in named if fold(name) not in spelling]
    if missing:
        return (), f"column {missing[0]} of {target.name}, and there is no such column"
    columns = tuple(spelling[fold(name)] for name in named)
    if frozenset(columns) not in unique_keys.get(target.name, ()):
        return (), f"{target.name} ({', '.join(columns)}), which is not a unique key"
    return columns, ""
