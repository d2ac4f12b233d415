"""Threads of langgraph-checkpoint-sqlite go on after a move: in the store, and in LangGraph's PostgresSaver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

import servers
from commands import exuvia
from exuvia.errors import SourceError
from exuvia.integrations.langgraph import ExuviaSaver
from exuvia.integrations.langgraph.moving import Moved, import_file
from exuvia.store import Store, open_store
from exuvia.store.errors import StateError
from graphs import log_graph, review_graph

CONFIG: RunnableConfig = {"configurable": {"thread_id": "t"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of SqliteSaver with a thread that waits for an answer."""
    path = tmp_path / "checkpoints.sqlite"
    with SqliteSaver.from_conn_string(str(path)) as saver:
        review_graph(saver).invoke({"text": "a", "steps": []}, CONFIG)
    return path


def history(saver: Any) -> list[Any]:
    """Return all that a graph knows of its thread."""
    return [
        (state.values, state.next, state.metadata, state.config, state.parent_config, state.tasks)
        for state in review_graph(saver).get_state_history(CONFIG)
    ]


def expected(file: Path) -> list[Any]:
    """Return the history in the file."""
    with SqliteSaver.from_conn_string(str(file)) as saver:
        return history(saver)


def test_a_thread_goes_on_in_the_store(file: Path, shared_store: Store, project: str) -> None:
    for _ in range(2):
        assert import_file(file, shared_store, project=project) == Moved(1, 5, 13)
    saver = ExuviaSaver(shared_store, project=project)
    assert history(saver) == expected(file)
    assert review_graph(saver).invoke(Command(resume="yes"), CONFIG)["steps"] == ["left", "right", "end:yes"]


def test_a_channel_of_changes_goes_on_in_the_store(tmp_path: Path, shared_store: Store, project: str) -> None:
    path = tmp_path / "log.sqlite"
    with SqliteSaver.from_conn_string(str(path)) as own:
        for number in range(4):
            log_graph(own).invoke({"items": [f"x{number}"]}, CONFIG)
        states = [state.values for state in log_graph(own).get_state_history(CONFIG)]
    import_file(path, shared_store, project=project)
    saver = ExuviaSaver(shared_store, project=project)
    assert [state.values for state in log_graph(saver).get_state_history(CONFIG)] == states
    with pytest.raises(StateError, match="older checkpoints"):
        saver.prune(["t"])


def test_the_command_brings_a_file_into_a_store(file: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/memory.db"
    done = exuvia("store", "import-langgraph", str(file), url, "--project", "p")
    assert done.returncode == 0
    assert "Threads: 1, checkpoints: 5, writes: 13" in done.stdout
    with open_store(url) as store:
        assert history(ExuviaSaver(store, project="p")) == expected(file)


@pytest.mark.postgresql
def test_a_thread_goes_on_in_langgraphs_postgres_saver(
    file: Path, tmp_path: Path, server_url: Callable[[str], str]
) -> None:
    converted = tmp_path / "converted.sqlite"
    assert exuvia("store", "convert-langgraph", str(file), str(converted)).returncode == 0
    with servers.fresh_database(server_url("pip")) as url, PostgresSaver.from_conn_string(url) as saver:
        saver.setup()
        assert exuvia("migrate", str(converted), url, "--into-existing").returncode == 0
        assert history(saver) == expected(file)
        assert review_graph(saver).invoke(Command(resume="yes"), CONFIG)["steps"] == ["left", "right", "end:yes"]


def test_a_file_of_something_else_is_refused(tmp_path: Path, shared_store: Store, project: str) -> None:
    other = tmp_path / "other.sqlite"
    other.write_bytes(b"")
    with pytest.raises(SourceError, match="no tables of langgraph"):
        import_file(other, shared_store, project=project)
