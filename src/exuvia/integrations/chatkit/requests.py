"""A request of ChatKit: whose threads it is about, and how the store is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatkit.store import NotFoundError

from exuvia.integrations.calling import ask
from exuvia.store import AsyncStore, Store
from exuvia.store.errors import NotFoundError as NotThereError


@dataclass(frozen=True, slots=True)
class Whose:
    """Where a request's threads are, and whose they are.

    Args:
        project: The project, which is there; None in a store that is bound to one.
        user: The user, who sees no other's threads; None to see all of them.
    """

    project: str | None = None
    user: str | None = None


async def ask_of(store: Store | AsyncStore, whose: Whose, call: Callable[[Any, dict[str, Any]], Any]) -> Any:
    """Return what a call of the store's chat returns, which is given whose threads it is about.

    Raises:
        NotFoundError: ChatKit's own, where the store raises its.
    """
    own = {"project": whose.project, "owner": whose.user}
    try:
        return await ask(store, lambda opened: call(opened.chat, own))
    except NotThereError as error:
        raise NotFoundError(error.message) from error
