"""How fast a database grows, from samples that earlier calls kept in a file (JSON Lines)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from exuvia.errors import ConfigError

_DAY: Final = 86_400.0
_SHORTEST: Final = 3600.0
_MONTH: Final = 30 * _DAY


@dataclass(frozen=True, slots=True)
class GrowthSample:
    """The size of a database at one moment: seconds since 1970, bytes of the pages in use, rows by table."""

    at: float
    source: str
    used_bytes: int
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Growth:
    """How fast a database grows.

    Args:
        bytes_per_day: Bytes of used pages per day; negative when it shrinks.
        rows_per_day: Rows of all tables per day.
        days: The days between the first and the last sample used.
        samples: How many samples there are; 0 where the growth is estimated from timestamps of rows.
    """

    bytes_per_day: float
    rows_per_day: float
    days: float
    samples: int

    @property
    def measured(self) -> bool:
        """Whether it comes from samples."""
        return self.samples > 0


def default_file(path: Path) -> Path:
    """Return where the samples of a database are kept: in the user's state directory, by a digest of its path.

    Args:
        path: The database.
    """
    base = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    return Path(base) / "exuvia" / "advise" / f"{digest}.jsonl"


def read_samples(file: Path, path: Path) -> tuple[GrowthSample, ...]:
    """Read the samples of a database, the oldest first; none where the file does not exist.

    Args:
        file: The file of samples, which may hold those of several databases.
        path: The database.

    Raises:
        ConfigError: The file cannot be read, or holds something else.
    """
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(f"The samples in {file} cannot be read: {error.strerror}.", code="samples") from error
    try:
        found = [GrowthSample(**orjson.loads(line)) for line in lines if line.strip()]
        return tuple(sorted((one for one in found if one.source == _name(path)), key=lambda one: one.at))
    except (orjson.JSONDecodeError, TypeError) as error:
        raise ConfigError(
            f"{file} is no file of samples.", hint="Name another file with --samples.", code="samples"
        ) from error


def sample_of(path: Path, at: float, used_bytes: int, rows: Mapping[str, int]) -> GrowthSample:
    """Return a sample; arguments as its fields."""
    return GrowthSample(at, _name(path), used_bytes, rows)


def keep(file: Path, sample: GrowthSample) -> None:
    """Add a sample to a file, in one write.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab", buffering=0) as out:
            out.write(orjson.dumps(asdict(sample), option=orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise ConfigError(
            f"The sample cannot be kept in {file}: {error.strerror}.",
            hint="Name a file with --samples.",
            code="samples",
        ) from error


def growth(samples: Sequence[GrowthSample]) -> Growth | None:
    """Return the growth over the last 30 days of samples: the line through the first of them and the last.

    Args:
        samples: The oldest first.

    Returns:
        None where they span less than an hour.
    """
    recent = [one for one in samples if one.at >= samples[-1].at - _MONTH]
    if len(recent) < 2 or recent[-1].at - recent[0].at < _SHORTEST:
        return None
    first, last = recent[0], recent[-1]
    days = (last.at - first.at) / _DAY
    rows = sum(last.rows.values()) - sum(first.rows.values())
    return Growth((last.used_bytes - first.used_bytes) / days, rows / days, days, len(recent))


def _name(path: Path) -> str:
    return str(path.resolve())
