"""What a roll-back does before its pause: all that takes long, and all that could stop it later."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import psycopg

from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.aside import Aside
from exuvia.engines.postgres.live.state import State
from exuvia.errors import TargetError, VerifyError
from exuvia.live.following import Following
from exuvia.live.options import RollbackOptions, Tell
from exuvia.live.warm import Round, Warm
from exuvia.move.events import Listener
from exuvia.move.results import Proof, TableProof

_OTHERS = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL (%s)
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Ready:
    """What is known when the pause can begin.

    Args:
        proof: The comparison of every value; None if it was not wanted.
        repaired: Tables that were written anew.
        inexact: Columns in which SQLite holds other values.
        aside: By table, how many rows are in quarantine: SQLite has them, PostgreSQL has not.
        left: Tables that stay in PostgreSQL.
        search: Full-text indexes that could not be built anew, and why.
    """

    proof: Proof | None
    repaired: tuple[str, ...]
    inexact: tuple[str, ...]
    aside: Mapping[str, int]
    left: tuple[str, ...]
    search: Mapping[str, str]


@dataclass(slots=True)
class Return:
    """Prepares a roll-back.

    Args:
        connection: A connection to the server in autocommit mode.
        warm: Both sides, which no other process keeps equal meanwhile.
        found: The move.
        options: How to roll back.
        listener: Hears of the comparison's progress.
        tell: Is told what is being done.
    """

    connection: psycopg.Connection
    warm: Warm
    found: State
    options: RollbackOptions
    listener: Listener
    tell: Tell

    def run(self) -> Ready:
        """Catch up, build full-text indexes anew, and compare.

        Raises:
            SourceError: PostgreSQL's schema has changed.
            TargetError: ``live_cold``: a table that is not kept up to date has changed; ``inexact``; or SQLite does not
                take a row.
            VerifyError: The two sides differ.
        """
        self.tell("catching up")
        known = {*self.found.misfits, *named(self.warm.round())}
        self._refuse_missed()
        aside = quarantined(self.connection, self.found)
        search = {name: why for name, why in self.warm.refresh_search() if why}
        if self.options.proof:
            proof, repaired, inexact = self._prove(aside, known)
        else:
            proof, repaired, inexact = None, (), tuple(sorted(known))
        refuse_inexact(inexact, self.options)
        return Ready(proof, repaired, inexact, aside, self._left(), search)

    def _refuse_missed(self) -> None:
        missed = self.warm.missed
        if missed:
            told = "; ".join(f"{one.table}: {one.reason}" for one in missed)
            raise TargetError(
                f"Tables have changed since the cut-over that are not kept up to date in SQLite ({told}).",
                hint="Move the database back as a whole, while nobody writes it: exuvia migrate postgresql://… sqlite:///back.db",
                code="live_cold",
            )

    def _prove(
        self, aside: Mapping[str, int], known: Collection[str]
    ) -> tuple[Proof, tuple[str, ...], tuple[str, ...]]:
        """Compare every value. Tables that differ are written anew: where values differ still, SQLite changes them."""
        proof = self._compare(aside)
        suspects = [table.table for table in proof.tables if self._lacks(table) or self._inexact(table) - {*known}]
        repaired = tuple(name for name in suspects if not aside.get(name))
        if repaired:
            self.tell(f"writing {', '.join(repaired)} anew: rows differ from PostgreSQL's")
            self.warm.take_whole(repaired)
            proof = self._compare(aside)
        lacking = {table.table for table in proof.tables if self._lacks(table)} | ({*suspects} - {*repaired})
        if lacking:
            raise VerifyError(
                f"{', '.join(sorted(lacking))}: SQLite's rows differ from PostgreSQL's.",
                hint="Has something written to the file behind its fence? See which rows: exuvia live verify.",
                code="different",
            )
        inexact = sorted(set[str]().union(*map(self._inexact, proof.tables)))
        state.set_proved(self.connection, self.found.schema)
        state.change(self.connection, self.found.schema, misfits=inexact)
        mended = [table.table for table in proof.tables if table.equal and table.table in repaired]
        return proof, tuple(mended), tuple(inexact)

    def _lacks(self, table: TableProof) -> bool:
        """Tell whether a table differs in more than the values of some columns."""
        return not table.equal and (table.rows_source != table.rows_target or not self.warm.wrong[table.table])

    def _inexact(self, table: TableProof) -> set[str]:
        """Return the columns that differ of a table whose rows are all there."""
        return set() if table.equal else {f"{table.table}.{column}" for column in self.warm.wrong[table.table]}

    def _compare(self, aside: Mapping[str, int]) -> Proof:
        return self.warm.verify(self.listener, aside)[1]

    def _left(self) -> tuple[str, ...]:
        plan = Following.from_json(self.found.plan).plan
        ours = [*self.warm.names, *(table.quarantine for table in plan.tables)]
        return tuple(name for (name,) in self.connection.execute(_OTHERS, (self.found.schema, ours)))


def quarantined(connection: psycopg.Connection, found: State) -> dict[str, int]:
    """Return how many rows are in quarantine, by table in PostgreSQL: SQLite has them, PostgreSQL has not.

    Args:
        connection: A connection to the server.
        found: The move.
    """
    tables = Following.from_json(found.plan).plan.tables
    asides = {one.target.name: Aside.of(connection, one.target.schema, one.quarantine) for one in tables}
    return {name: aside.count(connection) for name, aside in asides.items() if aside.exists}


def named(done: Round) -> list[str]:
    """Return the columns of a round in which SQLite holds other values, such as ``orders.price``."""
    return [f"{one.table}.{one.column}" for one in done.inexact]


def refuse_inexact(columns: Collection[str], options: RollbackOptions) -> None:
    """Refuse a roll-back after which values would be other ones, unless that is wanted.

    Args:
        columns: The columns in which they would.
        options: How to roll back.

    Raises:
        TargetError: ``inexact``.
    """
    if columns and not options.allow_inexact:
        raise TargetError(
            f"SQLite cannot hold some values as PostgreSQL has them ({', '.join(columns)}): its declared types change"
            " them.",
            hint="See which rows: exuvia live verify. Change them in PostgreSQL, or go on: --allow-inexact.",
            code="inexact",
        )
