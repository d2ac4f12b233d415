"""Rows into PostgreSQL tables: COPY BINARY, and one by one where the server refuses some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
import pyarrow as pa

from exuvia.catalog.names import qualify, quote
from exuvia.catalog.target import TargetColumn
from exuvia.engines.postgres.binary import HEADER, TRAILER, encode

_PIECE = 256 * 1024

_REFUSALS = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)


@dataclass(frozen=True, slots=True)
class CopyTarget:
    """Where rows go: a table and those of its columns that are written."""

    schema: str
    table: str
    columns: tuple[TargetColumn, ...]

    def statement(self) -> str:
        """Return the COPY statement."""
        names = ", ".join(quote(column.name) for column in self.columns)
        return f"COPY {qualify(self.schema, self.table)} ({names}) FROM STDIN (FORMAT binary)"

    def encode(self, arrays: Sequence[pa.Array]) -> Iterator[pa.Buffer]:
        """Encode one batch of this table's rows, to be sent in order."""
        return encode([column.type for column in self.columns], arrays)


def copy(connection: psycopg.Connection, target: CopyTarget, batches: Iterable[Sequence[pa.Array]]) -> int:
    """Send batches to a table in one COPY.

    Args:
        connection: A connection, usually inside a transaction.
        target: The table.
        batches: Batches of canonical arrays, in the order of the target's columns.

    Returns:
        How many bytes were sent.

    Raises:
        psycopg.Error: What the server said; nothing of this COPY remains.
    """
    sent = 0
    with connection.cursor() as cursor, cursor.copy(target.statement()) as stream:
        stream.write(HEADER)
        for arrays in batches:
            for encoded in target.encode(arrays):
                view = memoryview(encoded)
                for start in range(0, len(view), _PIECE):
                    stream.write(view[start : start + _PIECE])
                sent += len(view)
                del encoded, view
            del arrays  # not held while the next batch is read, nor while the server ends
        stream.write(TRAILER)
    return sent


def is_refusal(error: BaseException) -> bool:
    """Tell whether the server refused a row for what it holds, so that the other rows could still go."""
    return isinstance(error, _REFUSALS)


def copy_refusing(
    connection: psycopg.Connection,
    target: CopyTarget,
    arrays: Sequence[pa.Array],
    refuse: Callable[[int, str], None],
) -> int:
    """Send one batch of which the server may refuse some rows, halving it until the refused rows stand alone.

    Args:
        connection: A connection inside a transaction; each attempt is a savepoint.
        target: The table.
        arrays: The batch.
        refuse: Called with the position in the batch and the server's reason for each refused row.

    Returns:
        How many bytes were sent for the rows that went.
    """
    sent = 0
    ranges = [(0, len(arrays[0]))]
    while ranges:
        start, stop = ranges.pop()
        try:
            with connection.transaction():
                sent += copy(connection, target, [[array.slice(start, stop - start) for array in arrays]])
        except _REFUSALS as error:
            if stop - start == 1:
                refuse(start, error.diag.message_primary or str(error))
            else:
                middle = (start + stop) // 2
                ranges += [(middle, stop), (start, middle)]
    return sent
