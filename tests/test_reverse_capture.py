"""What applications change in PostgreSQL after a cut-over is logged: every row, by whoever, and nothing twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from exuvia.engines.postgres.capture import log
from exuvia.engines.postgres.capture.fence import fence, is_fenced, lift
from exuvia.engines.postgres.capture.install import install, installed, remove
from exuvia.engines.postgres.capture.locks import LockedError, lock_tables
from exuvia.engines.postgres.capture.log import START, ChangeReader, Changes
from exuvia.engines.postgres.capture.plan import CapturedTable, plan_capture
from exuvia.errors import SourceError, TargetError
from exuvia.location import PostgresLocation

SCHEMA = """
    CREATE TABLE "T %" (id bigint PRIMARY KEY, v text);
    CREATE TABLE child (a int, b text, t bigint REFERENCES "T %" ON DELETE CASCADE ON UPDATE CASCADE,
        PRIMARY KEY (b, a));
    CREATE TABLE amount (n numeric PRIMARY KEY);
    CREATE TABLE free (x int, j json);
    INSERT INTO "T %" VALUES (1, 'one'), (2, 'two');
    INSERT INTO child VALUES (1, 'x', 1), (2, 'y', 1), (3, 'z', 2);
"""
NAMES = ["T %", "child", "amount", "free"]
TRACES = """
    SELECT 'trigger', tgname::text FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'schema', nspname FROM pg_namespace WHERE nspname LIKE 'exuvia%'
"""


class Log:
    """Reads the log of a database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.position = START
        self._reader = ChangeReader(PostgresLocation.of(url), "public")

    def close(self) -> None:
        self._reader.close()

    def keys(self) -> dict[str, list[tuple[object, ...]]]:
        """The keys that changed since the last time, and the rows that came (1) and went (-1) where there are none."""
        with psycopg.connect(self.url) as connection:
            found = installed(connection, "public")
        assert found is not None
        keys = {}
        with self._reader.snapshot(found, self.position) as changes:
            self.position = changes.up_to
            for table in found.tables:
                if table.number in changes.tables:
                    keys[table.name] = self._of(table, changes)
        return keys

    def _of(self, table: CapturedTable, changes: Changes) -> list[tuple[object, ...]]:
        if changes.tables[table.number].emptied:
            return [("emptied",)]
        items = [(column.name, "{c}::text") for column in table.columns]
        query = log.changed_keys(table, changes, items) if table.keyed else log.logged_rows(table, changes, items)
        return sorted((tuple(row.values()) for row in self._reader.rows(query, table.name)), key=repr)


def put_under_capture(url: str) -> None:
    with psycopg.connect(url) as connection:
        plan = plan_capture(connection, "public", NAMES)
        assert not plan.refused
        install(connection, plan, "m1")


@pytest.fixture
def url(postgres_url: str) -> str:
    with psycopg.connect(postgres_url) as connection:
        connection.execute(SCHEMA)
    put_under_capture(postgres_url)
    return postgres_url


@pytest.fixture
def one_url(any_url: str) -> str:
    with psycopg.connect(any_url) as connection:
        connection.execute(SCHEMA)
    put_under_capture(any_url)
    return any_url


@pytest.fixture
def changes(url: str) -> Iterator[Log]:
    with closing(Log(url)) as made:
        yield made


