"""Reading a plan file: TOML to checked overrides, with errors that say where and what was probably meant."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast

from exuvia.catalog.types import Base, SqlType
from exuvia.errors import PlanError
from exuvia.move.plan import Misfit
from exuvia.move.planning.overrides import (
    DISTANCES,
    ColumnOverride,
    Distance,
    ObjectOverride,
    Overrides,
    SearchOverride,
    SourceOverride,
    TableOverride,
    at,
    did_you_mean,
)
from exuvia.move.planning.planfile_lines import Path, key_lines
from exuvia.values.rules import Epoch, NaiveTime, Style

T = TypeVar("T")

_STYLES = ("faithful", "native")
_NAIVE_TIMES = ("utc", "local", "as-is")
_MISFITS = ("quarantine", "null")
_TOP = ("style", "naive_time", "fold", "schema", "tables", "views", "triggers", "search", "sources")
_TABLE = ("name", "schema", "exclude", "columns", "indexes")
_COLUMN = ("type", "name", "epoch", "naive_time", "separator", "on_misfit", "distance", "exclude")
_OBJECT = ("exclude",)
_SOURCE = ("schema", "prefix", "plan")
_SEARCH = ("exclude", "config")


def load(text: str) -> Overrides:
    """Read the text of a plan file.

    Whether its tables and columns are in the source is checked by the planner.

    Raises:
        PlanError: The text is not TOML, or a key or value in it is not one that a plan file has.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(
            f"The plan file is not valid TOML: {error}.",
            hint='A column\'s line looks like: created_at = { type = "timestamptz" }',
            code="toml",
        ) from None
    return _Reader(key_lines(text)).overrides(content)


