"""Records that are appended and never changed: one way for all of their kinds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Generic, TypeVar

from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing
from exuvia.store.core.requests import Many, Operation, Statement, Value
from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import checked_id, checked_text, checked_time, encode_json, new_id
from exuvia.store.errors import InvalidValueError, NotFoundError
from exuvia.store.filters import Filter
from exuvia.store.operations.records import NOW, Record

R = TypeVar("R", bound=Record)

_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Form(Generic[R]):
    """A kind of records.

    Args:
        kind: What one is called.
        record: Its class.
        shape: Its columns.
        table: Where they are.
        headline: The SQL of a line that tells what one is.
        ids: The columns of ids and names that a list can be asked for.
        texts: The columns of other texts.
        documents: The columns of JSON documents.
        choices: Other columns that a list can be asked for.
    """

    kind: str
    record: type[R]
    shape: Shape[R]
    table: str
    headline: str
    ids: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ("data",)
    choices: tuple[str, ...] = ()


class Records(Subsystem[M], Generic[M, R]):
    """Append, read and list the records of a kind."""

    form: ClassVar[Form[Any]]

    @writing
    def append(self, records: Iterable[R], *, project: str | None = None) -> Operation[tuple[R, ...]]:
        """Append records, in order, all or none; return them with their ids and times.

        Raises:
            ConflictError: There is a record with one of the ids.
            MissingReferenceError: A task is not there.
        """
        owner, now = self.scope.own(project), self.now()
        made = tuple(self._completed(record, owner, now + place * _TICK) for place, record in enumerate(records))
        columns = self.form.shape.names
        values = ", ".join(f":{column}" for column in columns)
        if made:
            yield Many(
                f"INSERT INTO {self.form.table} ({', '.join(columns)}) VALUES ({values})",
                [self._row(record) for record in made],
            )
        return made

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[R]:
        """Return a record.

        Raises:
            NotFoundError: There is none with this id.
        """
        form = self.form
        rows = yield Statement(
            f"SELECT {form.shape.columns()} FROM {form.table} WHERE project_id = :project AND id = :id",
            {"project": self.scope.own(project), "id": checked_id(id)},
        )
        if not rows:
            raise NotFoundError(f"There is no {form.kind} {id!r}.", hint="Look it up by list().", code=form.kind)
        found: R = form.shape.read(rows[0])
        return found

    @reading
    def list(
        self,
        /,
        *,
        project: str | None = None,
        session: str | None = None,
        task: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        oldest_first: bool = False,
        limit: int = 100,
        after: str | None = None,
        **equal: str | bool | None,
    ) -> Operation[Page[R]]:
        """List records, the newest first.

        Args:
            project: The project; all of them if None.
            session: The session.
            task: The task.
            since: Then or later.
            until: Then or earlier.
            filter: About the JSON documents, such as ``data``.
            oldest_first: The oldest first instead.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
            equal: What the kind's own columns have to be, such as ``tool``, ``succeeded``, ``status`` or ``level``.

        Raises:
            InvalidValueError: There is no such column.
        """
        form = self.form
        where = self._where(project, session, since, until).equal("task_id", task)
        known = form.ids + form.choices
        for column, value in equal.items():
            if column not in known:
                raise InvalidValueError(
                    f"A {form.kind} cannot be looked up by {column!r}.",
                    hint=f"Ask for {', '.join(known) or 'task and session'}.",
                    code="column",
                )
            where.equal(column, value)
        where.json(form.documents, filter, self.dialect)
        order = tuple(Key(column, descending=not oldest_first) for column in ("at", "project_id", "id"))
        return (yield from Listing(form.shape, form.table, where, order).page(limit, after))

    def _where(self, project: str | None, session: str | None, since: datetime | None, until: datetime | None) -> Where:
        where = Where().equal("project_id", self.scope.among(project))
        return where.equal("session_id", self.scope.among_sessions(session)).during("at", since, until)

    def _completed(self, record: R, owner: str, now: datetime) -> R:
        if not isinstance(record, self.form.record):
            what = self.form.record.__name__
            raise InvalidValueError(f"{repr(record)[:60]} is not a {what}.", hint=f"Pass {what}(…).", code="record")
        if record.project_id not in ("", owner):
            self.scope.own(record.project_id)
        return replace(
            record,
            project_id=owner,
            id=checked_id(record.id) if record.id else new_id(),
            session_id=self.scope.among_sessions(record.session_id),
            at=now if record.at == NOW else checked_time(record.at, what="at"),
        )

    def _row(self, record: R) -> dict[str, Value]:
        row: dict[str, Value] = {name: getattr(record, name) for name in self.form.shape.names}
        for name in (*self.form.ids, "session_id", "task_id"):
            row[name] = None if row[name] is None else checked_id(row[name], what=name)
        for name in self.form.texts:
            row[name] = None if row[name] is None else checked_text(row[name], what=name)
        for name in self.form.documents:
            row[name] = None if row[name] is None else encode_json(row[name], what=name)
        if "seconds" in row:
            row["seconds"] = _seconds(row["seconds"])
        return row


def _seconds(given: object) -> float | None:
    if given is None:
        return None
    if isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given) and given >= 0:
        return float(given)
    raise InvalidValueError(f"{given!r} cannot be the seconds.", hint="Pass a number, 0 or more.", code="seconds")
