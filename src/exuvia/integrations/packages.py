"""Packages that an integration is for, and that are not installed."""

from __future__ import annotations

from exuvia.errors import ConfigError


class MissingPackageError(ConfigError, ImportError):
    """The package that an integration is for is not installed."""


def missing(error: ImportError, package: str, extra: str) -> MissingPackageError:
    """Return the error to raise from the one that an import of a package has raised.

    Args:
        error: What the import has raised.
        package: What it is called where packages are found.
        extra: The extra of exuvia that brings it.
    """
    return MissingPackageError(
        f"This needs {package}, which is not installed or too old: {error}.",
        hint=f"pip install 'exuvia[{extra}]'",
        code="package",
    )
