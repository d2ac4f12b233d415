"""What an operation asks of a connection."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

Value = None | bool | int | float | str | bytes | datetime | list[str] | list[str | None]
"""What can be bound to a parameter. A list is for ``Dialect.any_of`` and ``Dialect.table`` only."""
Row = tuple[Any, ...]
NOTHING: Mapping[str, Value] = MappingProxyType({})


class Statement(NamedTuple):
    """One SQL statement with ``:name`` parameters; answered by its rows.

    One whose best plan depends on its parameters, such as how common a word is, is not ``prepared``: PostgreSQL plans
    it anew each time. ``binary`` asks PostgreSQL for rows in binary form, which large binary values come faster in;
    JSON has to be cast to text then.
    """

    sql: str
    parameters: Mapping[str, Value] = NOTHING
    prepared: bool = True
    binary: bool = False


class Many(NamedTuple):
    """One SQL statement, run once for each set of parameters; answered by no rows."""

    sql: str
    sets: Sequence[Mapping[str, Value]]


Request = Statement | Many
Operation = Generator[Request, list[Row], T]
"""A piece of work: yields requests, is sent the rows of each, and returns its result."""
