"""Import: a portable copy as a SQLite file or into PostgreSQL.

The way into PostgreSQL leads through a SQLite file, so that the copy is planned, moved and proved exactly as the file
that it was made of.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import apsw

from exuvia.engines.postgres.connect import connect, resolve
from exuvia.errors import ConfigError, TargetError
from exuvia.location import JsonlLocation, Location, ParquetLocation, SqliteLocation, parse
from exuvia.move.clock import Clock
from exuvia.move.events import Listener, ignore, one_at_a_time
from exuvia.move.pipeline import DEFAULT_TARGET, MoveOptions, migrate
from exuvia.move.portable.export import copied_tables, portable_location
from exuvia.move.portable.files import sync_directory
from exuvia.move.portable.manifest import Manifest, load
from exuvia.move.portable.rebuild import Rebuild
from exuvia.move.portable.results import ImportReport
from exuvia.move.results import MoveReport

_SIDE_FILES = ("-journal", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import.

    Args:
        move: How to move into PostgreSQL; for a SQLite file ``jobs`` and ``drop_existing`` count.
        temporary: Where the SQLite file on the way to PostgreSQL is made; None for the system's directory.
    """

    move: MoveOptions = field(default_factory=MoveOptions)
    temporary: Path | None = None


def import_data(
    source: str | Location,
    target: str | Path | Location = DEFAULT_TARGET,
    *,
    options: ImportOptions | None = None,
    listener: Listener = ignore,
) -> ImportReport:
    """Make a database of a portable copy.

    Every file is checked against the manifest first. A SQLite file appears when every value in it was compared; into
    PostgreSQL the copy goes as by ``exuvia.migrate``.

    Args:
        source: ``jsonl:directory`` or ``parquet:directory``.
        target: A SQLite file, or a PostgreSQL database.
        options: How to import.
        listener: Hears of progress.

    Raises:
        ConfigError: ``source`` is no portable copy, or one of the other form.
        SourceError: The copy is not what its manifest says.
        TargetError: The target exists, or cannot be written.
        VerifyError: What came is not what was exported.
        PlanError: The plan for PostgreSQL does not fit.
        RejectedError: A row cannot go, and ``on_error`` is 'stop'.
    """
    options = options or ImportOptions()
    started, begun = datetime.now(UTC), time.perf_counter()
    form, directory = portable_location(source)
    location = parse(target) if isinstance(target, str | Path) else target
    manifest = load(directory)
    if manifest.form != form:
        location_of = {"jsonl": JsonlLocation, "parquet": ParquetLocation}[manifest.form]
        raise ConfigError(
            f"{directory} is a copy of the form {manifest.form}.",
            hint=f"Write {location_of(directory)}.",
            code="form",
        )
    clock = Clock(one_at_a_time(listener))
    move: MoveReport | None = None
    if isinstance(location, SqliteLocation):
        _into_sqlite(directory, manifest, location.path, options, clock)
    else:
        move = _into_postgres(directory, manifest, location, options, clock)
    return ImportReport(
        source=f"{form}:{directory}",
        exported_from=manifest.source,
        target=move.target.url if move and move.target else str(location),
        started=started,
        seconds=time.perf_counter() - begun,
        stages=clock.seconds,
        tables=copied_tables(manifest),
        left_out=manifest.left_out,
        move=move,
    )


def _into_sqlite(directory: Path, manifest: Manifest, path: Path, options: ImportOptions, clock: Clock) -> None:
    _refuse_existing(path, options.move.drop_existing)
    with _temporary_directory(path.absolute().parent, f".{path.name}.") as place:
        made = place / path.name
        Rebuild(directory, manifest, made, options.move.jobs, clock).run()
        _publish(made, path, options.move.drop_existing)


