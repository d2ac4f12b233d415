"""Whether both databases have the same rows, and making it so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import xxhash

from exuvia.store.dual import outbox
from exuvia.store.dual.carrying import Carriage
from exuvia.store.dual.forms import Key, NeutralRow
from exuvia.store.dual.rows import Rows
from exuvia.store.dual.side import Side

Fault = Literal["missing", "extra", "different"]

_CHUNK: Final = 1000
_LOOKS: Final = 20  # at a row that is written all the time


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not the same in both.

    Args:
        table: Its table.
        key: Its key, in the order of the primary key's columns.
        fault: What is wrong with it in the secondary: ``missing``, ``extra`` or ``different``.
    """

    table: str
    key: Key
    fault: Fault


@dataclass(frozen=True, slots=True)
class TableDigest:
    """A table in both databases, as it was when it was read.

    Args:
        table: Its name.
        primary: The primary's rows.
        secondary: The secondary's rows.
        primary_digest: XXH3-128 of the primary's rows in the order of their keys.
        secondary_digest: The same of the secondary's.
    """

    table: str
    primary: int
    secondary: int
    primary_digest: str
    secondary_digest: str


@dataclass(frozen=True, slots=True)
class Drift:
    """What a comparison has found.

    Args:
        tables: Every table that was compared.
        differences: The rows that differ, and that nothing that was still to be carried over explains.
        excluded: Tables that are not carried over, with the reason.
    """

    tables: tuple[TableDigest, ...]
    differences: tuple[Difference, ...]
    excluded: tuple[tuple[str, str], ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether both have the same rows."""
        return not self.differences


def compare(carriage: Carriage, patience: float) -> Drift:
    """Compare every row of both databases, while they may be written.

    Rows that differ are looked at again when what waits for them has been carried over.

    Args:
        carriage: The two databases.
        patience: Seconds to wait for the outbox to become empty, each time.

    Raises:
        StoreError: One of the databases cannot be reached.
    """
    carriage.drain(patience)
    digests, suspects = [], []
    for table in carriage.tables:
        digest, found = _compare_table(carriage, table.name)
        digests.append(digest)
        suspects += found
    confirmed = _confirmed(carriage, suspects, patience)
    return Drift(tuple(digests), tuple(sorted(confirmed, key=_order)), tuple(sorted(carriage.excluded.items())))


def repair(carriage: Carriage, drift: Drift, patience: float) -> int:
    """Make the secondary's rows as the primary's are, where they differ; return how many there were.

    Raises:
        StoreError: One of the databases cannot be reached.
    """
    keys: dict[str, list[Key]] = {}
    for difference in drift.differences:
        keys.setdefault(difference.table, []).append(difference.key)
    for table, own in keys.items():
        carriage.source.transact(outbox.note(table, own, carriage.source.dialect))
    carriage.drain(patience)
    return len(drift.differences)


def _compare_table(carriage: Carriage, name: str) -> tuple[TableDigest, list[Difference]]:
    mine = _Stream(carriage.source, carriage.carrier.source[name])
    other = _Stream(carriage.target, carriage.carrier.target[name])
    found: list[Difference] = []
    left, right = next(mine, None), next(other, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            found.append(Difference(name, left[0], "missing"))
            left = next(mine, None)
        elif left is None or right[0] < left[0]:
            found.append(Difference(name, right[0], "extra"))
            right = next(other, None)
        else:
            if left[1] != right[1]:
                found.append(Difference(name, left[0], "different"))
            left, right = next(mine, None), next(other, None)
    return TableDigest(name, mine.count, other.count, mine.digest, other.digest), found


class _Stream:
    """The rows of a table in the order of their keys, counted and digested."""

    def __init__(self, side: Side, rows: Rows) -> None:
        self._hash = xxhash.xxh3_128()
        self._rows = self._read(side, rows)
        self.count = 0

    @property
    def digest(self) -> str:
        """The digest of what was read."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[tuple[Any, NeutralRow]]:
        return self

    def __next__(self) -> tuple[Any, NeutralRow]:
        key, row = next(self._rows)
        self.count += 1
        self._hash.update(repr(row).encode())
        return key, row

    def _read(self, side: Side, rows: Rows) -> Iterator[tuple[Any, NeutralRow]]:
        after = None
        while found := side.run(rows.scan(after, _CHUNK)):
            yield from found
            after = found[-1][0]


def _confirmed(carriage: Carriage, suspects: list[Difference], patience: float) -> list[Difference]:
    """Look again at rows that differ, until they do not, or have stayed as they are while all that waited was carried
    over: a row that has not changed before and after that has no excuse."""
    before: dict[tuple[str, Key], str] = {}
    confirmed: list[Difference] = []
    for _ in range(_LOOKS):
        if not suspects:
            break
        now = _look(carriage, suspects)
        confirmed += [each for each in now if before.get((each.table, each.key)) == now[each]]
        suspects = [each for each in now if before.get((each.table, each.key)) != now[each]]
        before = {(each.table, each.key): state for each, state in now.items()}
        carriage.drain(patience)
    return confirmed


def _look(carriage: Carriage, suspects: list[Difference]) -> dict[Difference, str]:
    """Read rows anew; return those that still differ, with a digest of what both have."""
    found: dict[Difference, str] = {}
    for name in dict.fromkeys(each.table for each in suspects):
        keys = [each.key for each in suspects if each.table == name]
        for start in range(0, len(keys), _CHUNK):
            some = keys[start : start + _CHUNK]
            there = carriage.target.run(carriage.carrier.target[name].read(some))
            mine = carriage.source.run(carriage.carrier.source[name].read(some))
            for key in some:
                pair = (mine.get(key), there.get(key))
                if pair[0] != pair[1]:
                    found[Difference(name, key, _fault(*pair))] = xxhash.xxh3_128_hexdigest(repr(pair).encode())
    return found


def _fault(mine: NeutralRow | None, there: NeutralRow | None) -> Fault:
    return "extra" if mine is None else "missing" if there is None else "different"


def _order(difference: Difference) -> tuple[str, Key]:
    return difference.table, difference.key
