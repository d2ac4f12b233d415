"""Several SQLite files into one PostgreSQL database: a schema, or names with a prefix, for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from exuvia.catalog.names import assign, fold
from exuvia.errors import ConfigError, ExuviaError, PlanError, TargetError
from exuvia.location import SqliteLocation, parse
from exuvia.move.events import Listener, ignore
from exuvia.move.pipeline import DEFAULT_TARGET, MoveOptions, Target, migrate, verify
from exuvia.move.plan import Plan
from exuvia.move.planfile import load
from exuvia.move.planner import PlanOptions
from exuvia.move.planning.overrides import Overrides, SourceOverride, at, did_you_mean
from exuvia.move.results import MoveReport

_EXISTS = "target.exists"
_RESERVED = re.compile(r"pg_|information_schema$|exuvia_staging_")


@dataclass(frozen=True, slots=True)
class Part:
    """One of several files: the file, a name of its own, and how it is planned."""

    source: str
    label: str
    options: PlanOptions


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
        plan = _own_plan(own, directory)
        prefix = own.prefix if own.prefix is not None else f"{label}_" if prefixed and own.schema is None else ""
        shared = prefixed or own.prefix is not None or options.target_schema != "public"
        default = options.target_schema if shared else label
        schema = own.schema or (plan.schema if plan else None) or default
        found.append(Part(source, label, replace(options, schema=schema, prefix=prefix, overrides=plan)))
    return found


def migrate_several(
    pieces: Sequence[Part],
    target: Target = DEFAULT_TARGET,
    *,
    options: MoveOptions | None = None,
    listener: Listener = ignore,
) -> list[MoveReport]:
    """Move several SQLite files into one PostgreSQL database and prove each.

    All files are planned before anything is written, so that a name that two of them want, and an error in any plan,
    is told first. Each file then appears in the target as a whole. When a later one fails, those before it are there;
    the next run compares them with their files instead of moving them again.

    Args:
        pieces: The files, as ``parts`` gives them.
        target: The PostgreSQL database.
        options: How to move; ``plan`` is each part's own.
        listener: Hears of progress.

    Returns:
        One report per file. With ``dry_run`` they say what would be done.

    Raises:
        PlanError: Two files want the same name, or a plan has an error; nothing was written.
        TargetError: The target refuses a file; the message says which ones are there.
    """
    options = options or MoveOptions()
    if options.into_existing and any(part.options.prefix for part in pieces):
        raise ConfigError(
            "Names with a prefix are for tables that exuvia makes.",
            hint="Name a schema for each file in the plan file, or leave --into-existing out.",
            code="options",
        )
    tried = [_tried(part, target, options, listener) for part in pieces]
    _refuse_collisions(pieces, [report.plan for report in tried])
    if options.dry_run:
        return tried
    _refuse_errors(pieces, tried)
    done: list[MoveReport] = []
    for part, report in zip(pieces, tried, strict=True):
        if report.status != "planned":
            done.append(report)
            continue
        with _named(part, [one.source for one in done]):
            done.append(migrate(part.source, target, options=_for(part, options), listener=listener))
    return done


def verify_several(
    pieces: Sequence[Part],
    target: Target = DEFAULT_TARGET,
    *,
    options: MoveOptions | None = None,
    listener: Listener = ignore,
) -> list[MoveReport]:
    """Compare several SQLite files with the PostgreSQL database that they were moved into.

    Args:
        pieces: The files, as ``parts`` gives them.
        target: The PostgreSQL database.
        options: As they were for the move; ``plan`` is each part's own.
        listener: Hears of progress.
    """
    options = options or MoveOptions()
    return [verify(part.source, target, options=_for(part, options), listener=listener) for part in pieces]


def _for(part: Part, options: MoveOptions) -> MoveOptions:
    """The options for one file; its rejected rows go to a file of its own."""
    quarantine = Path(f"{part.label}.quarantine.jsonl")
    if options.quarantine_file is not None:
        given = options.quarantine_file
        quarantine = given.with_name(f"{given.stem}.{part.label}{given.suffix}")
    return replace(options, plan=part.options, quarantine_file=quarantine)


def _tried(part: Part, target: Target, options: MoveOptions, listener: Listener) -> MoveReport:
    """A dry run of one file; where its tables are in the target already and hold its values, their comparison."""
    own = _for(part, options)
    with _named(part, []):
        try:
            return migrate(part.source, target, options=replace(own, dry_run=True), listener=listener)
        except TargetError as error:
            if error.code != _EXISTS:
                raise
            there = verify(part.source, target, options=own, listener=listener)
            if there.status == "different":
                raise
            return there


def _refuse_collisions(pieces: Sequence[Part], plans: Sequence[Plan]) -> None:
    owners: dict[tuple[str, str], tuple[Part, str]] = {}
    found: list[str] = []
    for part, plan in zip(pieces, plans, strict=True):
        for schema, name, what in _names(plan):
            other = owners.setdefault((schema, name), (part, what))
            if other[0] is not part:
                found.append(f"{schema}.{name}: {other[1]} of {other[0].source} and {what} of {part.source}")
    if found:
        more = f", and {len(found) - 5} more" if len(found) > 5 else ""
        raise PlanError(
            f"Several files want the same names: {'; '.join(found[:5])}{more}. Nothing was written.",
            hint='Give each file a schema or a prefix: --prefix, or [sources."a.db"] schema = "…" in the plan file.',
            code="collision",
        )


def _names(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Schema, name and kind of every relation that a plan makes."""
    for table in plan.tables:
        target = table.target
        yield target.schema, target.name, f"table {table.source.name}"
        yield target.schema, table.quarantine, f"the quarantine of {table.source.name}"
        for key in (target.primary_key, *target.uniques):
            if key is not None:
                yield target.schema, key.name, f"a key of {table.source.name}"
        for index in target.indexes:
            yield target.schema, index.name, f"an index of {table.source.name}"
    for one in plan.objects:
        if one.target is not None:
            yield (*one.target, f"{one.kind} {one.name}")


def _refuse_errors(pieces: Sequence[Part], reports: Sequence[MoveReport]) -> None:
    for part, report in zip(pieces, reports, strict=True):
        errors = [problem for problem in report.plan.problems if problem.level == "error"]
        if errors and report.status == "planned":
            first = errors[0]
            raise PlanError(
                f"{part.source}: {first.where}: {first.message} Nothing was written.",
                hint=" ".join(first.choices),
                code="refused",
            )


@contextmanager
def _named(part: Part, done: Sequence[str]) -> Iterator[None]:
    """Say in an error which file it is about, and which ones are in the target."""
    try:
        yield
    except ExuviaError as error:
        there = f" {', '.join(done)}: moved already; the next run compares them." if done else ""
        code = error.code.removeprefix(error.family).removeprefix(".")
        raise type(error)(f"{part.source}: {error.message}", hint=f"{error.hint}{there}".strip(), code=code) from error


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