@dataclass(frozen=True, slots=True)
class _Reader:
    lines: Mapping[Path, int]

    def overrides(self, content: Mapping[str, Any]) -> Overrides:
        self._known(content, _TOP, ())
        return Overrides(
            style=cast("Style | None", self._word(content, "style", _STYLES, ())),
            naive_time=cast("NaiveTime | None", self._word(content, "naive_time", _NAIVE_TIMES, ())),
            fold=self._truth(content, "fold", ()),
            schema=self._name(content, "schema", ()),
            tables=self._each(content, "tables", (), self._table),
            views=self._each(content, "views", (), self._object),
            triggers=self._each(content, "triggers", (), self._object),
            search=self._each(content, "search", (), self._search),
            sources=self._each(content, "sources", (), self._source),
        )

    def _table(self, value: object, path: Path) -> TableOverride:
        content = self._keys(value, _TABLE, path)
        return TableOverride(
            name=self._name(content, "name", path),
            schema=self._name(content, "schema", path),
            exclude=bool(self._truth(content, "exclude", path)),
            columns=self._each(content, "columns", path, self._column),
            indexes=self._each(content, "indexes", path, self._object),
            line=self._line(path),
        )

    def _column(self, value: object, path: Path) -> ColumnOverride:
        content = {"type": value} if isinstance(value, str) else self._keys(value, _COLUMN, path)
        epoch = self._word(content, "epoch", tuple(epoch.value for epoch in Epoch), path)
        return ColumnOverride(
            name=self._name(content, "name", path),
            type=self._type(content, path),
            epoch=Epoch(epoch) if epoch is not None else None,
            naive_time=cast("NaiveTime | None", self._word(content, "naive_time", _NAIVE_TIMES, path)),
            separator=self._name(content, "separator", path),
            on_misfit=cast("Misfit | None", self._word(content, "on_misfit", _MISFITS, path)),
            distance=cast("Distance | None", self._word(content, "distance", DISTANCES, path)),
            exclude=bool(self._truth(content, "exclude", path)),
            line=self._line(path),
        )

    def _object(self, value: object, path: Path) -> ObjectOverride:
        content = self._keys(value, _OBJECT, path)
        return ObjectOverride(bool(self._truth(content, "exclude", path)), self._line(path))

    def _source(self, value: object, path: Path) -> SourceOverride:
        content = self._keys(value, _SOURCE, path)
        return SourceOverride(
            schema=self._name(content, "schema", path),
            prefix=self._string(content, "prefix", path, "text in quotes"),
            plan=self._name(content, "plan", path),
            line=self._line(path),
        )

    def _search(self, value: object, path: Path) -> SearchOverride:
        content = self._keys(value, _SEARCH, path)
        exclude = bool(self._truth(content, "exclude", path))
        return SearchOverride(exclude, self._name(content, "config", path), self._line(path))

    def _type(self, content: Mapping[str, Any], path: Path) -> SqlType | None:
        text = self._string(content, "type", path, 'a type, such as "bigint"')
        if text is None:
            return None
        try:
            return SqlType.parse(text)
        except PlanError as error:
            name = text.partition("(")[0].strip()
            near = did_you_mean(name, [base.value for base in Base])
            hint = near if near.startswith("Did you mean") else error.hint
            raise PlanError(
                f"{self._at((*path, 'type'))}{_spelled(path)}: {error.message}", hint=hint, code="type"
            ) from None

    def _each(
        self, content: Mapping[str, Any], key: str, path: Path, read: Callable[[object, Path], T]
    ) -> dict[str, T]:
        value = content.get(key, {})
        if not isinstance(value, dict):
            self._wrong((*path, key), "a table", value)
        return {name: read(item, (*path, key, name)) for name, item in value.items()}

    def _keys(self, value: object, known: Collection[str], path: Path) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self._wrong(path, "a table, such as { " + next(iter(known)) + " = … }", value)
        self._known(value, known, path)
        return value

    def _known(self, content: Mapping[str, Any], known: Collection[str], path: Path) -> None:
        for key in content:
            if key not in known:
                where = _spelled(path) or "the top of the file"
                near = did_you_mean(key, known)
                raise PlanError(f"{self._at((*path, key))}{where} has no key {key!r}.", hint=near, code="key")

    def _word(self, content: Mapping[str, Any], key: str, words: Collection[str], path: Path) -> str | None:
        listed = ", ".join(f'"{word}"' for word in words)
        value = self._string(content, key, path, f"one of {listed}")
        if value is not None and value not in words:
            near = did_you_mean(value, words)
            raise PlanError(
                f"{self._at((*path, key))}{_spelled((*path, key))} is {value!r}, and must be one of {listed}.",
                hint=near if near.startswith("Did you mean") else "",
                code="value",
            )
        return value

    def _name(self, content: Mapping[str, Any], key: str, path: Path) -> str | None:
        value = self._string(content, key, path, "text in quotes")
        if value == "":
            self._wrong((*path, key), "text that is not empty", value)
        return value

    def _string(self, content: Mapping[str, Any], key: str, path: Path, wanted: str) -> str | None:
        value = content.get(key)
        if value is not None and not isinstance(value, str):
            self._wrong((*path, key), wanted, value)
        return value

    def _truth(self, content: Mapping[str, Any], key: str, path: Path) -> bool | None:
        value = content.get(key)
        if value is not None and not isinstance(value, bool):
            self._wrong((*path, key), "true or false", value)
        return value

    def _wrong(self, path: Path, wanted: str, value: object) -> NoReturn:
        raise PlanError(f"{self._at(path)}{_spelled(path)} is {value!r}, and must be {wanted}.", code="value")

    def _line(self, path: Path) -> int:
        """The line of a key, or of the nearest key around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)

    def _at(self, path: Path) -> str:
        return at(self._line(path)) or "Plan file: "


def _spelled(path: Path) -> str:
    """A path as people name what it stands for: ``orders.created_at``, ``orders.created_at: type``."""
    if len(path) > 3 and path[0] == "tables" and path[2] in ("columns", "indexes"):
        return ": ".join([f"{path[1]}.{path[3]}", *path[4:]])
    if len(path) > 1 and path[0] in ("tables", "views", "triggers", "search", "sources"):
        return ": ".join([path[1], *path[2:]])
    return ".".join(path)
