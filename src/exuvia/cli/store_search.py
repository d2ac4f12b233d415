"""``exuvia store search``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from exuvia.cli.options import Debug, Json, examples
from exuvia.cli.store import Schema, Url

if TYPE_CHECKING:
    from exuvia.store import Page
    from exuvia.store.search import Hit

_MARKS = ("\ue000", "\ue001")

EXAMPLES = examples(
    [
        (
            "Words, a beginning, a phrase",
            "exuvia store search 'migrat* \"red database\" -rollback' sqlite:///memory.db",
        ),
        (
            "Any of the words, among plans and sessions",
            "exuvia store search 'move to postgres' --any -k plan -k session",
        ),
        ("A name that may be misspelt", "exuvia store search migraton --fuzzy --json"),
    ]
)


def search(
    query: Annotated[str, typer.Argument(help='Words, "phrases", prefixes (mig*), -without, OR and parentheses.')],
    url: Url = None,
    project: Annotated[str | None, typer.Option("--project", "-p", metavar="ID", help="Only this project.")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", "-k", metavar="KIND", help="Only plans, sessions, events, …; repeatable."),
    ] = None,
    type_: Annotated[
        list[str] | None, typer.Option("--type", "-t", metavar="TYPE", help="Only this type or status; repeatable.")
    ] = None,
    since: Annotated[datetime | None, typer.Option("--since", help="The earliest time, in UTC.")] = None,
    until: Annotated[datetime | None, typer.Option("--until", help="The latest time, in UTC.")] = None,
    any_: Annotated[bool, typer.Option("--any", help="Any of the words is enough.")] = False,
    fuzzy: Annotated[bool, typer.Option("--fuzzy", help="Search names and titles, and forgive typing errors.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Hits at most.")] = 10,
    schema: Schema = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Find what the store has on something, best first."""
    import exuvia
    from exuvia.store.search import Highlight

    with exuvia.open(url, create=False, schema=schema) as store:
        page = store.search(
            query,
            project=project,
            kinds=kind or (),
            type=type_ or (),
            since=_utc(since),
            until=_utc(until),
            match="any" if any_ else "all",
            fuzzy=fuzzy,
            limit=limit,
            highlight=Highlight() if json else Highlight(*_MARKS),
        )
    if json:
        typer.echo(orjson.dumps(_document(page), option=orjson.OPT_INDENT_2).decode())
    else:
        _show(page)


def _utc(given: datetime | None) -> datetime | None:
    return given.replace(tzinfo=UTC) if given is not None else None


def _show(page: Page[Hit]) -> None:
    for hit in page.items:
        entry = hit.entry
        typer.echo(f"{entry.project_id}  {entry.kind} {entry.id}  {entry.at:%Y-%m-%d}  {hit.score:.2f}")
        for text in (hit.title, hit.excerpt):
            if text:
                typer.echo(f"    {_line(text)}")
    shown = len(page.items)
    if page.total is None:
        typer.echo(f"{shown} shown of more than can be ranked: add words.")
    elif page.total > shown:
        typer.echo(f"{shown} shown of {page.total:,}: --limit shows more.")
    elif not shown:
        typer.echo("Nothing was found. --any asks for any of the words, --fuzzy forgives typing errors in names.")


def _line(text: str) -> str:
    """Return a marked text as a line of the terminal, which it can do nothing else to."""
    line = "".join(letter if letter.isprintable() or letter in _MARKS else " " for letter in text)
    before, after = _MARKS
    return " ".join(line.split()).replace(before, "\x1b[1m").replace(after, "\x1b[22m")


def _document(page: Page[Hit]) -> dict[str, Any]:
    return {"total": page.total, "hits": [_hit(hit) for hit in page.items]}


def _hit(hit: Hit) -> dict[str, Any]:
    entry = hit.entry
    return {
        "project": entry.project_id,
        "kind": entry.kind,
        "id": entry.id,
        "type": entry.type,
        "session": entry.session_id,
        "at": entry.at.isoformat(),
        "score": hit.score,
        "title": hit.title,
        "excerpt": hit.excerpt,
    }
