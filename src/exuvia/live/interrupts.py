"""An interruption waits for a good moment.

Ctrl-C raises KeyboardInterrupt wherever the program is. Between the making of a context and its beginning that context
is never ended: psycopg's ``cursor.copy()`` has taken the connection's lock by then, the rollback waits for that lock
for ever, and in the pause of a cut-over it would do so with the source's write lock in hand.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held(patience: float = 5.0) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM wait until the context ends, where its handler is called; a second one does not
    wait. Outside the main thread, which alone is interrupted, nothing changes.

    Args:
        patience: Seconds that it may wait.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    timers: list[threading.Timer] = []
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
        late = threading.Timer(patience, os.kill, (os.getpid(), number))
        late.daemon = True
        late.start()
        timers.append(late)

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, hold)
    try:
        yield
    finally:
        if len(waiting) < 2:
            restore()
        for timer in timers:
            timer.cancel()
        if len(waiting) == 1:
            signal.raise_signal(waiting[0])
