"""What comes from the server, with an end to waiting and to what one row may weigh before it is whole.

libpq hands a row out when all of it is there, however large it is, and PostgreSQL looks at its clock only between
steps, some of which take hours: both are watched from this side.
"""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass

from psycopg import pq
from psycopg.abc import PQGen
from psycopg.waiting import Wait

from exuvia.errors import TargetError

try:
    from fcntl import ioctl
    from termios import FIONREAD
except ImportError:  # not on this system: a row is then measured when it is whole

    def _arrived(socket: int) -> int:  # noqa: ARG001 - as on other systems
        return 0

else:

    def _arrived(socket: int) -> int:
        """Return how many bytes wait in a socket."""
        waiting = array("i", [0])
        ioctl(socket, FIONREAD, waiting, True)
        return waiting[0]


class TooLargeError(Exception):
    """A row is coming that is larger than any answer may be."""


@dataclass(slots=True)
class Inbox:
    """The results of a connection in pipeline mode.

    Args:
        pgconn: The connection.
        deadline: When nobody waits any more, by ``time.perf_counter``.
        most: How many bytes may come without a result being whole.
    """

    pgconn: pq.abc.PGconn
    deadline: float
    most: int
    pending: int = 0

    def fetch(self) -> PQGen[pq.abc.PGresult | None]:
        """Return the next result; None after the last of a command.

        Raises:
            TooLargeError: It is too large.
            TargetError: It does not come. The connection is closed then.
        """
        while self.pgconn.is_busy():
            ready = yield Wait.R
            if time.perf_counter() > self.deadline:
                self.pgconn.finish()
                raise TargetError(
                    "The statement did not end when its time was over; its connection was given up.",
                    hint="Ask for less: texts that are compared or searched are too long. It may still use the server.",
                    code="timeout",
                )
            if not ready:
                continue
            self.pending += _arrived(self.pgconn.socket)
            if self.pending > self.most:
                raise TooLargeError
            self.pgconn.consume_input()
        self.pending = 0
        return self.pgconn.get_result()

    def only(self) -> PQGen[pq.abc.PGresult]:
        """Return the one result of a command without rows to take."""
        result = yield from self.fetch()
        while (yield from self.fetch()) is not None:
            pass
        assert result is not None
        return result
