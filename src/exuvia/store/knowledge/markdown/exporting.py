"""A store's knowledge as a directory of Markdown files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from exuvia.store.core.listing import LARGEST_PAGE, Page
from exuvia.store.errors import UnavailableError
from exuvia.store.knowledge.markdown.names import Names
from exuvia.store.knowledge.markdown.pages import events_page, plan_page, project_page, session_page
from exuvia.store.knowledge.markdown.problems import Listener, nobody

if TYPE_CHECKING:
    from exuvia.store.memory import Store

R = TypeVar("R")
_OURS: Final = b"---\nexuvia: "


@dataclass(frozen=True, slots=True)
class ExportedMarkdown:
    """What an export has done.

    Args:
        written: Files that are new or have changed.
        unchanged: Files that were there just so.
        stale: Files of an earlier export whose plan, session or project is gone, below the directory.
        pruned: Whether those were deleted.
    """

    written: int
    unchanged: int
    stale: tuple[Path, ...]
    pruned: bool


def export_markdown(
    store: Store,
    directory: Path | str,
    *,
    project: str | None = None,
    prune: bool = False,
    listener: Listener = nobody,
) -> ExportedMarkdown:
    """Write plans, sessions and events as Markdown files: one for each plan and each session.

    The same knowledge gives the same bytes under the same names, whichever engine it comes from; a file that is there
    just so is not written. ``import_markdown`` reads them back.

    Args:
        store: The store.
        directory: Where to: it gets a directory for each project.
        project: Only this project.
        prune: Delete files of an earlier export whose subject is gone.
        listener: Hears of each file.

    Raises:
        UnavailableError: A file cannot be written.
        NotFoundError: There is no such project.
    """
    root = Path(directory)
    only = project if project is not None else store.scope.project
    found = [store.projects.get(only)] if only is not None else list(_every(store.projects.list))
    _make(root)
    names = Names()
    folders = {names.of(one.id): one for one in found}
    stores = {folder: store.project(one.id) for folder, one in folders.items()}
    total = sum(map(_count, stores.values()))
    kept: set[Path] = set()
    written = 0
    for folder, one in folders.items():
        for name, text in _files(stores[folder], project_page(one)):
            path = Path(folder) / name
            written += _write(root / path, text)
            kept.add(path)
            listener(len(kept), total, path)
    present = sorted(place.name for place in root.glob("*") if place.is_dir()) if only is None else folders
    stale = tuple(path for folder in present for path in _ours(root, folder) if path not in kept)
    for path in stale if prune else ():
        (root / path).unlink(missing_ok=True)
    return ExportedMarkdown(written, len(kept) - written, stale, prune)


def _files(mine: Store, first: str) -> Iterator[tuple[str, str]]:
    yield "project.md", first
    names = Names()
    for key in _ids(mine.plans.list):
        yield f"plans/{names.of(key)}.md", plan_page(mine.plans.get(key))
    names = Names()
    for key in _ids(mine.sessions.list):
        events = _every(mine.events.list, session=key, oldest_first=True, count=False)
        yield f"sessions/{names.of(key)}.md", session_page(mine.sessions.get(key), events)
    loose = list(_every(mine.events.list, loose=True, oldest_first=True, count=False))
    if loose:
        yield "events.md", events_page(loose[0].project_id, loose)


def _ids(listing: Callable[..., Page[Any]]) -> list[str]:
    return sorted(item.id for item in _every(listing, size="metadata", count=False))


def _every(listing: Callable[..., Page[R]], **asked: Any) -> Iterator[R]:
    after = None
    while True:
        page = listing(**asked, limit=LARGEST_PAGE, after=after)
        yield from page.items
        after = page.next
        if after is None:
            return


def _count(mine: Store) -> int:
    totals = (mine.plans.list(limit=1).total, mine.sessions.list(limit=1).total)
    return 1 + sum(total or 0 for total in totals) + len(mine.events.list(loose=True, limit=1, count=False).items)


def _write(path: Path, text: str) -> bool:
    """Write a file whole, unless it is there just so; return whether it was written."""
    data = text.encode()
    _make(path.parent)
    try:
        if path.is_file() and path.read_bytes() == data:
            return False
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    return True


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(directory, error) from error


def _unwritable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"{path} cannot be written: {error.strerror}.", hint="Name another directory, or make room.", code="file"
    )


def _ours(root: Path, folder: str) -> Iterator[Path]:
    """Find the files of a project's directory that an export has written."""
    for pattern in ("project.md", "events.md", "plans/*.md", "sessions/*.md"):
        for path in sorted((root / folder).glob(pattern)):
            with path.open("rb") as file:
                if file.read(len(_OURS)) == _OURS:
                    yield path.relative_to(root)
