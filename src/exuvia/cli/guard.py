"""``exuvia guard``: what somebody's SQL may do, and the roles it runs as."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Group
from rich.text import Text

from exuvia.cli.options import Debug, Json, Quiet, examples
from exuvia.cli.output import show
from exuvia.errors import ConfigError, DeniedError

if TYPE_CHECKING:
    from exuvia.guard.policy import Level, Policy
    from exuvia.guard.verdict import Verdict

app = typer.Typer(
    help="Judge SQL before it runs: is it one statement, does it only read, are its tables and functions allowed?",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command(
    epilog=examples(
        [
            ("Would this run?", 'exuvia guard check "SELECT count(*) FROM users"'),
            ("What hides in this?", 'exuvia guard check "WITH x AS (DELETE FROM users RETURNING *) SELECT * FROM x"'),
            ("SQLite's SQL, judged by SQLite", 'exuvia guard check "PRAGMA writable_schema = 1" --database app.db'),
            ("As the tool for writing would see it", 'exuvia guard check "UPDATE notes SET a = 1" --level write'),
            (
                "For a program: exit code 12 when it is denied",
                "echo 'SELECT 1; SELECT 2' | exuvia guard check - --json",
            ),
        ]
    )
)
def check(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="The statement; - reads it from standard input.")],
    database: Annotated[
        str | None,
        typer.Option("--database", "-d", metavar="LOCATION", help="A SQLite file; else PostgreSQL's SQL is judged."),
    ] = None,
    level: Annotated[
        str | None,
        typer.Option("--level", metavar="LEVEL", help="read, write or ddl; else whatever the statement takes."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Explain whether a statement may run under the policy, and why not. Nothing is run.

    The policy comes from guard_read, guard_write, guard_ddl and the other guard settings in exuvia.toml or the
    environment. The exit code is 0 when the statement is allowed, and 12 when it is denied.
    """
    from exuvia.settings import load

    text = sys.stdin.read() if sql == "-" else sql
    verdict = _judge(text, load().guard_policy, database, _level(level))
    if json:
        typer.echo(orjson.dumps(verdict.as_dict(), option=orjson.OPT_INDENT_2).decode())
    elif not quiet:
        show(_view(verdict))
    if not verdict.allowed:
        raise typer.Exit(DeniedError.exit_code)


@app.command(
    epilog=examples(
        [
            ("Read the script first", "exuvia guard role"),
            ("Run it", "exuvia guard role --apply postgresql://postgres@localhost/app"),
            ("Let the ddl role alter tables that are there already", "exuvia guard role --own"),
        ]
    )
)
def role(
    apply: Annotated[
        str | None, typer.Option("--apply", metavar="URL", help="Run the script there instead of printing it.")
    ] = None,
    roles: Annotated[
        str | None,
        typer.Option("--roles", metavar="NAME", help="The beginning of the roles' names. \\[default: exuvia]"),
    ] = None,
    login: Annotated[
        str | None, typer.Option("--login", metavar="NAME", help="The role that logs in. \\[default: NAME_agent]")
    ] = None,
    own: Annotated[
        bool, typer.Option("--own", help="Make the ddl role the owner of its tables; their owners become members.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Print the script that makes the roles: one that logs in, and one for each level with just the rights it needs.

    Run it again whenever the policy changes, or tables are added.
    """
    from exuvia.guard import role_script
    from exuvia.settings import load

    settings = load(guard_roles=roles)
    script = role_script(settings.guard_policy, login=login, own=own)
    if apply is not None:
        _apply(script, apply)
    if json:
        typer.echo(orjson.dumps({"script": script, "applied": apply is not None}).decode())
    elif apply is None:
        typer.echo(script, nl=False)
    elif not quiet:
        prefix = settings.guard_roles or "exuvia"
        typer.echo(
            f"The roles are made. Give {login or f'{prefix}_agent'} a password, connect as it, and set guard_roles ="
            f' "{prefix}" in exuvia.toml.'
        )


def _judge(text: str, policy: Policy, database: str | None, level: Level | None) -> Verdict:
    from exuvia import guard, location

    if database is None:
        return guard.check(text, policy, level)
    where = location.parse(database)
    if isinstance(where, location.PostgresLocation | location.EmbeddedLocation):
        return guard.check(text, policy, level)
    with guard.open_session(where, policy) as session:
        return session.check(text, level)


def _level(text: str | None) -> Level | None:
    from exuvia.guard.policy import LEVELS

    level = next((known for known in LEVELS if known == text), None)
    if text is not None and level is None:
        raise ConfigError(f"{text!r} is not a level.", hint="The levels are read, write and ddl.", code="guard_level")
    return level


def _view(verdict: Verdict) -> Group:
    head = Text("allowed", "bold green") if verdict.allowed else Text("denied", "bold red")
    lines = [Text.assemble(head, f"  {', '.join(verdict.statements)}  (level {verdict.needs})")]
    if not verdict.statements:
        lines = [Text.assemble(head)]
    named = {"reads": verdict.reads, "changes": verdict.writes, "calls": verdict.functions}
    lines += [Text(f"  {what}: {', '.join(names)}") for what, names in named.items() if names]
    for denial in verdict.denials:
        lines.append(Text.assemble("  ", (denial.reason, "red")))
        lines.append(Text(f"    {denial.hint}"))
    return Group(*lines)


def _apply(script: str, url: str) -> None:
    import psycopg

    from exuvia.engines.postgres.connect import connect, explain_error
    from exuvia.location import parse

    with connect(parse(url), application_name="exuvia guard", autocommit=True) as connection:
        try:
            connection.execute(script.encode())
        except psycopg.Error as error:
            raise explain_error(error, doing="the roles") from error
