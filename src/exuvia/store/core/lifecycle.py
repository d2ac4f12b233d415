"""The life of a piece of work, which tasks and runs of workflows share: pending, running, and one of three ends."""

from __future__ import annotations

from typing import Final, Literal

from exuvia.store.errors import InvalidValueError, StateError

LifeState = Literal["pending", "running", "succeeded", "failed", "cancelled"]

BEFORE: Final[dict[LifeState, tuple[LifeState, ...]]] = {
    "pending": (),
    "running": ("pending",),
    "succeeded": ("running",),
    "failed": ("running",),
    "cancelled": ("pending", "running"),
}
"""The states from which work can come into each."""
_STATES: Final = tuple(BEFORE)
_ENDED: Final = ("succeeded", "failed", "cancelled")


def checked_state(given: LifeState | None, noun: str) -> LifeState | None:
    """Return the state that a list is asked for, checked.

    Args:
        given: The state; None for all of them.
        noun: What is listed, such as ``task``.

    Raises:
        InvalidValueError: It is none.
    """
    if given is None or given in _STATES:
        return given
    raise InvalidValueError(
        f"{given!r} is no state of a {noun}.", hint=f"{noun.capitalize()}s are {', '.join(_STATES)}.", code="state"
    )


def no_way(noun: str, id: str, state: LifeState, wanted: LifeState) -> StateError:
    """Return the error that work cannot come from a state into another."""
    return StateError(
        f"The {noun} {id!r} is {state}, so it cannot become {wanted}.",
        hint="It has ended." if state in _ENDED else f"It has to be {' or '.join(BEFORE[wanted])} first.",
        code="transition",
    )
