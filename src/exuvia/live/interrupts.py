"""An interruption waits for a good moment.

Ctrl-C raises KeyboardInterrupt wherever the program is, also inside psycopg between taking a connection's lock and
giving it back; then the rollback waits for that lock for ever, and in the pause of a cut-over it would do so with the
source's write lock in hand.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held() -> Iterator[None]:
    """Let the first SIGINT or SIGTERM wait until the context ends, where its handler is called; a second one does not
    wait. For work that soon ends by itself. Outside the main thread, which alone is interrupted, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, handler)

    def hold(number: int, _: FrameType | None) -> None:
        waiting.append(number)
        if len(waiting) > 1:
            restore()
            signal.raise_signal(number)

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, hold)
    try:
        yield
    finally:
        if len(waiting) < 2:
            restore()
        if len(waiting) == 1:
            signal.raise_signal(waiting[0])
