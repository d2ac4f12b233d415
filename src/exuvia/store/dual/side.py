"""One of the two databases, over a connection of the worker's own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from exuvia.location import EmbeddedLocation, Location, PostgresLocation, SqliteLocation
from exuvia.store.core import postgres
from exuvia.store.core.dialect import POSTGRES, SQLITE, Dialect
from exuvia.store.core.driving import transact
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.runners import Driver
from exuvia.store.core.session import Session
from exuvia.store.core.sqlite import SqliteConnection
from exuvia.store.dual.tables import Found, find
from exuvia.store.preparing import prepare

T = TypeVar("T")


class Side:
    """A database, its connection made when it is needed and again when it was lost. For one thread at a time.

    Args:
        location: Where it is.
        options: The store's.
        patience: Seconds to wait for a lock.
    """

    def __init__(self, location: Location, options: StoreOptions, patience: float) -> None:
        self.location = location
        self.dialect: Dialect = SQLITE if isinstance(location, SqliteLocation) else POSTGRES
        self._options = replace(options, lock_timeout=min(patience, options.lock_timeout))
        self._driver: Driver | None = None
        self._close: Any = None
        self.found = Found({}, {})

    def run(self, operation: Operation[T]) -> T:
        """Run an operation; the connection is dropped when it fails.

        Raises:
            StoreError: The database cannot be reached, or refuses.
        """
        driver = self._driver or self._connect()
        try:
            return driver.drive(operation)
        except BaseException:
            self.close()
            raise

    def transact(self, operation: Operation[T]) -> T:
        """Run an operation in a transaction that writes."""
        return self.run(transact(operation, self.dialect.begin))

    def sync(self) -> None:
        """See to it that what was committed to a file outlives a loss of power, before anybody relies on it."""
        if isinstance(self.location, SqliteLocation):
            for path in (Path(f"{self.location.path}-wal"), self.location.path):
                if path.exists():
                    descriptor = os.open(path, os.O_RDONLY)
                    try:
                        os.fsync(descriptor)
                    finally:
                        os.close(descriptor)

    def close(self) -> None:
        """Close the connection."""
        close, self._driver, self._close = self._close, None, None
        if close is not None:
            close()

    def _connect(self) -> Driver:
        driver: Driver
        if isinstance(self.location, SqliteLocation):
            file = SqliteConnection(self.location.path, self._options, writes=True)
            driver, close = file, file.close
            file.database.pragma("synchronous", "full")
            settings = ""
        else:
            server = self._server()
            connection = postgres.connect(server, self._options)
            driver, close = postgres.PostgresConnection(connection), connection.close
        try:
            prepared = driver.drive(prepare(self.dialect, self._options))
            if self.dialect.is_postgres:
                settings = Session(replace(self._options, pgbouncer=False), prepared.capabilities).set_up
                driver.drive(_said(settings))
            self.found = driver.drive(find(self.dialect, self._options.schema))
        except BaseException:
            close()
            raise
        self._driver, self._close = driver, close
        return driver

    def _server(self) -> PostgresLocation:
        if isinstance(self.location, PostgresLocation):
            return self.location
        from exuvia.engines.postgres.connect import resolve

        assert isinstance(self.location, EmbeddedLocation)
        return resolve(self.location, data_dir=self._options.data_dir)

    def connect(self) -> Found:
        """Make the connection, if there is none; return what the database has.

        Raises:
            StoreError: It cannot be reached, or cannot carry a store.
        """
        if self._driver is None:
            self._connect()
        return self.found


def _said(sql: str) -> Operation[None]:
    yield Statement(sql)
