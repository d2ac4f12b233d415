"""Parameters of statements as drivers and ORMs write them, in the engine's own form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exuvia.guard.result import Json
from exuvia.ops.heal.model import Engine

# Quoted texts, names and comments come first, so that nothing in them is taken for a parameter.
_PARTS: Final = re.compile(
    r"""
      (?P<skip> '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<cast> :: | :=)
    | %\((?P<percent>\w+)\)s | (?P<format>%s) | (?P<double>%%)
    | \$(?P<dollar>\d+) | \?(?P<question>\d*) | (?<![\w:])[:@](?P<named>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Parameterized:
    """A statement with its parameters.

    Args:
        text: As the engine takes it: ``$1`` in PostgreSQL, ``?1`` in SQLite.
        values: The values, in order.
        analyzable: With ``:p1`` instead, for a parser that knows neither.
    """

    text: str
    values: tuple[Json, ...]
    analyzable: str


def parameterize(sql: str, values: Sequence[Json] | Mapping[str, Json], engine: Engine) -> Parameterized:
    """Return a statement in the engine's form: ``%s``, ``%(id)s``, ``:id``, ``?`` and ``$1`` are understood.

    Args:
        sql: The statement.
        values: Its values, in order or by name.
        engine: Whose form.
    """
    state = _State(values, engine, is_format=any(found["percent"] or found["format"] for found in _PARTS.finditer(sql)))
    text = _PARTS.sub(lambda found: state.replace(found, analyze=False), sql.strip())
    state.restart()
    analyzable = _PARTS.sub(lambda found: state.replace(found, analyze=True), sql.strip())
    return Parameterized(text.rstrip("; \n\t"), state.values(), analyzable.rstrip("; \n\t"))


def lacks_values(text: str, values: Sequence[Json]) -> bool:
    """Whether a statement of PostgreSQL has parameters, and none of their values is known."""
    return not values and any(found["dollar"] for found in _PARTS.finditer(text))


class _State:
    def __init__(self, values: Sequence[Json] | Mapping[str, Json], engine: Engine, *, is_format: bool) -> None:
        self._given = values
        self._engine = engine
        self._is_format = is_format
        self._names: list[str] = []
        self._count = 0

    def restart(self) -> None:
        self._count = 0

    def values(self) -> tuple[Json, ...]:
        if isinstance(self._given, Mapping):
            return tuple(self._given.get(name) for name in self._names)
        return tuple(self._given)

    def replace(self, found: re.Match[str], *, analyze: bool) -> str:
        if found["skip"] and self._is_format:
            return found[0].replace("%%", "%")
        # In PostgreSQL a question mark may be an operator of jsonb
        is_operator = found[0] == "?" and self._engine == "postgresql" and not self._given
        if found["skip"] or found["cast"] or is_operator:
            return found[0]
        if found["double"]:
            return "%" if self._is_format else "%%"
        number = self._number(found)
        if analyze:
            return f":p{number}"
        return f"${number}" if self._engine == "postgresql" else f"?{number}"

    def _number(self, found: re.Match[str]) -> int:
        given = found["dollar"] or found["question"]
        if given:
            return int(given)
        name = found["percent"] or found["named"]
        if name is None:
            self._count += 1
            return self._count
        if name not in self._names:
            self._names.append(name)
        return self._names.index(name) + 1
