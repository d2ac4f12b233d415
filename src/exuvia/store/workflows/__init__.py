"""Workflows, their immutable versions, their runs and what happened in those.

A run is pending, then running, then succeeded, failed or cancelled; it may be cancelled while it is pending, too. Of
several who try the same step of that way at once, one succeeds and the others are told.
"""

from exuvia.store.workflows.records import NewStep, Run, RunState, RunStep, Workflow, WorkflowVersion
from exuvia.store.workflows.runs import Runs
from exuvia.store.workflows.workflows import Workflows

__all__ = ["NewStep", "Run", "RunState", "RunStep", "Runs", "Workflow", "WorkflowVersion", "Workflows"]
