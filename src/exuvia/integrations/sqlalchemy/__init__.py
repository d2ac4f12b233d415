"""SQLAlchemy on both engines: engine factories, pool status, slow statements, retries, and types.

``pip install exuvia[sqlalchemy]``. Alembic's side is in ``migrations`` (operations) and ``autogenerate`` (``env.py``).
"""

from exuvia.integrations.sqlalchemy.engines import EngineOptions, async_engine, engine
from exuvia.integrations.sqlalchemy.fingerprints import fingerprint
from exuvia.integrations.sqlalchemy.pools import PoolStatus, pool_status
from exuvia.integrations.sqlalchemy.retrying import retry
from exuvia.integrations.sqlalchemy.slow import SlowCount, SlowQueries, SlowQuery
from exuvia.integrations.sqlalchemy.types import JSONB, TSVector, Vector, cosine_distance, l2_distance, matches

__all__ = [
    "JSONB",
    "EngineOptions",
    "PoolStatus",
    "SlowCount",
    "SlowQueries",
    "SlowQuery",
    "TSVector",
    "Vector",
    "async_engine",
    "cosine_distance",
    "engine",
    "fingerprint",
    "l2_distance",
    "matches",
    "pool_status",
    "retry",
]
