"""Moves any SQLite database to PostgreSQL, at COPY speed, and proves every value.

The whole public API is on this page::

    import exuvia

    report = exuvia.migrate("app.db", "postgresql://me@localhost/app")
    assert report.proof.equal

``inspect``, ``plan``, ``migrate`` and ``verify`` take a SQLite file and return frozen values; ``listener`` hears of
progress; every error is an ``ExuviaError`` with a code, what happened, and what to do. ``export_data`` and
``import_data`` write and read portable copies. ``advise`` says whether it is time to move. ``live.start`` moves a
database while it is written; ``live.status``, ``live.pause``, ``live.resume`` and ``live.stop`` steer that, and
``live.cutover`` makes PostgreSQL the one that is written.

``open`` opens the store, the memory of agents, on either engine::

    with exuvia.open("sqlite:///memory.db") as store:
        store.projects.put("apollo")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exuvia import live
    from exuvia.api import open  # noqa: A004 - as a file is opened
    from exuvia.errors import (
        CancelledError,
        ConfigError,
        ExuviaError,
        HookError,
        PlanError,
        RejectedError,
        SourceError,
        TargetError,
        VerifyError,
    )
    from exuvia.move.events import Listener, Progress
    from exuvia.move.pipeline import Inspection, MoveOptions, Sample, inspect, plan, requeue
    from exuvia.move.plan import Plan
    from exuvia.move.planfile import dump, load
    from exuvia.move.planner import PlanOptions
    from exuvia.move.portable.export import ExportOptions, export_data
    from exuvia.move.portable.import_ import ImportOptions, import_data
    from exuvia.move.portable.results import ExportReport, ImportReport
    from exuvia.move.results import MoveReport, Proof
    from exuvia.ops.advisor.advise import AdviseOptions, AdviseProgress, advise
    from exuvia.ops.advisor.results import Advice
    from exuvia.ops.advisor.thresholds import Thresholds
    from exuvia.ops.relocation import migrate, verify

__version__ = "0.1.0"

_HOMES = {
    "exuvia.api": ("open",),
    "exuvia.errors": (
        "CancelledError",
        "ConfigError",
        "ExuviaError",
        "HookError",
        "PlanError",
        "RejectedError",
        "SourceError",
        "TargetError",
        "VerifyError",
    ),
    "exuvia.move.events": ("Listener", "Progress"),
    "exuvia.move.pipeline": ("Inspection", "MoveOptions", "Sample", "inspect", "plan", "requeue"),
    "exuvia.move.plan": ("Plan",),
    "exuvia.move.planfile": ("dump", "load"),
    "exuvia.move.planner": ("PlanOptions",),
    "exuvia.move.portable.export": ("ExportOptions", "export_data"),
    "exuvia.move.portable.import_": ("ImportOptions", "import_data"),
    "exuvia.move.portable.results": ("ExportReport", "ImportReport"),
    "exuvia.move.results": ("MoveReport", "Proof"),
    "exuvia.ops.advisor.advise": ("AdviseOptions", "AdviseProgress", "advise"),
    "exuvia.ops.advisor.results": ("Advice",),
    "exuvia.ops.advisor.thresholds": ("Thresholds",),
    "exuvia.ops.relocation": ("migrate", "verify"),
}
_PACKAGES = frozenset({"live"})
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Advice",
    "AdviseOptions",
    "AdviseProgress",
    "CancelledError",
    "ConfigError",
    "ExportOptions",
    "ExportReport",
    "ExuviaError",
    "HookError",
    "ImportOptions",
    "ImportReport",
    "Inspection",
    "Listener",
    "MoveOptions",
    "MoveReport",
    "Plan",
    "PlanError",
    "PlanOptions",
    "Progress",
    "Proof",
    "RejectedError",
    "Sample",
    "SourceError",
    "TargetError",
    "Thresholds",
    "VerifyError",
    "__version__",
    "advise",
    "dump",
    "export_data",
    "import_data",
    "inspect",
    "live",
    "load",
    "migrate",
    "open",
    "plan",
    "requeue",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``exuvia --help`` needs none of the heavy libraries."""
    if name in _PACKAGES:
        return import_module(f"exuvia.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
