"""``exuvia store reembed``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from exuvia.cli.options import Debug, Json, Quiet, examples
from exuvia.cli.store import Schema, Url

if TYPE_CHECKING:
    from exuvia.store import Store
    from exuvia.store.embedders import Embedder
    from exuvia.store.vectors import Collection
    from exuvia.store.vectors.reembedding import Reembedded

_EVERY = 5.0  # seconds between lines where there is no terminal

EXAMPLES = examples(
    [
        ("By the model that the collection names", "exuvia store reembed memory --workers 8"),
        (
            "By another one, of another dimension",
            "exuvia store reembed memory postgresql://me@host/app --embedder openai:text-embedding-3-small",
        ),
        (
            "By a function of one's own",
            "exuvia store reembed memory sqlite:///memory.db --embedder python:app.nlp:embed",
        ),
    ]
)


def reembed(
    collection: Annotated[str, typer.Argument(help="The collection of vectors.")],
    url: Url = None,
    embedder: Annotated[
        str | None,
        typer.Option(
            "--embedder",
            "-e",
            metavar="NAME",
            help="minilm, openai:MODEL (at EXUVIA_EMBEDDER_URL, with the key of EXUVIA_EMBEDDER_KEY or OPENAI_API_KEY) "
            "or python:module:name; else the collection's own model.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", "-w", min=1, max=64, help="Batches embedded at once.")] = 4,
    batch: Annotated[int, typer.Option("--batch", min=1, max=1000, help="Texts in a batch.")] = 64,
    project: Annotated[
        str | None, typer.Option("--project", "-p", metavar="ID", help="Only this project's collection.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Drop what an interrupted run has made.")] = False,
    drop_without_text: Annotated[
        bool, typer.Option("--drop-without-text", help="Leave out vectors that have no text.")
    ] = False,
    schema: Schema = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make all vectors of a collection anew, in parallel, and swap them in at the end; searches go on meanwhile.

    A run that was interrupted goes on where it was when it is started again. Vectors of another dimension are possible.
    """
    import exuvia
    from exuvia.store.vectors.reembedding import reembed as run

    done: list[Reembedded] = []
    with exuvia.open(url, create=False, schema=schema) as store:
        for each in _collections(store, collection, project):
            maker = _embedder(embedder, each)
            with _shown(each, hidden=quiet or json) as progress:
                done.append(
                    run(
                        store,
                        collection,
                        maker,
                        project=each.project_id,
                        workers=workers,
                        batch=batch,
                        restart=restart,
                        drop_without_text=drop_without_text,
                        progress=progress,
                    )
                )
    if json:
        typer.echo(orjson.dumps([_document(each) for each in done], option=orjson.OPT_INDENT_2).decode())
    elif not quiet:
        for each_done in done:
            typer.echo(_sentence(each_done))


def _collections(store: Store, name: str, project: str | None) -> list[Collection]:
    if project is not None:
        return [store.vectors.collection(name, project=project)]
    return store.vectors.collections_named(name)


def _embedder(name: str | None, collection: Collection) -> Embedder:
    from exuvia.store.embedders import embedder_named
    from exuvia.store.errors import EmbedderError

    if name is not None:
        return embedder_named(name)
    try:
        return embedder_named(collection.model or "")
    except EmbedderError:
        raise EmbedderError(
            f"The collection {collection.name!r} is of {collection.model or 'no known model'}, "
            "and that does not tell which embedder makes its vectors.",
            hint="Name one: --embedder minilm, openai:MODEL or python:module:name.",
            code="unknown",
        ) from None


@contextmanager
def _shown(collection: Collection, *, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows progress on stderr: a bar on a terminal, a line every few seconds elsewhere."""
    if hidden:
        yield lambda _done, _total: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True)) as bars:
            task = bars.add_task(f"{collection.project_id}: {collection.name}", total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)
    else:
        last = time.monotonic()

        def line(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > _EVERY:
                last = time.monotonic()
                typer.echo(f"{collection.name}: {done:,} of {total:,}", err=True)

        yield line


def _sentence(done: Reembedded) -> str:
    now = done.collection
    parts = [f"{now.name} of {now.project_id}: {done.embedded:,} vectors of {now.model}, {now.dimension} dimensions"]
    parts += [f"{done.kept:,} were there from an interrupted run"] if done.kept else []
    parts += [f"{done.left_out:,} without a text left out"] if done.left_out else []
    return f"{', '.join(parts)}; {done.seconds:.1f} s"


def _document(done: Reembedded) -> dict[str, Any]:
    return {
        "project": done.collection.project_id,
        "collection": done.collection.name,
        "model": done.collection.model,
        "dimension": done.collection.dimension,
        "model_before": done.before.model,
        "dimension_before": done.before.dimension,
        "embedded": done.embedded,
        "kept": done.kept,
        "left_out": done.left_out,
        "seconds": round(done.seconds, 3),
    }
