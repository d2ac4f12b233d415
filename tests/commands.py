"""The ``exuvia`` command without the second that a process of its own takes to start."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from exuvia.cli import main


def exuvia(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, from its arguments to its exit code, as its entry point does.

    Only for runs that end by themselves: signals and limits need a process.
    """
    argv = ["exuvia", *map(str, arguments)]
    out, errors, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        patch.setattr(sys, "argv", argv)
        try:
            main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
    return subprocess.CompletedProcess(argv, code, out.getvalue(), errors.getvalue())
