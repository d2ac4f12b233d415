"""What has changed in the primary and is not in the secondary yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Many, Operation, Statement
from exuvia.store.core.shapes import time_of
from exuvia.store.dual.forms import Key
from exuvia.store.dual.tables import COLLECTIONS, VECTORS, Table

_NOTE: Final = "INSERT INTO outbox (table_name, key) VALUES (:name, {})"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some entries.

    Args:
        numbers: Their numbers.
        keys: The keys that they name, by table.
    """

    numbers: tuple[int, ...]
    keys: dict[str, set[Key]]


def is_empty() -> Operation[bool]:
    """Tell whether nothing waits."""
    return not (yield Statement("SELECT 1 FROM outbox LIMIT 1"))


def last() -> Operation[int]:
    """Return the number of the last entry."""
    ((number,),) = yield Statement("SELECT coalesce(max(seq), 0) FROM outbox")
    return int(number)


def has_any(last: int) -> Operation[bool]:
    """Tell whether any entry up to this one waits."""
    return bool((yield Statement("SELECT 1 FROM outbox WHERE seq <= :last LIMIT 1", {"last": last})))


def pending() -> Operation[tuple[int, datetime | None]]:
    """Count what waits, and tell since when."""
    ((count, since),) = yield Statement("SELECT count(*), min(at) FROM outbox")
    return count, None if since is None else time_of(since)


def take(limit: int) -> Operation[Batch]:
    """Read the first entries; they stay until they are dropped."""
    rows = yield Statement(f"SELECT seq, table_name, key FROM outbox ORDER BY seq LIMIT {limit}")
    keys: dict[str, set[Key]] = {}
    for _, name, key in rows:
        keys.setdefault(name, set()).add(tuple(orjson.loads(key)))
    return Batch(tuple(number for number, _, _ in rows), keys)


def drop(batch: Batch, dialect: Dialect) -> Operation[None]:
    """Delete exactly these entries."""
    numbers: list[Any] = [(number,) for number in batch.numbers]
    given, parameters = dialect.table({"seq": "bigint"}, numbers)
    yield Statement(f"DELETE FROM outbox WHERE seq IN (SELECT seq FROM {given})", parameters)


def note(name: str, keys: Iterable[Key], dialect: Dialect) -> Operation[None]:
    """Note keys, as if their rows had changed."""
    sets = [{"name": name, "key": orjson.dumps(key).decode()} for key in keys]
    if sets:
        yield Many(_NOTE.format(f"CAST(:key AS {dialect.json})"), sets)


def note_all(tables: Iterable[Table], dialect: Dialect) -> Operation[None]:
    """Note every row that there is."""
    array = "jsonb_build_array" if dialect.is_postgres else "json_array"
    for table in tables:
        storages = [table.name]
        if table.name == VECTORS and dialect.is_postgres:
            rows = yield Statement(f"SELECT DISTINCT storage FROM {COLLECTIONS} WHERE storage <> '{VECTORS}'")
            storages += [storage for (storage,) in rows]
        for storage in storages:
            yield Statement(
                f"INSERT INTO outbox (table_name, key) SELECT '{table.name}', {array}({', '.join(table.key)})"
                f" FROM {storage} ORDER BY {', '.join(table.key)}"
            )
