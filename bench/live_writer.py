"""An application that writes at a fixed rate and notes how long it had to wait: a process of the live measurements.

``python live_writer.py FILE LOG TRANSACTIONS CHANGES`` runs so many transactions a second, each of so many changes,
until it is killed or the database refuses it. A line of LOG is the moment at which a transaction began (seconds of the
machine's monotonic clock) and the seconds that it took: for those that took 2 ms or longer, and for the refused one.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import time
from pathlib import Path

SLOW = 0.002
BODY = "A message of middling length, as agents and people write them to each other all day. " * 3


def main(path: str, log: str, transactions: float, changes: int) -> None:
    """Write for ever."""
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    (last,) = connection.execute("SELECT max(id) FROM message").fetchone()
    chance = random.Random(1)
    due = time.monotonic()
    with Path(log).open("a", buffering=1, encoding="ascii") as noted:
        while True:
            began = time.monotonic()
            try:
                connection.execute("BEGIN IMMEDIATE")
                last = _write(connection, chance, last, changes)
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                noted.write(f"{began} {time.monotonic() - began} {error}\n")
                return
            spent = time.monotonic() - began
            if spent >= SLOW:
                noted.write(f"{began} {spent}\n")
            due = max(due + 1 / transactions, time.monotonic() - 0.5)
            time.sleep(max(0.0, due - time.monotonic()))


def _write(connection: sqlite3.Connection, chance: random.Random, last: int, changes: int) -> int:
    for _ in range(changes):
        if chance.random() < 0.5:
            connection.execute("UPDATE message SET body = ? WHERE id = ?", (BODY, chance.randrange(1, last)))
        else:
            last += 1
            connection.execute("INSERT INTO message VALUES (?, ?, 'user', ?, ?)", (last, last % 997 + 1, BODY, 0.5))
    connection.execute("UPDATE beat SET at = ?", (time.time(),))
    return last


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
