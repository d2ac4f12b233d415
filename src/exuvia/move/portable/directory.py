"""The directory of a copy: refused when it is somebody else's, made beside its final name, put in place at the end."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

from exuvia.errors import TargetError
from exuvia.move.portable.files import sync_directory
from exuvia.move.portable.journal import NAME as JOURNAL
from exuvia.move.portable.manifest import NAME, SUFFIXES, Manifest

_PARTIAL = ".partial"


def refuse_existing(directory: Path, *, drop_existing: bool) -> None:
    """Raise TargetError if a directory holds something else than a copy, or a copy that may not be replaced."""
    if not directory.exists() and not directory.is_symlink():
        return
    if not directory.is_dir():
        raise TargetError(f"{directory} is a file.", hint="Name a directory.", code="exists")
    names = sorted(path.name for path in directory.iterdir())
    if not names:
        return
    strange = [name for name in names if name != NAME and not name.endswith(tuple(SUFFIXES.values()))]
    if strange or NAME not in names:
        raise TargetError(
            f"The directory {directory} holds files that are not of a portable copy: {(strange or names)[0]}.",
            hint="Name a directory that does not exist yet.",
            code="exists",
        )
    if not drop_existing:
        raise TargetError(
            f"There is a portable copy in {directory} already.",
            hint="Name another directory, or replace the copy with --drop-existing.",
            code="exists",
        )


def make_partial(directory: Path) -> Path:
    """Make the directory in which the copy is written: named for people, and on the same file system.

    One that is there already is an unfinished copy's, or it is refused.

    Raises:
        TargetError: It cannot be made, or holds something else.
    """
    partial = directory.absolute().with_name(directory.name + _PARTIAL)
    try:
        partial.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in partial.iterdir())
    except OSError as error:
        raise TargetError(f"{partial} cannot be made: {error.strerror}.", code="directory") from error
    if names and not {NAME, JOURNAL} & set(names):
        raise TargetError(
            f"{partial}, where the copy would be written, holds something else: {names[0]}.",
            hint="Name another directory.",
            code="exists",
        )
    return partial


def remove_strangers(partial: Path, manifest: Manifest) -> None:
    """Remove what an earlier run with other options has left."""
    known = {NAME, *(file.name for table in manifest.tables for file in table.files)}
    for path in partial.iterdir():
        if path.name not in known:
            path.unlink()


def publish(partial: Path, directory: Path, *, drop_existing: bool) -> None:
    """Give the finished copy its name; what had it before goes afterwards.

    Raises:
        TargetError: The name has been taken meanwhile, or cannot be given.
    """
    sync_directory(partial)
    refuse_existing(directory, drop_existing=drop_existing)
    directory = directory.absolute()
    old = directory.with_name(f"{directory.name}.old-{uuid4().hex[:8]}")
    try:
        replaced = directory.is_dir() and any(directory.iterdir())
        if replaced:
            directory.rename(old)
        partial.rename(directory)
        sync_directory(directory.parent)
    except OSError as error:
        if old.exists() and not directory.exists():
            old.rename(directory)
        raise TargetError(
            f"{directory} cannot be put in place: {error.strerror}.",
            hint=f"The finished copy is in {partial}.",
            code="directory",
        ) from error
    shutil.rmtree(old, ignore_errors=True)
