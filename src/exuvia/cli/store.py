"""``exuvia store``: the memory of agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from exuvia.cli.options import Debug, Json, Quiet, examples
from exuvia.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from exuvia.store.inventory import Info

app = typer.Typer(
    help="The store: one memory for agents, on SQLite and on PostgreSQL.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Url = Annotated[
    str | None,
    typer.Argument(
        metavar="URL",
        help="sqlite:///memory.db, postgresql://user@host/database or embedded:; else EXUVIA_STORE or exuvia.toml.",
    ),
]
Schema = Annotated[str | None, typer.Option("--schema", metavar="NAME", help="PostgreSQL's schema for the tables.")]


@app.command(
    epilog=examples(
        [
            ("A file", "exuvia store init sqlite:///memory.db"),
            ("A server, which EXUVIA_STORE names", "exuvia store init"),
        ]
    )
)
def init(
    url: Url = None, schema: Schema = None, json: Json = False, quiet: Quiet = False, debug: Debug = False
) -> None:
    """Make the store's tables, or bring them up to date, and show what is there. Doing it again changes nothing."""
    _show(_look(url, schema, create=True), json=json, quiet=quiet)


@app.command(
    epilog=examples(
        [
            ("What a file holds", "exuvia store info sqlite:///memory.db"),
            ("For a program", "exuvia store info --json"),
        ]
    )
)
def info(url: Url = None, schema: Schema = None, json: Json = False, debug: Debug = False) -> None:
    """Show a store: its engine, what that can do, the steps of its schema, and the rows of each table."""
    _show(_look(url, schema, create=False), json=json, quiet=False)


@app.command(
    epilog=examples([("Let somebody with the right make the role", "exuvia store role | psql -U postgres database")])
)
def role(url: Url = None, schema: Schema = None, debug: Debug = False) -> None:
    """Print the SQL by which an administrator of PostgreSQL makes the role that bound stores work under."""
    from exuvia import location
    from exuvia.settings import load
    from exuvia.store.core.row_security import administrators_script

    settings = load(store=url, store_schema=schema)
    place = location.parse(settings.store) if settings.store else None
    if not isinstance(place, location.PostgresLocation):
        raise ConfigError(
            "Only a PostgreSQL server has roles.", hint="Name it: exuvia store role postgresql://…", code="role"
        )
    user = place.as_dict().get("user") or "USER"
    typer.echo(administrators_script(settings.store_schema, user), nl=False)


def _look(url: str | None, schema: str | None, *, create: bool) -> Info:
    import exuvia

    with exuvia.open(url, create=create, schema=schema) as store:
        return store.info()


def _show(found: Info, *, json: bool, quiet: bool) -> None:
    if json:
        typer.echo(orjson.dumps(_document(found), option=orjson.OPT_INDENT_2).decode())
    elif not quiet:
        from exuvia.cli.output import show

        able = found.capabilities
        typer.echo(f"{'PostgreSQL' if able.engine == 'postgresql' else 'SQLite'} {able.version}, {_size(found.bytes)}")
        typer.echo(f"Schema: {', '.join(f'{number:04} {name}' for number, name in found.steps)}")
        for what, state in _abilities(found):
            typer.echo(f"{what}: {state}")
        show(_table(found))


def _abilities(found: Info) -> list[tuple[str, str]]:
    able = found.capabilities
    bound = "held to their project by the database" if able.row_security else "held by exuvia only: exuvia store role"
    return [
        ("Vectors", able.vector or "without an index: pgvector or sqlite-vec is missing"),
        ("Trigrams", "yes" if able.trigrams else "without an index: pg_trgm is missing"),
        ("Accents", "taken off" if able.unaccent else "kept: unaccent is missing"),
        ("Bound stores", bound),
        ("Writable", "no" if able.read_only else "yes"),
    ]


def _table(found: Info) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("size", justify="right")
    for each in found.tables:
        table.add_row(each.name, f"{each.rows:,}", _size(each.bytes) if each.bytes is not None else "")
    return table


def _document(found: Info) -> dict[str, Any]:
    able = found.capabilities
    return {
        "engine": able.engine,
        "version": able.version,
        "bytes": found.bytes,
        "capabilities": {
            "vector": able.vector,
            "trigrams": able.trigrams,
            "unaccent": able.unaccent,
            "full_text": able.full_text,
            "jsonb": able.jsonb,
            "row_security": able.row_security,
            "read_only": able.read_only,
        },
        "steps": [{"number": number, "name": name} for number, name in found.steps],
        "tables": [{"name": each.name, "rows": each.rows, "bytes": each.bytes} for each in found.tables],
    }


def _size(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB" if size >= 100_000 else f"{size / 1_000:,.1f} kB"
