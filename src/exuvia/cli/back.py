"""``exuvia migrate`` and ``exuvia verify`` from PostgreSQL to a SQLite file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import typer

from exuvia.errors import ConfigError, VerifyError


def is_way_back(source: str) -> bool:
    """Return whether a source is a PostgreSQL database."""
    from exuvia.location import EmbeddedLocation, PostgresLocation, parse

    return isinstance(parse(source), PostgresLocation | EmbeddedLocation)


def way_back(
    action: Literal["migrate", "verify"],
    source: str,
    destination: str | None,
    *,
    schema: str | None,
    include: Sequence[str] | None,
    exclude: Sequence[str] | None,
    unsuited: Mapping[str, object],
    reports: Sequence[Path],
    json: bool,
    quiet: bool,
    drop_existing: bool = False,
    dry_run: bool = False,
    restart: bool = False,
    verify: bool = True,
) -> None:
    """Carry out the command and end with its exit code.

    Args:
        action: The command.
        source: The PostgreSQL database.
        destination: The SQLite file.
        schema: The PostgreSQL schema.
        include: Globs of tables to take.
        exclude: Globs of tables to leave out.
        unsuited: Options that say nothing about this direction, by name, with what was given.
        reports: Where to write reports.
        json: Print JSON.
        quiet: Print nothing.
        drop_existing: Replace a file of that name.
        dry_run: Decide everything and write nothing.
        restart: Begin anew where an interrupted move could be continued.
        verify: Compare every value.

    Raises:
        ConfigError: The destination is no file, or an option does not fit.
    """
    from exuvia.cli.output import interruptible, show
    from exuvia.cli.progress import progress
    from exuvia.cli.reports import check_names, write_documents
    from exuvia.location import EmbeddedLocation, PostgresLocation, SqliteLocation, parse
    from exuvia.move.back import pipeline
    from exuvia.move.back.plan import BackOptions
    from exuvia.report.back import back_view
    from exuvia.report.back_document import back_document, back_to_json
    from exuvia.settings import load

    given = [name for name, value in unsuited.items() if value]
    if given:
        raise ConfigError(f"{given[0]} is for the way to PostgreSQL, not for the way back.", code="options")
    check_names(reports)
    target = parse(destination) if destination is not None else None
    location = parse(source)
    if not isinstance(target, SqliteLocation) or not isinstance(location, PostgresLocation | EmbeddedLocation):
        raise ConfigError(
            f"From a PostgreSQL database exuvia goes to a SQLite file, not to {target or 'nowhere'}.",
            hint="Name a file: exuvia migrate postgresql://… sqlite:///app.db",
            code="target",
        )
    settings = load(
        target_schema=schema,
        include=tuple(include) if include else None,
        exclude=tuple(exclude) if exclude else None,
    )
    options = BackOptions(
        schema=settings.target_schema,
        include=settings.include,
        exclude=settings.exclude,
        drop_existing=drop_existing,
        verify=verify,
        dry_run=dry_run,
        restart=restart,
    )
    run = pipeline.migrate_back if action == "migrate" else pipeline.verify_back
    left = "No file was made; the same command goes on with what was copied." if action == "migrate" else ""
    with interruptible(left), progress(hidden=json or quiet) as listener:
        report = run(location, target, options=options, listener=listener, data_dir=settings.data_dir)
    write_documents(back_document(report), reports)
    if json:
        typer.echo(back_to_json(report), nl=False)
    elif not quiet:
        show(back_view(report))
        for path in reports:
            typer.echo(f"Report: {path}")
    raise typer.Exit(VerifyError.exit_code if report.status == "different" else 0)