@contextmanager
def session(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_every_kind_of_change_is_logged_by_its_key(url: str, changes: Log) -> None:
    with session(url) as connection:
        for sql, expected in (
            ("INSERT INTO \"T %\" VALUES (3, 'three')", {"T %": [("3",)]}),
            ("UPDATE \"T %\" SET v = 'x' WHERE id < 3", {"T %": [("1",), ("2",)]}),
            ("DELETE FROM child WHERE a = 3", {"child": [("z", "3")]}),
            ('UPDATE "T %" SET id = 10 WHERE id = 3', {"T %": [("10",), ("3",)]}),
            ("UPDATE child SET b = 'yy' WHERE a = 2", {"child": [("y", "2"), ("yy", "2")]}),
            ("UPDATE \"T %\" SET id = 11 WHERE id = 1", {"T %": [("1",), ("11",)], "child": [("x", "1"), ("yy", "2")]}),
            ('DELETE FROM "T %" WHERE id = 11', {"T %": [("11",)], "child": [("x", "1"), ("yy", "2")]}),
            ("INSERT INTO \"T %\" VALUES (2, '') ON CONFLICT (id) DO UPDATE SET v = 'up'", {"T %": [("2",)]}),
            ("INSERT INTO \"T %\" VALUES (2, '') ON CONFLICT DO NOTHING", {}),
            ("WITH w AS (DELETE FROM \"T %\" RETURNING *) INSERT INTO amount SELECT id FROM w",
             {"T %": [("10",), ("2",)], "amount": [("10",), ("2",)]}),
            ("UPDATE amount SET n = 2.00 WHERE n = 2", {"amount": [("2",), ("2.00",)]}),
            ("TRUNCATE child", {"child": [("emptied",)]}),
            ("SELECT 1", {}),
        ):  # fmt: skip
            connection.execute(sql.encode())
            assert changes.keys() == expected, sql


def test_rows_of_a_table_without_key_come_and_go(url: str, changes: Log) -> None:
    with session(url) as connection:
        connection.execute("INSERT INTO free VALUES (1, '{}'), (1, '{}'), (NULL, NULL)")
        assert changes.keys() == {"free": [(1, "1", "{}"), (1, "1", "{}"), (1, None, None)]}
        connection.execute("UPDATE free SET x = 2 WHERE x = 1")
        assert changes.keys() == {"free": [(-1, "1", "{}")] * 2 + [(1, "2", "{}")] * 2}
        connection.execute("UPDATE free SET x = 2 WHERE x = 2")
        assert changes.keys() == {}


def test_copy_savepoints_and_replicated_writes_are_logged_and_what_is_rolled_back_is_not(
    url: str, changes: Log
) -> None:
    with session(url) as connection:
        with connection.cursor() as cursor, cursor.copy('COPY "T %" FROM STDIN') as copy:
            copy.write("20\ta\n21\tb\n")
        assert changes.keys() == {"T %": [("20",), ("21",)]}
        connection.execute("BEGIN; INSERT INTO amount VALUES (1); SAVEPOINT a; INSERT INTO amount VALUES (2)")
        connection.execute("ROLLBACK TO a; SAVEPOINT b; INSERT INTO amount VALUES (3); RELEASE b; COMMIT")
        assert changes.keys() == {"amount": [("1",), ("3",)]}
        connection.execute("BEGIN; TRUNCATE child; INSERT INTO amount VALUES (4); ROLLBACK")
        assert changes.keys() == {}
        connection.execute("SET session_replication_role = replica; DELETE FROM amount WHERE n = 1")
        assert changes.keys() == {"amount": [("1",)]}


def test_a_transaction_that_began_early_and_commits_late_is_not_skipped(url: str, changes: Log) -> None:
    with psycopg.connect(url) as early, psycopg.connect(url) as late:
        early.execute("INSERT INTO amount VALUES (1)")
        late.execute("INSERT INTO amount VALUES (2)")
        late.commit()
        assert changes.keys() == {"amount": [("2",)]}
        early.execute("INSERT INTO amount VALUES (3)")
        assert changes.keys() == {}
        early.commit()
        assert changes.keys() == {"amount": [("1",), ("3",)]}
        assert changes.keys() == {}


def test_pruning_takes_what_was_applied_and_nothing_else(url: str, changes: Log) -> None:
    with psycopg.connect(url) as early, session(url) as connection:
        early.execute("INSERT INTO amount VALUES (1)")
        connection.execute("INSERT INTO amount VALUES (2)")
        changes.keys()
        found = installed(connection, "public")
        assert found is not None
        assert log.prune(connection, "public", found, changes.position) == 1
        early.commit()
        assert log.prune(connection, "public", found, changes.position) == 0
        assert changes.keys() == {"amount": [("1",)]}


def test_a_position_that_the_log_does_not_follow_is_refused(url: str, changes: Log) -> None:
    with session(url) as connection:
        connection.execute("INSERT INTO amount VALUES (1)")
        changes.keys()
        found = installed(connection, "public")
        assert found is not None
        log.prune(connection, "public", found, changes.position)
        for position in (START, "1:9999999999999:"):
            changes.position = position
            with pytest.raises(SourceError) as raised:
                changes.keys()
            assert raised.value.code == "source.log_gap"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("ALTER TABLE amount ADD COLUMN more text", "table amount"),
        ("ALTER TABLE child ALTER COLUMN t TYPE int", "table child"),
        ("ALTER TABLE amount DISABLE TRIGGER ALL", "table amount"),
        ("DROP TRIGGER _exuvia_put ON amount", "table amount"),
        ("ALTER TABLE amount RENAME TO amounts", "table amount"),
        ("DROP TABLE amount", "amount was dropped"),
    ],
)
def test_a_change_of_the_schema_is_told(one_url: str, sql: str, told: str) -> None:
    with closing(Log(one_url)) as changes:
        with session(one_url) as connection:
            connection.execute("CREATE INDEX ON child (t); ANALYZE child")
            changes.keys()
            connection.execute(sql.encode())
        with pytest.raises(SourceError, match=told) as raised:
            changes.keys()
    assert raised.value.code == "source.schema_changed"


