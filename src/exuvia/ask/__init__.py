"""Questions in plain English, answered from the memory with sources.

``ask(store, "what did we decide about auth last week?")`` is understood by rules, turned into calls of the memory, and
answered by what they found. No model is needed; with a ``Writer`` one writes the text.
"""

from exuvia.ask.asking import AskOptions, ask, ask_sync
from exuvia.ask.language.interpreting import interpret
from exuvia.ask.records import (
    Answer,
    Call,
    Interpretation,
    Known,
    Problem,
    Relation,
    Source,
    TimeRange,
    WriterError,
)
from exuvia.ask.writing.protocol import SYSTEM, Writer, prompt

__all__ = [
    "SYSTEM",
    "Answer",
    "AskOptions",
    "Call",
    "Interpretation",
    "Known",
    "Problem",
    "Relation",
    "Source",
    "TimeRange",
    "Writer",
    "WriterError",
    "ask",
    "ask_sync",
    "interpret",
    "prompt",
]
