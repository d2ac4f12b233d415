"""What capture keeps about itself in the file that it watches."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import apsw
import orjson

from exuvia.engines.sqlite.capture.own import LIKE_OWN, LOG, STATE, is_own
from exuvia.engines.sqlite.capture.plan import CapturedTable, KeyColumn, Seek, Uncaptured, UniqueSet
from exuvia.errors import SourceError

_FORMAT = 1
_FIRST_ROWID = 1 << 40  # VACUUM would give the row a small one


@dataclass(frozen=True, slots=True)
class Installed:
    """What a file under capture, or behind a fence, says.

    Args:
        move_id: The move that it belongs to.
        tables: The tables whose changes are logged; empty behind a fence.
        unwatched: Unique indexes by which REPLACE can delete rows unseen.
        fence: What writers are told; None while they may write.
    """

    move_id: str
    tables: tuple[CapturedTable, ...] = ()
    unwatched: tuple[Uncaptured, ...] = ()
    fence: str | None = None


def has(connection: apsw.Connection, name: str) -> bool:
    """Return whether the file holds capture's own object of that name."""
    row = connection.execute("SELECT sql FROM main.sqlite_schema WHERE name = ?", (name,)).fetchone()
    return row is not None and is_own(name, str(row[0]))


def read(connection: apsw.Connection) -> Installed | None:
    """Return what the file says of its capture or fence, None when there is neither.

    Raises:
        SourceError: ``capture_format``: another version of exuvia has written it.
    """
    if not has(connection, STATE):
        return None
    value = get(connection, "installed")
    document = orjson.loads(value) if isinstance(value, str) else {}
    if document.get("format") != _FORMAT:
        raise SourceError(
            "The file holds the change log of another version of exuvia.",
            hint="Go on with that version, or end its move with it: exuvia live stop.",
            code="capture_format",
        )
    return Installed(
        document["move_id"],
        tuple(_table(table) for table in document["tables"]),
        tuple(Uncaptured(**item) for item in document["unwatched"]),
        document["fence"],
    )


def write(connection: apsw.Connection, installed: Installed) -> None:
    """Record ``installed``, inside the caller's transaction."""
    put(connection, "installed", orjson.dumps({"format": _FORMAT, **asdict(installed)}).decode())


def get(connection: apsw.Connection, key: str) -> object:
    """Return a value of the state, None without one."""
    row = connection.execute(f"SELECT value FROM main.{STATE} WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def put(connection: apsw.Connection, key: str, value: str | int) -> None:
    """Set a value of the state, inside the caller's transaction."""
    if connection.execute(f"SELECT 1 FROM main.{STATE} WHERE key = ?", (key,)).fetchone():
        connection.execute(f"UPDATE main.{STATE} SET value = ? WHERE key = ?", (value, key))
        return
    rowid = f"(SELECT max({_FIRST_ROWID}, ifnull(max(rowid) + 1, 0)) FROM main.{STATE})"
    connection.execute(f"INSERT INTO main.{STATE}(rowid, key, value) VALUES ({rowid}, ?, ?)", (key, value))


def was_vacuumed(connection: apsw.Connection) -> bool:
    """Return whether VACUUM has run since capture was installed or ``forget_vacuum`` was called.

    VACUUM numbers the rows of a table without key and index anew, those of the state too; rowids that no column holds
    may have changed then (https://sqlite.org/lang_vacuum.html).
    """
    row = connection.execute(f"SELECT min(rowid) FROM main.{STATE}").fetchone()
    return row is not None and row[0] is not None and row[0] < _FIRST_ROWID


def forget_vacuum(connection: apsw.Connection) -> None:
    """Arm ``was_vacuumed`` again, inside the caller's transaction."""
    connection.execute(f"UPDATE main.{STATE} SET rowid = rowid + {_FIRST_ROWID} WHERE rowid < {_FIRST_ROWID}")


def names(connection: apsw.Connection) -> list[tuple[str, str]]:
    """Return kind and name of every object of capture's own: triggers before tables."""
    rows = connection.execute(f"SELECT type, name, sql FROM main.sqlite_schema WHERE {LIKE_OWN}").fetchall()
    own = [(str(kind), str(name)) for kind, name, sql in rows if is_own(str(name), str(sql))]
    return sorted(own, key=lambda item: (item[0] != "trigger", item[1] != LOG))


def _table(stored: dict[str, Any]) -> CapturedTable:
    key = tuple(KeyColumn(**column) for column in stored["key"])
    uniques = tuple(_unique(unique) for unique in stored["uniques"])
    return CapturedTable(**{**stored, "key": key, "seek": Seek(stored["seek"]), "uniques": uniques})


def _unique(stored: dict[str, Any]) -> UniqueSet:
    terms = tuple((sql, collation) for sql, collation in stored["terms"])
    assigned = None if stored["assigned"] is None else tuple(stored["assigned"])
    return UniqueSet(**{**stored, "terms": terms, "inputs": tuple(stored["inputs"]), "assigned": assigned})
