"""JSON filters as SQL: JSONB operators on PostgreSQL, JSON functions on SQLite; keys and values are parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Value
from exuvia.store.core.values import Json, encode_json
from exuvia.store.errors import InvalidValueError
from exuvia.store.filters import And, Compare, Contains, Equal, Exists, Filter, Has, Not, Operator, Or, Path

LARGEST: Final = 500  # conditions; SQLite nests expressions at most 1,000 deep
DEEPEST: Final = 50
_EXACT: Final = 2**53  # beyond it a double no longer tells integers apart
_TYPES: Final = ("array", "boolean", "null", "number", "object", "string")
_MIRRORED: Final[dict[str, str]] = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def condition(
    filter: Filter, columns: Mapping[str, str], dialect: Dialect, prefix: str
) -> tuple[str, dict[str, Value]]:
    """Write a filter as a condition that is true or, where the filter is not, false or NULL.

    Args:
        filter: The filter.
        columns: The JSON columns that it may name, and what each is in the statement.
        dialect: The engine's.
        prefix: What the names of its parameters begin with.

    Returns:
        The condition, and its parameters.

    Raises:
        InvalidValueError: It is not a filter, names another column, or is too large.
    """
    writer = (_Postgres if dialect.is_postgres else _Sqlite)(columns, prefix)
    return writer.write(filter), writer.parameters


class _Writer(ABC):
    """Writes a filter; what the engines say alike is here."""

    def __init__(self, columns: Mapping[str, str], prefix: str) -> None:
        self._columns = columns
        self._prefix = prefix
        self._written = 0
        self.parameters: dict[str, Value] = {}

    def write(self, filter: Filter, depth: int = 0) -> str:
        """Return the condition of a filter or a part of one."""
        self._weigh(None, depth)
        match filter:
            case And(filters):
                return self._all([self.write(part, depth + 1) for part in filters])
            case Or(filters):
                return f"({' OR '.join(self.write(part, depth + 1) for part in filters)})" if filters else "1 = 0"
            case Not(part):
                return f"({self.write(part, depth + 1)}) IS NOT TRUE"
        return self._ask(filter)

    def _ask(self, filter: Filter) -> str:
        match filter:
            case Compare(path, operator, value):
                return self._compare(path, operator, value)
            case Exists(path):
                return self._exists(path)
            case Equal(path, value) | Has(path, value) | Contains(path, value):
                self._weigh(value, 0)
                ask = {Equal: self._equal, Has: self._has, Contains: self._contains}[type(filter)]
                return ask(path, value)
        raise InvalidValueError(
            f"{repr(filter)[:60]} is not a filter.", hint='Make one: field("data.priority") >= 3.', code="filter"
        )

    @abstractmethod
    def _equal(self, path: Path, value: Json) -> str: ...

    @abstractmethod
    def _compare(self, path: Path, operator: Operator, value: float | str) -> str: ...

    @abstractmethod
    def _has(self, path: Path, value: Json) -> str: ...

    @abstractmethod
    def _contains(self, path: Path, value: Json) -> str: ...

    @abstractmethod
    def _exists(self, path: Path) -> str: ...

    def _column(self, path: Path) -> str:
        name = path[0]
        if isinstance(name, str) and name in self._columns:
            return self._columns[name]
        known = ", ".join(sorted(self._columns))
        raise InvalidValueError(
            f"This list has no JSON column {name!r}.", hint=f"A path begins with one of: {known}.", code="path"
        )

    def _bind(self, value: Value) -> str:
        name = f"{self._prefix}{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def _weigh(self, value: Json, depth: int) -> None:
        """Count a condition, or each part of a value."""
        self._written += 1
        if self._written > LARGEST or depth > DEEPEST:
            raise InvalidValueError(
                f"The filter has more than {LARGEST} conditions, or is nested more than {DEEPEST} deep.",
                hint="Ask in several steps.",
                code="filter",
            )
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self._weigh(part, depth + 1)

    @staticmethod
    def _all(conditions: list[str]) -> str:
        return f"({' AND '.join(conditions)})" if conditions else "1 = 1"


class _Postgres(_Writer):
    """JSONB operators. Containment (@>) is what a GIN index answers, so it comes first wherever it follows."""

    def _equal(self, path: Path, value: Json) -> str:
        exact = f"{self._at(path)} = {self._json(value)}"
        if len(path) == 1:
            return exact
        found = self._holds(path, value)
        return found if self._is_settled(path, value) else f"({found} AND {exact})"

    def _compare(self, path: Path, operator: Operator, value: float | str) -> str:
        place = self._at(path)
        if isinstance(value, str):
            text = f'({self._text(path)} COLLATE "C") {operator} CAST({self._bind(value)} AS text)'
            return f"({_is('string', place)} AND {text})"
        # jsonb's own order of numbers is numeric's, and an index on the expression has it
        return f"({place} {operator} {self._json(value)} AND {_is('number', place)})"

    def _has(self, path: Path, value: Json) -> str:
        found = self._holds(path, [value])
        if self._is_settled(path, value):
            return found
        place = self._at(path)
        elements = f"jsonb_array_elements(CASE WHEN jsonb_typeof({place}) = 'array' THEN {place} END)"
        return f"({found} AND EXISTS (SELECT 1 FROM {elements} AS element WHERE element = {self._json(value)}))"

    def _contains(self, path: Path, value: Json) -> str:
        found = self._holds(path, value)
        if self._is_settled(path, None):
            return found
        return f"({found} AND {self._at(path)} @> {self._json(value)})"

    def _exists(self, path: Path) -> str:
        return f"{self._at(path)} IS NOT NULL"

    def _holds(self, path: Path, value: Json) -> str:
        """Say that the column contains the value at the path; of an array's places it knows none."""
        for step in reversed(path[1:]):
            value = {step: value} if isinstance(step, str) else [value]
        return f"{self._column(path)} @> {self._json(value)}"

    @staticmethod
    def _is_settled(path: Path, value: Json) -> bool:
        """Tell whether containment says it all: of a scalar, by keys alone, it is equality."""
        return not isinstance(value, dict | list) and all(isinstance(step, str) for step in path)

    def _at(self, path: Path) -> str:
        place = self._column(path)
        for step in path[1:]:
            if isinstance(step, str):
                place = f"({place} -> CAST({self._bind(step)} AS text))"
            else:  # PostgreSQL takes a scalar for an array of one
                element = f"{place} -> CAST({self._bind(step)} AS integer)"
                place = f"(CASE WHEN jsonb_typeof({place}) = 'array' THEN {element} END)"
        return place

    def _text(self, path: Path) -> str:
        step = path[-1]
        if len(path) > 1 and isinstance(step, str):
            return f"({self._at(path[:-1])} ->> CAST({self._bind(step)} AS text))"
        return f"({self._at(path)} #>> '{{}}')"

    def _json(self, value: Json) -> str:
        return f"CAST({self._bind(encode_json(value))} AS jsonb)"


