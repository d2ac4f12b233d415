"""What SQLite and PostgreSQL say differently: fragments of SQL, and the form of values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from exuvia.store.core.requests import Value

Engine = Literal["sqlite", "postgresql"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One engine's way. Every statement that needs none of these is the same text on both engines.

    Args:
        engine: Whose it is.
        begin: Opens a transaction that will write.
        for_update: Ends a SELECT whose rows are to be locked; SQLite's writer has locked everything already.
        for_change: The same, but others may still add rows that refer to these.
        for_share: Ends a SELECT whose rows must not change before the transaction ends.
        json: The type of a JSON document in a CAST.
    """

    engine: Engine
    begin: str
    for_update: str
    for_change: str
    for_share: str
    json: str

    @property
    def is_postgres(self) -> bool:
        """Whether the engine is PostgreSQL."""
        return self.engine == "postgresql"

    def array(self, values: Iterable[str]) -> Value:
        """Return texts as the parameter that ``any_of`` takes."""
        return list(values) if self.is_postgres else orjson.dumps(list(values)).decode()

    def any_of(self, expression: str, parameter: str) -> str:
        """Say that a text is one of an array's, which is bound to ``parameter`` by way of ``array``."""
        if self.is_postgres:
            return f"{expression} = ANY (CAST(:{parameter} AS text[]))"
        return f"{expression} IN (SELECT value FROM json_each(:{parameter}))"

    def has_element(self, column: str, parameter: str) -> str:
        """Say that a column's JSON array of texts has exactly this element. PostgreSQL answers it from a GIN index."""
        if self.is_postgres:
            return f"{column} ? :{parameter}"
        return f"EXISTS (SELECT 1 FROM json_each({column}) WHERE value = :{parameter})"

    def has_text(self, expression: str, parameter: str) -> str:
        """Say that a text has another one in it, whatever the case of ASCII letters."""
        if self.is_postgres:
            return f'strpos(lower({expression} COLLATE "C"), lower(CAST(:{parameter} AS text) COLLATE "C")) > 0'
        return f"instr(lower({expression}), lower(:{parameter})) > 0"

    def pairs(self, column: str) -> str:
        """Return a JSON object's keys and texts as a table ``pair (key, value)``, to stand in FROM after its own."""
        return f"jsonb_each_text({column}) AS pair" if self.is_postgres else f"json_each({column}) AS pair"

    def hour(self, column: str) -> str:
        """Return the beginning of the hour, in UTC, that a column's time is in."""
        if self.is_postgres:
            return f"date_trunc('hour', {column}, 'UTC')"
        return f"substr({column}, 1, 13) || ':00:00.000000Z'"

    def together(self, first: str, second: str) -> tuple[str, ...]:
        """Return two writing statements that do not read what the other writes, as one where the engine can."""
        return (f"WITH first AS ({first}) {second}",) if self.is_postgres else (first, second)

    def table(self, columns: Mapping[str, str], rows: Sequence[Sequence[str | None]]) -> tuple[str, dict[str, Value]]:
        """Make a table of rows that are sent with the statement, to stand after FROM.

        Args:
            columns: Its columns, and PostgreSQL's type of each.
            rows: The values in the order of the columns, as texts.

        Returns:
            The table, and the parameters that go with it.
        """
        names = ", ".join(columns)
        if self.is_postgres:
            arrays = ", ".join(f"CAST(:rows_{name} AS {kind}[])" for name, kind in columns.items())
            values = zip(*rows, strict=True) if rows else ([] for _ in columns)
            return f"unnest({arrays}) AS given ({names})", {
                f"rows_{name}": list(column) for name, column in zip(columns, values, strict=True)
            }
        parts = ", ".join(f"value ->> {place} AS {name}" for place, name in enumerate(columns))
        return f"(SELECT {parts} FROM json_each(:rows)) AS given", {"rows": orjson.dumps(rows).decode()}


SQLITE: Final = Dialect("sqlite", begin="BEGIN IMMEDIATE", for_update="", for_change="", for_share="", json="text")
POSTGRES: Final = Dialect(
    "postgresql",
    begin="BEGIN",
    for_update=" FOR UPDATE",
    for_change=" FOR NO KEY UPDATE",
    for_share=" FOR SHARE",
    json="jsonb",
)
