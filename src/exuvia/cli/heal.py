"""``exuvia heal``: what is wrong with a database, what would mend it, and mending it."""

from __future__ import annotations

import json as json_text
import sys
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from exuvia.cli.options import Debug, Json, Quiet, examples
from exuvia.errors import ConfigError

if TYPE_CHECKING:
    from exuvia.location import Location
    from exuvia.ops.heal import Complaint, Examination, Healer, Outcome, Proposal, Sink
    from exuvia.settings import Settings

FOUND = 14

EXAMPLES = (
    examples(
        [
            ("Everything that can be found; nothing is changed", "exuvia heal postgresql://me@localhost/app"),
            ("A SQLite file", "exuvia heal app.db"),
            (
                "What an error means, and what would mend it",
                "exuvia heal --error 'column \"nam\" does not exist' --sql 'SELECT nam FROM users'",
            ),
            ("The log's last error, with SQLAlchemy's [SQL: …]", "tail -n 40 app.log | exuvia heal --error -"),
            (
                "A query that is slow",
                "exuvia heal --sql 'SELECT * FROM orders WHERE customer = $1' --values '[42]'",
            ),
            ("Mend one thing, after a look at it", "exuvia heal --apply 1f0c3a9d2b44"),
            ("Mend everything that needs no choice, unattended", "exuvia heal --apply all --yes --json"),
        ]
    )
    + "\n\n[bold]Exit codes[/bold]\n\n    0  done; or with --exit-code, nothing is wrong\n"
    "    4  the database cannot be reached\n   14  with --exit-code, something is wrong; with --apply, something was"
    " not mended\n  130  interrupted; nothing is half done"
)


