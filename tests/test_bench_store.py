"""The store's benchmark, on a few events: so that it still runs when somebody wants its figures."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bench.store.measuring import Haste, Measured, on_file, on_server
from bench.store.reporting import report
from bench.store.timing import Patience

import servers

IN_HASTE = Haste(Patience(seconds=0, least=1, most=1), clients=4, crowd=0.05, writes=1, many=20)


def _reported(measured: Measured) -> None:
    page = report("python -m bench --store", [measured])
    assert measured.largest > 0
    assert all(answer.store and answer.other for answer in measured.answers)
    assert all(f"| {answer.name} " in page for answer in [*measured.answers, *measured.from_tasks])
    ours = [crowd for crowd in measured.crowds if crowd.who == "the store"]
    assert ours
    assert all(crowd.calls and not crowd.errors for crowd in ours)


def test_the_benchmark_measures_sqlite() -> None:
    _reported(on_file(300, IN_HASTE))


@pytest.mark.parametrize("name", ["pip", "debian"])
def test_the_benchmark_measures_postgresql(server_url: Callable[[str], str], name: str) -> None:
    with servers.fresh_database(server_url(name)) as url:
        _reported(on_server(url, name, 300, IN_HASTE))
