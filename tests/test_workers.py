"""Tasks on threads: results, one way to stop, and reading ahead."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from exuvia.move.prefetch import prefetch
from exuvia.move.workers import run


def test_all_results_come_and_no_more_run_at_once_than_there_are_jobs() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def task(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1
        return number

    found = sorted(run([partial(task, number) for number in range(20)], jobs=3, stop=lambda: None))
    assert found == list(range(20))
    assert most == 3


def test_an_error_stops_running_tasks_and_starts_no_more() -> None:
    stopped, started = threading.Event(), []

    def slow(number: int) -> None:
        started.append(number)
        assert stopped.wait(10)

    def failing() -> None:
        raise ValueError("no")

    tasks = [lambda: slow(0), failing, lambda: slow(1), lambda: slow(2)]
    with pytest.raises(ValueError, match="no"):
        list(run(tasks, jobs=2, stop=stopped.set))
    assert started == [0]


def test_reading_ahead_keeps_the_order_and_passes_the_error_on() -> None:
    def source() -> Iterator[int]:
        yield from range(5)
        raise KeyError("end")

    with prefetch(source(), 2) as ahead:
        assert [next(ahead) for _ in range(5)] == [0, 1, 2, 3, 4]
        with pytest.raises(KeyError, match="end"):
            next(ahead)


def test_reading_ahead_ends_when_the_reader_leaves() -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    with prefetch(source(), 2) as ahead:
        assert next(ahead) == 1
    assert closed.is_set()
