"""One moment of a PostgreSQL database, read in bulk by queries: rows come as Arrow batches, in C."""

from __future__ import annotations

from collections.abc import Generator

import adbc_driver_manager
import psycopg
import pyarrow as pa

from exuvia.engines.postgres.bulk import BulkConnection
from exuvia.engines.postgres.catalog import PgCatalog
from exuvia.engines.postgres.catalog_read import inspect
from exuvia.engines.postgres.connect import ROW_SECURITY, connect
from exuvia.engines.postgres.failures import explain_error
from exuvia.engines.postgres.read import connection_url
from exuvia.errors import SourceError
from exuvia.location import PostgresLocation

# The values' spelling depends on these; row_security = off makes hidden rows an error instead of leaving them out.
_SESSION = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "search_path": "pg_catalog, public, pg_temp",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "jit": "off",
}
_SET = f"SELECT {ROW_SECURITY}, " + ", ".join(f"set_config('{key}', '{text}', true)" for key, text in _SESSION.items())
_BLOCKS = """
    SELECT pg_relation_size(c.oid) / current_setting('block_size')::int
    FROM pg_class c JOIN pg_am a ON a.oid = c.relam
    WHERE c.oid = to_regclass(%s) AND c.relkind = 'r' AND a.amname = 'heap'
"""
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Moment:
    """A read-only transaction whose snapshot other connections share.

    Args:
        location: The server.

    Raises:
        TargetError: The server cannot be reached.
        SourceError: The server does not lend its snapshot.
    """

    def __init__(self, location: PostgresLocation) -> None:
        self._location = location
        self.connection: psycopg.Connection = connect(location, autocommit=True, writable=False)
        try:
            self.connection.execute(_BEGIN)
            self.connection.execute(_SET.encode())
            row = self.connection.execute("SELECT pg_export_snapshot()").fetchone()
        except psycopg.Error as error:
            self.connection.close()
            raise explain_error(error, location=location, doing="a snapshot") from error
        self._snapshot: str = row[0] if row else ""

    def close(self) -> None:
        """End the transaction."""
        self.connection.close()

    def catalog(self, schema: str) -> PgCatalog:
        """Return what a schema declared at this moment.

        Raises:
            SourceError: There is no such schema.
        """
        return inspect(self.connection, schema)

    def blocks(self, table: str) -> int:
        """Return how many blocks hold a table's rows; 0 where rows are not found by their place in blocks.

        Args:
            table: The table, as SQL names it.

        Raises:
            TargetError: The server does not answer.
        """
        try:
            row = self.connection.execute(_BLOCKS, (table,)).fetchone()
        except psycopg.Error as error:
            raise explain_error(error, location=self._location, doing=f"measuring {table}") from error
        return int(row[0]) if row else 0

    def fetcher(self) -> Fetcher:
        """Return another connection that sees the same moment, for one thread at a time."""
        return Fetcher(self._location, self._snapshot)


class BulkReader:
    """A connection that reads queries in bulk; for one thread at a time.

    Args:
        location: The server.

    Raises:
        SourceError: The server cannot be reached.
    """

    def __init__(self, location: PostgresLocation) -> None:
        try:
            self._connection = BulkConnection(connection_url(location))
        except adbc_driver_manager.Error as error:
            raise _unreadable("the database", error) from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def batches(self, query: str, what: str) -> Generator[pa.RecordBatch]:
        """Yield a query's rows.

        Args:
            query: A SELECT.
            what: What it reads, for people.

        Raises:
            SourceError: The query fails.
        """
        try:
            yield from self._connection.batches(query)
        except (adbc_driver_manager.Error, OSError, pa.ArrowException) as error:
            raise _unreadable(what, error) from error

    def begin(self, *statements: str) -> None:
        """Begin a read-only transaction that sees one moment and spells values as every reading here does.

        Args:
            statements: What to run first in it.

        Raises:
            SourceError: The server refuses.
        """
        for sql in (_BEGIN, *statements, _SET):
            self.run(sql)

    def run(self, sql: str) -> None:
        """Run a statement.

        Raises:
            SourceError: The server refuses.
        """
        try:
            self._connection.execute(sql)
        except adbc_driver_manager.Error as error:
            raise _unreadable("the database", error) from error


class Fetcher(BulkReader):
    """Reads at the moment of a snapshot that another connection lends.

    Args:
        location: The server.
        snapshot: The snapshot's name.

    Raises:
        SourceError: The server cannot be read.
    """

    def __init__(self, location: PostgresLocation, snapshot: str) -> None:
        super().__init__(location)
        try:
            self.begin(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        except SourceError:
            self.close()
            raise


def _unreadable(what: str, error: Exception) -> SourceError:
    return SourceError(f"{what} cannot be read.", hint=str(error).splitlines()[0], code="read")
