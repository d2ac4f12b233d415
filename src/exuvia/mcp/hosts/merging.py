"""Putting an entry into a host's own file: nothing else in it is lost, and it is whole at every moment."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from exuvia.errors import ConfigError
from exuvia.mcp.hosts.known import Format, Host
from exuvia.mcp.hosts.reaching import Way


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a file.

    Args:
        file: The file.
        backup: The file as it was; None when there was none, or nothing had to change.
        changed: Whether anything had to change.
    """

    file: Path
    backup: Path | None
    changed: bool


def write(host: Host, way: Way, name: str, file: Path) -> Written:
    """Put the server's entry into a host's file, in place of one of the same name.

    Args:
        host: Whose file it is.
        way: How the server is reached.
        name: What it is called there.
        file: The file; it and its directories are made where they are missing.

    Raises:
        ConfigError: The file is not what the host reads, has comments that would be lost, or cannot be written.
    """
    target = file.resolve()
    try:
        before = target.read_text(encoding="utf-8") if target.exists() else ""
        after = _merged(host, way, name, before, file)
        if after == before:
            return Written(file, None, changed=False)
        target.parent.mkdir(parents=True, exist_ok=True)
        backup = _keep(target) if before else None
        _replace(target, after)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file} cannot be changed: {getattr(error, 'strerror', None) or type(error).__name__}.",
            hint="Leave --write out, and add what is printed by hand.",
            code="mcp_file",
        ) from None
    return Written(file, backup, changed=True)


def _merged(host: Host, way: Way, name: str, before: str, file: Path) -> str:
    document = _read(before, host.format, file)
    entry = host.entry(way)
    servers = document.setdefault(host.section, {})
    if not isinstance(servers, MutableMapping):
        raise _foreign(file, f"{host.section} is not a list of servers")
    if _plain(servers.get(name)) == entry and _has(document, host.beside(way)):
        return before
    servers[name] = entry
    for key, items in host.beside(way).items():
        known = document.setdefault(key, [])
        known += [item for item in items if item.get("id") not in {one.get("id") for one in known}]
    return (
        tomlkit.dumps(document) if host.format == "toml" else json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    )


def _read(text: str, kind: Format, file: Path) -> MutableMapping[str, Any]:
    try:
        document = tomlkit.parse(text) if kind == "toml" else json.loads(text) if text.strip() else {}
    except (TOMLKitError, ValueError) as error:
        why = "has comments, or is damaged" if kind == "json" else "is damaged"
        raise _foreign(file, f"it {why} ({error})") from None
    if not isinstance(document, MutableMapping):
        raise _foreign(file, "it is not an object")
    return document


def _plain(value: Any) -> Any:
    return value.unwrap() if hasattr(value, "unwrap") else value


def _has(document: Mapping[str, Any], beside: Mapping[str, Any]) -> bool:
    return all(item in document.get(key, []) for key, items in beside.items() for item in items)


def _foreign(file: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{file} is left alone: {why}.", hint="Leave --write out, and add what is printed by hand.", code="mcp_file"
    )


def _keep(target: Path) -> Path:
    backup = target.with_name(f"{target.name}.bak")
    shutil.copy2(target, backup)
    return backup


def _replace(target: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, partial)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
