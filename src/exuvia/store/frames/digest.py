"""What happened in a frame, in a few lines and as a document."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import Json, time_text
from exuvia.store.frames.records import Frame

MOST_ANCHORS: Final = 10


@dataclass(frozen=True, slots=True)
class Contents:
    """What a frame holds when it is closed.

    Args:
        events: How many events there are of each type.
        anchors: Its anchors' types and texts, the most important first.
        children: The names of its frames.
    """

    events: Mapping[str, int]
    anchors: Sequence[tuple[str, str]]
    children: Sequence[str]


def digests(
    dialect: Dialect, project: str, frames: Sequence[Frame], closed_at: datetime
) -> Operation[dict[str, tuple[str, Json]]]:
    """Read what frames hold; return the digest of each by its id, for people and for programs."""
    given = {"project": project, "frames": dialect.array(frame.id for frame in frames)}
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    anchors: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    children: defaultdict[str, list[str]] = defaultdict(list)
    events = yield Statement(
        f"""
        SELECT frame_id, type, count(*) FROM frame_events
        WHERE project_id = :project AND {dialect.any_of("frame_id", "frames")} GROUP BY frame_id, type
        """,
        given,
    )
    for frame_id, kind, number in events:
        counts[frame_id][kind] = number
    pinned = yield Statement(
        f"""
        SELECT frame_id, type, text FROM anchors
        WHERE project_id = :project AND {dialect.any_of("frame_id", "frames")} ORDER BY priority DESC, created_at, id
        """,
        given,
    )
    for frame_id, kind, text in pinned:
        anchors[frame_id].append((kind, text))
    inner = yield Statement(
        f"""
        SELECT parent_id, name FROM frames
        WHERE project_id = :project AND {dialect.any_of("parent_id", "frames")} ORDER BY created_at, id
        """,
        given,
    )
    for frame_id, name in inner:
        children[frame_id].append(name)
    found = ((frame, Contents(counts[frame.id], anchors[frame.id], children[frame.id])) for frame in frames)
    return {frame.id: digest(frame, contents, closed_at) for frame, contents in found}


def digest(frame: Frame, contents: Contents, closed_at: datetime) -> tuple[str, Json]:
    """Return the digest of a frame for people and for programs."""
    lasted = closed_at - frame.created_at
    lines = [f"{frame.name} ({frame.type}), {_duration(lasted)}"]
    if contents.events:
        counts = (f"{number} {name}" for name, number in sorted(contents.events.items()))
        lines.append(f"Events: {', '.join(counts)}")
    lines += [f"{kind}: {text}" for kind, text in contents.anchors[:MOST_ANCHORS]]
    if contents.children:
        lines.append(f"Frames: {', '.join(contents.children)}")
    document = {
        "events": dict(contents.events),
        "anchors": [{"type": kind, "text": text} for kind, text in contents.anchors[:MOST_ANCHORS]],
        "frames": list(contents.children),
        "seconds": lasted.total_seconds(),
        "closed_at": time_text(closed_at),
    }
    return "\n".join(lines), document


def _duration(lasted: timedelta) -> str:
    seconds = int(lasted.total_seconds())
    if seconds < 60:
        return f"{max(lasted.total_seconds(), 0):.1f} s"
    return (
        f"{seconds // 3600} h {seconds // 60 % 60} min" if seconds >= 3600 else f"{seconds // 60} min {seconds % 60} s"
    )
