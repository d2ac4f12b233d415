"""``exuvia ask``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import orjson
import typer

from exuvia.cli.options import Debug, Json, examples
from exuvia.cli.store import Schema
from exuvia.errors import ConfigError

if TYPE_CHECKING:
    from exuvia.ask import Answer, Source, Writer
    from exuvia.settings import Settings

EXAMPLES = examples(
    [
        (
            "Decisions, by time, topic and project",
            'exuvia ask "what did we decide about auth last week in project shop?" --store sqlite:///memory.db',
        ),
        ("A number", 'exuvia ask "how many bugs since Monday" --timezone Europe/Berlin'),
        ("How the question was understood, and what was called", 'exuvia ask "what is open?" --explain'),
        ("A model writes the text: EXUVIA_ASK_URL, EXUVIA_ASK_MODEL", 'exuvia ask "why did we drop Redis?" --writer'),
    ]
)


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question, in plain English.")],
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="URL",
            help="sqlite:///memory.db, postgresql://user@host/database or embedded:; else EXUVIA_STORE or exuvia.toml.",
        ),
    ] = None,
    project: Annotated[str | None, typer.Option("--project", "-p", metavar="ID", help="Only this project.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="Sources at most.")] = 10,
    budget: Annotated[
        int, typer.Option("--budget", min=1, max=100_000, metavar="TOKENS", help="How long the answer may be, about.")
    ] = 600,
    now: Annotated[
        str | None, typer.Option("--now", metavar="ISO", help="The time to ask at, such as 2026-11-18T15:30.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="NAME", help="Whose days are meant. \\[default: UTC]")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how the question was understood, and every call of the memory.")
    ] = False,
    writer: Annotated[
        bool, typer.Option("--writer", help="Let the model at ask_url write the text; its sources are checked.")
    ] = False,
    schema: Schema = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Answer a question from the memory, with sources.

    The question is understood by rules, the same way every time: time words, kinds (decisions, bugs, plans, …), states,
    projects, authors, topics, and words to search for; the answer tells how. Nothing found is an answer: exit code 0.
    """
    import exuvia
    from exuvia.ask import AskOptions, ask_sync
    from exuvia.settings import load

    settings = load(store=store, ask_timezone=timezone)
    zone = ZoneInfo(settings.ask_timezone)
    chosen = _writer(settings) if writer else None
    options = AskOptions(zone=zone, limit=limit, budget=budget, timeout=settings.ask_timeout)
    given: dict[str, Any] = {} if schema is None else {"schema": schema}
    with exuvia.open(store, create=False, **given) as opened:
        found = ask_sync(
            opened,
            question,
            project=project,
            now=_time(now, zone),
            options=options,
            writer=chosen,
        )
    if json:
        typer.echo(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2).decode())
    else:
        _show(found, explain=explain)


def _time(given: str | None, zone: ZoneInfo) -> datetime | None:
    if given is None:
        return None
    try:
        time = datetime.fromisoformat(given)
    except ValueError:
        raise ConfigError(
            f"{given!r} is no time.", hint="Write it in ISO 8601: --now 2026-11-18T15:30", code="now"
        ) from None
    return time if time.tzinfo is not None else time.replace(tzinfo=zone)


def _writer(settings: Settings) -> Writer:
    from exuvia.ask.writing.endpoint import EndpointWriter

    if settings.ask_url is None or settings.ask_model is None:
        raise ConfigError(
            "No model is named that could write the answer.",
            hint="Set EXUVIA_ASK_URL, such as http://localhost:11434/v1, EXUVIA_ASK_MODEL, and, where the server wants"
            " a key, EXUVIA_ASK_KEY.",
            code="ask_model",
        )
    return EndpointWriter(settings.ask_model, settings.ask_url, timeout=settings.ask_timeout)


def _show(found: Answer, *, explain: bool) -> None:
    typer.echo(found.text)
    if found.sources:
        typer.echo("\nSources:")
        for source in found.sources:
            typer.echo(f"[{source.number}] {_named(source)}")
    typer.echo(f"\n{found.understood}")
    for note in found.notes:
        typer.echo(note)
    if explain:
        _explain(found)


def _named(source: Source) -> str:
    from exuvia.ask.telling.texts import line

    at = "" if source.at is None else f"  {source.at:%Y-%m-%d}"
    return f"{source.kind} {line(source.id, 80)}  {line(source.project, 80)}{at}  {line(source.title, 120)}"


def _explain(found: Answer) -> None:
    from exuvia.ask.telling.texts import line

    typer.echo("\nInterpretation:")
    for name, value in found.as_dict()["interpretation"].items():
        if value not in (None, [], "", False) and name != "question":
            typer.echo(f"  {name}: {line(orjson.dumps(value).decode(), 500)}")
    typer.echo("\nCalls:")
    for call in found.calls:
        arguments = line(orjson.dumps(dict(call.arguments)).decode(), 500)
        typer.echo(f"  {call.name} {arguments}: {'many' if call.found is None else f'{call.found:,}'}")
