"""Settings: arguments before the environment, before .env, before exuvia.toml; checked once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from exuvia import location
from exuvia.errors import ConfigError
from exuvia.guard.policy import Policy, parse_pattern
from exuvia.location import Location
from exuvia.ops.advisor.thresholds import Thresholds
from exuvia.values.rules import NaiveTime, Style

PREFIX: Final = "EXUVIA_"
CONFIG_FILE: Final = "exuvia.toml"
ENV_FILE: Final = ".env"
_STORE: Final = "store_"


class Settings(BaseModel):
    """What a move can be told outside of its plan. Frozen; ``repr`` shows no secret.

    Every field is an argument of ``load``, an environment variable (``EXUVIA_TARGET_SCHEMA``), a line of ``.env`` and
    a key of ``exuvia.toml`` (``target_schema``). Lists are written with commas in the environment. An application's
    own DATABASE_URL is left alone: it may well name the SQLite file.

    Args:
        target: Where rows go: a ``postgresql:`` location, or ``embedded:`` for the pip-installed server.
        target_schema: The schema that gets the tables.
        data_dir: Where the pip-installed server lives; None for the user's data directory.
        style: ``faithful`` (the types an ORM would have made) or ``native`` (what PostgreSQL does best).
        naive_time: What a time without a zone means where its column becomes timestamptz.
        fold: Lower-case names.
        jobs: Tables or key ranges at once.
        batch_rows: Rows per batch at most; None lets the size of the rows decide.
        on_error: What happens to a row that does not fit: it goes to quarantine, or everything stops.
        include: Patterns of the tables to move; empty for all.
        exclude: Patterns of the tables to leave out.
        connect_timeout: Seconds to wait for the target.
        store: Where ``exuvia.open`` finds the store: a SQLite file, a ``postgresql:`` location, or ``embedded:``.
        store_schema: The schema of PostgreSQL that has the store's tables.
        store_create: Make the store's tables, or bring them up to date, when it is opened.
        store_pool_size: Connections to PostgreSQL that a store keeps.
        store_pool_overflow: Connections beyond those, while they are needed.
        store_pool_recycle: Seconds after which a connection is replaced.
        store_pool_wait: Seconds to wait for a free connection.
        store_readers: Connections that read a SQLite file beside the one that writes.
        store_statement_timeout: Seconds that a statement may take; 0 for no limit.
        store_lock_timeout: Seconds to wait for a lock.
        store_pgbouncer: PostgreSQL is reached through PgBouncer in transaction mode.
        embedder: What searches by meaning embed their questions with: ``minilm``, ``openai:MODEL`` or
            ``python:module:name``; None for the model that the collection names.
        advise_watch: Seconds for which ``exuvia advise`` looks at locks.
        advise_window_minutes: Within how many minutes somebody counts as active.
        advise_max_mb: Advise to move beyond this size, in MB of 1,000,000 bytes.
        advise_max_agents: Advise to move beyond so many agents at once.
        advise_max_users: Advise to move beyond so many users at once.
        advise_max_events: Advise to move beyond so many events.
        advise_max_lock_waits: Advise to move beyond so many waits for the write lock an hour.
        advise_prepare_at: Advise to prepare from this share of a threshold on.
        advise_horizon_days: Advise to prepare when growth crosses a threshold within so many days.
        guard_read: The tables that guarded SQL may read: ``schema.table``, ``schema.*``, ``!schema.table``.
        guard_write: The tables whose rows it may change; empty switches writing off.
        guard_ddl: The tables that it may make, alter and drop; empty switches that off.
        guard_functions: Functions that it may call besides the built-in ones known to be safe: ``schema.name``.
        guard_types: Types that it may cast to besides the built-in ones: ``schema.name``.
        guard_schema: Where its names without a schema are looked for.
        guard_roles: The beginning of the names of the roles that it runs as; None for the one that connects.
        guard_allow_superuser: Run it even as a superuser.
        guard_max_rows: Rows of one answer at most.
        guard_max_bytes: Bytes of one answer at most.
        guard_timeout: Seconds for one statement at most.
        guard_lock_timeout: Seconds that a statement waits for a lock at most.
        ask_url: The server whose model writes answers, by OpenAI's protocol: ``http://localhost:11434/v1``.
        ask_model: That model.
        ask_timeout: Seconds that it may take.
        ask_timezone: The time zone whose days questions are about.
        mcp_host: The name or address at which ``exuvia mcp --http`` listens.
        mcp_port: Its port; 0 for any that is free.
        mcp_path: The path of its endpoint.
        mcp_allow_hosts: Names by which clients may address it, besides this machine's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str = Field("embedded:", repr=False)
    target_schema: str = Field("public", min_length=1)
    data_dir: Path | None = None
    style: Style = "faithful"
    naive_time: NaiveTime = "utc"
    fold: bool = False
    jobs: int = Field(default_factory=lambda: min(4, os.cpu_count() or 1), ge=1, le=64)
    batch_rows: int | None = Field(None, ge=1)
    on_error: Literal["quarantine", "stop"] = "quarantine"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    connect_timeout: float = Field(10, gt=0, le=3600)
    store: str | None = Field(None, repr=False)
    store_schema: str = Field("exuvia_store", min_length=1)
    store_create: bool = True
    store_pool_size: int = Field(20, ge=1, le=10_000)
    store_pool_overflow: int = Field(40, ge=0, le=10_000)
    store_pool_recycle: float = Field(3600, gt=0)
    store_pool_wait: float = Field(30, gt=0)
    store_readers: int = Field(4, ge=1, le=256)
    store_statement_timeout: float = Field(30, ge=0, le=86_400)
    store_lock_timeout: float = Field(30, gt=0, le=86_400)
    store_pgbouncer: bool = False
    embedder: str | None = None
    advise_watch: float = Field(3, ge=0, le=86_400)
    advise_window_minutes: float = Field(60, gt=0)
    advise_max_mb: float = Field(10, ge=0)
    advise_max_agents: int = Field(5, ge=0)
    advise_max_users: int = Field(10, ge=0)
    advise_max_events: int = Field(1_000_000, ge=0)
    advise_max_lock_waits: float = Field(100, ge=0)
    advise_prepare_at: float = Field(0.5, gt=0, le=1)
    advise_horizon_days: float = Field(30, ge=0)
    guard_read: tuple[str, ...] = ("public.*", "main.*")
    guard_write: tuple[str, ...] = ()
    guard_ddl: tuple[str, ...] = ()
    guard_functions: tuple[str, ...] = ()
    guard_types: tuple[str, ...] = ()
    guard_schema: str = Field("public", min_length=1)
    guard_roles: str | None = None
    guard_allow_superuser: bool = False
    guard_max_rows: int = Field(1_000, ge=1)
    guard_max_bytes: int = Field(1_000_000, ge=1)
    guard_timeout: float = Field(30, gt=0, le=86_400)
    guard_lock_timeout: float = Field(2, gt=0, le=86_400)
    ask_url: str | None = Field(None, pattern=r"^https?://[^\s@]+$")
    ask_model: str | None = Field(None, min_length=1)
    ask_timeout: float = Field(60, gt=0, le=3600)
    ask_timezone: str = "UTC"
    mcp_host: str = Field("127.0.0.1", min_length=1)
    mcp_port: int = Field(8765, ge=0, le=65_535)
    mcp_path: str = Field("/mcp", pattern=r"^/[A-Za-z0-9._~/-]+$")
    mcp_allow_hosts: tuple[str, ...] = ()

    @field_validator("target", "store")
    @classmethod
    def _is_location(cls, text: str | None) -> str | None:
        try:
            location.parse(text) if text is not None else None
        except ConfigError as error:
            raise ValueError(f"{error.message} {error.hint}") from None
        return text

    @field_validator("target_schema")
    @classmethod
    def _fits_a_name(cls, name: str) -> str:
        if len(name.encode()) > 63 or "\0" in name or name.startswith("pg_"):
            raise ValueError("a schema's name has at most 63 bytes and does not begin with pg_")
        return name

    @field_validator(
        *("include", "exclude", "guard_read", "guard_write", "guard_ddl", "guard_functions", "guard_types"),
        "mcp_allow_hosts",
        mode="before",
    )
    @classmethod
    def _split(cls, given: object) -> object:
        return [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given

    @field_validator("guard_read", "guard_write", "guard_ddl")
    @classmethod
    def _name_tables(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(parse_pattern(text)) for text in given)
        except ConfigError as error:
            raise ValueError(f"{error.message} {error.hint}") from None

    @field_validator("guard_functions", "guard_types")
    @classmethod
    def _name_schemas(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if any(name.count(".") != 1 for name in given):
            raise ValueError("a function or a type is named with its schema: public.discount")
        return given

    @field_validator("ask_timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise ValueError("no time zone has this name: Europe/Berlin, America/New_York, UTC") from None
        return name

    @field_validator("data_dir")
    @classmethod
    def _expand(cls, directory: Path | None) -> Path | None:
        return directory.expanduser() if directory else None

    @property
    def target_location(self) -> Location:
        """The target, parsed."""
        return location.parse(self.target)

    @property
    def advise_thresholds(self) -> Thresholds:
        """Where ``exuvia advise`` draws its lines."""
        return Thresholds(
            self.advise_max_mb,
            self.advise_max_agents,
            self.advise_max_users,
            self.advise_max_events,
            self.advise_max_lock_waits,
            self.advise_prepare_at,
            self.advise_horizon_days,
        )

    @property
    def guard_policy(self) -> Policy:
        """What guarded SQL may do."""
        read, write, ddl = (
            tuple(parse_pattern(text) for text in texts)
            for texts in (self.guard_read, self.guard_write, self.guard_ddl)
        )
        return Policy(
            read=read,
            write=write,
            ddl=ddl,
            functions=frozenset(self.guard_functions),
            types=frozenset(self.guard_types),
            default_schema=self.guard_schema,
            roles=self.guard_roles,
            allow_superuser=self.guard_allow_superuser,
            max_rows=self.guard_max_rows,
            max_bytes=self.guard_max_bytes,
            timeout_s=self.guard_timeout,
            lock_timeout_s=self.guard_lock_timeout,
        )

    @property
    def store_options(self) -> dict[str, Any]:
        """How a store is opened, by the names of its options."""
        named = {field: getattr(self, field) for field in type(self).model_fields if field.startswith(_STORE)}
        return {field.removeprefix(_STORE): value for field, value in named.items()} | {"data_dir": self.data_dir}

    def __repr__(self) -> str:
        hidden = {"target": str(self.target_location), "store": str(location.parse(self.store)) if self.store else None}
        fields = {name: getattr(self, name) for name in type(self).model_fields} | hidden
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in fields.items())})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class _Layer:
    """Where settings come from: the values by field, how a person knows the place, and how they spell a key there."""

    place: str
    values: Mapping[str, Any]
    prefix: str = ""

    def spell(self, field: str) -> str:
        return self.prefix + field.upper() if self.prefix else field


