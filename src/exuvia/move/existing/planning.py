"""A move into tables that exist, planned: the target's tables read, matched, and tried with the source's values."""

from __future__ import annotations

import psycopg

from exuvia.catalog.model import Catalog
from exuvia.engines.postgres import quarantine
from exuvia.engines.postgres.existing import read_tables, relation_names
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.move.existing.fitting import Fitted, fitted, tried
from exuvia.move.existing.match import match, schemas_of
from exuvia.move.planner import PlanOptions
from exuvia.values.profile import Profile


def plan_into(
    connection: psycopg.Connection,
    snapshot: Snapshot,
    catalog: Catalog,
    profile: Profile,
    options: PlanOptions,
    *,
    jobs: int,
    again: bool = False,
) -> Fitted:
    """Plan a move into the tables that a target has.

    Args:
        connection: A connection to the target.
        snapshot: The source.
        catalog: What the source declares.
        profile: What its tables hold.
        options: How to plan; types are the target's, whatever they say.
        jobs: Chunks read at once.
        again: The rows have been moved before: quarantine tables that are there are theirs.

    Returns:
        The plan. Problems of level 'error' in it refuse the move.

    Raises:
        PlanError: The plan file does not fit the source.
        psycopg.Error: The target cannot be read.
    """
    schemas = schemas_of(options)
    matched = match(catalog, profile, options, read_tables(connection, schemas))
    own = {schema: quarantine.existing(connection, schema) if again else frozenset() for schema in schemas}
    taken = {schema: relation_names(connection, schema) - own[schema] for schema in schemas}
    return tried(snapshot, fitted(catalog, profile, matched, taken), options.overrides, jobs)
