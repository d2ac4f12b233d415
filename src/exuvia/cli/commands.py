"""``exuvia inspect``, ``plan``, ``migrate`` and ``verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from exuvia.cli.back import is_way_back, way_back
from exuvia.cli.carrying import carry_out
from exuvia.cli.options import Debug, Exclude, Include, Jobs, Json, Quiet, Source, examples
from exuvia.cli.output import Output
from exuvia.cli.several import is_several, split
from exuvia.cli.several_plans import plan_several
from exuvia.errors import ConfigError, PlanError

if TYPE_CHECKING:
    from exuvia.move.options import Sample

Destination = Annotated[
    str | None,
    typer.Argument(
        metavar="DST",
        help="The PostgreSQL database: postgresql://… or embedded: for the one that pip installed."
        " Else EXUVIA_TARGET, target in exuvia.toml, or embedded:.",
    ),
]
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="A plan file, as written by 'exuvia plan -o', with your changes."),
]
StyleOption = Annotated[
    Literal["faithful", "native"] | None,
    typer.Option("--style", help="The types an ORM would have made (faithful), or PostgreSQL's best (native)."),
]
NaiveTimeOption = Annotated[
    Literal["utc", "local", "as-is"] | None,
    typer.Option("--naive-time", help="What a time without a zone means where the target's type has one."),
]
More = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SRC… DST]", help="With several files, the PostgreSQL database comes last.", show_default=False
    ),
]
MoreSources = Annotated[list[str] | None, typer.Argument(metavar="[SRC…]", help="More files.", show_default=False)]
Prefix = Annotated[
    bool,
    typer.Option("--prefix", help="All files into one schema, names beginning with the file's; else a schema each."),
]
IntoExisting = Annotated[
    bool,
    typer.Option("--into-existing", help="Into the tables that the target has, made by the application's migrations."),
]
Report = Annotated[
    list[Path] | None,
    typer.Option("--report", metavar="FILE", help="Write a report: FILE.html or FILE.json (repeatable)."),
]
Fold = Annotated[bool | None, typer.Option("--fold/--no-fold", help="Lower-case all names.")]
Schema = Annotated[str | None, typer.Option("--schema", metavar="NAME", help="The schema of the target.")]

INSPECT_EXAMPLES = examples(
    [
        ("What is in the file", "exuvia inspect app.db"),
        ("The same for a program", "exuvia inspect app.db --json"),
    ]
)
PLAN_EXAMPLES = examples(
    [
        ("Every decision and every problem", "exuvia plan app.db"),
        ("A file to edit and to commit", "exuvia plan app.db -o plan.toml"),
        ("What a PostgreSQL engineer would choose", "exuvia plan app.db --style native --naive-time utc"),
        ("Several files: where each goes, what collides", "exuvia plan app.db log.db -o plan.toml"),
    ]
)
MIGRATE_EXAMPLES = examples(
    [
        ("Into the PostgreSQL that pip installed", "exuvia migrate app.db"),
        ("Into a server, with a report to show", "exuvia migrate app.db postgresql://me@host/app --report move.html"),
        ("Everything except writing", "exuvia migrate app.db postgresql://me@host/app --dry-run"),
        ("By an edited plan, into a schema of its own", "exuvia migrate app.db --plan plan.toml --schema app"),
        (
            "Into the tables that the application's migrations made",
            "exuvia migrate app.db postgresql://me@host/app --into-existing",
        ),
        ("Several files, a schema for each", "exuvia migrate app.db log.db postgresql://me@host/app"),
        ("Stop at the first row that cannot go", "exuvia migrate app.db --on-error stop"),
        ("The way back, into a new file", "exuvia migrate postgresql://me@host/app sqlite:///back.db"),
    ]
)
VERIFY_EXAMPLES = examples(
    [
        ("Compare every value, at any time after a move", "exuvia verify app.db postgresql://me@host/app"),
        ("Only some tables", "exuvia verify app.db --include 'order*' --exclude '*_log'"),
        ("A quick look at some rows of every table", "exuvia verify app.db --sample"),
        ("At one row in a hundred, and at others than before", "exuvia verify app.db --sample-size 1% --seed 2"),
    ]
)


def inspect(source: Source, jobs: Jobs = None, json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Show what is in a SQLite file: tables, rows, sizes, and what each column really holds."""
    from exuvia.cli.output import interruptible, show
    from exuvia.cli.progress import progress
    from exuvia.move.pipeline import inspect as run
    from exuvia.report.inspection_json import inspection_to_json
    from exuvia.report.terminal import inspection_view

    with interruptible("Nothing was changed."), progress(hidden=json or quiet) as listener:
        found = run(source, jobs=jobs, listener=listener)
    if json:
        typer.echo(inspection_to_json(found), nl=False)
    elif not quiet:
        show(inspection_view(found))


