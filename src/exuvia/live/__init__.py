"""Moving live: the application goes on writing to its SQLite file while its rows move to PostgreSQL.

``start`` begins a live move, or goes on with it, and follows the source; ``status``, ``pause``, ``resume`` and ``stop``
look at it and steer it from any process that reaches the target. ``cutover`` makes the target the one that is written.
"""

from exuvia.live.control import Status, pause, remove_log, resume, status, stop
from exuvia.live.cutover_report import CutoverReport
from exuvia.live.cutting_over import cutover
from exuvia.live.options import CutoverOptions, LiveEvent, LiveOptions
from exuvia.live.session import Ended, start

__all__ = [
    "CutoverOptions",
    "CutoverReport",
    "Ended",
    "LiveEvent",
    "LiveOptions",
    "Status",
    "cutover",
    "pause",
    "remove_log",
    "resume",
    "start",
    "status",
    "stop",
]
