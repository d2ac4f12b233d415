"""Lists that can grow: conditions, an order with a tie-breaker, and pages that continue where the last one ended."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import orjson
import xxhash

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.json_conditions import condition
from exuvia.store.core.requests import Operation, Statement, Value
from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import checked_time, time_text
from exuvia.store.errors import InvalidValueError, PageTokenError
from exuvia.store.filters import Filter

R = TypeVar("R")

LARGEST_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """A part of a list.

    Args:
        items: The rows of this page, in the list's order.
        total: How many rows the whole list had when its first page was read; None when that was not asked for.
        next: What to pass as ``after`` for the next page; None when this is the last.
    """

    items: tuple[R, ...]
    total: int | None
    next: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """A column that a list is ordered by.

    Args:
        column: The column, as in the list's FROM; NULLs come last in either direction.
        descending: Largest first.
        nullable: Whether it may be NULL.
    """

    column: str
    descending: bool = False
    nullable: bool = False


def falling(*columns: str) -> tuple[Key, ...]:
    """Return an order by columns that are never NULL, the largest first."""
    return tuple(Key(column, descending=True) for column in columns)


class Where:
    """Conditions that all have to hold, with the values of their parameters. None as a value means: no condition."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.parameters: dict[str, Value] = {}

    def also(self, condition: str, **parameters: Value) -> Where:
        """Add a condition with its parameters."""
        self._conditions.append(condition)
        self.parameters.update(parameters)
        return self

    def equal(self, column: str, value: Value) -> Where:
        """Ask for a column's value."""
        name = self._name()
        return self if value is None else self.also(f"{column} = :{name}", **{name: value})

    def between(self, column: str, least: Value, most: Value) -> Where:
        """Ask for a range, both ends included; either may be None."""
        for operator, bound in ((">=", least), ("<=", most)):
            name = self._name()
            if bound is not None:
                self.also(f"{column} {operator} :{name}", **{name: bound})
        return self

    def during(self, column: str, since: datetime | None, until: datetime | None) -> Where:
        """Ask for a range of times, both ends included; either may be None.

        Raises:
            InvalidValueError: One is not a time with a zone.
        """
        least = None if since is None else checked_time(since, what="since")
        return self.between(column, least, None if until is None else checked_time(until, what="until"))

    def json(self, columns: str | Sequence[str], filter: Filter | None, dialect: Dialect) -> Where:
        """Ask for what a JSON filter says.

        Args:
            columns: The list's JSON columns, as in its FROM; a filter's path begins with the bare name of one.
            filter: The filter; None for no condition.
            dialect: The engine's.

        Raises:
            InvalidValueError: The filter is none, names another column, or is too large.
        """
        if filter is None:
            return self
        named = (columns,) if isinstance(columns, str) else columns
        known = {column.rpartition(".")[2]: column for column in named}
        written, parameters = condition(filter, known, dialect, f"{self._name()}_")
        return self.also(written, **parameters)

    def __str__(self) -> str:
        return " AND ".join(self._conditions) or "1 = 1"

    def _name(self) -> str:
        return f"w{len(self._conditions)}_{len(self.parameters)}"


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """A list of records.

    Args:
        shape: The records.
        source: What stands after FROM.
        where: Which rows.
        order: Their order; the last key tells any two rows apart.
        alias: The name in ``source`` of the table that has the record's columns.
        columns: What to select instead of the record's columns, in their order; for lists that return less.
    """

    shape: Shape[R]
    source: str
    where: Where
    order: tuple[Key, ...]
    alias: str = ""
    columns: str = ""

    def page(self, limit: int, after: str | None = None, *, count: bool = True) -> Operation[Page[R]]:
        """Read a page.

        Args:
            limit: Rows at most, 1 to 1,000.
            after: The ``next`` of the page before; None for the first.
            count: Count the whole list, on its first page.

        Raises:
            PageTokenError: ``after`` is damaged or of another list.
            InvalidValueError: The limit is out of range.
        """
        check_limit(limit)
        last, total = unseal(after, self._fingerprint(), len(self.order)) if after is not None else ([], None)
        if after is None and count:
            total = (yield self._count())[0][0]
        rows = yield self._rows(limit + 1, last)
        width = len(self.shape.names)
        items = self.shape.read_all(row[:width] for row in rows[:limit])
        more = len(rows) > limit
        return Page(items, total, seal(self._fingerprint(), total, rows[limit - 1][width:]) if more else None)

    def all(self, limit: int = LARGEST_PAGE) -> Operation[tuple[R, ...]]:
        """Read the first rows, at most ``limit``, without counting."""
        page = yield from self.page(limit, count=False)
        return page.items

    def _count(self) -> Statement:
        return Statement(f"SELECT count(*) FROM {self.source} WHERE {self.where}", self.where.parameters)

    def _rows(self, limit: int, last: list[Value]) -> Statement:
        parameters = self.where.parameters | {"page_limit": limit}
        condition = str(self.where)
        if last:
            parameters |= {f"page_{place}": value for place, value in enumerate(last)}
            condition = f"({condition}) AND ({_beyond(self.order, last)})"
        keys = ", ".join(key.column for key in self.order)
        order = ", ".join(f"{key.column}{' DESC' if key.descending else ''}{_nulls(key)}" for key in self.order)
        return Statement(
            f"SELECT {self.columns or self.shape.columns(self.alias)}, {keys} FROM {self.source}"
            f" WHERE {condition} ORDER BY {order} LIMIT :page_limit",
            parameters,
        )

    def _fingerprint(self) -> str:
        given = sorted(map(repr, self.where.parameters.items()))
        return fingerprint(self.source, str(self.where), [repr(key) for key in self.order], given)


