"""The hosts that are known: where each keeps its configuration, and what an entry looks like there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal

import tomlkit

from exuvia.errors import ConfigError
from exuvia.mcp.hosts import snippets
from exuvia.mcp.hosts.reaching import Local, Remote, Way

Entry = dict[str, Any]
Format = Literal["json", "toml", "python"]


@dataclass(frozen=True, slots=True)
class Place:
    """The machine that a host runs on.

    Args:
        home: The user's directory.
        directory: The project's, where a host keeps a file in it.
        platform: As ``sys.platform`` names it.
        environment: The variables.
    """

    home: Path = field(default_factory=Path.home)
    directory: Path = field(default_factory=Path.cwd)
    platform: str = sys.platform
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def applications(self) -> Path:
        """Where programs with windows keep their settings."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self.platform == "win32":
            return Path(self.environment.get("APPDATA") or self.home / "AppData" / "Roaming")
        return self.configuration

    @property
    def configuration(self) -> Path:
        """Where other programs keep theirs."""
        return Path(self.environment.get("XDG_CONFIG_HOME") or self.home / ".config")


@dataclass(frozen=True, slots=True)
class Host:
    """A program that uses MCP servers.

    Args:
        name: How it is named on the command line.
        title: How people know it.
        format: Of what is written.
        section: The keys under which its file lists servers.
        file: Where that file is; None where the configuration is a piece of a program.
        local: Makes an entry that runs a command.
        remote: Makes an entry that connects to a URL.
        beside: Makes what else the file needs for a way, by its keys.
        hint: What to do afterwards, and to look whether it works.
    """

    name: str
    title: str
    format: Format
    section: str
    file: Callable[[Place], Path] | None
    local: Callable[[Local], Any]
    remote: Callable[[Remote], Any]
    hint: str
    beside: Callable[[Way], Entry] = lambda _way: {}

    def entry(self, way: Way) -> Any:
        """Return the server's entry: a document, or the text of a program."""
        return self.local(way) if isinstance(way, Local) else self.remote(way)

    def text(self, way: Way, name: str) -> str:
        """Return a whole file with the server's entry only.

        Args:
            way: How the server is reached.
            name: What it is called there.
        """
        entry = self.entry(way)
        if self.format == "python":
            return str(entry)
        document = {self.section: {name: entry}} | self.beside(way)
        return tomlkit.dumps(document) if self.format == "toml" else json.dumps(document, indent=2) + "\n"


def host_named(name: str) -> Host:
    """Return a host.

    Raises:
        ConfigError: None of that name is known.
    """
    found = next((host for host in HOSTS if host.name == name), None)
    if found is None:
        names = [host.name for host in HOSTS]
        near = get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Those are: {', '.join(names)}."
        raise ConfigError(f"{name!r} is not a host that is known here.", hint=hint, code="mcp_host")
    return found


def _runs(reference: Callable[[str], str] | None = None, **more: Any) -> Callable[[Local], Entry]:
    """Return what makes the entry that most hosts take; a reference says how they name a variable."""

    def entry(way: Local) -> Entry:
        variables = {} if reference is None else {name: reference(name) for name in way.variables}
        return more | {"command": way.command, "args": list(way.arguments)} | ({"env": variables} if variables else {})

    return entry


def _connects(reference: Callable[[str], str], key: str = "url", **more: Any) -> Callable[[Remote], Entry]:
    def entry(way: Remote) -> Entry:
        return more | {key: way.url, "headers": {"Authorization": f"Bearer {reference(way.variable)}"}}

    return entry


def _dollar(name: str) -> str:
    return f"${{{name}}}"


def _dollar_or_nothing(name: str) -> str:
    return f"${{{name}:-}}"


def _env(name: str) -> str:
    return f"${{env:{name}}}"


def _asked(_name: str) -> str:
    return "${input:exuvia-token}"


def _braces(name: str) -> str:
    return f"{{env:{name}}}"


def _placeholder(_name: str) -> str:
    return "YOUR-TOKEN"


def _through_a_bridge(way: Remote) -> Entry:
    """Claude Desktop's file names programs only; the bridge replaces the variable from the environment."""
    header = f"Authorization:Bearer {_dollar(way.variable)}"
    return {"command": "npx", "args": ["-y", "mcp-remote", way.url, "--header", header]}