def load(*, directory: Path | None = None, config_file: Path | None = None, **arguments: object) -> Settings:
    """Collect the settings and check them.

    Args:
        directory: Where ``.env`` and ``exuvia.toml`` are looked for; None for the working directory.
        config_file: A TOML file to read instead of ``exuvia.toml``; it must exist.
        arguments: Settings by name; None means not given.

    Raises:
        ConfigError: A value is wrong, a key is unknown, or a file is malformed. The message says where it came from
            and does not repeat the value.
    """
    here = directory or Path.cwd()
    toml = config_file or here / CONFIG_FILE
    layers = (
        _strict(_Layer("the arguments", {key: value for key, value in arguments.items() if value is not None})),
        _lenient("the environment", os.environ),
        _lenient(str(here / ENV_FILE), _read_env(here / ENV_FILE)),
        _strict(_Layer(str(toml), _read_toml(toml, required=config_file is not None))),
    )
    merged = {key: value for layer in reversed(layers) for key, value in layer.values.items()}
    try:
        return Settings(**merged)
    except ValidationError as error:
        raise _explain(error, layers) from None


def _strict(layer: _Layer) -> _Layer:
    for key in layer.values:
        if key not in Settings.model_fields:
            raise _unknown(key, layer.place, Settings.model_fields)
    return layer


