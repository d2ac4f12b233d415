"""``exuvia mcp token``: who may call the server over HTTP."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer

from exuvia.cli.options import Debug, Json, Quiet, examples
from exuvia.errors import ConfigError

if TYPE_CHECKING:
    from exuvia.store import Store
    from exuvia.store.tokens import Token

_LEVELS: Final = ("read", "write", "ddl")
_LIFETIME: Final = re.compile(r"(\d+)([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PAGE: Final = 1_000

app = typer.Typer(help="Tokens for clients over HTTP.", no_args_is_help=True, rich_markup_mode="rich")

StoreUrl = Annotated[
    str | None, typer.Option("--store", "-s", metavar="URL", help="The memory. \\[default: EXUVIA_STORE]")
]
Project = Annotated[str | None, typer.Option("--project", "-p", metavar="ID", help="Only this project's.")]


@app.command(
    epilog=examples(
        [
            ("For a client that reads", "exuvia mcp token create laptop --project apollo"),
            ("For one that writes, for a month", "exuvia mcp token create ci -p apollo --scope write --expires 30d"),
            ("Into a file", "exuvia mcp token create ci -p apollo --quiet > token"),
        ]
    )
)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for; the audit shows it.")],
    project: Annotated[str, typer.Option("--project", "-p", metavar="ID", help="The project that it sees.")],
    scope: Annotated[
        str, typer.Option("--scope", metavar="LEVEL", help="read, write or ddl; each includes those before it.")
    ] = "read",
    sql: Annotated[
        bool, typer.Option("--sql", help="The database's tools, too; they are not confined to the project.")
    ] = False,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help="After 12h, 30d or 8w; else never.")
    ] = None,
    store: StoreUrl = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a token for one project, and show it: this is the only time."""
    import exuvia
    from exuvia.store.errors import MissingReferenceError

    scopes, ends = (*_scopes(scope), *(("sql",) if sql else ())), _end(expires)
    with exuvia.open(store, create=False) as opened:
        try:
            made = opened.tokens.create(name, scopes=scopes, expires_at=ends, project=project)
        except MissingReferenceError:
            raise _no_project(opened, project) from None
    if json:
        typer.echo(orjson.dumps({"secret": made.secret, **asdict(made.token)}).decode())
        return
    typer.echo(made.secret)
    if not quiet:
        typer.echo(f"Keep it: it is not shown again. {_line(made.token)}", err=True)


@app.command(
    "list",
    epilog=examples([("Of all projects", "exuvia mcp token list"), ("For a program", "exuvia mcp token list --json")]),
)
def list_(
    project: Project = None,
    every: Annotated[bool, typer.Option("--all", help="Those that were revoked, too.")] = False,
    store: StoreUrl = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List the tokens, the newest first; no secrets."""
    import exuvia

    with exuvia.open(store, create=False) as opened:
        found = _tokens(opened, project, revoked=None if every else False)
    if json:
        typer.echo(orjson.dumps([asdict(token) for token in found], option=orjson.OPT_INDENT_2).decode())
        return
    for token in found:
        typer.echo(_line(token))
    if not found:
        typer.echo("There are none: exuvia mcp token create NAME --project ID", err=True)


@app.command(epilog=examples([("By its name", "exuvia mcp token revoke ci --project apollo")]))
def revoke(
    token: Annotated[str, typer.Argument(metavar="NAME|ID", help="Which.")],
    project: Project = None,
    store: StoreUrl = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Refuse a token from now on, also for clients that are connected."""
    import exuvia

    with exuvia.open(store, create=False) as opened:
        chosen = _the_one(_tokens(opened, project, revoked=False), token)
        done = opened.tokens.revoke(chosen.id, project=chosen.project_id)
    if json:
        typer.echo(orjson.dumps(asdict(done)).decode())
    elif not quiet:
        typer.echo(_line(done))


def _no_project(store: Store, named: str) -> ConfigError:
    known = ", ".join(project.id for project in store.projects.list(limit=20).items)
    return ConfigError(
        f"There is no project {named!r}.",
        hint=f"Those are: {known}." if known else "Make one: the tool put_project, or store.projects.put(id).",
        code="project",
    )


def _tokens(store: Store, project: str | None, *, revoked: bool | None) -> list[Token]:
    found: list[Token] = []
    after: str | None = None
    while True:
        page = store.tokens.list(project=project, revoked=revoked, limit=_PAGE, after=after)
        found += [token for token in page.items if set(token.scopes) & set(_LEVELS)]
        after = page.next
        if after is None:
            return found


def _the_one(found: list[Token], named: str) -> Token:
    chosen = [token for token in found if named in {token.id, token.name}]
    if len(chosen) != 1:
        many = "; ".join(f"{token.id} of {token.project_id}" for token in chosen)
        raise ConfigError(
            f"{len(chosen)} tokens are called {named!r}." if chosen else f"No token is called {named!r}.",
            hint=f"Name one by its id: {many}." if chosen else "exuvia mcp token list shows those that there are.",
            code="mcp_token",
        )
    return chosen[0]


def _scopes(level: str) -> tuple[str, ...]:
    if level not in _LEVELS:
        raise ConfigError(f"{level!r} is no scope.", hint="The scopes are read, write and ddl.", code="mcp_scope")
    return _LEVELS[: _LEVELS.index(level) + 1]


def _end(text: str | None) -> datetime | None:
    if text is None:
        return None
    found = _LIFETIME.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{text!r} is no lifetime.", hint="Write it as 12h, 30d or 8w.", code="duration")
    given: dict[str, Any] = {_UNITS[found[2]]: int(found[1])}
    try:
        return datetime.now(UTC) + timedelta(**given)
    except OverflowError:
        raise ConfigError(f"{text} is too long.", hint="Leave --expires out for never.", code="duration") from None


def _line(token: Token) -> str:
    ends = f"until {token.expires_at:%Y-%m-%d %H:%MZ}" if token.expires_at else "for ever"
    state = f"revoked {token.revoked_at:%Y-%m-%d %H:%MZ}" if token.revoked_at else ends
    return f"{token.id}  {token.name}  {token.project_id}  {','.join(token.scopes)}  {state}"