def _inputs(way: Way) -> Entry:
    if isinstance(way, Local):
        return {}
    asked = {"type": "promptString", "id": "exuvia-token", "description": "Token of exuvia mcp", "password": True}
    return {"inputs": [asked]}


def _codex_local(way: Local) -> Entry:
    variables = {"env_vars": list(way.variables)} if way.variables else {}
    return {"command": way.command, "args": list(way.arguments)} | variables


def _codex_remote(way: Remote) -> Entry:
    return {"url": way.url, "bearer_token_env_var": way.variable}


def _opencode_local(way: Local) -> Entry:
    variables = {name: _braces(name) for name in way.variables}
    entry: Entry = {"type": "local", "command": [way.command, *way.arguments], "enabled": True}
    return entry | ({"environment": variables} if variables else {})


HOSTS: Final = (
    Host(
        "claude-desktop",
        "Claude Desktop",
        "json",
        "mcpServers",
        lambda place: place.applications / "Claude" / "claude_desktop_config.json",
        _runs(),
        _through_a_bridge,
        "Quit Claude Desktop and start it again; Settings, Developer shows the server.",
    ),
    Host(
        "claude-code",
        "Claude Code",
        "json",
        "mcpServers",
        lambda place: place.directory / ".mcp.json",
        _runs(_dollar_or_nothing, type="stdio"),
        _connects(_dollar, type="http"),
        "Start claude in this directory and allow the server; claude mcp list shows it.",
    ),
    Host(
        "cursor",
        "Cursor",
        "json",
        "mcpServers",
        lambda place: place.home / ".cursor" / "mcp.json",
        _runs(_env),
        _connects(_env),
        "Restart Cursor; its settings list the server under MCP.",
    ),
    Host(
        "vscode",
        "VS Code",
        "json",
        "servers",
        lambda place: place.directory / ".vscode" / "mcp.json",
        _runs(_env, type="stdio"),
        _connects(_asked, type="http"),
        "Open this directory in VS Code and press Start above the entry; MCP: List Servers shows it.",
        _inputs,
    ),
    Host(
        "windsurf",
        "Windsurf",
        "json",
        "mcpServers",
        lambda place: place.home / ".codeium" / "windsurf" / "mcp_config.json",
        _runs(_env),
        _connects(_env, key="serverUrl"),
        "Refresh the MCP servers in Cascade.",
    ),
    Host(
        "zed",
        "Zed",
        "json",
        "context_servers",
        lambda place: (
            (place.applications if place.platform == "win32" else place.home / ".config")
            / ("Zed" if place.platform == "win32" else "zed")
            / "settings.json"
        ),
        _runs(source="custom"),
        _connects(_placeholder, source="custom"),
        "The agent panel's settings show the server. Zed knows no variables: a token is put in by hand.",
    ),
    Host(
        "codex",
        "Codex CLI",
        "toml",
        "mcp_servers",
        lambda place: Path(place.environment.get("CODEX_HOME") or place.home / ".codex") / "config.toml",
        _codex_local,
        _codex_remote,
        "codex mcp list shows the server.",
    ),
    Host(
        "gemini",
        "Gemini CLI",
        "json",
        "mcpServers",
        lambda place: place.home / ".gemini" / "settings.json",
        _runs(_dollar),
        _connects(_dollar, key="httpUrl"),
        "gemini mcp list shows the server.",
    ),
    Host(
        "opencode",
        "opencode",
        "json",
        "mcp",
        lambda place: place.configuration / "opencode" / "opencode.json",
        _opencode_local,
        _connects(_braces, type="remote", enabled=True, oauth=False),
        "opencode mcp list shows the server.",
    ),
    Host(
        "openai-agents",
        "OpenAI Agents SDK",
        "python",
        "",
        None,
        snippets.agents_local,
        snippets.agents_remote,
        "pip install openai-agents",
    ),
    Host(
        "langchain",
        "LangChain",
        "python",
        "",
        None,
        snippets.langchain_local,
        snippets.langchain_remote,
        "pip install langchain-mcp-adapters",
    ),
)
