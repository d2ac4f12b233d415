"""What plans and sessions have in common: both are titled texts with a status and a version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from types import EllipsisType
from typing import Any, Final, Generic, TypeVar

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.requests import Operation, Statement, Value
from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json, checked_id, checked_text, checked_time, encode_json
from exuvia.store.errors import ConflictError, InvalidValueError, NotFoundError, StateError
from exuvia.store.filters import Filter
from exuvia.store.knowledge.records import Plan, Session
from exuvia.store.knowledge.sizes import PREVIEW, Size, check_size, section_of

D = TypeVar("D", Plan, Session)

LONGEST_TITLE: Final = 1000
LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Filters:
    """What plans and sessions are listed by; None asks for nothing."""

    project: str | None
    status: str | Collection[str] | None
    author: str | None
    topic: str | None
    since: datetime | None
    until: datetime | None
    text: str | None
    filter: Filter | None


@dataclass(frozen=True, slots=True)
class Documents(Generic[D]):
    """A table of plans or sessions.

    Args:
        shape: Its records.
        table: Its name.
        noun: What one is called.
        steps: What may become of one of each status.
        time: The column that lists are ordered and filtered by.
    """

    shape: Shape[D]
    table: str
    noun: str
    steps: Mapping[str, frozenset[str]]
    time: str

    def status(self, given: object) -> str:
        """Return a status, checked.

        Raises:
            InvalidValueError: It is none of this table's.
        """
        if isinstance(given, str) and given in self.steps:
            return given
        raise InvalidValueError(
            f"{given!r} is not the status of a {self.noun}.", hint=f"Choose {', '.join(self.steps)}.", code="status"
        )

    def insert(self, record: D) -> Operation[D]:
        """Add a record."""
        rows = yield Statement(self._insert(), _row(record))
        return self.shape.read(rows[0])

    def get(self, owner: str, id: str, lock: str = "") -> Operation[D]:
        """Return a record.

        Raises:
            NotFoundError: It is not there.
        """
        found = yield from self.find(owner, checked_id(id), lock)
        if found is None:
            raise self._missing(owner, id)
        return found

    def find(self, owner: str, id: str, lock: str = "") -> Operation[D | None]:
        """Return a record, or None."""
        rows = yield Statement(
            f"SELECT {self.shape.columns()} FROM {self.table} WHERE project_id = :project AND id = :id{lock}",
            {"project": owner, "id": id},
        )
        return self.shape.first(rows)

    def put(self, record: D, lock: str) -> Operation[str]:
        """Write a record as it is, but for its version; return what became of it: created, changed or unchanged."""
        before = yield from self.find(record.project_id, record.id, lock)
        if before is not None and replace(before, version=record.version) == record:
            return "unchanged"
        columns = ", ".join(f"{name} = excluded.{name}" for name in self._changing())
        yield Statement(
            f"{self._insert(returning=False)} ON CONFLICT (project_id, id) DO UPDATE"
            f" SET {columns}, version = {self.table}.version + 1",
            _row(replace(record, version=1)),
        )
        return "created" if before is None else "changed"

    def update(
        self, owner: str, id: str, version: int, changes: dict[str, Value], *, now: datetime, dialect: Dialect
    ) -> Operation[D]:
        """Change a record that has not changed since it was read.

        Raises:
            NotFoundError: It is not there.
            ConflictError: It has another version by now.
            StateError: Its status does not lead to the new one.
        """
        if not isinstance(version, int) or isinstance(version, bool):
            raise InvalidValueError(
                f"{version!r} is not a version.", hint="Pass the version of what you have read.", code="version"
            )
        where = Where().also("version = :version", version=version)
        return (yield from self._change(owner, id, where, changes, now=now, dialect=dialect))

    def set_status(self, owner: str, id: str, status: str, *, now: datetime, dialect: Dialect) -> Operation[D]:
        """Change a record's status from whatever leads to the new one.

        Raises:
            NotFoundError: It is not there.
            StateError: Its status does not lead to the new one.
        """
        return (yield from self._change(owner, id, Where(), {"status": self.status(status)}, now=now, dialect=dialect))

    def page(
        self,
        where: Where,
        filters: Filters,
        *,
        size: Size,
        section: str | None,
        limit: int,
        after: str | None,
        count: bool,
    ) -> Operation[Page[D]]:
        """Read a page, the newest first."""
        check_size(size, section)
        order = (self.time, "id") if filters.project is not None else (self.time, "project_id", "id")
        listing = Listing(
            self.shape,
            self.table,
            where,
            tuple(Key(name, descending=True) for name in order),
            columns=self._sized(size),
        )
        page = yield from listing.page(limit, after, count=count)
        if section is None:
            return page
        items = (replace(item, content=section_of(item.content or "", section)) for item in page.items)
        return replace(page, items=tuple(items))

    def where(self, filters: Filters, dialect: Dialect) -> Where:
        """Return the conditions that plans and sessions share."""
        where = Where().equal("project_id", filters.project).equal("author", filters.author)
        if filters.status is not None:
            given = several(filters.status, what="status")
            statuses = dialect.array(self.status(status) for status in given)
            where.also(dialect.any_of("status", "statuses"), statuses=statuses)
        if filters.topic is not None:
            where.also(dialect.has_element("topics", "topic"), topic=checked_text(filters.topic, what="topic"))
        if filters.text is not None:
            said = checked_text(filters.text, what="text")
            where.also(f"({dialect.has_text('title', 'said')} OR {dialect.has_text('content', 'said')})", said=said)
        where.during(self.time, filters.since, filters.until)
        return where.json(("data", "topics"), filters.filter, dialect)

    def _change(
        self, owner: str, id: str, where: Where, changes: dict[str, Value], *, now: datetime, dialect: Dialect
    ) -> Operation[D]:
        key = checked_id(id)
        status = changes.get("status")
        if status is not None:
            before = [one for one, after in self.steps.items() if status in after or one == status]
            where.also(dialect.any_of("status", "before"), before=dialect.array(before))
        columns = "".join(f"{name} = :{name}, " for name in changes)
        rows = yield Statement(
            f"UPDATE {self.table} SET {columns}updated_at = :now, version = version + 1"
            f" WHERE project_id = :project AND id = :id AND {where} RETURNING {self.shape.columns()}",
            changes | where.parameters | {"project": owner, "id": key, "now": now},
        )
        if rows:
            return self.shape.read(rows[0])
        found = yield from self.get(owner, key)
        raise self._refusal(found, where.parameters.get("version"), str(status))

    def _refusal(self, found: D, version: Value, status: str) -> ConflictError | StateError:
        if version is not None and found.version != version:
            return ConflictError(
                f"The {self.noun} {found.id!r} has version {found.version} by now, not {version!r}.",
                hint="Read it again, and make the change to what it is now.",
                code="version",
            )
        return StateError(
            f"The {self.noun} {found.id!r} is {found.status}, which does not lead to {status}.",
            hint=f"It may become {', '.join(sorted(self.steps[found.status]))}.",
            code="status",
        )

    def _sized(self, size: Size) -> str:
        less = {
            "preview": {"content": f"substr(content, 1, {PREVIEW})", "data": "NULL"},
            "metadata": {"content": "NULL"},
        }.get(size, {})
        return ", ".join(less.get(name, name) for name in self.shape.names)

    def _changing(self) -> Iterable[str]:
        return (name for name in self.shape.names if name not in {"project_id", "id", "version"})

    def _insert(self, *, returning: bool = True) -> str:
        names = self.shape.names
        text = f"INSERT INTO {self.table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
        return f"{text} RETURNING {self.shape.columns()}" if returning else text

    def _missing(self, owner: str, id: str) -> NotFoundError:
        return NotFoundError(
            f"There is no {self.noun} {id!r} in the project {owner!r}.",
            hint=f"List what there is: store.{self.table}.list(project={owner!r}).",
            code=self.noun,
        )


def changed(**given: Any) -> dict[str, Value]:
    """Return the columns that are to change: those that were not left at ``...``."""
    checks: dict[str, Any] = {
        "title": checked_title,
        "author": checked_author,
        "topics": lambda topics: encode_json(checked_topics(topics)),
        "content": lambda content: checked_text(content, what="content"),
        "data": encode_json,
    }
    wanted = {name: value for name, value in given.items() if not isinstance(value, EllipsisType)}
    return {name: checks[name](value) if name in checks else value for name, value in wanted.items()}


def checked_title(given: object) -> str:
    """Return a title, checked."""
    return checked_text(given, what="title", longest=LONGEST_TITLE)


def checked_author(given: object) -> str | None:
    """Return an author, checked."""
    return None if given is None else checked_text(given, what="author", longest=LONGEST_NAME)


def checked_topics(given: object) -> tuple[str, ...]:
    """Return topics without repetitions, in the order given.

    Raises:
        InvalidValueError: They are a single text, or not all texts of 1 to 255 characters.
    """
    if isinstance(given, str):
        raise InvalidValueError(
            f"{given[:60]!r} cannot be the topics.", hint='Pass several: topics=("auth", "api").', code="topics"
        )
    given = several(given, what="topics")
    return tuple(dict.fromkeys(checked_text(topic, what="topic", longest=LONGEST_NAME) for topic in given))


def several(given: object, *, what: str) -> Collection[Any]:
    """Return one text, or several, as a collection. An iterator would be empty when the call is tried again.

    Raises:
        InvalidValueError: It is neither.
    """
    if isinstance(given, str):
        return (given,)
    if isinstance(given, Collection):
        return given
    raise InvalidValueError(
        f"{repr(given)[:60]} cannot be the {what}.", hint="Pass a list, a tuple or a set.", code="collection"
    )


def checked_record(record: D, documents: Documents[D]) -> D:
    """Check every field of a record that is to be written as it is.

    Raises:
        InvalidValueError: One cannot be stored.
    """
    checked_id(record.id)
    times: dict[str, Any] = {
        name: checked_time(value, what=name)
        for name, value in ((field.name, getattr(record, field.name)) for field in fields(record))
        if name.endswith("_at") and value is not None
    }
    return replace(
        record,
        title=checked_title(record.title),
        status=documents.status(record.status),  # type: ignore[arg-type]
        author=checked_author(record.author),
        topics=checked_topics(record.topics),
        content=checked_text(record.content, what="content"),
        **times,
    )


def _row(record: Plan | Session) -> dict[str, Value]:
    row: dict[str, Json] = {field.name: getattr(record, field.name) for field in fields(record)}
    return row | {"topics": encode_json(record.topics), "data": encode_json(record.data)}
