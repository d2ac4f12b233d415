"""Several SQLite files into one PostgreSQL database: a schema, or names with a prefix, for each."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from exuvia.catalog.names import assign, fold
from exuvia.errors import ConfigError, PlanError
from exuvia.location import SqliteLocation, parse
from exuvia.move.conflicts import collisions
from exuvia.move.events import Listener, about_source, ignore
from exuvia.move.moving import Part, move, naming
from exuvia.move.options import DEFAULT_TARGET, MoveOptions, Target
from exuvia.move.pipeline import plan, verify
from exuvia.move.plan import Plan
from exuvia.move.planfile import load
from exuvia.move.planner import PlanOptions
from exuvia.move.planning.overrides import Overrides, SourceOverride, at, did_you_mean
from exuvia.move.results import JointReport, MoveReport

_RESERVED = re.compile(r"pg_|information_schema$|exuvia_staging_")


def parts(sources: Sequence[str], options: PlanOptions, *, prefixed: bool, directory: Path | None = None) -> list[Part]:
    """Say where the tables of each file go.

    Without a word in the plan file, a file's tables go into a schema that is named as the file; into the one schema of
    the options where that is not ``public``; or, ``prefixed``, into it with the file's name before theirs.

    Args:
        sources: The files.
        options: How to plan all of them; its overrides' ``sources`` say what is different for one.
        prefixed: Whether names get a prefix, instead of each file a schema.
        directory: Where the plan files that the plan file names are looked for; None for the working directory.

    Raises:
        ConfigError: A source is no SQLite file, comes twice, or its plan file cannot be read.
        PlanError: The plan file names no such source, or decides about tables, which it can only do for one file.
    """
    said = options.overrides or Overrides()
    if said.tables or said.views or said.triggers or said.search:
        raise PlanError(
            "The plan file decides about tables, but there are several files.",
            hint='Give each file a plan of its own: [sources."a.db"] plan = "a.toml".',
            code="several",
        )
    overrides = _said(sources, said)
    stems = [_stem(source) for source in sources]
    labels = _labels(stems)
    found: list[Part] = []
    for source, label in zip(sources, labels, strict=True):
        own = overrides.get(source, SourceOverride())
        said_of_it = _own_plan(own, directory)
        prefix = own.prefix if own.prefix is not None else f"{label}_" if prefixed and own.schema is None else ""
        shared = prefixed or own.prefix is not None or options.target_schema != "public"
        default = options.target_schema if shared else label
        schema = own.schema or (said_of_it.schema if said_of_it else None) or default
        planned = replace(_own_options(options, said_of_it), schema=schema, prefix=prefix)
        found.append(Part(source, label, planned, Path(f"{label}.quarantine.jsonl")))
    return found


def plan_several(
    pieces: Sequence[Part], *, jobs: int | None = None, listener: Listener = ignore
) -> tuple[list[Plan], list[str]]:
    """Plan several files without a target.

    Args:
        pieces: The files, as ``parts`` gives them.
        jobs: Tables or ranges read at once.
        listener: Hears of progress.

    Returns:
        The plans, and what names several of them want.

    Raises:
        SourceError: A file cannot be read.
        PlanError: A plan does not fit its file.
    """
    plans: list[Plan] = []
    for part in pieces:
        with naming(part):
            heard = about_source(listener, part.label)
            plans.append(plan(part.source, options=part.options, jobs=jobs, listener=heard))
    return plans, list(collisions(plans))


def migrate_several(
    pieces: Sequence[Part],
    target: Target = DEFAULT_TARGET,
    *,
    options: MoveOptions | None = None,
    listener: Listener = ignore,
) -> JointReport:
    """Move several SQLite files into one PostgreSQL database and prove each.

    All files are planned, then all are copied and proved beside the target's tables, then all appear together in one
    transaction. A failure in any of them leaves the target as it was for all; a move whose process was killed, or
    whose connection was lost, goes on where it stopped when it is called again in the same way.

    Args:
        pieces: The files, as ``parts`` gives them.
        target: The PostgreSQL database.
        options: How to move; ``plan`` is each part's own.
        listener: Hears of progress.

    Returns:
        What was done. With ``dry_run`` it says what would be done.

    Raises:
        SourceError: A file cannot be read.
        PlanError: Files want the same names, or plans have errors; the message lists all of them.
        TargetError: The target cannot be reached, lacks rights, or has tables of the same names.
        RejectedError: A row cannot go and ``on_error`` is 'stop'.
    """
    begun = time.perf_counter()
    reports = move(_with_quarantines(pieces, options), target, options or MoveOptions(), listener)
    return JointReport(reports, time.perf_counter() - begun)


def verify_several(
    pieces: Sequence[Part],
    target: Target = DEFAULT_TARGET,
    *,
    options: MoveOptions | None = None,
    listener: Listener = ignore,
) -> JointReport:
    """Compare several SQLite files with the PostgreSQL database that they were moved into.

    Args:
        pieces: The files, as ``parts`` gives them.
        target: The PostgreSQL database.
        options: As they were for the move; ``plan`` is each part's own.
        listener: Hears of progress.

    Raises:
        SourceError: A file cannot be read.
        TargetError: The target cannot be reached or read.
    """
    begun = time.perf_counter()
    options = options or MoveOptions()
    reports: list[MoveReport] = []
    for part in pieces:
        with naming(part):
            heard = about_source(listener, part.label)
            reports.append(verify(part.source, target, options=replace(options, plan=part.options), listener=heard))
    return JointReport(tuple(reports), time.perf_counter() - begun)


def _with_quarantines(pieces: Sequence[Part], options: MoveOptions | None) -> list[Part]:
    """Each part with a list of rejected rows of its own beside the one that the options name."""
    given = options.quarantine_file if options is not None else None
    if given is None:
        return list(pieces)
    return [replace(one, quarantine=given.with_name(f"{given.stem}.{one.label}{given.suffix}")) for one in pieces]


def _said(sources: Sequence[str], said: Overrides) -> dict[str, SourceOverride]:
    """What the plan file says about each source, which it may name as the command line does or by the file's name."""
    by_name: dict[str, str] = {}
    for source in sources:
        path = _path(source)
        for name in (source, str(path), path.name):
            by_name[name] = source if by_name.get(name, source) == source else ""
    if len({_path(source).resolve() for source in sources}) < len(sources):
        raise ConfigError("A source is named twice.", hint="Name each file once.", code="source")
    found: dict[str, SourceOverride] = {}
    for name, override in said.sources.items():
        named = by_name.get(name)
        if not named:
            problem = "is the name of several sources" if named == "" else "is none of the sources"
            raise PlanError(
                f"{at(override.line)}{name!r} {problem}.", hint=did_you_mean(name, list(sources)), code="unknown"
            )
        found[named] = override
    return found


