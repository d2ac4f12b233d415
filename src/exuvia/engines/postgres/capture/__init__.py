"""Reverse capture: a log of what applications change in PostgreSQL after a cut-over, kept by triggers.

``plan`` says what is logged per table, ``triggers`` is its SQL, ``install`` puts it into the database and takes it
out, ``log`` reads the changes and prunes them, ``state`` is what capture keeps about itself, ``shape`` tells what
happened to the tables' definitions, ``fence`` keeps writers out, ``locks`` makes them wait, and ``own`` names exuvia's
objects. Everything but the triggers is in one schema, so that nothing is left when that is dropped.

The log has no sequence numbers: transactions commit in another order than they write. Each row names its transaction,
and a position in the log is a snapshot (``pg_snapshot``): what the next snapshot sees and this one does not is new,
however long a transaction was open (https://www.postgresql.org/docs/current/functions-info.html, section 9.27.5).

Triggers see every row that SQL changes, also under ``session_replication_role = replica``. They do not see changes
while they are disabled, and ALTER TABLE that rewrites values; ``shape`` tells both.
"""
