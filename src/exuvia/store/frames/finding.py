"""One frame by its id, and what is said when it is not there or not open."""

from __future__ import annotations

from exuvia.store.core.requests import Operation, Statement
from exuvia.store.errors import NotFoundError, StateError
from exuvia.store.frames.records import FRAME, Frame


def find(project: str, id: str, lock: str = "") -> Operation[Frame]:
    """Return a frame.

    Args:
        project: The project.
        id: The frame, checked.
        lock: What ``Dialect`` says to lock it; "" for nothing.

    Raises:
        NotFoundError: There is none with this id.
    """
    rows = yield Statement(
        f"SELECT {FRAME.columns()} FROM frames WHERE project_id = :project AND id = :id{lock}",
        {"project": project, "id": id},
    )
    if not rows:
        raise missing(id)
    return FRAME.read(rows[0])


def missing(id: str) -> NotFoundError:
    """Return the error that there is no such frame."""
    return NotFoundError(f"There is no frame {id!r}.", hint="Look it up: store.frames.list().", code="frame")


def closed(frame: Frame) -> StateError:
    """Return the error that a frame is closed."""
    return StateError(
        f"The frame {frame.id!r} ({frame.name}) is closed.", hint="Open another one.", code="frame_closed"
    )
