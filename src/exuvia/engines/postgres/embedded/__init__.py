"""A PostgreSQL server of one's own, from the binaries that pip installed (extra ``embedded``).

The package's own ``get_server`` is not used: it stops the server when the process that asked for it ends, waits ten
seconds at most for crash recovery, makes every directory above the data readable by everybody when it runs as root,
and locks a file in a shared temporary directory. Its binaries are driven here instead: ``initdb`` and ``pg_ctl``, under
a file lock beside the data, with a socket in the data directory as the only way in.
"""

from exuvia.engines.postgres.embedded.binaries import psql_path
from exuvia.engines.postgres.embedded.server import Server, default_data_dir, start, status, stop, url

__all__ = ["Server", "default_data_dir", "psql_path", "start", "status", "stop", "url"]
