"""The account that the server's processes run under: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from errno import EACCES
from pathlib import Path
from typing import Final

from exuvia.errors import TargetError

NAME: Final = "exuvia"
SYSTEM_DIR: Final = Path("/var/lib/exuvia")
_MISLEADING: Final = ("PGDATA", "PGPORT", "PGHOST", "PGDATABASE", "PGUSER", "PGOPTIONS", "PGSERVICE", "PGSSLMODE")


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server. ``switch`` is True when this process is root and has to become somebody else."""

    uid: int
    gid: int
    switch: bool

    def run(self, command: Sequence[object], *, cwd: Path, output: int) -> subprocess.CompletedProcess[str]:
        """Run a command under this account, its output and errors going to the file descriptor ``output``."""
        environment = {key: value for key, value in os.environ.items() if key not in _MISLEADING} | {"LC_ALL": "C"}
        return subprocess.run(  # noqa: S603
            [str(part) for part in command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            umask=0o077,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
        )

    def can_enter(self, directory: Path) -> bool:
        """Whether the account may pass every directory down to this one."""
        if not self.switch:
            return os.access(directory, os.X_OK)
        command = ["/bin/sh", "-c", 'cd "$1"', "sh", directory]
        return self.run(command, cwd=Path("/"), output=subprocess.DEVNULL).returncode == 0

    def make_enterable(self, directory: Path) -> None:
        """Make a directory and its missing parents such that the account can enter them, whatever the umask.

        Raises:
            OSError: A directory cannot be made, or one that exists keeps the account out (PermissionError).
        """
        missing = [path for path in (directory, *directory.parents) if not path.exists()]
        if not self.can_enter(missing[-1].parent if missing else directory):
            raise PermissionError(EACCES, "the account that PostgreSQL runs under cannot enter it", str(directory))
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
            if self.switch:
                path.chmod(0o755)

    def own(self, path: Path) -> None:
        """Make the path the account's, if this process is root."""
        if self.switch:
            os.chown(path, self.uid, self.gid)


def account_for(data: Path) -> Account:
    """Return who runs, or is to run, the cluster in ``data``.

    This is the present user, and for root the owner of the cluster or else the system account ``exuvia``, which is
    made when it is missing.

    Raises:
        TargetError: This process is root and the account cannot be made.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switch=False)
    if data.exists() and data.stat().st_uid != 0:
        owner = data.stat()
        return Account(owner.st_uid, owner.st_gid, switch=True)
    entry = _entry() or _make()
    return Account(entry.pw_uid, entry.pw_gid, switch=True)


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        return None


def _make() -> pwd.struct_passwd:
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    command = [
        useradd,
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        str(SYSTEM_DIR),
        "--shell",
        "/bin/false",
    ]
    try:
        made = subprocess.run([*command, NAME], capture_output=True, text=True, check=False)  # noqa: S603
        reason = made.stderr.strip()
    except OSError as error:
        reason = str(error)
    # Another process may have made it at the same moment, so the outcome counts and not the exit status.
    entry = _entry()
    if entry is None:
        raise TargetError(
            f"PostgreSQL does not run as root, and the system account {NAME!r} for it could not be made: {reason}",
            hint=f"Make it yourself (useradd --system --user-group {NAME}), or run exuvia as an ordinary user.",
            code="embedded_account",
        )
    return entry
