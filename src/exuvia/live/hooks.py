"""Hooks: a command or a URL of the user's that is told when a cut-over or a roll-back reaches a step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

from exuvia.errors import HookError
from exuvia.move.ends import Reached

_SHOWN = 500


def call(hook: str, event: str, facts: Mapping[str, str], timeout: float | None = None) -> None:
    """Call a hook and wait for its end.

    A command is run by the shell, with the facts in its environment (``EXUVIA_CUTOVER_EVENT`` and so on); a URL of
    ``http:`` or ``https:`` gets them as JSON by POST.

    Args:
        hook: The command or the URL; nothing happens when it is empty.
        event: When it is called: before, switch or after.
        facts: What it is told, free of secrets.
        timeout: Seconds after which it is ended.

    Raises:
        HookError: ``failed``: it ended with another exit code than 0, or another status than 2xx; ``timeout``.
    """
    if not hook:
        return
    told = {"event": event, **facts}
    if hook.startswith(("http://", "https://")):
        _post(hook, told, timeout)
    else:
        _run(hook, told, timeout)


def facts(direction: Literal["postgresql", "sqlite"], path: Path, server: Reached, schema: str) -> dict[str, str]:
    """Return what hooks are told.

    Args:
        direction: The side that is to be written.
        path: The database file.
        server: The server.
        schema: The schema of the tables there.
    """
    where = {"source": str(path.resolve()), "target": address(server), "schema": schema}
    return {"direction": direction, **where}


def address(server: Reached) -> str:
    """Return where a server is, without user, password and parameters."""
    said = server.location.as_dict()
    host = said.get("host", "") or said.get("hostaddr", "")
    port = f":{said['port']}" if said.get("port") and host else ""
    return f"postgresql://{'' if host.startswith('/') else host}{port}/{server.described.database}"


def _run(command: str, told: Mapping[str, str], timeout: float | None) -> None:
    environment = {**os.environ, **{f"EXUVIA_CUTOVER_{name.upper()}": value for name, value in told.items()}}
    with TemporaryFile() as said:  # not a pipe, whose end would wait for what the command leaves running
        process = subprocess.Popen(  # noqa: S602 - it is the user's own command line
            command,
            shell=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise _late(told["event"], timeout) from None
            raise
        if code:
            said.seek(0)
            raise _failed(told["event"], f"ended with exit code {code}", said.read().decode(errors="replace"))


def _post(url: str, told: Mapping[str, str], timeout: float | None) -> None:
    request = urllib.request.Request(  # noqa: S310 - only http: and https: come here
        url, json.dumps(told).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout):  # noqa: S310 - as above
            return
    except TimeoutError:
        raise _late(told["event"], timeout) from None
    except urllib.error.HTTPError as error:
        raise _failed(told["event"], f"was answered with status {error.code}", "") from error
    except (OSError, ValueError) as error:
        if isinstance(getattr(error, "reason", None), TimeoutError):
            raise _late(told["event"], timeout) from None
        raise _failed(told["event"], "could not be reached", str(getattr(error, "reason", error))) from error


def _late(event: str, timeout: float | None) -> HookError:
    return HookError(
        f"The {event} hook did not end within {timeout or 0:.1f} s.",
        hint="Give it more time with --max-pause, or let it do less." if event == "switch" else "",
        code="timeout",
    )


def _failed(event: str, what: str, said: str) -> HookError:
    shown = f": {said.strip()[-_SHOWN:]}" if said.strip() else ""
    return HookError(f"The {event} hook {what}{shown}.", hint="Run it by hand to see why.", code="failed")
