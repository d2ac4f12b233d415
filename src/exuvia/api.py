"""``exuvia.open``: the store, where the settings say it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack, overload

from exuvia.errors import ConfigError
from exuvia.settings import load
from exuvia.store import Opening, StoreOptions
from exuvia.store.core.driving import Retry
from exuvia.store.dual import DualOpening, open_dual
from exuvia.store.opening import open_store

_UNSETTABLE: Final = ("retry", "clock")


class OpenOptions(TypedDict, total=False):
    """What ``open`` takes by name: see ``exuvia.store.StoreOptions`` for what each means. A schema of None is not
    given."""

    schema: str | None
    create: bool
    pool_size: int
    pool_overflow: int
    pool_recycle: float
    pool_wait: float
    readers: int
    statement_timeout: float
    lock_timeout: float
    pgbouncer: bool
    data_dir: Path | str
    retry: Retry
    clock: Callable[[], datetime]


@overload
def open(  # noqa: A001 - as a file is opened
    url: str | Path | None = None, **options: Unpack[OpenOptions]
) -> Opening: ...
@overload
def open(  # noqa: A001
    *, primary: str | Path, secondary: str | Path, fallback: bool = False, **options: Unpack[OpenOptions]
) -> DualOpening: ...
def open(  # noqa: A001 - as a file is opened
    url: str | Path | None = None,
    *,
    primary: str | Path | None = None,
    secondary: str | Path | None = None,
    fallback: bool = False,
    **options: Unpack[OpenOptions],
) -> Opening:
    """Open a store: ``async with`` gives an ``AsyncStore``, ``with`` a ``Store``.

    ::

        with exuvia.open("sqlite:///memory.db") as store:
            store.projects.put("apollo")

    Args:
        url: A SQLite file (``sqlite:///memory.db``, made where it is missing), a PostgreSQL server
            (``postgresql://me@host/app``), or ``embedded:`` for the one that pip installed. None for EXUVIA_STORE in
            the environment or in ``.env``, or ``store`` in ``exuvia.toml``.
        primary: Instead of ``url``: the database that is read and written.
        secondary: The one that everything written is carried over to (see ``exuvia.store.dual``).
        fallback: Whether the secondary answers reads while the primary cannot be reached.
        options: What differs from the settings, by name.

    Raises:
        ConfigError: No store is named, or a setting is wrong.
    """
    if (primary is None) != (secondary is None) or (primary is not None and url is not None):
        raise ConfigError(
            "A store is one URL, or a primary and a secondary.",
            hint="exuvia.open(primary=…, secondary=…)",
            code="two_stores",
        )
    given: dict[str, Any] = dict(options)
    own = {name: given.pop(name) for name in _UNSETTABLE if name in given}
    data_dir = given.pop("data_dir", None)
    named = {f"store_{name}": value for name, value in given.items()}
    chosen = primary if url is None else url
    settings = load(store=None if chosen is None else str(chosen), data_dir=data_dir, **named)
    if settings.store is None:
        raise ConfigError(
            "No store is named.",
            hint='Pass one, --store sqlite:///memory.db or exuvia.open("sqlite:///memory.db"); or set EXUVIA_STORE.',
            code="no_store",
        )
    chosen_options = StoreOptions(**settings.store_options, **own)
    place = chosen if isinstance(chosen, Path) else settings.store
    if secondary is not None:
        return open_dual(place, secondary, chosen_options, fallback=fallback)
    return open_store(place, chosen_options)
