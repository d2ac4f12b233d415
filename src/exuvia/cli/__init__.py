"""The command line. No rule lives here: every command is a call of the public API and a view of its result."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the ``exuvia`` command and end the process with its exit code."""
    try:
        from exuvia.cli.app import run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted before anything was done.\n")
        sys.exit(130)
