"""What every subsystem of the store stands on.

An operation of the store is a generator: it yields requests (``Statement``, ``Many``) and receives rows. It knows
nothing of connections, threads or event loops, so it is written once; ``drive`` runs it on a synchronous connection
and ``drive_async`` on an asynchronous one, as in psycopg 3. ``reading``, ``writing`` and ``writing_once`` make such a
generator a method of the store, which returns its result on ``Store`` and an awaitable on ``AsyncStore``.
"""
