"""Calling a tool: arguments are checked, the answer is put into plain values, and every failure has a shape."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from exuvia.errors import ExuviaError
from exuvia.store.errors import UnavailableError
from exuvia.tools.frame.call import Call
from exuvia.tools.frame.errors import ArgumentError, SwitchedOffError
from exuvia.tools.frame.outputs import Reply
from exuvia.tools.frame.tool import Tool

_log = logging.getLogger(__name__)
_LONGEST: Final = 1_200  # characters


async def invoke(call: Call, tool: Tool, given: Mapping[str, Any]) -> Reply:
    """Call a tool.

    Args:
        call: What it may use.
        tool: The tool.
        given: Its arguments as they came.
    """
    try:
        _require(call, tool)
        answer = await tool.run(call, tool.arguments.read(given))
        return answer if isinstance(answer, Reply) else Reply(answer.as_dict(), failed=False)
    except ExuviaError as error:
        return Reply(_told(error, tool), failed=True)
    except Exception:
        _log.exception("the tool %s failed", tool.name)
        return Reply(_INTERNAL, failed=True)


_INTERNAL: Mapping[str, Any] = {
    "error": "internal",
    "message": "exuvia itself has failed; the server's log tells where.",
    "hint": "Try other arguments, or report it with the log.",
}


def _told(error: ExuviaError, tool: Tool) -> Mapping[str, Any]:
    code = "store.unreachable" if isinstance(error, UnavailableError) else error.code
    told: dict[str, Any] = {"error": code, "message": _short(error.message)}
    if error.hint:
        told["hint"] = _short(error.hint)
    if isinstance(error, ArgumentError):
        told["argument"] = error.argument
        told["example"] = dict(error.example if error.example is not None else tool.example)
    return told


def _short(text: str) -> str:
    """Leave out the middle of what repeats a long argument."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} […] {text[-_LONGEST // 2 :]}"


def _require(call: Call, tool: Tool) -> None:
    missing = sorted(tool.needs - call.scopes)
    if missing:
        has = ", ".join(sorted(call.scopes)) or "none"
        raise SwitchedOffError(
            f"{tool.name} takes the scope {' and '.join(missing)}, which this token does not have.",
            hint=f"Use a token that has it; this one has: {has}.",
            code="scope",
        )
