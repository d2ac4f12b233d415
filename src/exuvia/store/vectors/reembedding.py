"""Making all vectors of a collection anew, by another model or by the same, in parallel workers.

The new vectors are put beside the old ones, batch by batch, so that searches go on meanwhile and what was killed goes
on where it was. What is written to the collection meanwhile is embedded in a further round; the last one swaps the two.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from exuvia.store.embedders.protocol import Embedder, embedded
from exuvia.store.errors import StateError
from exuvia.store.memory import Store
from exuvia.store.vectors.records import Collection
from exuvia.store.vectors.replacing import Replacement, Text

_GRACE = 1.0  # seconds in which searches that had begun before the swap come to their end
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Reembedded:
    """What was done.

    Args:
        collection: The collection as it is now.
        before: As it was.
        embedded: How many vectors were made, in this run.
        kept: How many an earlier run had made.
        left_out: How many had no text.
        seconds: How long it took.
    """

    collection: Collection
    before: Collection
    embedded: int
    kept: int
    left_out: int
    seconds: float


def reembed(
    store: Store,
    collection: str,
    embedder: Embedder,
    *,
    project: str | None = None,
    workers: int = 4,
    batch: int = 64,
    restart: bool = False,
    drop_without_text: bool = False,
    progress: Progress | None = None,
) -> Reembedded:
    """Make a collection's vectors anew, and put them in the place of the old ones once all are there.

    Args:
        store: The store; workers share it.
        collection: The collection.
        embedder: Makes the vectors; their dimension may be another one.
        project: The project; not needed in a bound store.
        workers: Batches that are embedded at the same time.
        batch: Texts in a batch.
        restart: Drop what an interrupted run has made.
        drop_without_text: Leave out vectors that have no text, instead of refusing.
        progress: Called with how many vectors are there, and of how many.

    Raises:
        NotFoundError: There is no such collection.
        StateError: An interrupted run was of another model, or some vectors have no text.
        EmbedderError: The embedder has failed; what was stored stays, and another run goes on.
    """
    begun = time.monotonic()
    dimension = embedded(embedder, ["dimension"]).shape[1]
    work = store.vectors.begin_replacement(collection, dimension, embedder.model, anew=restart, project=project)
    if work.without_text and not drop_without_text:
        raise StateError(
            f"{work.without_text:,} of the {work.total:,} vectors of {collection!r} have no text to be made of.",
            hint="Put them with their texts; or leave them out: --drop-without-text.",
            code="without_text",
        )
    run = _Run(store, work, embedder, workers, batch, progress or (lambda _done, _total: None))
    while True:
        run.round()
        store.vectors.index_replacement(work)
        if not store.vectors.finish_replacement(work, without_text=drop_without_text):
            break
    time.sleep(_GRACE)
    store.vectors.drop_replaced(work)
    now = store.vectors.collection(collection, project=work.source.project_id)
    left_out = work.without_text if drop_without_text else 0
    return Reembedded(now, work.source, run.done, work.total - work.missing, left_out, time.monotonic() - begun)


@dataclass(slots=True)
class _Run:
    """The workers of one run.

    Args:
        store: The store.
        work: What is replaced.
        embedder: Makes the vectors.
        workers: How many there are.
        batch: Texts in a batch.
        progress: Told how far it is.
        done: How many vectors were made.
    """

    store: Store
    work: Replacement
    embedder: Embedder
    workers: int
    batch: int
    progress: Progress
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def round(self) -> None:
        """Embed whatever is missing now."""
        running: set[Future[None]] = set()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="exuvia-embedder") as pool:
            try:
                for texts in self._batches():
                    running.add(pool.submit(self._embed, texts))
                    if len(running) >= 2 * self.workers:
                        running = self._await(running, all_of_them=False)
                self._await(running, all_of_them=True)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    @staticmethod
    def _await(running: set[Future[None]], *, all_of_them: bool) -> set[Future[None]]:
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for each in ended:
                each.result()
            if not all_of_them:
                break
        return running

    def _batches(self) -> Iterator[list[Text]]:
        last: str | None = None
        while texts := self.store.vectors.texts_to_embed(self.work, last, self.batch):
            last = texts[-1].id
            if known := [text for text in texts if text.text is not None]:
                yield known

    def _embed(self, texts: list[Text]) -> None:
        vectors = embedded(self.embedder, [text.text or "" for text in texts])
        self.store.vectors.put_replaced(self.work, texts, list(vectors))
        with self.lock:
            self.done += len(texts)
            self.progress(self.work.total - self.work.missing + self.done, self.work.total)
