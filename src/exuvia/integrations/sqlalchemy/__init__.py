"""SQLAlchemy on both engines: engine factories, pool status, slow statements, retries, and types.

``pip install exuvia[sqlalchemy]``. The operations for Alembic are in ``exuvia.integrations.sqlalchemy.migrations``.
"""

from exuvia.integrations.sqlalchemy.engines import EngineOptions, async_engine, engine
from exuvia.integrations.sqlalchemy.fingerprints import fingerprint
from exuvia.integrations.sqlalchemy.pools import PoolStatus, pool_status
from exuvia.integrations.sqlalchemy.retrying import retry
from exuvia.integrations.sqlalchemy.slow import SlowCount, SlowQueries, SlowQuery

__all__ = [
    "EngineOptions",
    "PoolStatus",
    "SlowCount",
    "SlowQueries",
    "SlowQuery",
    "async_engine",
    "engine",
    "fingerprint",
    "pool_status",
    "retry",
]
