"""Which of the two databases is the primary: each says it of itself, and in that order that never both are.

A promotion goes: the primary becomes ``leaving`` (nobody may write), is drained, then the secondary becomes the
primary, then the other one the secondary. The one statement that makes the secondary the primary decides; a promotion
is called off by the one that makes it impossible. So whoever finds one that was cut off can tell what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from exuvia.store.core.requests import Operation, Statement, Value
from exuvia.store.dual.carrying import CARRYING
from exuvia.store.dual.side import Side
from exuvia.store.errors import StateError

RoleName = Literal["primary", "leaving", "secondary"]

_READ: Final = "SELECT role, pair, epoch, peer FROM dual_role"
_WRITE: Final = """
INSERT INTO dual_role (one, role, pair, epoch, peer) VALUES (1, :role, :pair, :epoch, :peer)
ON CONFLICT (one) DO UPDATE SET role = excluded.role, pair = excluded.pair, epoch = excluded.epoch, peer = excluded.peer
"""
# Waits for every transaction that has noted something, and lets nobody note anything until its own has ended
_CARRYING: Final = f"SELECT pg_advisory_xact_lock({CARRYING})"
_LOCK: Final = "LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE"


@dataclass(frozen=True, slots=True)
class Role:
    """What a database says of itself.

    Args:
        name: ``primary``, ``secondary``, or ``leaving``: the primary of a promotion that is under way.
        pair: What the two have in common.
        epoch: How often the primary has changed.
        peer: Where the other one is.
    """

    name: RoleName
    pair: str
    epoch: int
    peer: str


class Course(Enum):
    """What two databases' roles come to."""

    NEW = "new"  # they have never been opened together
    RIGHT = "right"
    SWAPPED = "swapped"  # the one that was named second is the primary
    FINISH = "finish"  # a promotion was cut off before the secondary became the primary
    SETTLE = "settle"  # … after that
    CANCEL = "cancel"  # … while it was being called off


def read(side: Side) -> Role | None:
    """Read what a database says of itself."""
    rows = side.run(_one(_READ))
    return Role(*rows[0]) if rows else None


def write(side: Side, role: Role) -> None:
    """Set a database's role; whoever writes at the moment is waited for."""
    side.transact(_set(side, role))


def become_primary(side: Side, before: Role, epoch: int) -> None:
    """Make the secondary the primary of an epoch.

    Raises:
        StateError: Somebody has called that off, or was faster.
    """
    if not side.transact(_advance(side, before, "primary", epoch)):
        raise StateError(
            "The promotion was ended, or called off, by another process.", hint="Open both again.", code="called_off"
        )


def call_off(side: Side, before: Role, epoch: int) -> bool:
    """Make it impossible that the secondary becomes an epoch's primary; tell whether that was in time."""
    return side.transact(_advance(side, before, "secondary", epoch))


def compare(first: Role | None, second: Role | None) -> tuple[Course, bool]:
    """Tell how two databases stand.

    Returns:
        What is to be done, and whether the second is the one that is, or was last, the primary.

    Raises:
        StateError: They do not belong together.
    """
    if first is None or second is None:
        known = first or second
        if known is None or (known is first and known.name == "primary"):
            return Course.NEW, False
        raise strangers(f"One of them has been the {known.name} of {known.peer}, the other belongs to none")
    if first.pair != second.pair:
        raise strangers(f"They belong to other ones: {first.peer} and {second.peer}")
    names = (first.name, second.name)
    if names == ("primary", "secondary"):
        return Course.RIGHT, False
    if names == ("secondary", "primary"):
        return Course.SWAPPED, True
    if "leaving" in names:
        leaving, other = (first, second) if first.name == "leaving" else (second, first)
        if other.name == "primary":
            return Course.SETTLE, other is second
        return (Course.FINISH if other.epoch < leaving.epoch else Course.CANCEL), leaving is second
    if names == ("primary", "primary") and first.epoch != second.epoch:
        return Course.SETTLE, second.epoch > first.epoch
    raise strangers(f"Both say that they are the {first.name}")


def _one(sql: str) -> Operation[list[tuple[RoleName, str, int, str]]]:
    rows = yield Statement(sql)
    return [(role, pair, epoch, peer) for role, pair, epoch, peer in rows]


def _set(side: Side, role: Role) -> Operation[None]:
    yield from _alone(side)
    given: dict[str, Value] = {"role": role.name, "pair": role.pair, "epoch": role.epoch, "peer": role.peer}
    yield Statement(_WRITE, given)


def _advance(side: Side, before: Role, name: RoleName, epoch: int) -> Operation[bool]:
    yield from _alone(side)
    given: dict[str, Value] = {"role": name, "next": epoch, "pair": before.pair, "epoch": before.epoch}
    rows = yield Statement(
        "UPDATE dual_role SET role = :role, epoch = :next"
        " WHERE role = 'secondary' AND pair = :pair AND epoch = :epoch RETURNING epoch",
        given,
    )
    if rows and name == "primary":
        yield from _advance_identities(side)
    return bool(rows)


def _alone(side: Side) -> Operation[None]:
    """Wait for those who write and those who carry over; SQLite's transaction has done so already."""
    if side.dialect.is_postgres:
        yield Statement(_CARRYING)
        yield Statement(_LOCK)


def _advance_identities(side: Side) -> Operation[None]:
    """Let PostgreSQL's identity columns go on behind what was carried over."""
    for table, column in side.found.identities:
        yield Statement(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'),"
            f" (SELECT max({column}) FROM {table})) WHERE EXISTS (SELECT 1 FROM {table})"
        )


def strangers(why: str) -> StateError:
    """Return the error for two databases that are no pair."""
    return StateError(
        f"The two databases are not the primary and the secondary of each other. {why}.",
        hint="Name the two that belong together; or end what one of them is: exuvia store dual off.",
        code="not_a_pair",
    )
