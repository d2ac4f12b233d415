"""The two databases of an open store: which is the primary, the worker between them, and what can be done with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal

from exuvia.location import Location
from exuvia.store.core.options import StoreOptions
from exuvia.store.dual import drift as drifting
from exuvia.store.dual import outbox, pairing, roles, triggers
from exuvia.store.dual.carrying import Carriage
from exuvia.store.dual.drift import Drift
from exuvia.store.dual.roles import Course, Role
from exuvia.store.dual.side import Side
from exuvia.store.dual.worker import Worker
from exuvia.store.errors import ConflictError, StateError, StoreError, UnknownOutcomeError

Which = Literal["primary", "secondary"]

LAST_READ: Final[ContextVar[Which]] = ContextVar("exuvia_last_read", default="primary")
_PATIENCE: Final = 2.0  # seconds that the worker waits for a lock: it will come again
_UNHURRIED: Final = 3600.0  # seconds for the changes of the past, which may be many


@dataclass(frozen=True, slots=True)
class DualStatus:
    """How the two databases stand.

    Args:
        primary: Where the primary is, without secrets.
        secondary: Where the secondary is.
        swapped: The one that was named as the secondary is the primary: it was promoted.
        promoting: A promotion is under way, or was cut off: nobody may write until one of the two is the primary.
        pending: How many changes are still to be carried over.
        lag: Seconds since the oldest of them; 0 where there is none.
        error: Why nothing is carried over at the moment; None where all is well.
        fallback_reads: How many reads of this program the secondary has answered.
        excluded: Tables that are not carried over, with the reason.
    """

    primary: str
    secondary: str
    swapped: bool
    promoting: bool
    pending: int
    lag: float
    error: StoreError | None
    fallback_reads: int
    excluded: tuple[tuple[str, str], ...]


class Pair:
    """Two databases that are written together.

    Args:
        first: The one that is the primary, if they have never met.
        second: The other one.
        options: The store's, for both.
    """

    def __init__(self, first: Location, second: Location, options: StoreOptions) -> None:
        self.locations = (first, second)
        self.options = options
        self.primary = 0
        self.fallback_reads = 0
        self.promoting = False
        self._met = False
        self._begun = False
        self._away: StoreError | None = None
        self._sides: list[Side] = []
        self.worker = self._new_worker()

    @property
    def secondary(self) -> int:
        """Which of the two is the secondary."""
        return 1 - self.primary

    def open(self) -> None:
        """Make the two a pair, as far as the secondary can be reached, and begin to carry changes over.

        Raises:
            StoreError: The primary cannot be reached, or the two do not belong together.
        """
        with self._connected() as (first, second):
            first.connect()
            try:
                second.connect()
                self._meet(first, second)
            except pairing.AWAY as error:
                pairing.LOG.warning("The secondary cannot be reached, changes wait for it: %s", error.message)
                pairing.begin_alone(first, str(second.location))
        self._begun = True
        self.worker.start()

    def find(self) -> None:
        """Find out which of the two is the primary, and change nothing.

        Raises:
            StateError: They are not a pair.
            StoreError: None of them can be reached.
        """
        with self._connected() as sides:
            found: list[Role | None] = []
            for side in sides:
                try:
                    side.connect()
                    found.append(roles.read(side))
                except pairing.AWAY as error:
                    if self._away is not None:
                        raise
                    self._away = error
                    found.append(None)
        if self._away is not None:
            self.primary = int(found[1] is not None)
            if not any(found):
                raise roles.strangers("The one that can be reached belongs to none")
            return
        course, swapped = roles.compare(*found)
        if course is Course.NEW:
            raise roles.strangers("They have never been opened together")
        self.primary = int(swapped)

    def begin(self) -> None:
        """Make the two a pair, if they are none yet, and carry over all there is.

        Raises:
            StoreError: One of them cannot be reached, or they do not belong together.
        """
        with self._carriage() as carriage:
            carriage.drain(_UNHURRIED)

    def status(self) -> DualStatus:
        """Tell how the two stand.

        Raises:
            StoreError: The primary cannot be reached.
        """
        with self._connected() as sides:
            count, since = sides[self.primary].run(outbox.pending())
            role = roles.read(sides[self.primary])
        lag = 0.0 if since is None else max(0.0, (datetime.now(UTC) - since).total_seconds())
        carriage = self.worker.carriage
        excluded = tuple(sorted(carriage.excluded.items())) if carriage else ()
        return DualStatus(
            str(self.locations[self.primary]),
            str(self.locations[self.secondary]),
            self.primary == 1,
            role is not None and role.name != "primary",
            count,
            lag,
            self.worker.error or self._away,
            self.fallback_reads,
            excluded,
        )

    def drift(self) -> Drift:
        """Compare both."""
        with self._carriage() as carriage:
            return drifting.compare(carriage, _UNHURRIED)

    def repair(self) -> Drift:
        """Make the secondary's rows as the primary's are; return what was wrong."""
        with self._carriage() as carriage:
            found = drifting.compare(carriage, _UNHURRIED)
            drifting.repair(carriage, found, _UNHURRIED)
        return found

    def flush(self, patience: float) -> None:
        """Carry over what waits, now."""
        with self._carriage() as carriage:
            carriage.drain(patience)

    def promote(self, *, verify: bool) -> None:
        """Make the secondary the primary; a promotion that was cut off before is ended, and is enough.

        Raises:
            ConflictError: ``verify``, and the two differ: nothing was changed.
            StateError: They are not, or no more, a pair.
            StoreError: One of the databases cannot be reached. The primary is what it was, or the next opening of the
                two ends what was begun.
        """
        wanted = self.secondary
        self.promoting = True
        try:
            with self._carriage() as carriage:
                if self.primary != wanted:
                    self._promote(carriage, verify=verify)
                    self.primary = wanted
        finally:
            self.promoting = False
        if self._begun:
            self._restart()

    def is_handed_over(self, number: int) -> bool | None:
        """Tell whether one of the two is the primary no more; None while that is being decided."""
        if self.primary != number:
            return True
        return None if self.promoting else False

    def force(self) -> None:
        """Make the secondary the primary although the primary is lost, with what was not carried over.

        Raises:
            StateError: It is no secondary.
            StoreError: It cannot be reached.
        """
        side = Side(self.locations[1], self.options, self.options.lock_timeout)
        try:
            side.connect()
            role = roles.read(side)
            if role is None or role.name == "primary":
                raise StateError(
                    f"{side.location} is {'the primary already' if role else 'no secondary'}.", code="not_a_secondary"
                )
            # beyond what a promotion of the lost primary's, cut off, could still come to
            roles.write(side, replace(role, name="primary", epoch=role.epoch + 2))
        finally:
            side.close()

    def dissolve(self, *, force: bool) -> tuple[str, ...]:
        """Let each be a store of its own again: without triggers, outbox and role.

        Args:
            force: Drop what was not carried over, and leave out what cannot be reached.

        Returns:
            The locations of those that were left out.

        Raises:
            StoreError: One of them cannot be reached, and ``force`` was not given.
        """
        if not force:
            self.flush(_UNHURRIED)
        left_out = []
        with self._connected() as sides:
            for side in sides:
                try:
                    triggers.remove(side)
                except pairing.AWAY:
                    if not force:
                        raise
                    left_out.append(str(side.location))
        return tuple(left_out)

    def close(self) -> None:
        """End the worker."""
        if self._begun:
            self.worker.stop()

    def _promote(self, carriage: Carriage, *, verify: bool) -> None:
        old, new = carriage.source, carriage.target
        carriage.drain(_UNHURRIED)
        if verify and not (found := drifting.compare(carriage, _UNHURRIED)).is_clean:
            raise _differ(found)
        mine, other = roles.read(old), roles.read(new)
        if mine is None or other is None or roles.compare(mine, other) != (Course.RIGHT, False):
            raise StateError("The roles have changed.", hint="Open both again.", code="roles")
        leaving = replace(mine, name="leaving", epoch=max(mine.epoch, other.epoch) + 1)
        roles.write(old, leaving)
        self._hand_over(carriage, leaving, other)

    def _hand_over(self, carriage: Carriage, leaving: Role, other: Role) -> None:
        """Give the role over from the one that is leaving; or take that back, unless it cannot be told any more."""
        try:
            carriage.drain(self.options.lock_timeout)
            roles.become_primary(carriage.target, other, leaving.epoch)
        except UnknownOutcomeError:
            raise
        except BaseException:
            if roles.call_off(carriage.target, other, leaving.epoch):
                roles.write(carriage.source, replace(leaving, name="primary", epoch=leaving.epoch + 1))
            raise
        roles.write(carriage.source, replace(leaving, name="secondary"))

    def _meet(self, first: Side, second: Side) -> None:
        swapped = pairing.meet(first, second, _UNHURRIED)
        if self._begun and swapped:
            raise StateError(
                f"While it could not be reached {second.location} was made the primary.",
                hint="Open the two again: this store's writes are refused.",
                code="promoted",
            )
        self.primary, self._met = int(swapped), True

    def _new_worker(self) -> Worker:
        return Worker(self._prepared, self._release)

    def _restart(self) -> None:
        self.worker.stop()
        self.worker = self._new_worker()
        self.worker.start()

    def _prepared(self) -> Carriage:
        """Connect the worker; a secondary that was away until now is met first."""
        self._sides = [Side(location, self.options, _PATIENCE) for location in self.locations]
        if not self._met:
            self._meet(*self._sides)
        return Carriage(self._sides[self.primary], self._sides[self.secondary])

    def _release(self) -> None:
        for side in self._sides:
            side.close()

    @contextmanager
    def _connected(self) -> Iterator[tuple[Side, Side]]:
        first, second = (Side(location, self.options, self.options.lock_timeout) for location in self.locations)
        try:
            yield first, second
        finally:
            first.close()
            second.close()

    @contextmanager
    def _carriage(self) -> Iterator[Carriage]:
        with self._connected() as sides:
            if not self._met:
                self._meet(*sides)
            yield Carriage(sides[self.primary], sides[self.secondary])


def _differ(found: Drift) -> ConflictError:
    first = found.differences[0]
    return ConflictError(
        f"The secondary differs from the primary in {len(found.differences):,} rows, such as"
        f" {first.table} {list(first.key)}.",
        hint="See them by exuvia store dual drift, and repair them by exuvia store dual repair.",
        code="drift",
    )
