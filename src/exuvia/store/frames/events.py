"""What happens in frames, in order."""

from __future__ import annotations

from collections.abc import Iterable

from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing
from exuvia.store.core.requests import Many, Operation, Statement
from exuvia.store.core.values import checked_id, checked_text, checked_time, chosen_id, encode_json
from exuvia.store.filters import Filter
from exuvia.store.frames.finding import closed, find
from exuvia.store.frames.records import FRAME_EVENT, FrameEvent, NewFrameEvent


class FrameEvents(Subsystem[M]):
    """Add events to frames, and list them."""

    @writing
    def add_events(
        self, frame: str, events: Iterable[NewFrameEvent], *, project: str | None = None
    ) -> Operation[tuple[FrameEvent, ...]]:
        """Add events to an open frame, in order, all or none.

        Raises:
            NotFoundError: There is no such frame.
            StateError: The frame is closed.
            ConflictError: There is an event with one of the ids.
        """
        owner = self.scope.own(project)
        added = list(events)
        rows = yield Statement(
            """
            UPDATE frames SET last_seq = last_seq + :count
            WHERE project_id = :project AND id = :frame AND state = 'open'
            RETURNING last_seq
            """,
            {"project": owner, "frame": checked_id(frame), "count": len(added)},
        )
        if not rows:
            raise closed((yield from find(owner, frame)))
        now, first = self.now(), rows[0][0] - len(added) + 1
        sets = [
            {
                "project": owner,
                "frame": frame,
                "seq": first + place,
                "id": chosen_id(event.id),
                "type": checked_text(event.type, what="type", longest=64),
                "data": encode_json(event.data),
                "at": now if event.at is None else checked_time(event.at),
            }
            for place, event in enumerate(added)
        ]
        yield Many(
            """
            INSERT INTO frame_events (project_id, frame_id, seq, id, type, data, at)
            VALUES (:project, :frame, :seq, :id, :type, :data, :at)
            """,
            sets,
        )
        rows = yield Statement(
            f"""
            SELECT {FRAME_EVENT.columns()} FROM frame_events
            WHERE project_id = :project AND frame_id = :frame AND seq BETWEEN :first AND :last ORDER BY seq
            """,
            {"project": owner, "frame": frame, "first": first, "last": first + len(added) - 1},
        )
        return FRAME_EVENT.read_all(rows)

    @reading
    def events(
        self,
        frame: str,
        *,
        type: str | None = None,
        filter: Filter | None = None,
        newest_first: bool = False,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[FrameEvent]]:
        """List a frame's events in their order.

        Args:
            frame: The frame.
            type: The type.
            filter: About ``data``.
            newest_first: Turn the order round.
            project: The project; not needed in a bound store.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.own(project)).equal("frame_id", checked_id(frame))
        where.equal("type", type).json("data", filter, self.dialect)
        order = (Key("seq", descending=newest_first),)
        return (yield from Listing(FRAME_EVENT, "frame_events", where, order).page(limit, after))
