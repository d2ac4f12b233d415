"""The variables of the environment that hold the server's own token."""

from __future__ import annotations

from typing import Final

TOKEN: Final = "EXUVIA_MCP_TOKEN"  # noqa: S105 - a variable's name
TOKEN_FILE: Final = "EXUVIA_MCP_TOKEN_FILE"  # noqa: S105
