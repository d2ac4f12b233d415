"""What a person wants, from arguments, the plan file and the settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exuvia.errors import ConfigError
from exuvia.move.planfile import load as load_plan
from exuvia.move.planner import PlanOptions
from exuvia.settings import Settings
from exuvia.settings import load as load_settings
from exuvia.values.rules import NaiveTime, Style


@dataclass(frozen=True, slots=True)
class Wishes:
    """The settings, and how to plan."""

    settings: Settings
    plan: PlanOptions


def collect(
    *,
    plan_file: Path | None = None,
    style: Style | None = None,
    naive_time: NaiveTime | None = None,
    fold: bool | None = None,
    schema: str | None = None,
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    jobs: int | None = None,
    target: str | None = None,
    batch_rows: int | None = None,
    on_error: str | None = None,
) -> Wishes:
    """Merge arguments, which win, with the plan file and then with the settings.

    Raises:
        ConfigError: A setting is wrong, or the plan file cannot be read.
        PlanError: The plan file is malformed.
    """
    settings = load_settings(
        target=target,
        target_schema=schema,
        style=style,
        naive_time=naive_time,
        fold=fold,
        include=tuple(include) if include else None,
        exclude=tuple(exclude) if exclude else None,
        jobs=jobs,
        batch_rows=batch_rows,
        on_error=on_error,
    )
    said = load_plan(_read(plan_file)) if plan_file is not None else None
    return Wishes(
        settings,
        PlanOptions(
            style=style or (said.style if said else None) or settings.style,
            naive_time=naive_time or (said.naive_time if said else None) or settings.naive_time,
            fold=fold if fold is not None else said.fold if said and said.fold is not None else settings.fold,
            schema=schema or (said.schema if said else None) or settings.target_schema,
            include=settings.include,
            exclude=settings.exclude,
            overrides=said,
        ),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(
            f"The plan file {path} cannot be read: {reason}.",
            hint="Write one with: exuvia plan SRC -o plan.toml",
            code="plan_file",
        ) from error
