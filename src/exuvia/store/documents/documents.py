"""Documents as one subject."""

from __future__ import annotations

from exuvia.store.core.operations import M, Runner, Subsystem
from exuvia.store.documents.annotations import Annotations
from exuvia.store.documents.citations import Citations
from exuvia.store.documents.collections import Collections
from exuvia.store.documents.resources import Resources


class Documents(Subsystem[M]):
    """Resources, collections, citations and annotations, each with methods of its own.

    Args:
        runner: Runs the operations.
    """

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self.resources: Resources[M] = Resources(runner)
        self.collections: Collections[M] = Collections(runner)
        self.citations: Citations[M] = Citations(runner)
        self.annotations: Annotations[M] = Annotations(runner)
