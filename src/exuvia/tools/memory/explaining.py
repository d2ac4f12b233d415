"""The store's errors, retold to who called a tool: which argument it was, and what to call instead."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from exuvia.store.errors import (
    ConflictError,
    InvalidValueError,
    MissingReferenceError,
    NotFoundError,
    StateError,
    StoreError,
    TenantError,
)
from exuvia.tools.frame import ArgumentError, Arguments, Call, Tool, tool
from exuvia.tools.frame.tool import Handler

_ARGUMENTS: Final = {
    "query": "text",
    "transition": "state",
    "frame_closed": "frame",
    "other_run": "run",
    "exists": "id",
    "revision": "nodes",
    "rows": "nodes",
    "data": "nodes",
    "resource": "id",
}
"""Which argument an error is about, by the end of its code, where that is not the argument's own name."""
_SHOWN_BY: Final = {
    "project": "list_projects shows the projects, put_project makes one.",
    "plan": "list_plans shows the plans.",
    "session": "list_sessions shows the sessions.",
    "event": "list_events shows the events.",
    "frame": "list_frames shows the frames.",
    "node": "list_nodes shows the nodes, put_nodes makes them.",
    "task": "list_tasks shows the tasks.",
    "resource": "list_documents shows the documents.",
    "parent": "It has to be there before.",
}
_ABOUT_CODE: Final = ("store.", "exuvia.", "()")


def memory_tool(**about: Any) -> Callable[[Handler], Tool]:
    """Make a tool, as ``exuvia.tools.frame.tool`` does, whose store's errors name its arguments."""

    def made(run: Handler) -> Tool:
        @wraps(run)
        async def explained(call: Call, given: Any) -> Any:
            try:
                return await run(call, given)
            except MissingReferenceError as error:
                raise await _dangling(call, given, error) from None
            except (InvalidValueError, NotFoundError, ConflictError, StateError, TenantError) as error:
                raise _retold(given, error) from None

        return tool(**about)(explained)

    return made


def not_there(noun: str, named: str, *, argument: str = "id") -> ArgumentError:
    """Return the error for something that was to be deleted and is not there."""
    return _error(argument, f"There is no {noun} {named!r}.", f"list_{noun}s shows what there is.", f"not_found.{noun}")


def _retold(given: Arguments, error: StoreError) -> ArgumentError:
    fields = type(given).model_fields
    last = error.code.rpartition(".")[2]
    named = next((name for name in (last, _ARGUMENTS.get(last, ""), "id", "text") if name in fields), "arguments")
    if isinstance(error, NotFoundError):
        named = next((name for name in fields if _is_named(getattr(given, name), error.message)), named)
    if error.family == "store.page_token":
        named = "after"
    return _error(named, error.message, _hint(last, error.hint), error.code)


def _is_named(value: object, message: str) -> bool:
    return isinstance(value, str) and repr(value) in message


async def _dangling(call: Call, given: Arguments, error: StoreError) -> ArgumentError:
    """Find out which of the rows that a call names is not there."""
    project = getattr(given, "project", None)
    everything = await call.everywhere()
    try:
        await everything.projects.get(project or call.project or "")
    except StoreError:
        said = f"There is no project {project or call.project!r}."
        return _error("project", said, _SHOWN_BY["project"], error.code)
    store = await call.memory(project)
    for name, table in (("plan", store.plans), ("session", store.sessions), ("parent", store.tasks)):
        named = getattr(given, name, None)
        try:
            if named is not None:
                await table.get(named)
        except NotFoundError:
            return _error(name, f"There is no {name} {named!r} in this project.", _SHOWN_BY[name], error.code)
    return _error("edges" if hasattr(given, "edges") else "id", error.message, error.hint, error.code)


def _hint(last: str, hint: str) -> str:
    if not any(mark in hint for mark in _ABOUT_CODE):
        return hint
    return _SHOWN_BY.get(last, "")


def _error(argument: str, message: str, hint: str, code: str) -> ArgumentError:
    retold = ArgumentError(argument, message, hint=hint)
    retold.code = code
    return retold
