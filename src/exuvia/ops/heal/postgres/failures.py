"""What PostgreSQL says of a statement that it refuses, for the stages of healing."""

from __future__ import annotations

import psycopg

from exuvia.engines.postgres.failures import explain_error
from exuvia.ops.heal.database import FailedError
from exuvia.ops.heal.model import Complaint


def failed(error: psycopg.Error) -> FailedError:
    """Return the refusal as the stages of healing know it."""
    explained = explain_error(error, doing="the statement")
    words = error.diag.message_primary or ""
    detail = f"\nDETAIL:  {error.diag.message_detail}" if error.diag.message_detail else ""
    is_timeout = error.sqlstate == "57014" and "statement timeout" in words
    complaint = Complaint(f"{words}{detail}", error.sqlstate or "")
    return FailedError(explained.message, complaint, hint=explained.hint, is_timeout=is_timeout)


def said(error: psycopg.Error) -> str:
    """Return the server's own words."""
    return error.diag.message_primary or type(error).__name__
