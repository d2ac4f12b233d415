"""Moving a SQLite database that is a store: into the store's own tables in PostgreSQL, not into inferred ones.

The tables of a store have the same names and columns on both engines, so its rows go the way of any move into tables
that exist (``exuvia.move.existing``), with the same proof. What PostgreSQL derives from them for searching is made
afterwards: its triggers do not fire for moved rows.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from exuvia.engines.postgres.connect import connect, resolve
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import ConfigError
from exuvia.location import PostgresLocation, SqliteLocation, parse
from exuvia.move import pipeline
from exuvia.move.ends import source_of
from exuvia.move.events import Listener, ignore
from exuvia.move.options import DEFAULT_TARGET, MoveOptions, Source, Target
from exuvia.move.results import MoveReport
from exuvia.store.core.options import StoreOptions
from exuvia.store.errors import SchemaError
from exuvia.store.opening import Opening
from exuvia.store.schema import steps
from exuvia.store.vectors.carrying import carry, compare

DERIVED: Final = ("exuvia_schema", "search_words", "search_names", "vector_*", "outbox*", "dual_role")
"""Tables that are not moved as they are: each side has its own, or keeps vectors in another form."""
_MARKS: Final = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('exuvia_schema', 'projects')"
_THERE: Final = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'exuvia_schema'"


def is_store(source: Source) -> bool:
    """Tell whether a location is a SQLite file that has a store in it."""
    location = parse(source) if isinstance(source, str | Path) else source
    if not isinstance(location, SqliteLocation) or not location.path.is_file():
        return False
    with Snapshot.open(location.path, readers=1) as snapshot:
        return snapshot.connection.execute(_MARKS).fetchall() == [(2,)]


def migrate(
    source: Source,
    target: Target = DEFAULT_TARGET,
    *,
    options: MoveOptions | None = None,
    listener: Listener = ignore,
) -> MoveReport:
    """Move a SQLite database into PostgreSQL and prove it, as ``exuvia.move.pipeline.migrate`` does.

    A file that is a store of exuvia goes into a store: its tables are made where they are missing, in the schema that
    ``options.plan.schema`` names (``exuvia_store`` where it names none).

    Args:
        source: The SQLite file; it is only read.
        target: The PostgreSQL database; the pip-installed server by default.
        options: How to move.
        listener: Hears of progress, from several threads but one event at a time.

    Raises:
        SchemaError: The store was made by a newer exuvia.
        ConfigError: The options do not fit a store.
        SourceError: The file cannot be read.
        PlanError: The target's store has rows already.
        TargetError: The target cannot be reached, or lacks rights.
    """
    options = options or MoveOptions()
    if options.into_existing or not is_store(source):
        return pipeline.migrate(source, target, options=options, listener=listener)
    _check(source, options)
    server = _server(target, options)
    if options.dry_run and not _is_there(server, _schema(options)):
        # nothing may be made, so values are tried against inferred types instead of the store's own
        rehearsed = replace(options, plan=replace(options.plan, exclude=(*options.plan.exclude, *DERIVED)))
        return pipeline.migrate(source, server, options=rehearsed, listener=listener)
    fitted = _fitted(options)
    if options.dry_run:
        return pipeline.migrate(source, server, options=fitted, listener=listener)
    with _opening(server, options) as store:
        report = pipeline.migrate(source, server, options=fitted, listener=listener)
        done: int | None = 0
        while done is not None:
            done = store.search.complete(done)
        with Snapshot.open(source_of(source).path, readers=1) as snapshot:
            carry(snapshot.connection, store)
    return report


def verify(
    source: Source,
    target: Target = DEFAULT_TARGET,
    *,
    options: MoveOptions | None = None,
    listener: Listener = ignore,
) -> MoveReport:
    """Compare a SQLite database with the one in PostgreSQL that it was moved into, as ``exuvia.move.pipeline.verify``
    does; a store with a store.

    Raises:
        SourceError: The file cannot be read.
        TargetError: The target cannot be reached or read.
    """
    options = options or MoveOptions()
    if options.into_existing or options.sample is not None or not is_store(source):
        return pipeline.verify(source, target, options=options, listener=listener)
    server = _server(target, options)
    report = pipeline.verify(source, server, options=_fitted(options), listener=listener)
    with _opening(server, options, create=False) as store, Snapshot.open(source_of(source).path, readers=1) as snapshot:
        compare(snapshot.connection, store)
    return report


def _check(source: Source, options: MoveOptions) -> None:
    if options.drop_existing:
        raise ConfigError(
            "The source is a store, and a store's tables are never replaced.",
            hint="Leave --drop-existing out; name another schema by --schema, or drop the old one yourself.",
            code="store",
        )
    with Snapshot.open(source_of(source).path, readers=1) as snapshot:
        made = {number for (number,) in snapshot.connection.execute("SELECT number FROM exuvia_schema")}
    if strange := made - {step.number for step in steps("sqlite")}:
        raise SchemaError(
            f"The store {source} was made by a newer exuvia (step {max(strange)}).",
            hint="Update exuvia: pip install --upgrade exuvia.",
            code="newer",
        )


def _schema(options: MoveOptions) -> str:
    named = options.plan.target_schema
    return StoreOptions().schema if named == "public" else named


def _fitted(options: MoveOptions) -> MoveOptions:
    plan = replace(options.plan, schema=_schema(options), exclude=(*options.plan.exclude, *DERIVED))
    return replace(options, plan=plan, into_existing=True)


def _server(target: Target, options: MoveOptions) -> PostgresLocation:
    """Return the server; its owner's policy shows every row, so row-level security is no error in its sessions."""
    given = resolve(parse(target) if isinstance(target, str) else target, data_dir=options.data_dir).as_dict()
    given["options"] = f"{given.get('options', '')} -c row_security=on".strip()
    return PostgresLocation(tuple(given.items()))


def _opening(server: PostgresLocation, options: MoveOptions, *, create: bool = True) -> Opening:
    return Opening(server, StoreOptions(schema=_schema(options), create=create))


def _is_there(server: PostgresLocation, schema: str) -> bool:
    with connect(server, autocommit=True, writable=False) as connection:
        return connection.execute(_THERE, [schema]).fetchone() is not None
