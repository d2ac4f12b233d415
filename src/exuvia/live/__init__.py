"""Moving live: the application goes on writing to its SQLite file while its rows move to PostgreSQL.

``start`` begins a live move, or goes on with it, and follows the source; ``status``, ``pause``, ``resume`` and ``stop``
look at it and steer it from any process that reaches the target. ``cutover`` makes the target the one that is written;
the source is kept up to date from then on, until ``rollback`` makes it the one that is written again.
"""

from exuvia.live.carrying import Ended
from exuvia.live.control import Status, pause, remove_log, resume, status, stop
from exuvia.live.cutover_report import CutoverReport, RollbackReport
from exuvia.live.cutting_over import cutover
from exuvia.live.options import CutoverOptions, LiveEvent, LiveOptions, RollbackOptions
from exuvia.live.rolling_back import rollback
from exuvia.live.session import start
from exuvia.live.together import cutover_together
from exuvia.live.verifying import Compared, verify

__all__ = [
    "Compared",
    "CutoverOptions",
    "CutoverReport",
    "Ended",
    "LiveEvent",
    "LiveOptions",
    "RollbackOptions",
    "RollbackReport",
    "Status",
    "cutover",
    "cutover_together",
    "pause",
    "remove_log",
    "resume",
    "rollback",
    "start",
    "status",
    "stop",
    "verify",
]
