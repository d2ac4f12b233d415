"""Two databases become, or are found to be, a primary and its secondary."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import new_id
from exuvia.store.dual import outbox, roles, triggers
from exuvia.store.dual.carrying import Carriage
from exuvia.store.dual.roles import Course, Role
from exuvia.store.dual.side import Side
from exuvia.store.dual.tables import common
from exuvia.store.errors import BusyError, DemotedError, StateError, UnavailableError

LOG: Final = logging.getLogger("exuvia.store.dual")
AWAY: Final = (UnavailableError, BusyError)
"""What a secondary may fail with, and everything goes on."""


def meet(first: Side, second: Side, patience: float) -> bool:
    """Make two databases a pair, or find out which of a pair is the primary; a promotion that was cut off is finished.

    Args:
        first: The one that is the primary, if they have never met.
        second: The other one.
        patience: Seconds to wait for what is still to be carried over, when a promotion was cut off.

    Returns:
        Whether the second is the primary.

    Raises:
        StateError: They do not belong together, or the second one has what the first has not.
        StoreError: One of them cannot be reached.
    """
    tables, _ = common(first.connect(), second.connect())
    course, swapped = roles.compare(roles.read(first), roles.read(second))
    primary, secondary = (second, first) if swapped else (first, second)
    if course is Course.NEW:
        _introduce(primary, secondary)
        return False
    if course in {Course.FINISH, Course.SETTLE, Course.CANCEL}:
        swapped = complete(primary, secondary, course, patience) is second
        primary, secondary = (second, first) if swapped else (first, second)
    if swapped:
        LOG.warning("The primary is %s: it was promoted.", second.location)
    new = triggers.install(primary, tables, str(secondary.location))
    triggers.install(secondary, tables, str(primary.location))
    if new:
        primary.transact(outbox.note_all(new, primary.dialect))
    return swapped


def begin_alone(primary: Side, peer: str) -> None:
    """Let a primary note what changes while its secondary cannot be reached.

    Raises:
        DemotedError: It is a secondary itself.
    """
    role = roles.read(primary)
    if role is not None and role.name != "primary":
        raise DemotedError(
            f"This store takes no writes: the primary is {role.peer}, which cannot be reached.",
            hint="Make it reachable; or, if it is lost: exuvia store dual promote --force.",
            code="secondary",
        )
    triggers.install(primary, tuple(primary.connect().tables.values()), peer)
    if role is None:
        roles.write(primary, Role("primary", new_id(), 1, peer))


def complete(primary: Side, secondary: Side, course: Course, patience: float) -> Side:
    """Bring a promotion that was cut off to its end, or call it off for good; return which is the primary now.

    Args:
        primary: The one that was the primary; in ``SETTLE`` the one that is.
        secondary: The other one.
        course: How far it has come.
        patience: Seconds to wait for what is still to be carried over.
    """
    mine, other = roles.read(primary), roles.read(secondary)
    assert mine is not None
    assert other is not None
    if course is Course.SETTLE:
        roles.write(secondary, replace(other, name="secondary", epoch=mine.epoch))
        return primary
    if course is Course.CANCEL:
        roles.write(primary, replace(mine, name="primary", epoch=mine.epoch + 1))
        return primary
    Carriage(primary, secondary).drain(patience)
    roles.become_primary(secondary, other, mine.epoch)
    roles.write(primary, replace(mine, name="secondary"))
    return secondary


def _introduce(primary: Side, secondary: Side) -> None:
    before = roles.read(primary)
    _refuse_strangers(primary, secondary)
    tables, excluded = common(primary.connect(), secondary.connect())
    for name, why in excluded.items():
        LOG.warning("The table %s is not carried over: %s.", name, why)
    pair, epoch = new_id(), before.epoch + 1 if before else 1
    triggers.install(primary, tables, str(secondary.location))
    roles.write(primary, Role("primary", pair, epoch, str(secondary.location)))
    primary.transact(outbox.note_all(tables, primary.dialect))
    triggers.install(secondary, tables, str(primary.location))
    roles.write(secondary, Role("secondary", pair, epoch, str(primary.location)))  # last: it says that all is noted


def _refuse_strangers(primary: Side, secondary: Side) -> None:
    theirs = secondary.run(_projects())
    if theirs and not theirs <= (mine := primary.run(_projects())):
        raise StateError(
            f"{secondary.location} has projects that {primary.location} has not, such as {min(theirs - mine)!r}.",
            hint="A secondary is empty, or a copy, when it is opened first. Are the two the right way round?",
            code="not_empty",
        )


def _projects() -> Operation[set[str]]:
    return {project for (project,) in (yield Statement("SELECT id FROM projects"))}
