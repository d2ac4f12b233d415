"""Ctrl-C while rows are read in bulk: none is lost, and what the server does is cancelled only where it is to end."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from exuvia.engines.postgres.capture.log import ChangeReader
from exuvia.engines.postgres.read import Reader
from exuvia.location import PostgresLocation

_TIMES = 50


@pytest.fixture
def reader(any_url: str) -> Iterator[ChangeReader]:
    """A connection that is used in the main thread."""
    with closing(ChangeReader(PostgresLocation.of(any_url), "public")) as opened:
        yield opened


@contextmanager
def hearing() -> Iterator[list[int]]:
    """Note each SIGINT instead of raising KeyboardInterrupt."""
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[threading.Thread]:
    """Let another thread work, and wait for its end."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


def interrupt(after: float = 0.5) -> None:
    """Do what Ctrl-C does."""
    time.sleep(after)
    os.kill(os.getpid(), signal.SIGINT)


def test_no_interruption_is_lost_while_statements_follow_one_another(reader: ChangeReader) -> None:
    chance = random.Random(3)
    with hearing() as heard:

        def send() -> None:
            for count in range(_TIMES):
                interrupt(chance.random() * 0.02)
                deadline = time.monotonic() + 10
                while len(heard) == count and time.monotonic() < deadline:
                    time.sleep(0.001)
                if len(heard) == count:
                    return

        with meanwhile(send) as sending:
            while sending.is_alive():
                reader.begin()
                assert reader.rows("SELECT 1 AS one", "a number") == [{"one": 1}]
                reader.run("ROLLBACK")
    assert len(heard) == _TIMES


def test_who_only_notes_an_interruption_gets_what_was_asked_for(reader: ChangeReader) -> None:
    with hearing() as heard, meanwhile(interrupt):
        reader.run("SELECT pg_sleep(1)")
        found = sum(batch.num_rows for batch in reader.batches("SELECT generate_series(1, 300000)", "numbers"))
    assert heard == [signal.SIGINT]
    assert found == 300_000


@pytest.mark.parametrize("query", ["SELECT pg_sleep(600)", "SELECT i, pg_sleep(1) FROM generate_series(1, 600) AS i"])
def test_ctrl_c_cancels_what_the_server_does_and_the_connection_can_be_used_further(
    reader: ChangeReader, query: str
) -> None:
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), meanwhile(interrupt):
        reader.rows(query, "what takes long")
    assert reader.rows("SELECT 1 AS one", "a number") == [{"one": 1}]
    assert time.monotonic() - began < 60


def test_ctrl_c_while_tables_are_read_back_passes_through(any_url: str) -> None:
    with closing(Reader(any_url)) as reader, pytest.raises(KeyboardInterrupt), meanwhile(interrupt):
        list(reader.batches("pg_catalog", "pg_class", [], "pg_sleep(600) IS NULL"))