def test_a_role_without_rights_on_the_log_is_logged_and_cannot_mislead_it(url: str, changes: Log) -> None:
    with session(url) as connection:
        role = f"app_{connection.info.dbname}"
        connection.execute(f'CREATE ROLE "{role}"'.encode())
        try:
            connection.execute(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"'.encode())
            connection.execute(f'CREATE SCHEMA mine AUTHORIZATION "{role}"; SET ROLE "{role}"'.encode())
            connection.execute(
                "CREATE FUNCTION mine.pg_current_xact_id() RETURNS xid8 LANGUAGE sql AS 'SELECT NULL::xid8'"
            )
            connection.execute("SET search_path = mine, pg_catalog, public; SET DateStyle = 'German'")
            connection.execute("INSERT INTO amount VALUES (7)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM exuvia_reverse_public.log_1")
            connection.execute("RESET ROLE")
            assert changes.keys() == {"amount": [("7",)]}
        finally:
            connection.execute(
                f'RESET ROLE; DROP SCHEMA mine CASCADE; DROP OWNED BY "{role}"; DROP ROLE "{role}"'.encode()
            )


def test_capture_is_taken_out_without_a_trace_and_not_put_in_twice(url: str) -> None:
    with pytest.raises(TargetError, match="followed already"):
        put_under_capture(url)
    with psycopg.connect(url) as connection:
        assert remove(connection, "public")
        assert connection.execute(TRACES).fetchall() == []
        assert not remove(connection, "public")
        connection.execute("CREATE SCHEMA exuvia_reverse_public")
        connection.commit()
    with pytest.raises(TargetError, match="has not made"):
        put_under_capture(url)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO amount VALUES (1)",
        "INSERT INTO amount SELECT 1 WHERE false",
        "COPY amount FROM PROGRAM 'true'",
        "UPDATE \"T %\" SET v = ''",
        'DELETE FROM "T %"',
        "TRUNCATE free",
        "SET session_replication_role = replica; DELETE FROM free",
    ],
)
def test_a_fenced_database_refuses_every_write_until_the_fence_is_lifted(one_url: str, sql: str) -> None:
    message = "this database moved back to sqlite:///app.db: it's 100% read-only"
    with session(one_url) as connection:
        with connection.transaction():
            fence(connection, "public", NAMES, message, "m1")
        assert is_fenced(connection, "public") == message
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="it's 100% read-only"):
            connection.execute(sql.encode())
        assert connection.execute('SELECT count(*) FROM "T %"').fetchone() == (2,)
        with connection.transaction():
            assert lift(connection, "public")
        assert connection.execute(TRACES).fetchall() == []
        connection.execute(sql.encode())


def test_locks_make_writers_wait_and_let_readers_read(url: str) -> None:
    with psycopg.connect(url) as connection, session(url) as observer, session(url) as writer:
        lock_tables(connection, observer, "public", NAMES, 0.5)
        writer.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            writer.execute("INSERT INTO amount VALUES (1)")
        assert writer.execute("SELECT count(*) FROM amount").fetchone() == (0,)
        connection.rollback()
        writer.execute("INSERT INTO amount VALUES (1)")


def test_locks_that_cannot_be_had_are_given_up_in_time_and_the_holder_is_named(url: str) -> None:
    with psycopg.connect(url, application_name="shop worker") as holder:
        holder.execute("INSERT INTO free VALUES (1)")
        with psycopg.connect(url) as connection, session(url) as observer, session(url) as writer:
            started = time.monotonic()
            with pytest.raises(LockedError, match="shop worker") as raised:
                lock_tables(connection, observer, "public", NAMES, 0.3)
            assert time.monotonic() - started < 1
            assert [one.pid for one in raised.value.blockers] == [holder.info.backend_pid]
            assert raised.value.blockers[0].state == "idle in transaction"
            writer.execute("SET lock_timeout = '50ms'; INSERT INTO amount VALUES (1)")
            holder.rollback()
            lock_tables(connection, observer, "public", NAMES, 0.3)


def test_many_writers_are_logged_exactly_once(url: str, changes: Log) -> None:
    """Sessions that commit in another order than they write, and roll back: each committed row comes in one reading."""

    def write(number: int) -> None:
        with psycopg.connect(url) as connection:
            for turn in range(40):
                connection.execute("INSERT INTO free VALUES (%s)", (number * 1000 + turn,))
                connection.execute("SELECT pg_sleep(random() * 0.004)")
                if turn % 5 == 4:
                    connection.rollback()
                elif turn % 3 == 2:
                    connection.commit()
            connection.commit()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    seen: list[object] = []
    while any(thread.is_alive() for thread in threads):
        seen += [row[1] for row in changes.keys().get("free", [])]
    seen += [row[1] for row in changes.keys().get("free", [])]
    with session(url) as connection:
        there = [str(row[0]) for row in connection.execute("SELECT x FROM free")]
    assert sorted(map(str, seen)) == sorted(there)
