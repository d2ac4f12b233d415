"""What comes from the server, with an end to waiting.

PostgreSQL looks at its clock only between the steps of a statement, and one comparison of two long texts takes hours:
the clock is watched from this side, too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.waiting import Wait

from exuvia.errors import TargetError


@dataclass(frozen=True, slots=True)
class Inbox:
    """The results of a connection in pipeline mode.

    Args:
        pgconn: The connection.
        deadline: When nobody waits any more, by ``time.perf_counter``.
    """

    pgconn: pq.abc.PGconn
    deadline: float

    def fetch(self) -> PQGen[pq.abc.PGresult | None]:
        """Return the next result; None after the last of a command.

        Raises:
            TargetError: It does not come. The connection is closed then.
            OperationalError: The connection is lost.
        """
        while self.pgconn.is_busy():
            if (yield Wait.R):
                self.pgconn.consume_input()
            elif time.perf_counter() > self.deadline:
                self.pgconn.finish()
                raise TargetError(
                    "The statement did not end when its time was over; its connection was given up.",
                    hint="Ask for less: texts that are compared or searched are too long. It may still use the server.",
                    code="timeout",
                )
        result = self.pgconn.get_result()
        if result is None and self.pgconn.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError("the connection is lost")
        return result

    def only(self) -> PQGen[pq.abc.PGresult]:
        """Return the one result of a command without rows to take."""
        result = yield from self.fetch()
        while (yield from self.fetch()) is not None:
            pass
        assert result is not None
        return result
