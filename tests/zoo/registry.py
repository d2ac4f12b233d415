"""How a specimen of the zoo is described, registered and built."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from exuvia.move.results import MoveReport


class Maker:
    """A database under construction.

    Args:
        path: Where the finished file is to be; it is built beside it and put in place at the end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keep_wal = False
        self._building = path.with_name(path.name + ".building")
        self._remove(self._building)
        self._remove(path)
        self.connection = apsw.Connection(str(self._building))
        self.connection.execute("PRAGMA synchronous=OFF")

    @staticmethod
    def _remove(path: Path) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def run(self, script: str, bindings: tuple[object, ...] = ()) -> None:
        """Run a script of statements to its end."""
        self.connection.execute(script, bindings or None).fetchall()

    def fill(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Insert rows into a table, in one transaction; the table's name is quoted here."""
        rows = list(rows)
        quoted = '"' + table.replace('"', '""') + '"'
        marks = ",".join("?" * len(rows[0]))
        with self.connection:
            self.connection.executemany(f"INSERT INTO {quoted} VALUES({marks})", rows)

    def declare(self, kind: str, name: str, sql: str, table: str = "") -> None:
        """Write a schema entry that this SQLite could not create itself, such as a table of a missing module."""
        self.run("PRAGMA writable_schema=ON")
        self.run(
            "INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES(?,?,?,0,?)",
            (kind, name, table or name, sql),
        )
        self.run("PRAGMA writable_schema=OFF")

    def finish(self) -> None:
        """Close the database and put it in place; with ``keep_wal`` its write-ahead log stays uncheckpointed."""
        if self.keep_wal:
            shutil.copyfile(self._building, self.path)
            shutil.copyfile(f"{self._building}-wal", f"{self.path}-wal")
            self.connection.close()
        else:
            self.connection.close()
            self._building.rename(self.path)
        self._remove(self._building)


@dataclass(frozen=True, slots=True)
class Specimen:
    """One hostile or realistic database.

    Args:
        name: What is hard about it.
        group: The area it tests.
        build: Fills an empty database; or a real file, to be copied.
        rejects: How many rows of which table no lossless move could keep: the most that may be rejected.
        omits: Tables that PostgreSQL cannot hold at all and that may be left out with a reason.
        heavy: True when it takes more than a second or so to build or move.
    """

    name: str
    group: str
    build: Callable[[Maker], None] | Path
    rejects: Mapping[str, int] = field(default_factory=dict)
    omits: frozenset[str] = frozenset()
    heavy: bool = False

    def make(self, directory: Path) -> Path:
        """Build the database as ``<name>.sqlite`` in a directory and return its path."""
        path = directory / f"{self.name}.sqlite"
        if isinstance(self.build, Path):
            shutil.copyfile(self.build, path)
            return path
        maker = Maker(path)
        self.build(maker)
        maker.finish()
        return path

    def too_many(self, report: MoveReport) -> list[str]:
        """Return a sentence for each table of which more rows were rejected than have to be."""
        return [
            f"{t.source}: {t.rows_rejected} rows were rejected, at most {self.rejects.get(t.source, 0)} have to be"
            for t in report.tables
            if t.rows_rejected > self.rejects.get(t.source, 0)
        ]


_specimens: list[Specimen] = []


def specimen(
    group: str,
    *,
    rejects: Mapping[str, int] | None = None,
    omits: Iterable[str] = (),
    heavy: bool = False,
) -> Callable[[Callable[[Maker], None]], Callable[[Maker], None]]:
    """Register a function as the builder of the specimen that carries its name."""

    def register(build: Callable[[Maker], None]) -> Callable[[Maker], None]:
        name = build.__name__
        if any(known.name == name for known in _specimens):
            raise ValueError(f"two specimens are called {name}")
        _specimens.append(Specimen(name, group, build, dict(rejects or {}), frozenset(omits), heavy))
        return build

    return register


def registered() -> tuple[Specimen, ...]:
    """Return every specimen registered so far, in order of registration."""
    return tuple(_specimens)
