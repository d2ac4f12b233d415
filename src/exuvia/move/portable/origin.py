"""Where an export's rows come from: a SQLite file, or one that is made of a PostgreSQL schema on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exuvia.errors import ConfigError, VerifyError
from exuvia.location import EmbeddedLocation, Location, PostgresLocation, SqliteLocation, parse
from exuvia.move.back.pipeline import made_back
from exuvia.move.back.plan import BackOptions, Loss
from exuvia.move.back.results import BackReport
from exuvia.move.events import Listener
from exuvia.move.plan import Fate
from exuvia.move.portable.manifest import LeftOut


@dataclass(frozen=True, slots=True)
class Origin:
    """A SQLite file to export.

    Args:
        path: The file.
        label: The source's name for people.
        left_out: What of the source the file does not hold, and why.
        notes: What the file does not hold exactly as the source does.
        fingerprint: Stands for the file's rows and their places where the file was made for this; else empty.
    """

    path: Path
    label: str
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    fingerprint: str = ""


@contextmanager
def origin(
    source: str | Path | Location, place: Path, options: BackOptions, listener: Listener, data_dir: Path | None
) -> Iterator[Origin]:
    """Give the SQLite file to export; that of a PostgreSQL schema is temporary, and proved.

    Args:
        source: A SQLite file or a PostgreSQL database.
        place: What the temporary file's name begins with. It stays when the export fails, for the next one.
        options: What to take of a PostgreSQL database.
        listener: Hears of progress.
        data_dir: Where the pip-installed server keeps its data; None for the default.

    Raises:
        ConfigError: The source is neither.
        SourceError: PostgreSQL's schema or a table cannot be read.
        TargetError: PostgreSQL cannot be reached.
        VerifyError: SQLite does not give the schema's values back.
    """
    location = parse(source) if isinstance(source, str | Path) else source
    if isinstance(location, SqliteLocation):
        yield Origin(location.path, str(location))
        return
    if not isinstance(location, PostgresLocation | EmbeddedLocation):
        raise ConfigError(
            f"The source {location} is not a database.",
            hint="Name a SQLite file or a PostgreSQL database. A portable copy is read by exuvia import.",
            code="source",
        )
    with made_back(location, SqliteLocation(place), options=options, listener=listener, data_dir=data_dir) as made:
        if made.report.status == "different":
            raise _different(made.report)
        left_out = tuple(
            LeftOut(item.kind, item.name, item.reason) for item in made.report.objects if item.fate is Fate.LEFT_OUT
        )
        notes = tuple(map(_note, made.report.losses))
        yield Origin(made.path, str(location), left_out, notes, made.fingerprint)


def _different(report: BackReport) -> VerifyError:
    tables = [table.table for table in report.proof.tables if not table.equal] if report.proof else []
    return VerifyError(
        f"SQLite does not give back the values of {', '.join(tables)}.",
        hint="See 'exuvia migrate' from the database into a SQLite file, or --exclude the tables.",
        code="different",
    )


def _note(loss: Loss) -> str:
    what = f"{loss.table}.{loss.column}" if loss.column else loss.table
    return f"{what} ({loss.type}, stored as {loss.stored}): {loss.reason}"
