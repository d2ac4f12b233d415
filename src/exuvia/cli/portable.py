"""``exuvia export`` and ``exuvia import``: portable copies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from exuvia.cli.carrying import conclude
from exuvia.cli.commands import (
    Fold,
    IntoExisting,
    NaiveTimeOption,
    PlanFile,
    Schema,
    StyleOption,
)
from exuvia.cli.options import Debug, Exclude, Include, Jobs, Json, Quiet, examples
from exuvia.cli.output import Output, interruptible, show
from exuvia.errors import ConfigError

if TYPE_CHECKING:
    from exuvia.cli.wishes import Wishes

Copy = Annotated[str, typer.Argument(metavar="COPY", help="The portable copy: jsonl:directory or parquet:directory.")]
ExportSource = Annotated[
    str, typer.Argument(metavar="SRC", help="The SQLite file, or a PostgreSQL database: postgresql://… or embedded:.")
]
ImportDestination = Annotated[
    str | None,
    typer.Argument(
        metavar="DST",
        help="A new SQLite file, or a PostgreSQL database: postgresql://… or embedded: for the one that pip installed."
        " Else EXUVIA_TARGET, target in exuvia.toml, or embedded:.",
    ),
]

EXPORT_EXAMPLES = examples(
    [
        ("As JSON Lines, to read, to search and to keep", "exuvia export app.db jsonl:app-copy"),
        ("As Parquet, for pandas, DuckDB or a warehouse", "exuvia export app.db parquet:app-copy"),
        ("A schema of PostgreSQL", "exuvia export postgresql://me@host/app parquet:app-copy --schema app"),
        ("Only some tables", "exuvia export app.db jsonl:orders --include 'order*'"),
    ]
)
IMPORT_EXAMPLES = examples(
    [
        ("As the SQLite file that it was", "exuvia import jsonl:app-copy restored.db"),
        ("Into PostgreSQL, as 'exuvia migrate' would", "exuvia import parquet:app-copy postgresql://me@host/app"),
    ]
)


def export_(
    source: ExportSource,
    copy: Copy,
    schema: Annotated[
        str | None, typer.Option("--schema", metavar="NAME", help="The schema of a PostgreSQL source; else public.")
    ] = None,
    include: Include = None,
    exclude: Exclude = None,
    jobs: Jobs = None,
    drop_existing: Annotated[
        bool, typer.Option("--drop-existing", help="Replace a copy that is there, once the new one is whole.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a database as JSON Lines or Parquet files with a manifest: every value exactly, and the schema."""
    from exuvia.cli.progress import progress
    from exuvia.move.portable.export import ExportOptions
    from exuvia.move.portable.export import export_data as run
    from exuvia.report.portable import export_to_json, export_view

    settings = _wishes(include=include, exclude=exclude, jobs=jobs).settings
    options = ExportOptions(
        jobs=settings.jobs,
        include=settings.include,
        exclude=settings.exclude,
        drop_existing=drop_existing,
        schema=schema or "public",
        data_dir=settings.data_dir,
    )
    kept = "Finished files are kept; the same command goes on with the others."
    with interruptible(kept), progress(hidden=json or quiet) as listener:
        report = run(source, copy, options=options, listener=listener)
    if json:
        typer.echo(export_to_json(report), nl=False)
    elif not quiet:
        show(export_view(report))


