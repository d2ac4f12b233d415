"""Moving a SQLite database whatever it is: a store of exuvia into a store, anything else as it stands.

The store is imported only for a file that is one: no other move waits for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.location import SqliteLocation, parse
from exuvia.move import pipeline
from exuvia.move.events import Listener, ignore
from exuvia.move.options import DEFAULT_TARGET, MoveOptions, Source, Target
from exuvia.move.results import MoveReport

_MARKS: Final = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('exuvia_schema', 'projects')"


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
    from exuvia.ops import store_move

    return store_move.migrate(source, target, options, listener)


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
    from exuvia.ops import store_move

    return store_move.verify(source, target, options, listener)
