"""Markdown files as a store's knowledge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final, TypeVar

from exuvia.store.errors import (
    ConflictError,
    InvalidValueError,
    MissingReferenceError,
    NotFoundError,
    StoreError,
    TenantError,
    UnavailableError,
)
from exuvia.store.knowledge.markdown.front_matter import FrontMatter, read
from exuvia.store.knowledge.markdown.parsing import Page, Sort, plan_of, session_of, sort_of, split_events
from exuvia.store.knowledge.markdown.problems import Listener, MarkdownError, nobody

if TYPE_CHECKING:
    from exuvia.store.memory import Store

R = TypeVar("R")
_ORDER: Final[tuple[Sort, ...]] = ("project", "plan", "session", "events")
"""What others name comes first."""
_OF_A_FILE: Final = (MarkdownError, InvalidValueError, ConflictError, MissingReferenceError, TenantError)
"""What is wrong with one file, not with the store."""


@dataclass(frozen=True, slots=True)
class ImportedMarkdown:
    """What an import has done.

    Args:
        created: Plans and sessions that are new.
        changed: Plans and sessions that were there and are now as their file says.
        unchanged: Plans and sessions that were there just so.
        events: Events that are in the files, and now in the store.
        skipped: Files that are neither plans nor sessions, below the directory.
        problems: What is wrong with files that were left out, one error for each.
    """

    created: int
    changed: int
    unchanged: int
    events: int
    skipped: tuple[Path, ...]
    problems: tuple[StoreError, ...]


def import_markdown(
    store: Store,
    directory: Path | str,
    *,
    project: str | None = None,
    strict: bool = False,
    listener: Listener = nobody,
) -> ImportedMarkdown:
    """Read plans, sessions and events from the Markdown files below a directory.

    A file is what its front matter says, or else what its name and its directory say: ``PLAN_*.md`` and files below
    ``plans`` are plans, files below ``sessions`` are sessions; others are skipped. A plan or session that is there
    becomes what its file says. Each file is one transaction. Doing it again changes nothing.

    Args:
        store: The store.
        directory: Where the files are.
        project: The project of files that name none; it is made where it is missing.
        strict: Stop at the first file that cannot be read; those before it stay imported.
        listener: Hears of each file.

    Raises:
        MarkdownError: With ``strict``: a file is broken.
        StoreError: With ``strict``: the store refuses what a file says.
        UnavailableError: The directory cannot be read, or the store cannot be reached.
    """
    root = Path(directory)
    if not root.is_dir():
        raise UnavailableError(f"{root} is not a directory.", hint="Name the directory of the files.", code="directory")
    course = _Course(store, root, project if project is not None else store.scope.project, strict)
    files = course.sorted()
    for done, (below, sort) in enumerate(files):
        listener(done, len(files), below)
        course.run(below, sort)
    listener(len(files), len(files), root)
    return course.result()


class _Course:
    """An import on its way."""

    def __init__(self, store: Store, root: Path, project: str | None, strict: bool) -> None:
        self._store = store
        self._root = root
        self._project = project
        self._strict = strict
        self._made: Counter[str] = Counter()
        self._projects: set[str] = set()
        self._claimed: dict[tuple[Sort, str, str], PurePath] = {}
        self._skipped: list[Path] = []
        self._problems: list[StoreError] = []

    def sorted(self) -> list[tuple[Path, Sort]]:
        """Return the files that are ours, below the directory, with what they are, in the order to import them in."""
        found: dict[Sort, list[tuple[Path, Sort]]] = {sort: [] for sort in _ORDER}
        for path in sorted(self._root.rglob("*.md")):
            below = path.relative_to(self._root)
            if path.is_file() and not any(part.startswith(".") for part in below.parts):
                sort = self._try(below, partial(self._sort, below))
                if sort is not None:
                    found[sort].append((below, sort))
        return [one for sort in _ORDER for one in found[sort]]

    def run(self, below: Path, sort: Sort) -> None:
        """Import a file."""
        self._try(below, partial(self._carry, below, sort))

    def result(self) -> ImportedMarkdown:
        """Return what was done."""
        made = self._made
        counts = (made["created"], made["changed"], made["unchanged"], made["events"])
        return ImportedMarkdown(*counts, tuple(self._skipped), tuple(self._problems))

    def _try(self, path: Path, do: Callable[[], R]) -> R | None:
        try:
            return do()
        except _OF_A_FILE as error:
            told = error.of(str(path)) if isinstance(error, MarkdownError) else _refused(error, path)
            if self._strict:
                raise told from error
            self._problems.append(told)
        return None

    def _sort(self, below: Path) -> Sort | None:
        sort = sort_of(_front(self._root / below), below)
        if sort is None:
            self._skipped.append(below)
        return sort

    def _carry(self, below: Path, sort: Sort) -> None:
        path = self._root / below
        front = _front(path)
        modified = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        page = Page(front, below, self._project or "", modified)
        page.project = page.text("id" if sort == "project" else "project") or page.project
        if not page.project:
            raise MarkdownError(
                "The file names no project.", line=1, hint="Write project: … in its front matter, or pass a project."
            )
        self._claim(sort, page)
        if sort == "project":
            self._carry_project(page)
            return
        if page.project not in self._projects:
            self._carry_project(page, only_make=True)
        {"plan": self._carry_plan, "session": self._carry_session, "events": self._carry_events}[sort](page)

    def _claim(self, sort: Sort, page: Page) -> None:
        if sort == "events":
            return
        first = self._claimed.setdefault((sort, page.project, page.id), page.path)
        if first != page.path:
            raise MarkdownError(
                f"It is the same {sort} as {first}: {page.id!r}.",
                line=page.line("id"),
                hint="Give it an id of its own.",
            )

    def _carry_project(self, page: Page, *, only_make: bool = False) -> None:
        projects, key = self._store.projects, page.project
        before = _found(lambda: projects.get(key))
        name = None if only_make else page.text("name")
        data = {} if only_make else page.rest()
        if before is None or not (only_make or (before.name, before.data) == (name or key, data)):
            projects.put(key, name=name, data=data)
        self._projects.add(key)

    def _carry_plan(self, page: Page) -> None:
        plans = self._store.plans
        plan = plan_of(page, lambda: _found(lambda: plans.get(page.id, project=page.project)))
        self._made[plans.put(plan)] += 1

    def _carry_session(self, page: Page) -> None:
        sessions = self._store.sessions
        content, events = split_events(page.front, page.id)
        session = session_of(page, content, lambda: _found(lambda: sessions.get(page.id, project=page.project)))
        with self._store.transaction() as tx:
            became = tx.sessions.put(session)
            appended = tx.events.append(events, project=page.project)
        self._made.update({became: 1, "events": len(appended)})

    def _carry_events(self, page: Page) -> None:
        _, events = split_events(page.front, None)
        self._made["events"] += len(self._store.events.append(events, project=page.project))


def _front(path: Path) -> FrontMatter:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MarkdownError(f"It cannot be read: {error.strerror}.", line=1, hint="Check its rights.") from error
    try:
        return read(data.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MarkdownError("It is not UTF-8.", line=line, hint="Save it as UTF-8.") from None


def _found(get: Callable[[], R]) -> R | None:
    try:
        return get()
    except NotFoundError:
        return None


def _refused(error: StoreError, path: Path) -> MarkdownError:
    return MarkdownError(error.message, line=1, hint=error.hint, file=str(path))
