"""What happens when a store is opened: the database is looked at, refused or brought up to date."""

from __future__ import annotations

from dataclasses import dataclass

from exuvia.store.core.capabilities import Capabilities
from exuvia.store.core.detecting import detect
from exuvia.store.core.dialect import Dialect
from exuvia.store.core.driving import transact
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.requests import Operation
from exuvia.store.core.row_security import secure, unsecured
from exuvia.store.core.tenants import Tables, find_tables
from exuvia.store.schema import bring_up_to_date, missing_steps


@dataclass(frozen=True, slots=True)
class Prepared:
    """A database that can carry the store.

    Args:
        capabilities: What its engine can do.
        tables: What is in it.
    """

    capabilities: Capabilities
    tables: Tables


def prepare(dialect: Dialect, options: StoreOptions) -> Operation[Prepared]:
    """Look at a database, and make or complete the store's tables; no transaction may be open.

    Raises:
        SchemaError: The database cannot carry a store, or its tables do not fit this version.
    """
    capabilities = yield from detect(dialect, options.schema)
    if (yield from missing_steps(dialect, options.schema, create=options.create)):
        yield from transact(bring_up_to_date(dialect, options.schema), dialect.begin)
    if dialect.is_postgres and options.create and not capabilities.read_only:
        if (yield from unsecured(options.schema)):
            yield from transact(secure(options.schema), dialect.begin)
        capabilities = yield from detect(dialect, options.schema)
    return Prepared(capabilities, (yield from find_tables(dialect, options.schema)))
