"""``exuvia store audit``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from exuvia.cli.options import Debug, Json, Quiet, examples
from exuvia.cli.store import Schema, Url
from exuvia.errors import ConfigError, VerifyError

if TYPE_CHECKING:
    from exuvia.store.audit import Chain

app = typer.Typer(help="The audit: who did what to which row.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def audit() -> None:
    """Keep ``verify`` a command of a group."""


@app.command(
    epilog=examples(
        [
            ("Every project of a store", "exuvia store audit verify sqlite:///memory.db"),
            ("Against what was noted down before", "exuvia store audit verify --project app --anchor 41:9f86…"),
        ]
    )
)
def verify(
    url: Url = None,
    project: Annotated[str | None, typer.Option("--project", "-p", metavar="ID", help="Only this project.")] = None,
    anchor: Annotated[
        str | None,
        typer.Option("--anchor", metavar="SEQ:HASH", help="An entry that is known from before; with --project."),
    ] = None,
    schema: Schema = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Check the chain of hashes of the audit, and name the first broken link of each project. Exit code 6 if there is one."""  # noqa: E501 - the help wraps it
    import exuvia

    with exuvia.open(url, create=False, schema=schema) as store:
        chains = store.audit.verify(project=project, anchor=_anchor(anchor, project))
    if json:
        typer.echo(orjson.dumps([asdict(chain) for chain in chains], option=orjson.OPT_INDENT_2).decode())
    elif not quiet:
        for chain in chains:
            typer.echo(_line(chain))
        if not chains:
            typer.echo("There is no audit yet.")
    if any(chain.broken for chain in chains):
        raise typer.Exit(VerifyError.exit_code)


def _anchor(given: str | None, project: str | None) -> tuple[int, str] | None:
    if given is None:
        return None
    seq, _, digest = given.partition(":")
    if project is None or not seq.isascii() or not seq.isdigit() or not digest:
        raise ConfigError("The anchor is not understood.", hint="Pass --project ID --anchor SEQ:HASH.", code="anchor")
    return int(seq), digest


def _line(chain: Chain) -> str:
    if chain.broken is not None:
        return f"{chain.project_id}: broken at entry {chain.broken.seq:,}: {chain.broken.what}"
    head = chain.head
    assert head is not None
    return f"{chain.project_id}: {chain.entries:,} entries are as they were written, up to {head.seq}:{head.hash}"
