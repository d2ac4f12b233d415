"""The audit: who did what to which row."""

from __future__ import annotations

from pydantic import Field

from exuvia.tools.frame import Call, Table
from exuvia.tools.memory.answering import Spanned, listed, span
from exuvia.tools.memory.explaining import memory_tool


class ListAudit(Spanned):
    """Which entries."""

    actor: str | None = None
    action: str | None = Field(None, description="Such as plan.delete.")
    subject: str | None = Field(None, description="A kind of thing.")
    row_id: str | None = None
    full: bool = Field(default=False, description="With the data.")


@memory_tool(
    toolset="audit",
    summary="List who did what, the newest first.",
    example={"actor": "ada", "since": "7d"},
)
async def list_audit(call: Call, given: ListAudit) -> Table:
    columns = {"seq": "seq", "actor": "actor", "action": "action", "subject": "subject", "row_id": "row_id", "at": "at"}
    return await listed(
        call,
        given,
        lambda store, limit, after: store.audit.list(
            actor=given.actor,
            action=given.action,
            subject=given.subject,
            row_id=given.row_id,
            limit=limit,
            after=after,
            **span(given),
        ),
        {**columns, "data": "data"} if given.full else columns,
    )
