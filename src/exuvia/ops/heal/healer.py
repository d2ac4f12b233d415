"""A database that heals: what is wrong, what would mend it, and mending it."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from exuvia.errors import ConfigError, DeniedError, TargetError
from exuvia.guard.policy import Policy
from exuvia.location import Location, SqliteLocation
from exuvia.ops.heal import applying, diagnosing, proposing
from exuvia.ops.heal.audit import Sink, own_file, store_sink
from exuvia.ops.heal.database import Database, FailedError, Limits, NotAnsweredError
from exuvia.ops.heal.model import Complaint, Diagnosis, Examination, Outcome, Proposal
from exuvia.ops.heal.postgres.database import PostgresDatabase
from exuvia.ops.heal.sqlite.database import SqliteDatabase

CHECK_UP: Final = Complaint()
"""What is no complaint, but asks for a look at everything."""
_REMEMBERED: Final = 10_000


class Healer:
    """Diagnoses, proposes and applies, on one connection that is opened when it is first used.

    Calls wait for one another, so that any thread may make them; ``cancel`` stops the one that is running.

    Args:
        location: A SQLite file, a PostgreSQL server, or the embedded one.
        policy: What an agent may see (``read``) and heal (``ddl``), and what its statements may do when they are run to
            see whether they work; None where a person decides, whom only the rights of the connecting role limit.
        limits: What a change may take of everybody else's time.
        sink: Takes what is recorded, before a change and after it; None for the audit of a store in the user's data
            directory.
        actor: Who heals, for the audit; None for the user's name.
        data_dir: Where the embedded server lives; None for the default.
    """

    def __init__(
        self,
        location: Location,
        policy: Policy | None = None,
        *,
        limits: Limits | None = None,
        sink: Sink | None = None,
        actor: str | None = None,
        data_dir: Path | None = None,
    ) -> None:
        self._location = location
        self._policy = policy
        self._limits = limits or Limits()
        self._sink = sink
        self._actor = actor or _user()
        self._data_dir = data_dir
        self._turn = threading.Lock()
        self._database: Database | None = None
        self._made: dict[str, Diagnosis | Proposal] = {}

    def diagnose(self, complaint: Complaint = CHECK_UP) -> Examination:
        """Say what is wrong; nothing is changed.

        Args:
            complaint: What went wrong; an empty one asks for a check-up of everything.

        Raises:
            TargetError: The database cannot be reached.
            CancelledError: ``cancel`` was called.
        """
        with self._using() as database:
            examination = diagnosing.diagnose(database, complaint)
        self._remember(examination.diagnoses)
        return examination

    def propose(self, diagnosis: Diagnosis) -> tuple[Proposal, ...]:
        """Say what would mend it, the best way first; nothing is changed.

        Raises:
            TargetError: The database cannot be reached.
            CancelledError: ``cancel`` was called.
        """
        with self._using() as database:
            proposals = proposing.propose(database, diagnosis)
        self._remember(proposals)
        return proposals

    def recall(self, made: str) -> Diagnosis | Proposal | None:
        """Return a diagnosis or a proposal that this healer made lately, by its id; None for any other."""
        return self._made.get(made)

    def apply(self, proposal: Proposal | str, *, actor: str | None = None) -> Outcome:
        """Do what was proposed, verify it, and undo it if it did not help.

        Args:
            proposal: A proposal, or the id of one that this healer made.
            actor: Who wants it, for the audit; None for the healer's own.

        Raises:
            ConfigError: There is no such proposal.
            DeniedError: The policy does not allow its tables to be altered.
            TargetError: The database cannot be reached, or something half done could not be taken back.
            CancelledError: ``cancel`` was called; nothing was changed, or it was taken back.
            StoreError: What is done cannot be recorded; nothing was changed.
        """
        chosen = self.recall(proposal) if isinstance(proposal, str) else proposal
        if not isinstance(chosen, Proposal):
            raise ConfigError(
                f"There is no proposal {proposal!r}.",
                hint="Propose again: ids stay the same while the same thing is wrong.",
                code="heal_proposal",
            )
        with self._using() as database:
            _require_allowed(database, chosen)
            sink = self._sink or store_sink(SqliteLocation(_made(own_file())))
            return applying.apply(database, chosen, actor=actor or self._actor, sink=sink)

    def cancel(self) -> None:
        """Stop the call that is running, from any thread; it takes back what is half done and raises."""
        if self._database is not None and self._turn.locked():
            self._database.cancel()

    def close(self) -> None:
        """Close the connection."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _remember(self, made: Iterable[Diagnosis | Proposal]) -> None:
        self._made |= {one.id: one for one in made}
        for old in list(self._made)[:-_REMEMBERED]:
            del self._made[old]

    @contextmanager
    def _using(self) -> Iterator[Database]:
        with self._turn:
            if self._database is not None and self._database.is_lost:
                self.close()
            if self._database is None:
                self._database = self._open()
            self._database.is_cancelled = False
            try:
                yield self._database
            except (FailedError, NotAnsweredError) as error:
                raise TargetError(f"{error}", hint=getattr(error, "hint", ""), code="heal") from error

    def _open(self) -> Database:
        if isinstance(self._location, SqliteLocation):
            return SqliteDatabase(self._location.path, self._policy, self._limits)
        return PostgresDatabase(self._location, self._policy, self._limits, data_dir=self._data_dir)


def _require_allowed(database: Database, proposal: Proposal) -> None:
    if not proposal.statements:
        return
    target = proposal.diagnosis.target
    for schema, table in ((target.schema, target.table), *proposal.also):
        if not database.allows("ddl", schema, table):
            place = f"{schema}.{table or '*'}"
            raise DeniedError(
                f"The policy does not allow {place} to be healed.",
                hint=f'Who runs the guard allows it: guard_ddl = ["{place}"] in exuvia.toml.',
                code="table",
            )


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