def plan(
    source: Source,
    more: MoreSources = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the plan file here.")
    ] = None,
    plan_file: PlanFile = None,
    style: StyleOption = None,
    naive_time: NaiveTimeOption = None,
    fold: Fold = None,
    schema: Schema = None,
    prefix: Prefix = False,
    include: Include = None,
    exclude: Exclude = None,
    jobs: Jobs = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Decide what would become of every object and column, and list every problem with its rows."""
    from exuvia.cli.output import interruptible, show, write_file
    from exuvia.cli.progress import progress
    from exuvia.cli.wishes import collect
    from exuvia.move.pipeline import plan as run
    from exuvia.move.planfile import dump
    from exuvia.report.json_report import plan_to_json
    from exuvia.report.terminal import plan_view

    wishes = collect(
        plan_file=plan_file,
        style=style,
        naive_time=naive_time,
        fold=fold,
        schema=schema,
        include=include,
        exclude=exclude,
        jobs=jobs,
    )
    sources = [source, *(more or ())]
    if is_several(sources, wishes.plan, prefixed=prefix):
        plan_several(sources, wishes, prefixed=prefix, plan_file=plan_file, output=output, json=json, quiet=quiet)
    with interruptible("Nothing was changed."), progress(hidden=json or quiet) as listener:
        found = run(source, options=wishes.plan, jobs=wishes.settings.jobs, listener=listener)
    if output is not None:
        write_file(output, dump(found))
    if json:
        typer.echo(plan_to_json(found), nl=False)
    elif not quiet and output is None:
        show(plan_view(found))
    elif not quiet:
        typer.echo(f"The plan is in {output}. Edit it, then: exuvia migrate {source} --plan {output}")
    if any(problem.level == "error" for problem in found.problems):
        raise typer.Exit(PlanError.exit_code)


def migrate(
    source: Source,
    destination: Destination = None,
    more: More = None,
    plan_file: PlanFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything except write.")] = False,
    style: StyleOption = None,
    naive_time: NaiveTimeOption = None,
    fold: Fold = None,
    schema: Schema = None,
    prefix: Prefix = False,
    include: Include = None,
    exclude: Exclude = None,
    jobs: Jobs = None,
    batch_rows: Annotated[
        int | None, typer.Option("--batch-rows", min=1, metavar="N", help="At most N rows in memory per batch.")
    ] = None,
    on_error: Annotated[
        Literal["quarantine", "stop"] | None,
        typer.Option("--on-error", help="A row that cannot go is put aside, or ends the move."),
    ] = None,
    drop_existing: Annotated[
        bool, typer.Option("--drop-existing", help="Replace tables of the same names, once the new ones are proved.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew where an interrupted move could be continued.")
    ] = False,
    into_existing: IntoExisting = False,
    on_conflict: Annotated[
        Literal["refuse", "append", "upsert"] | None,
        typer.Option("--on-conflict", help="With --into-existing: what happens where a table has rows already."),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify/--no-verify", help="Compare every value at the end.")] = True,
    report: Report = None,
    quarantine: Annotated[
        Path | None,
        typer.Option("--quarantine", metavar="FILE", help="Where rejected rows are listed, as JSON Lines."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Move a SQLite database into PostgreSQL, or a PostgreSQL schema into a new SQLite file, and prove it."""
    from exuvia.cli.wishes import collect
    from exuvia.move.options import MoveOptions

    if is_way_back(source):
        way_back(
            "migrate",
            source,
            destination,
            schema=schema,
            include=include,
            exclude=exclude,
            drop_existing=drop_existing,
            dry_run=dry_run,
            restart=restart,
            verify=verify,
            unsuited={
                "--plan": plan_file,
                "--style": style,
                "--naive-time": naive_time,
                "--fold": fold,
                "--batch-rows": batch_rows,
                "--on-error": on_error,
                "--into-existing": into_existing,
                "--prefix": prefix,
                "A third location": more,
                "--on-conflict": on_conflict,
                "--quarantine": quarantine,
            },
            reports=report or [],
            json=json,
            quiet=quiet,
        )
    sources, destination = split(source, destination, more)
    if on_conflict is not None and not into_existing:
        raise ConfigError("--on-conflict goes with --into-existing.", code="options")
    wishes = collect(
        plan_file=plan_file,
        target=destination,
        style=style,
        naive_time=naive_time,
        fold=fold,
        schema=schema,
        include=include,
        exclude=exclude,
        jobs=jobs,
        batch_rows=batch_rows,
        on_error=on_error,
    )
    options = MoveOptions(
        plan=wishes.plan,
        jobs=wishes.settings.jobs,
        batch_rows=wishes.settings.batch_rows,
        on_error=wishes.settings.on_error,
        drop_existing=drop_existing,
        dry_run=dry_run,
        verify=verify,
        quarantine_file=quarantine,
        data_dir=wishes.settings.data_dir,
        restart=restart,
        into_existing=into_existing,
        on_conflict=on_conflict or "refuse",
    )
    output = Output(report or [], json=json, quiet=quiet)
    carry_out("migrate", sources, wishes.settings.target, options, output, prefixed=prefix, plan_file=plan_file)