def heal(
    database: Annotated[
        str | None,
        typer.Argument(metavar="DATABASE", help="A SQLite file or a PostgreSQL server. \\[default: the target]"),
    ] = None,
    error: Annotated[
        str | None, typer.Option("--error", "-e", metavar="TEXT", help="An error's text; - reads standard input.")
    ] = None,
    sqlstate: Annotated[
        str | None, typer.Option("--sqlstate", metavar="CODE", help="PostgreSQL's code for it, such as 42703.")
    ] = None,
    sql: Annotated[
        str | None, typer.Option("--sql", metavar="SQL", help="The statement that failed, or that is slow.")
    ] = None,
    values: Annotated[
        str | None, typer.Option("--values", metavar="JSON", help="Its values: a JSON list, or an object by name.")
    ] = None,
    apply: Annotated[
        list[str] | None,
        typer.Option("--apply", metavar="ID|all", help="Apply a proposal by its id (repeatable), or all of them."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing before applying.")] = False,
    lock_timeout: Annotated[
        float, typer.Option("--lock-timeout", min=0.01, metavar="SECONDS", help="How long to wait for a lock.")
    ] = 2.0,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.01, metavar="SECONDS", help="How long one statement may take.")
    ] = 30.0,
    slow: Annotated[
        float, typer.Option("--slow", min=0.001, metavar="MS", help="From which mean time on a statement is slow.")
    ] = 100.0,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 14 when something is wrong.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Find what is wrong with a database, and propose what would mend it; with --apply, mend it.

    Without --error, --sqlstate and --sql everything is looked at: foreign keys without an index, orphan rows, sequences
    behind their columns, invalid indexes, constraints that were never checked, bloat, and slow statements where
    PostgreSQL's pg_stat_statements counts them. A change is measured before and after, kept only if it helped, taken
    back otherwise, and recorded in the store's audit.
    """
    from exuvia.cli.output import interruptible
    from exuvia.location import parse
    from exuvia.ops.heal import Healer, Limits
    from exuvia.settings import load

    settings = load(target=database)
    location = parse(database) if database is not None else settings.target_location
    complaint = _complaint(error, sqlstate, sql, values)
    limits = Limits(lock_s=lock_timeout, statement_s=timeout, slow_ms=slow)
    sink = _sink(settings, location) if apply else None
    with (
        interruptible("Nothing was left half done."),
        Healer(location, limits=limits, sink=sink, data_dir=settings.data_dir) as healer,
    ):
        examination = healer.diagnose(complaint)
        proposals = {one.id: healer.propose(one) for one in examination.diagnoses}
        every = [proposal for some in proposals.values() for proposal in some]
        chosen = _chosen(every, apply or [])
        shown = not json and not quiet
        if shown and not apply:
            _show(examination, proposals, location)
        outcomes = [
            outcome for proposal in chosen if (outcome := _apply(healer, proposal, yes=yes, shown=shown)) is not None
        ]
    if json:
        document = {
            **examination.as_dict(),
            "proposals": [proposal.as_dict() for proposal in every],
            "outcomes": [outcome.as_dict() for outcome in outcomes],
        }
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode())
    unmended = any(outcome.status in ("undone", "failed") for outcome in outcomes)
    if unmended or (exit_code and not apply and examination.diagnoses):
        raise typer.Exit(FOUND)


def _complaint(error: str | None, sqlstate: str | None, sql: str | None, values: str | None) -> Complaint:
    from exuvia.ops.heal import Complaint

    text = sys.stdin.read() if error == "-" else error or ""
    try:
        given: Any = json_text.loads(values) if values else []
    except ValueError:
        given = None
    if not isinstance(given, list | dict):
        raise ConfigError("--values is no JSON list.", hint="--values '[42, \"open\", null]'", code="heal_values")
    return Complaint(text, sqlstate or "", sql or "", given)


def _chosen(proposals: list[Proposal], wanted: list[str]) -> list[Proposal]:
    """Return the proposals to apply, each change once; ``all`` means those that need no choice."""
    known = {proposal.id: proposal for proposal in proposals}
    unknown = [one for one in wanted if one != "all" and one not in known]
    if unknown:
        raise ConfigError(
            f"There is no proposal {unknown[0]}.",
            hint="Pass the same --error, --sqlstate, --sql and --values as when it was proposed; it may also be done.",
            code="heal_proposal",
        )
    named = [known[one] for one in wanted if one != "all"]
    rest = [one for one in proposals if not one.choice and one.statements] if "all" in wanted else []
    once: dict[tuple[str, ...], Proposal] = {}
    for proposal in (*named, *rest):
        once.setdefault(proposal.statements or (proposal.id,), proposal)
    return list(once.values())


def _apply(healer: Healer, proposal: Proposal, *, yes: bool, shown: bool) -> Outcome | None:
    from exuvia.cli.output import show
    from exuvia.report.healing import outcome_view, proposal_view

    if shown:
        show(proposal_view(proposal))
    if not yes and not _confirmed(proposal, shown=shown):
        return None
    outcome = healer.apply(proposal)
    if shown:
        show(outcome_view(outcome))
    return outcome


def _confirmed(proposal: Proposal, *, shown: bool) -> bool:
    if not shown or not sys.stdin.isatty():
        raise ConfigError(
            "Nobody can be asked whether to apply it.",
            hint=f"Look at it without --apply, then add --yes: exuvia heal --apply {proposal.id} --yes",
            code="heal_confirm",
        )
    return typer.confirm("Apply it?", err=True)


def _show(examination: Examination, proposals: dict[str, tuple[Proposal, ...]], location: Location) -> None:
    from exuvia.cli.output import show
    from exuvia.report.healing import examination_view

    show(examination_view(examination, proposals, str(location)))


def _sink(settings: Settings, location: Location) -> Sink | None:
    """Return where to record: the store of the settings, or the one in the database; None for one's own file."""
    from exuvia.location import parse
    from exuvia.ops.heal import store_sink, store_within
    from exuvia.store.core.options import StoreOptions

    options = StoreOptions(**settings.store_options)
    return store_within(location, options) if settings.store is None else store_sink(parse(settings.store), options)
