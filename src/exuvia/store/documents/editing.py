"""Records with a version, which many change at once without losing a write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from types import EllipsisType
from typing import Any, Final, Generic, TypeVar

from exuvia.store.core.requests import Operation, Statement, Value
from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import checked_id, checked_text, encode_json
from exuvia.store.documents import records
from exuvia.store.errors import ConflictError, InvalidValueError, NotFoundError

D = TypeVar("D", records.Resource, records.Collection, records.Annotation)

_OWN: Final = frozenset({"version", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class Table(Generic[D]):
    """A table of records that have a version.

    Args:
        shape: Its records.
        name: Its name.
        noun: What one is called.
        check: Returns a record with every field checked.
        fixed: The columns that no edit changes.
    """

    shape: Shape[D]
    name: str
    noun: str
    check: Callable[[D], D]
    fixed: frozenset[str]

    def insert(self, record: D) -> Operation[D]:
        """Check a record and add it."""
        names = self.shape.names
        rows = yield Statement(
            f"INSERT INTO {self.name} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
            f" RETURNING {self.shape.columns()}",
            _row(self.check(record)),
        )
        return self.shape.read(rows[0])

    def get(self, owner: str, id: str, lock: str = "") -> Operation[D]:
        """Return a record.

        Raises:
            NotFoundError: It is not there.
        """
        rows = yield Statement(
            f"SELECT {self.shape.columns()} FROM {self.name} WHERE project_id = :project AND id = :id{lock}",
            {"project": owner, "id": checked_id(id)},
        )
        if not rows:
            raise self.missing(owner, id)
        return self.shape.read(rows[0])

    def update(
        self, owner: str, id: str, version: int, changes: Mapping[str, Any], *, lock: str, now: datetime
    ) -> Operation[D]:
        """Change the columns that are not ``...``, of a record that still has the version that was read.

        Raises:
            NotFoundError: It is not there.
            ConflictError: It has another version by now.
        """
        if not isinstance(version, int) or isinstance(version, bool):
            raise InvalidValueError(
                f"{version!r} is not a version.", hint="Pass the version of what you have read.", code="version"
            )
        found = yield from self.get(owner, id, lock)
        if found.version != version:
            raise ConflictError(
                f"The {self.noun} {id!r} has version {found.version} by now, not {version}.",
                hint="Read it again, and make the change to what it is now.",
                code="version",
            )
        named = {name: value for name, value in changes.items() if not isinstance(value, EllipsisType)}
        return (yield from self._write(_row(found), replace(found, **named), now))

    def edit(self, owner: str, id: str, change: Callable[[D], D], *, lock: str, now: datetime) -> Operation[D]:
        """Lock a record, and write what a function makes of it.

        Raises:
            NotFoundError: It is not there.
            InvalidValueError: The function gives something else, or changes what is fixed.
        """
        found = yield from self.get(owner, id, lock)
        before = _row(found)  # the function may change the JSON document in place
        made = change(found)
        if not isinstance(made, type(found)):
            raise InvalidValueError(
                f"The function gave {repr(made)[:60]}, not a {self.noun}.",
                hint="Return dataclasses.replace(given, …).",
                code="edit",
            )
        return (yield from self._write(before, made, now))

    def delete(self, owner: str, id: str) -> Operation[bool]:
        """Delete a record with what belongs to it; return whether it was there."""
        rows = yield Statement(
            f"DELETE FROM {self.name} WHERE project_id = :project AND id = :id RETURNING id",
            {"project": owner, "id": checked_id(id)},
        )
        return bool(rows)

    def missing(self, owner: str, id: str) -> NotFoundError:
        """Return the error that a record is not there."""
        return NotFoundError(
            f"There is no {self.noun} {id!r} in the project {owner!r}.",
            hint=f"List what there is: store.documents.{self.name}.list(project={owner!r}).",
            code=self.noun,
        )

    def _write(self, before: Mapping[str, Any], made: D, now: datetime) -> Operation[D]:
        checked = self.check(made)
        after = _row(checked)
        changed = [name for name in self.shape.names if name not in _OWN and before[name] != after[name]]
        if not changed:
            return replace(checked, **{name: before[name] for name in _OWN})
        if held := [name for name in changed if name in self.fixed]:
            raise InvalidValueError(
                f"The {held[0]} of the {self.noun} {before['id']!r} cannot be edited.",
                hint="A collection is moved by move(); anything else is made anew.",
                code="fixed",
            )
        columns = "".join(f"{name} = :{name}, " for name in changed)
        rows = yield Statement(
            f"UPDATE {self.name} SET {columns}version = version + 1, updated_at = :now"
            f" WHERE project_id = :project_id AND id = :id RETURNING {self.shape.columns()}",
            {name: after[name] for name in changed}
            | {"project_id": before["project_id"], "id": before["id"], "now": now},
        )
        return self.shape.read(rows[0])


def optional(given: object, *, what: str, longest: int) -> str | None:
    """Return a text of at least one character, checked, or None."""
    return None if given is None else checked_text(given, what=what, longest=longest)


def texts(given: object, *, what: str) -> tuple[str, ...]:
    """Return texts without repetitions, in the order given.

    Raises:
        InvalidValueError: They are a single text, or not all texts of 1 to 255 characters.
    """
    if isinstance(given, str) or not isinstance(given, Collection):
        raise InvalidValueError(
            f"{repr(given)[:60]} cannot be the {what}s.", hint="Pass a list or a tuple of texts.", code="collection"
        )
    return tuple(dict.fromkeys(checked_text(one, what=what, longest=255) for one in given))


def offset(given: object, *, what: str) -> int | None:
    """Return a place in a text, checked, or None.

    Raises:
        InvalidValueError: It is no number from 0 to what 63 bits hold.
    """
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**63):
        return given
    raise InvalidValueError(
        f"{given!r} cannot be the {what}.", hint="Pass a number of characters, 0 or more.", code="offset"
    )


def flag(given: object, *, what: str) -> bool:
    """Return a truth value, checked.

    Raises:
        InvalidValueError: It is none.
    """
    if isinstance(given, bool):
        return given
    raise InvalidValueError(f"{given!r} cannot be {what}.", hint="Pass True or False.", code="flag")


def _row(record: records.Resource | records.Collection | records.Annotation) -> dict[str, Value]:
    given: dict[str, Any] = {field.name: getattr(record, field.name) for field in fields(record)}
    as_json = {name: encode_json(value) for name, value in given.items() if name in {"creators", "tags", "data"}}
    return given | as_json
