"""The thread that carries changes over while the store is used."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Final

from exuvia.store.dual.carrying import Carriage
from exuvia.store.dual.pairing import LOG
from exuvia.store.errors import StoreError

POLL: Final = 1.0  # seconds until what other programs have committed is seen
_BUSY: Final = 0.05
_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 15.0
_LAST_WAIT: Final = 3.0


class Worker:
    """Carries over what the primary notes, until it is stopped; after an error it waits, ever longer, and goes on.

    Args:
        prepare: Connects to both databases; called in the thread, and again after each error.
        at_end: Closes the connections.
    """

    def __init__(self, prepare: Callable[[], Carriage], at_end: Callable[[], None]) -> None:
        self._prepare = prepare
        self._at_end = at_end
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="exuvia-dual", daemon=True)
        self._failures = 0
        self.error: StoreError | None = None
        self.carriage: Carriage | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Tell that something has been committed."""
        self._changed.set()

    def stop(self) -> None:
        """End, after the batch that is being carried over; what remains is carried over next time."""
        self._stopped.set()
        self._changed.set()
        self._thread.join(_LAST_WAIT)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._work()
            except StoreError as error:
                self._failed(error)
            except Exception as error:
                LOG.exception("Carrying changes over has failed.")
                self._failed(StoreError(f"Carrying changes over has failed: {error!r}.", code="carrying"))
            self._at_end()

    def _failed(self, error: StoreError) -> None:
        if self.error is None or self.error.code != error.code:
            LOG.warning("Nothing is carried over at the moment, and all is kept: %s", error.message)
        self.error = error
        self._failures += 1
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(self._failures, 10))
        self._stopped.wait(random.uniform(longest / 2, longest))  # noqa: S311 - not a secret

    def _work(self) -> None:
        carriage = self._prepare()
        self.carriage = carriage
        while not self._stopped.is_set():
            self._changed.clear()
            moved = carriage.round()
            self.error, self._failures = None, 0
            if not moved:
                self._changed.wait(POLL if moved == 0 else _BUSY)
