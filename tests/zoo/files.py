"""What the file itself can be: page sizes, vacuum modes, journals, free pages."""

from __future__ import annotations

from zoo.registry import Maker, specimen


def _sample(db: Maker, rows: int = 500) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, b BLOB); CREATE INDEX iv ON t(v)")
    db.fill("t", [(i, f"value {i}" * (i % 40), bytes(i % 97)) for i in range(rows)])


@specimen("files")
def pages_of_512_bytes(db: Maker) -> None:
    db.run("PRAGMA page_size=512")
    _sample(db)


@specimen("files")
def pages_of_65536_bytes(db: Maker) -> None:
    db.run("PRAGMA page_size=65536")
    _sample(db)


@specimen("files")
def a_database_with_auto_vacuum_and_free_pages(db: Maker) -> None:
    db.run("PRAGMA auto_vacuum=INCREMENTAL")
    _sample(db, 5_000)
    db.run("DELETE FROM t WHERE id % 3 = 0")


@specimen("files")
def a_write_ahead_log_that_was_never_checkpointed(db: Maker) -> None:
    db.run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0")
    _sample(db)
    db.run("UPDATE t SET v = 'from the log' WHERE id < 10; DELETE FROM t WHERE id > 490")
    db.keep_wal = True


@specimen("files")
def a_schema_that_exists_only_in_the_write_ahead_log(db: Maker) -> None:
    db.run(
        "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE early(v); PRAGMA wal_checkpoint(TRUNCATE)"
    )
    db.run(
        """
        CREATE TABLE late(id INTEGER PRIMARY KEY, v TEXT);
        INSERT INTO late VALUES(1,'x');
        ALTER TABLE early ADD COLUMN w DEFAULT 7
        """
    )
    db.run("INSERT INTO early VALUES(1,2)")
    db.keep_wal = True


@specimen("files")
def a_legacy_file_format_with_application_id(db: Maker) -> None:
    db.run(
        "PRAGMA legacy_file_format=ON; PRAGMA application_id=252006673; PRAGMA user_version=-7; PRAGMA secure_delete=ON"
    )
    _sample(db, 50)


@specimen("files")
def a_database_without_any_table(db: Maker) -> None:
    db.run("CREATE TABLE t(v); DROP TABLE t; PRAGMA user_version=1")


@specimen("files")
def a_database_of_views_only(db: Maker) -> None:
    db.run(
        """
        CREATE VIEW v AS SELECT 1 AS one;
        CREATE VIEW w AS SELECT * FROM sqlite_schema;
        CREATE VIEW x AS SELECT sqlite_version()
        """
    )