def _lenient(place: str, variables: Mapping[str, str | None]) -> _Layer:
    """Take the known names; among the others only a near miss is a mistake, the rest may be somebody else's."""
    known = {PREFIX + field.upper(): field for field in Settings.model_fields}
    for name in variables:
        if name.startswith(PREFIX) and name not in known and get_close_matches(name, known, cutoff=0.85):
            raise _unknown(name, place, known)
    return _Layer(place, {field: variables[name] for name, field in known.items() if variables.get(name)}, PREFIX)


def _unknown(key: str, place: str, known: Iterable[str]) -> ConfigError:
    names = sorted(known)
    near = [name for name in names if name.endswith(f"_{key}")] or get_close_matches(key, names, n=1, cutoff=0.5)
    every = ", ".join(names)
    return ConfigError(
        f"{key!r} in {place} is not a setting.",
        hint=f"Did you mean {' or '.join(map(repr, near))}?" if near else f"The settings are: {every}.",
        code="unknown_setting",
    )


def _read_env(path: Path) -> dict[str, str | None]:
    try:
        return dotenv_values(path) if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {type(error).__name__}.", code="env_file") from error


def _read_toml(path: Path, *, required: bool) -> dict[str, Any]:
    if not path.exists() and not required:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}.", hint='A line reads: style = "native"', code="config_file"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {type(error).__name__}.", code="config_file") from error


def _explain(error: ValidationError, layers: tuple[_Layer, ...]) -> ConfigError:
    """Name each wrong setting as its place spells it. Pydantic's own text is not used: it quotes the value."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        field = str(problem["loc"][0])
        layer = next(layer for layer in layers if field in layer.values)
        lines.append(f"{layer.spell(field)} in {layer.place}: {problem['msg'].removeprefix('Value error, ')}")
    return ConfigError(
        "\n".join(lines), hint="Mend it there, or give another value on the command line.", code="setting"
    )