def _is(type: str, place: str) -> str:
    """Say on PostgreSQL that a place has a type, by the types that it has not: the planner takes equality with an
    expression to be rare (0.5 %), and would rather sort all rows than walk an index in its order."""
    others = ", ".join(f"'{other}'" for other in _TYPES if other != type)
    return f"jsonb_typeof({place}) NOT IN ({others})"


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a document, as SQLite names it.

    Args:
        column: The document.
        path: An expression whose value is the JSON path.
        type: An expression of its type.
        value: An expression of its value, if that is a scalar.
    """

    column: str
    path: str
    type: str
    value: str

    @property
    def is_number(self) -> str:
        """Say that it is a number."""
        return f"{self.type} IN ('integer', 'real')"


class _Sqlite(_Writer):
    """JSON functions. A value's own arrays and objects are taken apart here, so that nothing depends on spelling."""

    def __init__(self, columns: Mapping[str, str], prefix: str) -> None:
        super().__init__(columns, prefix)
        self._loops = 0

    def _equal(self, path: Path, value: Json) -> str:
        return self._is(self._root(path), value)

    def _compare(self, path: Path, operator: Operator, value: float | str) -> str:
        place = self._root(path)
        if isinstance(value, str):
            return f"({place.type} = 'text' AND {place.value} {operator} {self._bind(value)})"
        return self._number(place, operator, value)

    def _has(self, path: Path, value: Json) -> str:
        place = self._root(path)
        return f"({place.type} = 'array' AND {self._some(place, value, self._is)})"

    def _contains(self, path: Path, value: Json) -> str:
        return self._holds(self._root(path), value)

    def _exists(self, path: Path) -> str:
        return f"{self._root(path).type} IS NOT NULL"

    def _root(self, path: Path) -> _Place:
        return self._place(self._column(path), self._bind("$" + "".join(map(_written, path[1:]))))

    @staticmethod
    def _place(column: str, path: str) -> _Place:
        return _Place(column, path, f"json_type({column}, {path})", f"json_extract({column}, {path})")

    def _below(self, place: _Place, step: str | int) -> _Place:
        return self._place(place.column, f"({place.path} || {self._bind(_written(step))})")

    def _is(self, place: _Place, value: Json) -> str:
        match value:
            case None:
                return f"{place.type} = 'null'"
            case bool():
                return f"{place.type} = '{'true' if value else 'false'}'"
            case str():
                return f"({place.type} = 'text' AND {place.value} = {self._bind(value)})"
            case int() | float():
                return self._number(place, "=", value)
            case list():
                parts = [self._is(self._below(place, number), part) for number, part in enumerate(value)]
                return self._all([f"{place.type} = 'array'", self._length(place, len(value)), *parts])
        parts = [self._is(self._below(place, key), part) for key, part in value.items()]
        return self._all([f"{place.type} = 'object'", self._length(place, len(value)), *parts])

    def _holds(self, place: _Place, value: Json) -> str:
        if isinstance(value, dict):
            parts = [self._holds(self._below(place, key), part) for key, part in value.items()]
            return self._all([f"{place.type} = 'object'", *parts])
        if isinstance(value, list):
            parts = [self._some(place, part, self._holds) for part in value]
            return self._all([f"{place.type} = 'array'", *parts])
        return self._is(place, value)

    def _some(self, place: _Place, value: Json, condition: Any) -> str:
        """Say that an array has an element of which the condition holds."""
        self._loops += 1
        loop = f"{self._prefix}e{self._loops}"
        path = f"({place.path} || '[' || {loop}.key || ']')"
        element = _Place(place.column, path, f"{loop}.type", f"{loop}.atom")
        within = condition(element, value)
        return f"EXISTS (SELECT 1 FROM json_each({place.column}, {place.path}) AS {loop} WHERE {within})"

    @staticmethod
    def _length(place: _Place, length: int) -> str:
        return f"(SELECT count(*) FROM json_each({place.column}, {place.path})) = {length}"

    def _number(self, place: _Place, operator: str, value: float) -> str:
        if abs(value) > _EXACT:
            return self._large_number(place, operator, value)
        return f"({place.is_number} AND {place.value} {operator} {self._bind(value)})"

    def _large_number(self, place: _Place, operator: str, value: float) -> str:
        """Compare by digits: SQLite has no integers beyond 64 bits, and a double of this size is a whole number."""
        digits = format(Decimal(str(abs(value))), "f").split(".")[0]
        text = f"({place.column} -> {place.path})"
        whole = f"ltrim(substr({text}, 1, instr({text} || '.', '.') - 1), '-')"
        towards = operator if value > 0 else _MIRRORED[operator]
        larger = f"(length({whole}), {whole}) {towards} ({len(digits)}, {self._bind(digits)})"
        has_sign = f"{text} {'NOT ' if value > 0 else ''}LIKE '-%'"
        join = f"{has_sign} AND" if towards in {"=", ">", ">="} else f"NOT ({has_sign}) OR"
        return f"({place.is_number} AND ({join} {larger}))"


def _written(step: str | int) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{encode_json(step)}"
