"""What hosts are told: in each host's own format, without secrets, and the command in it starts the server."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from agents.mcp import MCPServerStdio, MCPServerStdioParams
from hypothesis import given
from hypothesis import strategies as st
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from exuvia.cli.app import app
from exuvia.errors import ConfigError
from exuvia.location import parse
from exuvia.mcp.hosts import HOSTS, Host, host_named, local, remote, write
from exuvia.mcp.hosts.known import Place
from serving import over_http

FILES = [host for host in HOSTS if host.file is not None]
TOKEN = "a-token-that-is-long-enough"
DOCUMENTS = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5), max_size=4)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "orders.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    connection.close()
    return path


def read(host: Host, text: str) -> dict[str, Any]:
    """Return the entry, as the host reads its file."""
    document = tomllib.loads(text) if host.format == "toml" else json.loads(text)
    entry: dict[str, Any] = document[host.section]["exuvia"]
    return entry


def command_of(entry: dict[str, Any]) -> list[str]:
    """Return what a host runs, from either way of writing it."""
    command = entry["command"]
    return list(command) if isinstance(command, list) else [command, *entry["args"]]


@pytest.mark.parametrize("host", FILES, ids=lambda host: host.name)
def test_each_host_gets_the_same_command_in_its_own_format(host: Host, database: Path) -> None:
    way = local(database=parse(str(database)), store=None)
    entry = read(host, host.text(way, "exuvia"))
    assert command_of(entry) == [way.command, *way.arguments]
    assert Path(way.command).is_absolute()
    assert "env" not in entry


def test_the_fields_are_those_of_each_hosts_documentation(database: Path) -> None:
    way, far = local(database=parse(str(database)), store=None), remote("https://tools.example.com/mcp")
    shapes = {host.name: (set(host.entry(way)), set(host.entry(far))) for host in FILES}
    assert shapes == {
        "claude-desktop": ({"command", "args"}, {"command", "args"}),
        "claude-code": ({"type", "command", "args"}, {"type", "url", "headers"}),
        "cursor": ({"command", "args"}, {"url", "headers"}),
        "vscode": ({"type", "command", "args"}, {"type", "url", "headers"}),
        "windsurf": ({"command", "args"}, {"serverUrl", "headers"}),
        "zed": ({"source", "command", "args"}, {"source", "url", "headers"}),
        "codex": ({"command", "args"}, {"url", "bearer_token_env_var"}),
        "gemini": ({"command", "args"}, {"httpUrl", "headers"}),
        "opencode": ({"type", "command", "enabled"}, {"type", "enabled", "oauth", "url", "headers"}),
    }


def test_files_are_where_each_host_looks(tmp_path: Path) -> None:
    mac, windows = (Place(tmp_path, tmp_path / "p", platform, {}) for platform in ("darwin", "win32"))
    linux = Place(tmp_path, tmp_path / "p", "linux", {"CODEX_HOME": f"{tmp_path}/codex"})
    found = {
        host.name: [str(host.file(place).relative_to(tmp_path)) for place in (mac, windows, linux)]
        for host in FILES
        if host.file is not None
    }
    desktop = "Claude/claude_desktop_config.json"
    assert found["claude-desktop"] == [
        f"Library/Application Support/{desktop}",
        f"AppData/Roaming/{desktop}",
        f".config/{desktop}",
    ]
    assert found["zed"] == [
        ".config/zed/settings.json",
        "AppData/Roaming/Zed/settings.json",
        ".config/zed/settings.json",
    ]
    assert found["claude-code"][0] == "p/.mcp.json"
    assert found["vscode"][0] == "p/.vscode/mcp.json"
    assert found["codex"] == [".codex/config.toml", ".codex/config.toml", "codex/config.toml"]


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_no_password_is_written_and_the_variable_is_passed_on(host: Host) -> None:
    way = local(database=parse("postgresql://me:hunter2@db.example/app"), store=None)
    text = host.text(way, "exuvia")
    assert "hunter2" not in text
    assert "postgresql://me@db.example/app" in text
    assert way.variables == ("PGPASSWORD",)
    if host.name not in {"claude-desktop", "zed"}:  # those know no variables
        assert "PGPASSWORD" in text


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_a_url_comes_with_the_name_of_the_tokens_variable(host: Host) -> None:
    text = host.text(remote("https://tools.example.com/mcp"), "exuvia")
    assert "https://tools.example.com/mcp" in text
    assert host.name in {"vscode", "zed"} or "EXUVIA_MCP_TOKEN" in text


def test_a_url_with_a_password_and_nothing_to_serve_are_refused() -> None:
    for url in ("https://me:secret@tools.example.com/mcp", "tools.example.com", "ftp://x"):
        with pytest.raises(ConfigError) as caught:
            remote(url)
        assert "secret" not in str(caught.value)
    with pytest.raises(ConfigError):
        local(database=None, store=None)
    with pytest.raises(ConfigError) as caught:
        host_named("curser")
    assert "cursor" in caught.value.hint


def test_settings_of_the_working_directory_hold_for_the_command(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(database.parent)
    assert "--directory" not in local(database=parse("orders.db"), store=None).arguments
    (database.parent / "exuvia.toml").write_text('guard_write = ["main.orders"]\n')
    way = local(database=parse("orders.db"), store=None)
    assert way.arguments[-2:] == ("--directory", str(database.parent))
    assert str(database) in way.arguments


async def _tools(command: list[str], environment: dict[str, str]) -> list[str]:
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=environment)
    async with Client(stdio_client(parameters)) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


def test_the_commands_of_the_files_start_the_server(database: Path) -> None:
    way, environment = local(database=parse(str(database)), store=None), dict(os.environ)
    hosts = [host_named(name) for name in ("codex", "opencode")]

    async def all_of_them() -> list[list[str]]:
        commands = [command_of(read(host, host.text(way, "exuvia"))) for host in hosts]
        return await asyncio.gather(*(_tools(command, environment) for command in commands))

    assert asyncio.run(all_of_them()) == [["search_tools", "describe_tools", "execute_tool"]] * 2


def test_the_client_of_the_openai_agents_sdk_calls_a_tool(database: Path) -> None:
    text = host_named("openai-agents").text(local(database=parse(str(database)), store=None), "exuvia")
    assert "client_session_timeout_seconds=60" in text
    known: dict[str, Any] = {"os": os}
    (assignment,) = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    exec(compile(ast.Module([assignment], []), "snippet", "exec"), known)
    parameters: MCPServerStdioParams = known["PARAMETERS"]
    parameters["env"] = {**parameters["env"], **os.environ}

    async def call() -> str:
        async with MCPServerStdio(name="exuvia", params=parameters, client_session_timeout_seconds=60) as server:
            assert next(tool.name for tool in await server.list_tools()) == "search_tools"
            sql = {"sql": "SELECT count(*) AS n FROM orders"}
            answer = await server.call_tool("execute_tool", {"name": "query", "arguments": sql})
            return str(answer.content[0])

    assert "[[0]]" in asyncio.run(call())


@pytest.mark.parametrize("host", FILES, ids=lambda host: host.name)
def test_an_entry_is_merged_once_and_the_file_before_is_kept(host: Host, tmp_path: Path, database: Path) -> None:
    file = tmp_path / "deep" / "file"
    way = local(database=parse(str(database)), store=None)
    first = write(host, way, "exuvia", file)
    assert first.changed
    assert first.backup is None
    before = file.read_text()
    assert not write(host, way, "exuvia", file).changed
    again = write(host, remote("https://tools.example.com/mcp"), "exuvia", file)
    assert again.backup is not None
    assert again.backup.read_text() == before
    assert "tools.example.com" in str(read(host, file.read_text()))


@given(document=DOCUMENTS, others=st.dictionaries(st.text(max_size=5), DOCUMENTS, max_size=3))
def test_nothing_else_in_a_file_changes(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any], others: dict[str, Any]
) -> None:
    file = tmp_path_factory.mktemp("merge") / "mcp.json"
    before = {**document, "servers": others}
    file.write_text(json.dumps(before))
    write(host_named("vscode"), remote("https://tools.example.com/mcp"), "exuvia", file)
    after = json.loads(file.read_text())
    del after["servers"]["exuvia"], after["inputs"]
    assert after == {key: value for key, value in before.items() if key != "inputs"} | {"servers": others}


def test_comments_of_toml_stay_and_a_file_that_is_not_understood_is_left_alone(tmp_path: Path) -> None:
    far = remote("https://tools.example.com/mcp")
    toml = tmp_path / "config.toml"
    toml.write_text('# mine\nmodel = "x" # and this\n\n[mcp_servers.other]\ncommand = "y"\n')
    write(host_named("codex"), far, "exuvia", toml)
    assert "# mine" in toml.read_text()
    assert set(tomllib.loads(toml.read_text())["mcp_servers"]) == {"other", "exuvia"}
    for host, text in (("zed", '{\n  // mine\n  "theme": "x"\n}'), ("cursor", "[]"), ("cursor", '{"mcpServers": 1}')):
        file = tmp_path / "file"
        file.write_text(text)
        with pytest.raises(ConfigError) as caught:
            write(host_named(host), far, "exuvia", file)
        assert "by hand" in caught.value.hint
        assert file.read_text() == text
        assert not (tmp_path / "file.bak").exists()


def test_a_link_and_its_targets_mode_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "dotfiles.json", tmp_path / "mcp.json"
    target.write_text("{}")
    target.chmod(0o600)
    link.symlink_to(target)
    write(host_named("cursor"), remote("https://tools.example.com/mcp"), "exuvia", link)
    assert link.is_symlink()
    assert "exuvia" in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o600


def test_the_command_prints_or_writes(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    app(["mcp", "config"], standalone_mode=False)
    listed = capsys.readouterr().out
    assert all(host.name in listed for host in HOSTS)
    app(["mcp", "config", "claude-code", "-d", str(database), "--project", "apollo"], standalone_mode=False)
    printed = capsys.readouterr()
    assert "apollo" in command_of(read(host_named("claude-code"), printed.out))
    assert ".mcp.json" in printed.err
    app(["mcp", "config", "vscode", "--http", "http://127.0.0.1:8765/mcp", "--write"], standalone_mode=False)
    assert "${input:exuvia-token}" in (tmp_path / ".vscode" / "mcp.json").read_text()
    assert "EXUVIA_MCP_TOKEN" not in capsys.readouterr().err
    with pytest.raises(ConfigError):
        app(["mcp", "config", "langchain", "-d", str(database), "--write"], standalone_mode=False)


def test_a_configuration_takes_no_package_of_the_server(database: Path) -> None:
    program = (
        "import sys; sys.modules |= dict.fromkeys(['mcp', 'starlette', 'uvicorn']); from exuvia.cli import main; main()"
    )
    for arguments in (["config"], ["config", "codex", "-d", str(database)]):
        command = [sys.executable, "-c", program, "mcp", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr


def test_a_database_that_is_not_there_is_noted_and_paths_are_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    app(["mcp", "config", "cursor", "-d", "../missing.db"], standalone_mode=False)
    printed = capsys.readouterr()
    assert str(tmp_path.resolve() / "missing.db") in command_of(read(host_named("cursor"), printed.out))
    assert "missing.db does not exist" in printed.err


@contextmanager
def home(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A user without settings of their own, in a project that the hosts trust."""
    monkeypatch.setenv("HOME", str(directory))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("EXUVIA_MCP_TOKEN", TOKEN)
    monkeypatch.chdir(directory)
    trusting = {"enabledMcpjsonServers": ["exuvia"], "hasTrustDialogAccepted": True}
    (directory / ".claude.json").write_text(json.dumps({"projects": {str(directory): trusting}}))
    (directory / ".gemini").mkdir()
    (directory / ".gemini" / "trustedFolders.json").write_text(json.dumps({str(directory): "TRUST_FOLDER"}))
    yield


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "program"), [("claude-code", "claude"), ("gemini", "gemini"), ("opencode", "opencode")]
)
def test_real_hosts_connect(
    host: str, program: str, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    directory = tmp_path / "home"
    directory.mkdir()
    serving = over_http("-d", str(database), EXUVIA_MCP_TOKEN=TOKEN)
    with serving as server, home(directory, monkeypatch):
        for way in (["-d", str(database)], ["--http", server.url]):
            app(["mcp", "config", host, *way, "--write"], standalone_mode=False)
            done = subprocess.run([program, "mcp", "list"], capture_output=True, text=True, timeout=120, check=False)
            assert "exuvia" in done.stdout + done.stderr
            assert "connected" in (done.stdout + done.stderr).lower().replace("disconnected", "")
