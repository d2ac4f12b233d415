"""The command line. No rule lives here: every command is a call of the public API and a view of its result."""

from __future__ import annotations


def main() -> None:
    """Run the ``exuvia`` command and end the process with its exit code."""
    from exuvia.cli.app import run

    run()
