"""``exuvia store import-langgraph`` and ``convert-langgraph``: threads of LangGraph's own SQLite files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from exuvia.cli.options import Debug, Json, Quiet, examples
from exuvia.cli.store import Url
from exuvia.errors import ConfigError

if TYPE_CHECKING:
    from exuvia.integrations.langgraph.moving import Moved

IMPORT_EXAMPLES = examples(
    [
        ("Into a file", "exuvia store import-langgraph checkpoints.sqlite sqlite:///memory.db"),
        ("Into the store that EXUVIA_STORE names", "exuvia store import-langgraph checkpoints.sqlite --project app"),
    ]
)
CONVERT_EXAMPLES = examples(
    [
        ("To the tables of PostgresSaver", "exuvia store convert-langgraph checkpoints.sqlite converted.sqlite"),
        ("and there", "exuvia migrate converted.sqlite postgresql://me@host/app --into-existing"),
    ]
)

Source = Annotated[Path, typer.Argument(metavar="FILE", help="A file of langgraph-checkpoint-sqlite.")]


def import_(
    file: Source,
    url: Url = None,
    project: Annotated[
        str, typer.Option("--project", "-p", metavar="ID", help="The threads' project; made if missing.")
    ] = "langgraph",
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Bring the threads of LangGraph's SqliteSaver into the store, where ExuviaSaver goes on with them.

    All or nothing; doing it again replaces what is there. Needs: pip install 'exuvia[langgraph]'.
    """
    import exuvia

    _check_library()
    from exuvia.integrations.langgraph.moving import import_file

    with exuvia.open(url) as store:
        store.projects.ensure(project)
        _show(import_file(file, store, project=project), json=json, quiet=quiet)


def convert(
    file: Source,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The SQLite file to be made.")],
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the threads of LangGraph's SqliteSaver into a file with the tables of its PostgresSaver.

    Then make those tables on the server, PostgresSaver.setup(), and move the file into them:
    exuvia migrate TARGET URL --into-existing. Needs: pip install 'exuvia[langgraph]'.
    """
    _check_library()
    from exuvia.integrations.langgraph.moving import convert_file

    _show(convert_file(file, target), json=json, quiet=quiet)


def _check_library() -> None:
    try:
        import langgraph.checkpoint.base  # noqa: F401
    except ImportError:
        raise ConfigError(
            "LangGraph's checkpoint library is not installed.",
            hint="pip install 'exuvia[langgraph]'",
            code="library",
        ) from None


def _show(moved: Moved, *, json: bool, quiet: bool) -> None:
    if json:
        typer.echo(orjson.dumps(asdict(moved)))
    elif not quiet:
        typer.echo(f"Threads: {moved.threads:,}, checkpoints: {moved.checkpoints:,}, writes: {moved.writes:,}")