def _into_postgres(
    directory: Path, manifest: Manifest, target: Location, options: ImportOptions, clock: Clock
) -> MoveReport:
    move = options.move
    with closing(connect(resolve(target, data_dir=move.data_dir), autocommit=True)):
        pass  # a server that cannot be reached is better known before the file is made
    name = f"{directory.absolute().name}.quarantine.jsonl"
    move = replace(move, quarantine_file=move.quarantine_file or Path(name))
    with _lasting_directory(options.temporary, manifest.digest) as place:
        made = place / f"{directory.absolute().name or 'copy'}.db"
        Rebuild(directory, manifest, made, move.jobs, clock, stand_ins=True).run()
        report = migrate(made, target, options=move, listener=clock.listener)
    for stage, seconds in report.stages.items():
        clock.seconds[stage] = clock.seconds.get(stage, 0.0) + seconds
    return replace(report, source=f"{manifest.form}:{directory}")


@contextmanager
def _temporary_directory(parent: Path | None, prefix: str) -> Iterator[Path]:
    """Give a directory that goes away; raises TargetError where none can be made."""
    try:
        place = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    except OSError as error:
        raise TargetError(
            f"No directory for the new file can be made in {parent or tempfile.gettempdir()}: {error.strerror}.",
            hint="Name a directory that exists and may be written.",
            code="directory",
        ) from error
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _lasting_directory(parent: Path | None, digest: str) -> Iterator[Path]:
    """Give an empty directory of one name for one copy: an interrupted move is continued only from the same source.

    The name can be foreseen, so the directory must be this user's own.

    Raises:
        TargetError: It cannot be made, is somebody else's, or is in use by another import of the same copy.
    """
    place = (parent or Path(tempfile.gettempdir())) / f"exuvia-{os.getuid()}-{digest[:16]}"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        status = place.lstat()
        lock = (place / "lock").open("w")
    except OSError as error:
        raise TargetError(
            f"{place} cannot be made: {error.strerror}.", hint="Set TMPDIR to another directory.", code="directory"
        ) from error
    with lock:
        if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
            raise TargetError(f"{place} belongs to somebody else.", hint="Set TMPDIR to another one.", code="directory")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TargetError(
                "Another import of the same copy is running.", hint="Wait for it or stop it.", code="busy"
            ) from None
        try:
            for path in place.iterdir():
                if path.name != "lock":
                    path.unlink()
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _refuse_existing(path: Path, drop_existing: bool) -> None:
    """Refuse a target that is there, or would be damaged by what lies beside it."""
    if path.is_dir():
        raise TargetError(f"{path} is a directory.", hint="Name a file.", code="exists")
    if path.exists() or path.is_symlink():
        if not drop_existing:
            raise TargetError(
                f"There is a file {path} already.",
                hint="Name another file, or replace it with --drop-existing.",
                code="exists",
            )
        with _replaceable(path) as connection:
            connection.execute("BEGIN IMMEDIATE; ROLLBACK").fetchall()
        return
    _refuse_side_files(path)


def _settle(path: Path) -> None:
    """Make sure that nobody uses the SQLite file that gives way, and that nothing of it stays beside it."""
    with _replaceable(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        connection.execute("BEGIN EXCLUSIVE; ROLLBACK").fetchall()
    _refuse_side_files(path)


def _refuse_side_files(path: Path) -> None:
    for suffix in _SIDE_FILES:
        side = path.with_name(path.name + suffix)
        if side.exists():
            raise TargetError(
                f"{side} belongs to another database of that name and would be played into the new one.",
                hint=f"Close the program that uses {path}, or remove the file.",
                code="exists",
            )


@contextmanager
def _replaceable(path: Path) -> Iterator[apsw.Connection]:
    """Open a SQLite file that is to give way.

    Raises:
        TargetError: It is in use, or something else than a SQLite database.
    """
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
            yield connection
    except (apsw.BusyError, apsw.LockedError) as error:
        raise TargetError(f"{path} is in use.", hint="Close the programs that use it.", code="busy") from error
    except apsw.Error as error:
        raise TargetError(
            f"{path} is not a SQLite database that may be replaced: {error}.", hint="Name another file.", code="exists"
        ) from error


def _publish(made: Path, path: Path, drop_existing: bool) -> None:
    _refuse_existing(path, drop_existing)  # one may have come meanwhile
    if path.exists():
        _settle(path)
    try:
        descriptor = os.open(made, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        made.replace(path)
        sync_directory(path.absolute().parent)
    except OSError as error:
        raise TargetError(f"{path} cannot be written: {error.strerror}.", code="file") from error
