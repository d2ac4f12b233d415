"""``exuvia store dual``: one store in two databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from exuvia.cli.options import Debug, Json, Quiet, examples
from exuvia.cli.output import interruptible
from exuvia.cli.store import Schema

if TYPE_CHECKING:
    from exuvia.store.dual import DualStatus, Pair
    from exuvia.store.dual.drift import Drift

_DIFFER = 6
_SHOWN = 20
_BOTH = "sqlite:///memory.db postgresql://me@localhost/app"

app = typer.Typer(
    help="One store in two databases: what is written to the primary is carried over to the secondary.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Primary = Annotated[str, typer.Argument(metavar="PRIMARY", help="The store that is written.")]
Secondary = Annotated[str, typer.Argument(metavar="SECONDARY", help="The one that it is carried over to.")]


@app.command(epilog=examples([("Begin, and carry over all there is", f"exuvia store dual on {_BOTH}")]))
def on(
    primary: Primary,
    secondary: Secondary,
    schema: Schema = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make two databases a primary and its secondary, and carry over all there is. Opening both does the same."""
    pair = _pair(primary, secondary, schema, create=True)
    with interruptible("What was carried over stays; the same command goes on."):
        pair.begin()
    _show_status(pair.status(), json=json, quiet=quiet)


@app.command(epilog=examples([("Which is the primary, and what waits", f"exuvia store dual status {_BOTH}")]))
def status(
    primary: Primary, secondary: Secondary, schema: Schema = None, json: Json = False, debug: Debug = False
) -> None:
    """Tell which of the two is the primary, and how many changes are still to be carried over."""
    pair = _pair(primary, secondary, schema)
    pair.find()
    _show_status(pair.status(), json=json, quiet=False)


@app.command(epilog=examples([("Compare every row", f"exuvia store dual drift {_BOTH} --json")]))
def drift(
    primary: Primary, secondary: Secondary, schema: Schema = None, json: Json = False, debug: Debug = False
) -> None:
    """Compare every row of the two, while they may be written. Exit code 6: they differ."""
    pair = _pair(primary, secondary, schema)
    pair.find()
    with interruptible("Nothing was changed."):
        found = pair.drift()
    _show_drift(found, "differ", json=json, quiet=False)
    if not found.is_clean:
        raise typer.Exit(_DIFFER)


@app.command(epilog=examples([("Make the secondary like the primary", f"exuvia store dual repair {_BOTH}")]))
def repair(
    primary: Primary,
    secondary: Secondary,
    schema: Schema = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare every row of the two, and make the secondary's as the primary's are."""
    pair = _pair(primary, secondary, schema)
    pair.find()
    with interruptible("What was repaired stays; the same command goes on."):
        found = pair.repair()
    _show_drift(found, "were repaired", json=json, quiet=quiet)


@app.command(
    epilog=examples(
        [
            ("Change the roles, after comparing every row", f"exuvia store dual promote {_BOTH}"),
            ("The primary is lost", f"exuvia store dual promote {_BOTH} --force"),
        ]
    )
)
def promote(
    primary: Primary,
    secondary: Secondary,
    unverified: Annotated[bool, typer.Option("--no-verify", help="Do not compare the two first.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="The primary is lost: make SECONDARY the primary with what has come over."),
    ] = False,
    schema: Schema = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make the secondary the primary. Programs that write to the old one are told by an error where to write now."""
    pair = _pair(primary, secondary, schema)
    if force:
        pair.force()
    else:
        pair.find()
        pair.primary = 0  # so that doing it again changes nothing
        with interruptible("The primary is what it was; or status tells what the next promote ends."):
            pair.promote(verify=not unverified)
    promoted = pair.locations[1 if force else pair.primary]
    if json:
        typer.echo(orjson.dumps({"primary": str(promoted)}, option=orjson.OPT_INDENT_2).decode())
    elif not quiet:
        typer.echo(f"The primary is {promoted} now.")


@app.command(epilog=examples([("Two stores of their own again", f"exuvia store dual off {_BOTH}")]))
def off(
    primary: Primary,
    secondary: Secondary,
    force: Annotated[
        bool, typer.Option("--force", help="Also when changes wait, or one of the two cannot be reached.")
    ] = False,
    schema: Schema = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Carry over what waits, then let each be a store of its own again, which anybody may write."""
    pair = _pair(primary, secondary, schema)
    if not force:
        pair.find()
    left_out = pair.dissolve(force=force)
    if json:
        typer.echo(orjson.dumps({"left_out": left_out}, option=orjson.OPT_INDENT_2).decode())
    elif not quiet:
        typer.echo("Both are stores of their own." if not left_out else f"Not reached: {', '.join(left_out)}.")


def _pair(primary: str, secondary: str, schema: str | None, *, create: bool = False) -> Pair:
    import exuvia

    return exuvia.open(primary=primary, secondary=secondary, create=create, schema=schema).pair()


def _show_status(found: DualStatus, *, json: bool, quiet: bool) -> None:
    if json:
        document = {
            "primary": found.primary,
            "secondary": found.secondary,
            "swapped": found.swapped,
            "promoting": found.promoting,
            "pending": found.pending,
            "lag": found.lag,
            "error": found.error.as_dict() if found.error else None,
        }
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    elif not quiet:
        typer.echo(f"Primary: {found.primary}{' (it was promoted)' if found.swapped else ''}")
        typer.echo(f"Secondary: {found.secondary}")
        if found.promoting:
            typer.echo("A promotion is under way or was cut off: opening both, or promote, ends it.")
        waits = f"{found.pending:,} changes, since {found.lag:.0f} s" if found.pending else "nothing"
        typer.echo(f"Waits to be carried over: {waits}")
        if found.error:
            typer.echo(f"Not reached: {found.error.message}")


def _show_drift(found: Drift, what: str, *, json: bool, quiet: bool) -> None:
    if json:
        document = {
            "differences": [{"table": each.table, "key": each.key, "fault": each.fault} for each in found.differences],
            "tables": [
                {
                    "table": each.table,
                    "rows": [each.primary, each.secondary],
                    "digests": [each.primary_digest, each.secondary_digest],
                }
                for each in found.tables
            ],
            "excluded": dict(found.excluded),
        }
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    elif not quiet:
        rows = sum(each.primary for each in found.tables)
        typer.echo(f"{rows:,} rows of {len(found.tables)} tables compared; {len(found.differences):,} {what}.")
        for each in found.differences[:_SHOWN]:
            typer.echo(f"  {each.fault}: {each.table} {' '.join(map(str, each.key))}")
        if len(found.differences) > _SHOWN:
            typer.echo("  …; --json lists all of them.")
        for table, why in found.excluded:
            typer.echo(f"  not carried over: {table}: {why}")
