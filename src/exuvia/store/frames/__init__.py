"""Frames: what an agent is busy with, as a call stack that outlives the process.

A frame is a scope with inputs, events, pinned facts (anchors) and, once it is closed, outputs and a digest. Frames
nest: a frame is closed after its children.
"""

from exuvia.store.frames.frames import Frames
from exuvia.store.frames.records import Anchor, Frame, FrameEvent, NewFrameEvent

__all__ = ["Anchor", "Frame", "FrameEvent", "Frames", "NewFrameEvent"]