def verify(
    source: Source,
    destination: Destination = None,
    more: More = None,
    plan_file: PlanFile = None,
    style: StyleOption = None,
    naive_time: NaiveTimeOption = None,
    fold: Fold = None,
    schema: Schema = None,
    prefix: Prefix = False,
    include: Include = None,
    exclude: Exclude = None,
    into_existing: IntoExisting = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="A quick look: compare some rows of every table. It is no proof.")
    ] = False,
    sample_size: Annotated[
        str | None,
        typer.Option(
            "--sample-size",
            metavar="ROWS|PERCENT",
            help="How many rows of every table, such as 5000 or 1%; else 10000. Implies --sample.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Which rows a sample has: another number, other rows.")
    ] = 0,
    jobs: Jobs = None,
    report: Report = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare every value of a SQLite database with the PostgreSQL database it was moved into. Writes nothing."""
    from exuvia.cli.wishes import collect
    from exuvia.move.options import MoveOptions

    if is_way_back(source):
        way_back(
            "verify",
            source,
            destination,
            schema=schema,
            include=include,
            exclude=exclude,
            unsuited={
                "--plan": plan_file,
                "--style": style,
                "--naive-time": naive_time,
                "--fold": fold,
                "--into-existing": into_existing,
                "--sample": sample,
                "--sample-size": sample_size,
                "--seed": seed,
                "--prefix": prefix,
                "A third location": more,
            },
            reports=report or [],
            json=json,
            quiet=quiet,
        )
    if seed and not sample and sample_size is None:
        raise ConfigError("--seed goes with --sample.", code="options")
    sources, destination = split(source, destination, more)
    wishes = collect(
        plan_file=plan_file,
        target=destination,
        style=style,
        naive_time=naive_time,
        fold=fold,
        schema=schema,
        include=include,
        exclude=exclude,
        jobs=jobs,
    )
    options = MoveOptions(
        plan=wishes.plan,
        jobs=wishes.settings.jobs,
        data_dir=wishes.settings.data_dir,
        into_existing=into_existing,
        sample=_sample(sample_size, seed) if sample or sample_size is not None else None,
    )
    output = Output(report or [], json=json, quiet=quiet)
    carry_out("verify", sources, wishes.settings.target, options, output, prefixed=prefix, plan_file=plan_file)


def _sample(size: str | None, seed: int) -> Sample:
    from exuvia.move.options import Sample

    return Sample(seed=seed) if size is None else Sample.parse(size, seed)
