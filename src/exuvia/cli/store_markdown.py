"""``exuvia store import-markdown`` and ``export-markdown``: knowledge as files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from exuvia.cli.options import Debug, Json, Quiet, examples
from exuvia.cli.output import interruptible
from exuvia.cli.store import Schema, Url

if TYPE_CHECKING:
    from exuvia.store.knowledge.markdown.problems import Listener

_LEFT_OUT = 8

IMPORT_EXAMPLES = examples(
    [
        (
            "Files of another tool, into a project",
            "exuvia store import-markdown notes sqlite:///memory.db --project app",
        ),
        ("What was exported, into the store that EXUVIA_STORE names", "exuvia store import-markdown knowledge"),
        ("In a check: stop at the first broken file", "exuvia store import-markdown knowledge --strict --json"),
    ]
)
EXPORT_EXAMPLES = examples(
    [
        ("Everything, to be kept in git", "exuvia store export-markdown knowledge sqlite:///memory.db"),
        ("One project, without files of what is gone", "exuvia store export-markdown knowledge --project app --prune"),
    ]
)


def import_(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The directory of the files.")],
    url: Url = None,
    project: Annotated[
        str | None,
        typer.Option("--project", "-p", metavar="ID", help="The project of files that name none; made if missing."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first broken file; those before it stay imported.")
    ] = False,
    schema: Schema = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Read plans, sessions and events from Markdown files with YAML front matter. Doing it again changes nothing.

    A file is what its front matter says (exuvia: plan), or else its name: PLAN_*.md and plans/*.md are plans,
    sessions/*.md are sessions. Others are skipped, broken ones are told with file and line. Exit code 8: some were.
    """
    import exuvia
    from exuvia.store import import_markdown

    kept = "Files that were read are imported; the same command goes on with the others."
    with (
        interruptible(kept),
        exuvia.open(url, schema=schema) as store,
        _progress("Reading", hidden=json or quiet) as listener,
    ):
        found = import_markdown(store, directory, project=project, strict=strict, listener=listener)
    if json:
        document = {
            "created": found.created,
            "changed": found.changed,
            "unchanged": found.unchanged,
            "events": found.events,
            "skipped": [str(path) for path in found.skipped],
            "problems": [problem.as_dict() for problem in found.problems],
        }
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        for problem in found.problems:
            typer.echo(f"{problem.message} {problem.hint}".rstrip(), err=True)
        if not quiet:
            typer.echo(
                f"{found.created:,} new, {found.changed:,} changed, {found.unchanged:,} as they were;"
                f" {found.events:,} events; {len(found.skipped):,} other files skipped;"
                f" {len(found.problems):,} broken files left out."
            )
    if found.problems:
        raise typer.Exit(_LEFT_OUT)


def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The directory to write to; made if missing.")],
    url: Url = None,
    project: Annotated[str | None, typer.Option("--project", "-p", metavar="ID", help="Only this project.")] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete files of an earlier export whose plan or session is gone.")
    ] = False,
    schema: Schema = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write plans and sessions, with their events, as Markdown files: one each, always under the same name.

    The same knowledge gives the same bytes, so git shows what has changed. import-markdown reads them back.
    """
    import exuvia
    from exuvia.store import export_markdown

    kept = "Files that were written are whole; the same command goes on with the others."
    with (
        interruptible(kept),
        exuvia.open(url, schema=schema) as store,
        _progress("Writing", hidden=json or quiet) as listener,
    ):
        found = export_markdown(store, directory, project=project, prune=prune, listener=listener)
    stale = [str(path) for path in found.stale]
    if json:
        document = {"written": found.written, "unchanged": found.unchanged, "stale": stale, "pruned": found.pruned}
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    elif not quiet:
        typer.echo(f"{found.written:,} files written, {found.unchanged:,} as they were.")
        if stale and prune:
            typer.echo(f"{len(stale):,} files of what is gone deleted.")
        elif stale:
            typer.echo(
                f"{len(stale):,} files of what is gone are still there, such as {stale[0]}; --prune deletes them."
            )


@contextmanager
def _progress(what: str, *, hidden: bool) -> Iterator[Listener]:
    """Give a listener that draws a bar on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from exuvia.store.knowledge.markdown.problems import nobody

    if hidden or not sys.stderr.isatty():
        yield nobody
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total, _file: bar.update(task, completed=done, total=total)
