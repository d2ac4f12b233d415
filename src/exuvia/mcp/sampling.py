"""The host's model, where the host lends it: asked in the middle of a call, or between two rounds of one.

In the era of the handshake a server asks its client while the call waits. Since 2026-07-28 a call ends with what it
wants to know, and is made again with the answer: so only a call that changes nothing is lent the model there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from exuvia.tools.frame import Tool, ToolError
from exuvia.tools.frame.call import Sampler

_ANSWER: Final = "answer"
_SECONDS: Final = 300.0  # a person may have to allow it
_LENDS: Final = types.ClientCapabilities(sampling=types.SamplingCapability())


class AskHost(BaseException):
    """A call ends here, and is made again with what the host's model answers.

    Args:
        request: What the model is asked.
    """

    def __init__(self, request: types.CreateMessageRequest) -> None:
        super().__init__("the host's model is asked")
        self.request = request

    @property
    def result(self) -> types.InputRequiredResult:
        """What the client gets instead of an answer."""
        return types.InputRequiredResult(input_requests={_ANSWER: self.request})


def sampler(context: ServerRequestContext[Any], tool: Tool, answers: Mapping[str, Any] | None) -> Sampler | None:
    """Return who asks the host's model; None when the host lends none to this call.

    Args:
        context: The call's.
        tool: What is called.
        answers: What the host has answered to this call in an earlier round.
    """
    if not context.session.check_client_capability(_LENDS):
        return None
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return _asking_now(context) if context.session.can_send_request else None
    return _asking_between(answers or {}) if tool.effect == "reads" else None


def _asking_now(context: ServerRequestContext[Any]) -> Sampler:
    async def sample(system: str, message: str, tokens: int) -> str:
        related = ServerMessageMetadata(related_request_id=context.request_id)
        try:
            with anyio.fail_after(_SECONDS):
                answer = await context.session.send_request(
                    _request(system, message, tokens), types.CreateMessageResult, metadata=related
                )
        except (MCPError, TimeoutError, ValidationError) as error:
            raise _failed("answered nothing" if isinstance(error, TimeoutError) else "refused") from None
        return _text(answer)

    return sample


def _asking_between(answers: Mapping[str, Any]) -> Sampler:
    async def sample(system: str, message: str, tokens: int) -> str:
        if _ANSWER not in answers:
            raise AskHost(_request(system, message, tokens))
        return _text(answers[_ANSWER])

    return sample


def _request(system: str, message: str, tokens: int) -> types.CreateMessageRequest:
    said = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=message))
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[said], system_prompt=system or None, max_tokens=tokens)
    )


def _text(answer: Any) -> str:
    content = getattr(answer, "content", None)
    if not isinstance(content, types.TextContent):
        raise _failed("answered something else than text")
    return content.text


def _failed(what: str) -> ToolError:
    return ToolError(f"The host's model {what}.", hint="Call again without it.", code="sampling")