def _path(source: str) -> Path:
    location = parse(source)
    if not isinstance(location, SqliteLocation):
        raise ConfigError(
            f"The source {location} is not a SQLite file.",
            hint="Name the files first and the database last: exuvia migrate a.db b.db postgresql://…",
            code="source",
        )
    return location.path


def _stem(source: str) -> str:
    """A file's name as a plain name of PostgreSQL's."""
    plain = re.sub(r"\W+", "_", fold(_path(source).stem)).strip("_") or "database"
    return f"db_{plain}" if _RESERVED.match(plain) else plain


def _labels(stems: Sequence[str]) -> list[str]:
    found: list[str] = []
    for stem in stems:
        number, label = 1, stem
        while label in found:
            number += 1
            label = f"{stem}_{number}"
        found.append(assign([label], fold=False, taken=found, kind="other")[label])
    return found


def _own_options(options: PlanOptions, said: Overrides | None) -> PlanOptions:
    """The options for a file that has a plan file of its own, or none; what it says of itself counts more."""
    if said is None:
        return replace(options, overrides=None)
    return replace(
        options,
        style=said.style or options.style,
        naive_time=said.naive_time or options.naive_time,
        fold=options.fold if said.fold is None else said.fold,
        overrides=said,
    )


def _own_plan(said: SourceOverride, directory: Path | None) -> Overrides | None:
    if said.plan is None:
        return None
    path = (directory or Path()) / said.plan
    try:
        return load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{at(said.line)}the plan file {path} cannot be read.",
            hint="Write one with: exuvia plan SRC -o FILE",
            code="plan_file",
        ) from error
