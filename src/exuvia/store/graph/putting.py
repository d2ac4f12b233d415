"""Nodes and edges are made or changed by many at once, and no change is lost.

What is new is inserted; whatever was there first is locked, in the order of the keys, and changed from what it is then.
Documents are merged here, as JSON merge patches (RFC 7396): neither engine's own functions would do it as the other's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Many, Operation, Statement
from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json, decode_json, encode_json
from exuvia.store.errors import ConflictError, InvalidValueError
from exuvia.store.graph.records import EDGE, NODE, Edge, Node, PutMode

R = TypeVar("R", bound=Node | Edge)

MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Form(Generic[R]):
    """A table that rows are put into.

    Args:
        table: Its name.
        shape: Its records.
        key: The columns that tell its rows apart in a project.
        texts: Its other columns of texts.
        record: What a row is called.
    """

    table: str
    shape: Shape[R]
    key: tuple[str, ...]
    texts: tuple[str, ...]
    record: str


NODES: Final = Form("graph_nodes", NODE, ("id",), ("namespace", "type", "name", "text"), "node")
EDGES: Final = Form("graph_edges", EDGE, ("source_id", "type", "target_id"), (), "edge")


@dataclass(frozen=True, slots=True)
class Given:
    """A row to be put.

    Args:
        key: The values of its key.
        fresh: The texts of a new row, by column.
        changes: Those that change a row that is there.
        data: Its document.
        revision: What the row that is there has to be at; 0 if there must be none, None if that does not matter.
    """

    key: tuple[str, ...]
    fresh: Mapping[str, str]
    changes: Mapping[str, str]
    data: Mapping[str, Json]
    revision: int | None


def merged(document: Json, patch: Json) -> Json:
    """Apply a JSON merge patch (RFC 7396): objects are merged, null removes, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    made = dict(document) if isinstance(document, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged(made.get(key), value)
    return made


@dataclass(frozen=True, slots=True)
class Putting(Generic[R]):
    """Rows that are put into a table.

    Args:
        dialect: The engine's.
        form: The table.
        project: The project.
        mode: Merge documents into those that are there, or replace them.
        now: The time.
    """

    dialect: Dialect
    form: Form[R]
    project: str
    mode: PutMode
    now: datetime

    def put(self, rows: Sequence[Given]) -> Operation[tuple[R, ...]]:
        """Make rows, or change those that are there; return them as they are then, in the order in which they came.

        Raises:
            ConflictError: A row is not at the revision that was given.
            InvalidValueError: Two rows have the same key, there are too many of them, or the mode is none.
            MissingReferenceError: A node of an edge is not there.
        """
        _check(rows, self.mode)
        waiting = {row.key: row for row in sorted(rows, key=lambda row: row.key)}
        done: dict[tuple[str, ...], R] = {}
        while waiting:  # again for those that somebody deletes in between
            for step in (self._insert, self._change):
                for record in (yield from step(list(waiting.values()))):
                    key = _key(self.form, record)
                    done[key] = record
                    del waiting[key]
            for row in waiting.values():
                if row.revision:
                    raise _conflict(self.form, row, None)
        return tuple(done[row.key] for row in rows)

    def _insert(self, rows: Sequence[Given]) -> Operation[tuple[R, ...]]:
        form = self.form
        values = [
            [*row.key, *(row.fresh[name] for name in form.texts), _document({}, row, self.mode)]
            for row in rows
            if not row.revision
        ]
        if not values:
            return ()
        columns = (*form.key, *form.texts, "data")
        source, parameters = self.dialect.table(
            {name: "jsonb" if name == "data" else "text" for name in columns}, values
        )
        names = ", ".join(columns)
        found = yield Statement(
            f"""
            INSERT INTO {form.table} (project_id, {names}, created_at, updated_at)
            SELECT :project, {names}, :now, :now FROM {source} WHERE 1 = 1
            ON CONFLICT (project_id, {", ".join(form.key)}) DO NOTHING
            RETURNING {form.shape.columns()}
            """,
            parameters | {"project": self.project, "now": self.now},
        )
        return form.shape.read_all(found)

    def _change(self, rows: Sequence[Given]) -> Operation[tuple[R, ...]]:
        if not rows:
            return ()
        form = self.form
        by_key = {row.key: row for row in rows}
        source, parameters = self.dialect.table(dict.fromkeys(form.key, "text"), list(by_key))
        keys = ", ".join(form.key)
        found = yield Statement(
            f"""
            SELECT {form.shape.columns()} FROM {form.table}
            WHERE project_id = :project AND ({keys}) IN (SELECT {keys} FROM {source})
            ORDER BY {keys}{self.dialect.for_change}
            """,
            parameters | {"project": self.project},
        )
        changed = [
            _changed(form, record, by_key[_key(form, record)], self.mode, self.now)
            for record in form.shape.read_all(found)
        ]
        if changed:
            yield self._update(changed)
        return tuple(changed)

    def _update(self, records: Sequence[R]) -> Many:
        form = self.form
        columns = (*form.texts, "data")
        given = {"project": self.project, "now": self.now}
        return Many(
            f"""
            UPDATE {form.table}
            SET {", ".join(f"{name} = :{name}" for name in columns)}, revision = :revision, updated_at = :now
            WHERE project_id = :project AND {" AND ".join(f"{name} = :{name}" for name in form.key)}
            """,
            [
                {name: getattr(record, name) for name in (*columns, *form.key)}
                | {"data": encode_json(record.data), "revision": record.revision}
                | given
                for record in records
            ],
        )


def _check(rows: Sequence[Given], mode: str) -> None:
    if mode not in ("merge", "replace"):
        raise InvalidValueError(f"{mode!r} is no way to put data.", hint="mode is merge or replace.", code="mode")
    if len({row.key for row in rows}) < len(rows) or len(rows) > MOST:
        raise InvalidValueError(
            f"Two rows of the call are the same node or edge, or there are more than {MOST:,}.",
            hint="Name each once, and put very many in several calls.",
            code="rows",
        )


def _changed(form: Form[R], record: R, row: Given, mode: PutMode, now: datetime) -> R:
    if row.revision is not None and row.revision != record.revision:
        raise _conflict(form, row, record)
    data = decode_json(_document(record.data, row, mode))
    changes: dict[str, Any] = {**row.changes, "data": data, "revision": record.revision + 1}
    return replace(record, **changes, updated_at=now)


def _document(before: Json, row: Given, mode: PutMode) -> str:
    if not isinstance(row.data, Mapping):
        raise InvalidValueError(f"{repr(row.data)[:60]} cannot be the data.", hint="Pass a JSON object.", code="data")
    return encode_json(row.data if mode == "replace" else merged(before, row.data))


def _key(form: Form[R], record: R) -> tuple[str, ...]:
    return tuple(getattr(record, name) for name in form.key)


def _conflict(form: Form[R], row: Given, found: R | None) -> ConflictError:
    there = "not there" if found is None else f"at revision {found.revision}"
    return ConflictError(
        f"The {form.record} {' '.join(row.key)!r} is {there}, not at revision {row.revision}.",
        hint="Read it again, and change what is there now.",
        code="revision",
    )
