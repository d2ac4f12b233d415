"""Moving a SQLite database that is a store: into the store's own tables in PostgreSQL, not into inferred ones.

The tables of a store have the same names and columns on both engines, so its rows go the way of any move into tables
that exist (``exuvia.move.existing``), with the same proof. What PostgreSQL derives from them for searching is made
afterwards: its triggers do not fire for moved rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from exuvia.engines.postgres.connect import connect, resolve
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import ConfigError
from exuvia.location import PostgresLocation, parse
from exuvia.move import pipeline
from exuvia.move.ends import source_of
from exuvia.move.events import Listener
from exuvia.move.options import MoveOptions, Source, Target
from exuvia.move.results import MoveReport
from exuvia.store.core.options import StoreOptions
from exuvia.store.errors import SchemaError
from exuvia.store.opening import Opening
from exuvia.store.schema import steps
from exuvia.store.vectors.carrying import carry, compare

DERIVED: Final = ("exuvia_schema", "search_words", "search_names", "vector_*", "outbox*", "dual_role")
"""Tables that are not moved as they are: each side has its own, or keeps vectors in another form."""
_THERE: Final = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'exuvia_schema'"


def migrate(source: Source, target: Target, options: MoveOptions, listener: Listener) -> MoveReport:
    """Move a store into a store; see ``exuvia.ops.relocation.migrate``."""
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


def verify(source: Source, target: Target, options: MoveOptions, listener: Listener) -> MoveReport:
    """Compare a store with the one that it was moved into; see ``exuvia.ops.relocation.verify``."""
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
