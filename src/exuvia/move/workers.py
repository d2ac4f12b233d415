"""Running many tasks on a few threads, with one way to stop them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


def run(tasks: Iterable[Callable[[], T]], *, jobs: int, stop: Callable[[], None]) -> Iterator[T]:
    """Run tasks on ``jobs`` threads, started in their order, and yield their results as they are done.

    The first error, Ctrl-C, or the caller's leaving ends all: ``stop`` is called, which must make running tasks end
    soon, tasks that were not started never start, and the error is raised once no task runs any more.

    Args:
        tasks: The tasks; they are taken as threads become free.
        jobs: Number of threads.
        stop: Interrupts running tasks from outside.
    """
    remaining = iter(tasks)
    running: set[Future[T]] = set()
    with ThreadPoolExecutor(jobs, thread_name_prefix="exuvia") as pool:
        try:
            while True:
                while len(running) < jobs and (task := next(remaining, None)) is not None:
                    running.add(pool.submit(task))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException:
            stop()
            raise
