"""Deleting one row of a project by its id."""

from __future__ import annotations

from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import checked_id


def delete_one(table: str, project: str, id: str) -> Operation[bool]:
    """Delete a row; return whether it was there.

    Args:
        table: The table, whose key is ``project_id`` and ``id``.
        project: The project.
        id: The row.

    Raises:
        InvalidValueError: The id cannot be one.
    """
    rows = yield Statement(
        f"DELETE FROM {table} WHERE project_id = :project AND id = :id RETURNING id",
        {"project": project, "id": checked_id(id)},
    )
    return bool(rows)