def fingerprint(*asked: Any) -> str:
    """Return what tells a query from others in its page tokens."""
    return xxhash.xxh3_64_hexdigest(orjson.dumps(asked))


def seal(query: str, total: int | None, keys: Iterable[Any]) -> str:
    """Make a page token.

    Args:
        query: The query's fingerprint.
        total: How many rows the whole list has.
        keys: What the next page comes after.
    """
    written = [{"t": time_text(key)} if isinstance(key, datetime) else key for key in keys]
    return urlsafe_b64encode(orjson.dumps([query, total, written])).decode().rstrip("=")


def unseal(token: str, query: str, width: int) -> tuple[list[Value], int | None]:
    """Read a page token that ``seal`` made; return its keys, ``width`` of them, and the total.

    Raises:
        PageTokenError: It is damaged, or of another query.
    """
    try:
        sealed, total, keys = orjson.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        last = [datetime.fromisoformat(key["t"]) if isinstance(key, dict) else key for key in keys]
    except (ValueError, TypeError, KeyError):
        raise PageTokenError(
            f"{token[:40]!r} is not a page token.", hint="Pass the next of a page, as it is.", code="damaged"
        ) from None
    if sealed != query or len(last) != width:
        raise PageTokenError(
            "The page token belongs to another query.",
            hint="Ask with the same filters and the same order as for the first page, or begin anew.",
            code="other_query",
        )
    return last, total


def _nulls(key: Key) -> str:
    return " NULLS LAST" if key.nullable else ""


def _beyond(order: tuple[Key, ...], last: list[Value]) -> str:
    """Say that a row comes after the last one of the page before."""
    if len({key.descending for key in order}) == 1 and not any(key.nullable for key in order):
        columns = ", ".join(key.column for key in order)
        bounds = ", ".join(f":page_{place}" for place in range(len(order)))
        return f"({columns}) {'<' if order[0].descending else '>'} ({bounds})"
    cases = []
    for place, key in enumerate(order):
        if last[place] is None:
            continue
        alike = [
            f"{earlier.column} IS NULL" if last[number] is None else f"{earlier.column} = :page_{number}"
            for number, earlier in enumerate(order[:place])
        ]
        after = f"{key.column} {'<' if key.descending else '>'} :page_{place}"
        after = f"({after} OR {key.column} IS NULL)" if key.nullable else after
        cases.append(" AND ".join([*alike, after]))
    return " OR ".join(f"({case})" for case in cases)


def check_limit(limit: int) -> None:
    """Refuse a page's limit that is out of range.

    Raises:
        InvalidValueError: It is no whole number from 1 to 1,000.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= LARGEST_PAGE:
        raise InvalidValueError(
            f"{limit!r} cannot be a page's limit.", hint=f"Ask for 1 to {LARGEST_PAGE:,} rows a page.", code="limit"
        )
