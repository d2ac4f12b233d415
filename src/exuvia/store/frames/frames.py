"""Opening, closing and walking frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from exuvia.store.core.listing import Key, Listing, Page, Where, falling
from exuvia.store.core.operations import M, reading, writing
from exuvia.store.core.requests import Many, Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, chosen_id, encode_json, new_id
from exuvia.store.errors import StateError
from exuvia.store.filters import Filter
from exuvia.store.frames.anchors import Anchors
from exuvia.store.frames.digest import digests
from exuvia.store.frames.events import FrameEvents
from exuvia.store.frames.finding import closed, find, missing
from exuvia.store.frames.records import FRAME, Frame, FrameState

DEEPEST: Final = 1000


class Frames(FrameEvents[M], Anchors[M]):
    """Open, close and walk frames, fill them with events, and pin facts to them."""

    @writing
    def open(
        self,
        name: str,
        *,
        type: str = "task",
        parent: str | None = None,
        run: str | None = None,
        inputs: Json = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Frame]:
        """Open a frame, in an open one or as the first of a stack.

        Args:
            name: What it is about.
            type: Such as task, subtask, tool_scope, review, write or debug.
            parent: The frame to open it in.
            run: The run it belongs to; the parent's, or a new one, if None.
            inputs: A JSON document.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is no such parent.
            StateError: The parent is closed, of another run, or 1,000 frames deep.
            ConflictError: There is a frame with this id.
        """
        owner = self.scope.own(project)
        above = None
        if parent is not None:
            above = yield from find(owner, checked_id(parent, what="frame"), self.dialect.for_share)
            _check_parent(above, run)
        run_id = checked_id(run, what="run") if run is not None else (above.run_id if above else new_id())
        rows = yield Statement(
            f"""
            INSERT INTO frames (project_id, id, run_id, parent_id, depth, type, name, state, inputs, created_at)
            VALUES (:project, :id, :run, :parent, :depth, :type, :name, 'open', :inputs, :now)
            RETURNING {FRAME.columns()}
            """,
            {
                "project": owner,
                "id": chosen_id(id),
                "run": run_id,
                "parent": parent,
                "depth": above.depth + 1 if above else 0,
                "type": checked_text(type, what="type", longest=64),
                "name": checked_text(name, what="name"),
                "inputs": encode_json({} if inputs is None else inputs, what="inputs"),
                "now": self.now(),
            },
        )
        return FRAME.read(rows[0])

    @writing
    def close(
        self,
        id: str,
        *,
        outputs: Json = None,
        digest_text: str | None = None,
        digest: Json = None,
        project: str | None = None,
    ) -> Operation[Frame]:
        """Close a frame, and before it, deepest first, every frame in it that is still open.

        Args:
            id: The frame.
            outputs: A JSON document.
            digest_text: What happened in it, in words; made from its events and anchors if None.
            digest: The same for programs.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is no such frame.
            StateError: It is closed already.
        """
        owner = self.scope.own(project)
        frame = yield from find(owner, checked_id(id, what="frame"), self.dialect.for_update)
        if frame.state == "closed":
            raise closed(frame)
        ending = [frame]
        level: Sequence[Frame] = ending
        while level:
            # each level is locked before the next is looked for, so that no frame is opened below unseen
            level = yield from self._open_children(owner, level)
            ending += level
        now = self.now()
        yield from self._close_all(owner, ending[:0:-1], now)
        made = yield from digests(self.dialect, owner, [frame], now)
        text, document = made[frame.id]
        rows = yield Statement(
            f"""
            UPDATE frames SET state = 'closed', closed_at = :now, outputs = :outputs,
              digest_text = :digest_text, digest = :digest
            WHERE project_id = :project AND id = :id
            RETURNING {FRAME.columns()}
            """,
            {
                "project": owner,
                "id": id,
                "now": now,
                "outputs": encode_json({} if outputs is None else outputs, what="outputs"),
                "digest_text": text if digest_text is None else checked_text(digest_text, what="digest_text"),
                "digest": encode_json(document if digest is None else digest, what="digest"),
            },
        )
        return FRAME.read(rows[0])

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[Frame]:
        """Return a frame.

        Raises:
            NotFoundError: There is none with this id.
        """
        owner = self.scope.own(project)
        return (yield from find(owner, checked_id(id)))

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        run: str | None = None,
        state: FrameState | None = None,
        type: str | None = None,
        parent: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Frame]]:
        """List frames, the newest first.

        Args:
            project: The project; all of them if None.
            run: The run.
            state: open or closed.
            type: The type.
            parent: The frame that they were opened in.
            since: Opened then or later.
            until: Opened then or earlier.
            filter: About ``inputs``, ``outputs`` and ``digest``.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("run_id", run)
        where.equal("state", state).equal("type", type).equal("parent_id", parent)
        where.during("created_at", since, until).json(("inputs", "outputs", "digest"), filter, self.dialect)
        order = falling("created_at", "project_id", "id")
        return (yield from Listing(FRAME, "frames", where, order).page(limit, after))

    @reading
    def stack(self, run: str, *, project: str | None = None) -> Operation[tuple[Frame, ...]]:
        """Return a run's open frames, the outermost first."""
        where = Where().equal("project_id", self.scope.own(project)).equal("run_id", checked_id(run, what="run"))
        order = (Key("depth"), Key("created_at"), Key("id"))
        return (yield from Listing(FRAME, "frames", where.also("state = 'open'"), order).all())

    @reading
    def path(self, id: str, *, project: str | None = None) -> Operation[tuple[Frame, ...]]:
        """Return a frame and those that it is in, the outermost first.

        Raises:
            NotFoundError: There is none with this id.
        """
        owner = self.scope.own(project)
        rows = yield Statement(
            f"""
            WITH RECURSIVE above (project_id, id) AS (
              SELECT project_id, id FROM frames WHERE project_id = :project AND id = :id
              UNION ALL
              SELECT child.project_id, child.parent_id FROM above
              JOIN frames AS child ON child.project_id = above.project_id AND child.id = above.id
              WHERE child.parent_id IS NOT NULL
            )
            SELECT {FRAME.columns("f")} FROM above
            JOIN frames AS f ON f.project_id = above.project_id AND f.id = above.id
            ORDER BY f.depth
            """,
            {"project": owner, "id": checked_id(id)},
        )
        if not rows:
            raise missing(id)
        return FRAME.read_all(rows)

    @reading
    def subtree(self, id: str, *, project: str | None = None) -> Operation[tuple[Frame, ...]]:
        """Return a frame and all that are in it, depth first, siblings in the order in which they were opened.

        Raises:
            NotFoundError: There is none with this id.
        """
        owner = self.scope.own(project)
        rows = yield Statement(
            f"""
            WITH RECURSIVE below (project_id, id) AS (
              SELECT project_id, id FROM frames WHERE project_id = :project AND id = :id
              UNION ALL
              SELECT child.project_id, child.id FROM below
              JOIN frames AS child ON child.project_id = below.project_id AND child.parent_id = below.id
            )
            SELECT {FRAME.columns("f")} FROM below
            JOIN frames AS f ON f.project_id = below.project_id AND f.id = below.id
            ORDER BY f.created_at, f.id
            """,
            {"project": owner, "id": checked_id(id)},
        )
        if not rows:
            raise missing(id)
        return _depth_first(FRAME.read_all(rows), id)

    def _open_children(self, project: str, parents: Sequence[Frame]) -> Operation[tuple[Frame, ...]]:
        rows = yield Statement(
            f"""
            SELECT {FRAME.columns()} FROM frames
            WHERE project_id = :project AND {self.dialect.any_of("parent_id", "parents")} AND state = 'open'
            ORDER BY id{self.dialect.for_update}
            """,
            {"project": project, "parents": self.dialect.array(frame.id for frame in parents)},
        )
        return FRAME.read_all(rows)

    def _close_all(self, project: str, frames: Sequence[Frame], now: datetime) -> Operation[None]:
        if not frames:
            return
        made = yield from digests(self.dialect, project, frames, now)
        yield Many(
            """
            UPDATE frames SET state = 'closed', closed_at = :now, outputs = :outputs,
              digest_text = :text, digest = :digest
            WHERE project_id = :project AND id = :id
            """,
            [
                {
                    "project": project,
                    "id": frame.id,
                    "now": now,
                    "outputs": "{}",
                    "text": made[frame.id][0],
                    "digest": encode_json(made[frame.id][1]),
                }
                for frame in frames
            ],
        )


def _check_parent(parent: Frame, run: str | None) -> None:
    if parent.state == "closed":
        raise closed(parent)
    if run is not None and run != parent.run_id:
        raise StateError(
            f"The frame {parent.id!r} belongs to the run {parent.run_id!r}, not to {run!r}.",
            hint="Leave run out: a frame belongs to its parent's run.",
            code="other_run",
        )
    if parent.depth + 1 >= DEEPEST:
        raise StateError(
            f"The frame {parent.id!r} is {DEEPEST:,} frames deep.", hint="Close frames before more.", code="depth"
        )


def _depth_first(frames: Sequence[Frame], root: str) -> tuple[Frame, ...]:
    children: defaultdict[str | None, list[Frame]] = defaultdict(list)
    for frame in frames:
        children[frame.parent_id].append(frame)
    waiting = [next(frame for frame in frames if frame.id == root)]
    found = []
    while waiting:
        frame = waiting.pop()
        found.append(frame)
        waiting += reversed(children[frame.id])
    return tuple(found)
