"""Side-by-side measurements of exuvia, of pgloader and of a bare COPY BINARY, on one server in one run."""

from __future__ import annotations

import sys
from pathlib import Path

# The servers, the zoo and the oracle are the tests' own, and tests are not a package.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
