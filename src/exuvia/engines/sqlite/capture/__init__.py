"""Capture: a log of the keys that an application changes while its rows move, kept by triggers in its own file.

``plan`` says what is logged per table, ``triggers`` is its SQL, ``install`` puts it into the file and takes it out,
``writer`` is the connection for that, ``log`` reads the changed keys and prunes them, ``state`` is what capture keeps
about itself, ``schema`` tells what happened to the file's definitions, ``fence`` keeps writers out, and ``own`` tells
exuvia's objects from others.

The texts of a full-text table are watched where FTS keeps them. Other virtual tables have no triggers.

Triggers see every row that SQL changes, with four exceptions: a write of a connection that has triggers switched off,
incremental BLOB I/O (sqlite3_blob_write), a file that is replaced or restored as a whole, and a row whose AFTER
trigger the application has made later, or as a TEMP trigger, and which ends in RAISE(IGNORE) or RAISE(FAIL). A
comparison of the two sides finds those.

Where an application's SQLite is older than 3.26, or runs with ``legacy_alter_table``, ALTER TABLE RENAME leaves the
bodies of triggers alone: a renamed table with a unique column then refuses INSERTs until capture is taken out.
"""
