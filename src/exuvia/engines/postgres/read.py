"""PostgreSQL tables to Arrow columns in the canonical type of each target type.

ADBC's driver decodes COPY BINARY in C. It is written independently of :mod:`exuvia.engines.postgres.binary`, so that
a value which was encoded wrongly does not pass for equal when it is read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import adbc_driver_manager
import pyarrow as pa

from exuvia.catalog.names import qualify, quote
from exuvia.catalog.target import TargetColumn
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres.bulk import BulkConnection
from exuvia.engines.postgres.extensions import FIND
from exuvia.errors import TargetError
from exuvia.location import PostgresLocation

BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Not every version has all of them
_NO_TIMEOUTS = (
    "SELECT set_config(name, '0', false) FROM pg_settings"
    " WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')"
)

_AS_TEXT = (Base.NUMERIC, Base.JSON, Base.JSONB, Base.TEXT, Base.VARCHAR)
_SENT = {
    Base.TEXT_ARRAY: "array_send",
    Base.REAL_ARRAY: "array_send",
    Base.VECTOR: "vector_send",
    Base.BIT: "bit_send",
}
_WIRE = tuple(_SENT)

_CANONICAL = {
    Base.SMALLINT: pa.int64(),
    Base.INTEGER: pa.int64(),
    Base.BIGINT: pa.int64(),
    Base.UUID: pa.binary(),
}


def is_compared_as_wire(type_: SqlType) -> bool:
    """Tell whether :class:`Reader` delivers this type as PostgreSQL's binary form instead of a canonical array."""
    return type_.base in _WIRE


class Reader:
    """One connection that reads tables in bulk.

    Args:
        url: A libpq connection URL.
        moment: A snapshot that another transaction exported and still holds; everything is read as it was then. Empty
            for the state at each reading.

    Raises:
        TargetError: The server cannot be reached.
    """

    def __init__(self, url: str, moment: str = "") -> None:
        try:
            self._connection = BulkConnection(url)
            for query in (FIND, _NO_TIMEOUTS):
                list(self._connection.batches(query))
            if moment:
                self._connection.execute(BEGIN_READING)
                self._connection.execute(f"SET TRANSACTION SNAPSHOT '{moment}'")
        except adbc_driver_manager.Error as error:
            raise TargetError("The target cannot be read back.", hint=_first_line(error), code="read") from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def batches(
        self, schema: str, table: str, columns: Sequence[TargetColumn], where: str = ""
    ) -> Iterator[list[pa.Array]]:
        """Read rows of a table, in no particular order, as canonical arrays in the order of ``columns``.

        Args:
            schema: The table's schema.
            table: The table.
            columns: The columns to read.
            where: An SQL condition over the table's columns; empty for all rows.

        Raises:
            TargetError: The table cannot be read.
        """
        fields = ", ".join(f"{_expression(column)} AS c{number}" for number, column in enumerate(columns))
        condition = f" WHERE {where}" if where else ""
        query = f"SELECT {fields or '1'} FROM {qualify(schema, table)}{condition}"
        try:
            for batch in self._connection.batches(query):
                yield [_canonical(column.type, batch.column(number)) for number, column in enumerate(columns)]
                del batch  # not held while the next one is read
        except (adbc_driver_manager.Error, OSError, pa.ArrowException) as error:
            place = f"{schema}.{table}"
            raise TargetError(f"{place} cannot be read back.", hint=_first_line(error), code="read") from error


def _expression(column: TargetColumn) -> str:
    name = f"({column.read_as})" if column.read_as else quote(column.name)
    if column.type.base in _SENT:
        return f"{_SENT[column.type.base]}({name})"
    if column.type.base is Base.UUID:
        return f"uuid_send({name})"
    if column.type.base in _AS_TEXT:
        return f"{name}::text"
    return name


def _canonical(type_: SqlType, array: pa.Array) -> pa.Array:
    if type_.base is Base.UUID:
        return array.cast(pa.binary(16))
    wanted = _CANONICAL.get(type_.base)
    return array if wanted is None or array.type == wanted else array.cast(wanted)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def connection_url(location: PostgresLocation) -> str:
    """Return the URL, secrets included, by which ADBC reaches the server that psycopg reaches by ``location``."""
    return PostgresLocation(tuple(location.connection_parameters().items())).url