def import_(
    copy: Copy,
    destination: ImportDestination = None,
    plan_file: PlanFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything except write. PostgreSQL only.")] = False,
    style: StyleOption = None,
    naive_time: NaiveTimeOption = None,
    fold: Fold = None,
    schema: Schema = None,
    include: Include = None,
    exclude: Exclude = None,
    jobs: Jobs = None,
    on_error: Annotated[
        Literal["quarantine", "stop"] | None,
        typer.Option("--on-error", help="A row that cannot go is put aside, or ends the move."),
    ] = None,
    drop_existing: Annotated[
        bool, typer.Option("--drop-existing", help="Replace the file, or tables of the same names, once all is proved.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew where an interrupted move could be continued.")
    ] = False,
    into_existing: IntoExisting = False,
    on_conflict: Annotated[
        Literal["refuse", "append", "upsert"] | None,
        typer.Option("--on-conflict", help="With --into-existing: what happens where a table has rows already."),
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option("--report", metavar="FILE", help="Write a report: FILE.html or FILE.json (repeatable)."),
    ] = None,
    quarantine: Annotated[
        Path | None,
        typer.Option("--quarantine", metavar="FILE", help="Where rejected rows are listed, as JSON Lines."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a SQLite file, or tables in PostgreSQL, of a portable copy, and compare every value.

    Options about types, names, rows and reports are for PostgreSQL; they mean what they mean to 'exuvia migrate'.
    """
    from exuvia.cli.progress import progress
    from exuvia.cli.reports import check_names
    from exuvia.location import SqliteLocation, parse
    from exuvia.move.pipeline import MoveOptions
    from exuvia.move.portable.import_ import ImportOptions
    from exuvia.move.portable.import_ import import_data as run
    from exuvia.report.portable import import_to_json, import_view

    check_names(report or [])
    if on_conflict is not None and not into_existing:
        raise ConfigError("--on-conflict goes with --into-existing.", code="options")
    if destination is not None and isinstance(parse(destination), SqliteLocation):
        _refuse(
            plan=plan_file,
            dry_run=dry_run or None,
            style=style,
            naive_time=naive_time,
            fold=fold,
            schema=schema,
            include=include,
            exclude=exclude,
            on_error=on_error,
            restart=restart or None,
            into_existing=into_existing or None,
            report=report,
            quarantine=quarantine,
        )
    wishes = _wishes(
        plan_file=plan_file,
        target=destination,
        style=style,
        naive_time=naive_time,
        fold=fold,
        schema=schema,
        include=include,
        exclude=exclude,
        jobs=jobs,
        on_error=on_error,
    )
    move = MoveOptions(
        plan=wishes.plan,
        jobs=wishes.settings.jobs,
        batch_rows=wishes.settings.batch_rows,
        on_error=wishes.settings.on_error,
        drop_existing=drop_existing,
        dry_run=dry_run,
        quarantine_file=quarantine,
        data_dir=wishes.settings.data_dir,
        restart=restart,
        into_existing=into_existing,
        on_conflict=on_conflict or "refuse",
    )
    with interruptible("The target is as it was."), progress(hidden=json or quiet) as listener:
        result = run(copy, wishes.settings.target, options=ImportOptions(move=move), listener=listener)
    if json:
        typer.echo(import_to_json(result), nl=False)
    elif not quiet and result.move is None:
        show(import_view(result))
    if result.move is not None:
        conclude(result.move, Output(report or [], json=False, quiet=quiet or json))


def _wishes(
    *,
    plan_file: Path | None = None,
    target: str | None = None,
    style: Literal["faithful", "native"] | None = None,
    naive_time: Literal["utc", "local", "as-is"] | None = None,
    fold: bool | None = None,
    schema: str | None = None,
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    jobs: int | None = None,
    on_error: str | None = None,
) -> Wishes:
    from exuvia.cli.wishes import collect

    return collect(
        plan_file=plan_file,
        target=target,
        style=style,
        naive_time=naive_time,
        fold=fold,
        schema=schema,
        include=include,
        exclude=exclude,
        jobs=jobs,
        on_error=on_error,
    )


def _refuse(**given: object) -> None:
    """Refuse options that mean nothing to a SQLite file, rather than do something else than was asked.

    Raises:
        ConfigError: One of them was given.
    """
    found = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]
    if found:
        raise ConfigError(
            f"{found[0]} is for PostgreSQL; a SQLite file becomes exactly what was exported.", code="options"
        )
