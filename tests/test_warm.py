"""SQLite is kept warm: whatever is done in PostgreSQL after the cut-over, SQLite holds it after the next round."""

from __future__ import annotations

import multiprocessing
import random
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import count
from pathlib import Path

import apsw
import psycopg
import pytest

from capturing import directory
from exuvia.errors import ExuviaError, SourceError, TargetError
from exuvia.live.warm import Inexact, Warm
from exuvia.location import PostgresLocation
from warming import cut_over, rows

SCHEMA = """
    CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT UNIQUE NOT NULL, born TEXT, score REAL,
        upper TEXT GENERATED ALWAYS AS (upper(email)) STORED);
    CREATE TABLE posts(id TEXT PRIMARY KEY, user INTEGER REFERENCES users(id) ON DELETE CASCADE ON UPDATE CASCADE,
        body TEXT, meta JSON, price DECIMAL(10, 2)) WITHOUT ROWID;
    CREATE TABLE tags(post TEXT REFERENCES posts(id) ON DELETE CASCADE, tag TEXT, weight, PRIMARY KEY(post, tag));
    CREATE TABLE events(at DATETIME, what TEXT, data BLOB);
    CREATE TABLE audit(what TEXT);
    CREATE VIRTUAL TABLE notes USING fts5(title, body);
    CREATE VIRTUAL TABLE found USING fts5(tag, content=tags);
    CREATE TRIGGER told AFTER INSERT ON users BEGIN INSERT INTO audit VALUES ('user ' || NEW.email); END;
    INSERT INTO users(email, born, score) VALUES ('a@x', '1990-01-01', 1.5), ('b@x', NULL, -0.0),
        ('c@x', '2000-02-29', 2);
    INSERT INTO posts VALUES ('p1', 1, 'hello ' || char(233), '{"a": 1.50}', 1.5), ('p2', 2, '', '[1]', 20);
    INSERT INTO tags VALUES ('p1', 'x', 1), ('p1', 'y', 'two'), ('p2', 'x', 2.5);
    INSERT INTO events VALUES ('2024-01-01 10:00:00', 'e', x'00ff'), ('2024-01-01 10:00:00', 'e', x'00ff'),
        (NULL, NULL, NULL);
    INSERT INTO notes VALUES ('one', 'first'), ('two', 'second');
"""


class Moved:
    """A file and the database that it moved to."""

    def __init__(self, path: Path, url: str) -> None:
        self.path, self.url = path, url

    def warm(self) -> Warm:
        return Warm(PostgresLocation.of(self.url), "public", self.path)

    def write(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for sql in statements:
                connection.execute(sql.encode())

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return rows(self.path, query)

    def check(self) -> None:
        with self.warm() as warm:
            done, proof = warm.verify()
        assert done.changes == 0
        assert [str(one) for table in proof.tables for one in table.differences] == []
        assert len(proof.tables) == len(warm.plan.tables)
        assert self.rows("PRAGMA integrity_check") == [("ok",)]


@pytest.fixture
def path() -> Iterator[Path]:
    with directory() as made:
        yield Path(made) / "app.db"


@pytest.fixture
def moved(path: Path, postgres_url: str) -> Moved:
    cut_over(path, SCHEMA, postgres_url)
    return Moved(path, postgres_url)


@pytest.fixture
def moved_once(path: Path, any_url: str) -> Moved:
    cut_over(path, SCHEMA, any_url)
    return Moved(path, any_url)


STATEMENTS = (
    "INSERT INTO users(email, score) VALUES ('d@x', 'NaN'), ('e@x', 'Infinity'), ('f@x', 0.1)",
    "UPDATE users SET score = score + 1 WHERE id IN (1, 2)",
    "UPDATE users SET email = CASE id WHEN 1 THEN 'b@x' ELSE 'tmp' END WHERE id IN (1, 2) AND false",
    "UPDATE users SET id = id + 100 WHERE id = 1",
    "DELETE FROM users WHERE id = 2",
    "INSERT INTO users(email) VALUES ('c@x') ON CONFLICT (email) DO UPDATE SET born = '2001-01-01'",
    "INSERT INTO posts VALUES ('p3', 3, 'it''s \u2028 \ufffe \U0001f600', '{\"b\": [1, 2.0]}', 12345678.91)",
    "UPDATE posts SET id = 'p9' WHERE id = 'p3'",
    "INSERT INTO tags VALUES ('p9', 'A', 'w'), ('p9', 'a', '1')",
    "UPDATE tags SET tag = tag || '!'",
    "INSERT INTO events SELECT at, what, data FROM events",
    "DELETE FROM events WHERE ctid = (SELECT min(ctid) FROM events)",
    "UPDATE events SET what = 'f' WHERE what IS NULL",
    "TRUNCATE events",
    "INSERT INTO events VALUES ('2025-01-01 00:00:00', 'g', '')",
    "UPDATE notes SET body = 'changed' WHERE title = 'one'; DELETE FROM notes WHERE title = 'two'",
    "INSERT INTO audit VALUES ('by hand')",
    "TRUNCATE users, posts, tags",
)


def test_after_every_statement_a_round_makes_both_sides_equal(moved: Moved) -> None:
    with moved.warm() as warm:
        assert warm.plan.cold == ()
        for sql in STATEMENTS:
            moved.write(sql)
            pending = warm.pending()
            done, proof = warm.verify()
            assert (done.changes, done.inexact) == (pending, ()), sql
            assert [one for table in proof.tables for one in table.differences] == [], sql
            assert proof.equal
        assert moved.rows("PRAGMA integrity_check") == [("ok",)]
        assert moved.rows("SELECT rowid, body FROM notes WHERE notes MATCH 'changed'") == [(1, "changed")]
        assert warm.prune() > 0
        assert warm.round().changes == 0


def test_full_text_indexes_that_were_built_anew_are_kept_up_to_date(moved_once: Moved) -> None:
    with moved_once.warm() as warm:
        assert warm.refresh_search() == (("found", ""),)
        for sql in (
            "UPDATE tags SET tag = 'plum' WHERE tag = 'x'; INSERT INTO tags VALUES ('p1', 'pear', 3)",
            "UPDATE tags SET tag = 'quince' WHERE tag = 'plum' AND post = 'p1'; DELETE FROM tags WHERE tag = 'y'",
            "UPDATE users SET score = 1",
        ):
            moved_once.write(sql)
            warm.round()
            assert warm.refresh_search() == ()
        hits = moved_once.rows("SELECT tag FROM found('x OR y OR plum OR pear OR quince') ORDER BY 1")
        assert hits == [("pear",), ("plum",), ("quince",)]
        moved_once.write("TRUNCATE tags")
        warm.round()
        assert warm.refresh_search() == (("found", ""),)
    with closing(apsw.Connection(str(moved_once.path))) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        connection.execute("INSERT INTO found(found, rank) VALUES ('integrity-check', 1)")
    moved_once.check()


def test_all_statements_in_one_round(moved_once: Moved) -> None:
    moved_once.write(*STATEMENTS)
    with moved_once.warm() as warm:
        warm.round()
    moved_once.check()


def test_what_did_not_change_stays_as_sqlite_spells_it(path: Path, postgres_url: str) -> None:
    script = """
        CREATE TABLE t(id UUID PRIMARY KEY, at TIMESTAMP, j JSON, n DECIMAL, flag BOOLEAN, other TEXT);
        INSERT INTO t VALUES
            ('6BA7B810-9DAD-11D1-80B4-00C04FD430C8', '2024-01-01T10:00:00Z', '{"b":1, "a" : 2}', 1.0, 1, 'x'),
            ('6ba7b8119dad11d180b400c04fd430c8', '2024-01-01T10:00:00.500+00:00', '[1,2 ]', 2, 0, 'y'),
            ('6ba7b812-9dad-11d1-80b4-00c04fd430c8', '2024-06-01T10:00:00Z', '{}', 3.5, 0, 'z');
        CREATE TABLE plain(id INTEGER, v TIMESTAMP);
        INSERT INTO plain VALUES (1, '2024-01-01T10:00:00Z'), (2, '2024-01-01T11:00:00Z');
    """
    cut_over(path, script, postgres_url, "native")
    moved = Moved(path, postgres_url)
    before = moved.rows("SELECT *, typeof(n) FROM t ORDER BY other")
    with moved.warm() as warm:
        moved.write(
            "UPDATE t SET other = other || '2', flag = NOT flag WHERE other <> 'z'",
            "UPDATE t SET at = at + '1s' WHERE other = 'z'",
        )
        moved.write("DELETE FROM plain WHERE id = 1", "INSERT INTO plain VALUES (3, now())")
        warm.round()
        after = moved.rows("SELECT *, typeof(n) FROM t ORDER BY other")
        assert [(*row[:4], row[6]) for row in after[:2]] == [(*row[:4], row[6]) for row in before[:2]]
        assert [(row[4], row[5]) for row in after[:2]] == [(0, "x2"), (1, "y2")]
        assert after[2][0] == before[2][0]
        assert after[2][1] != before[2][1]
        moved.write("DELETE FROM t WHERE other = 'x2'")
        warm.round()
    assert [row[0] for row in moved.rows("SELECT other FROM t ORDER BY 1")] == ["y2", "z"]
    moved.check()


def test_the_fence_stays_and_triggers_and_foreign_keys_do_not_act(moved_once: Moved) -> None:
    with moved_once.warm() as warm:
        moved_once.write("INSERT INTO users(email) VALUES ('new@x')")
        audit = moved_once.rows("SELECT * FROM audit")
        warm.round()
        # The trigger's copy in PostgreSQL has written the row that is here, and SQLite's own has not added another
        assert len(moved_once.rows("SELECT * FROM audit")) == len(audit) + 1
        with closing(apsw.Connection(str(moved_once.path))) as connection, pytest.raises(apsw.Error, match="moved"):
            connection.execute("INSERT INTO users(email) VALUES ('z@x')")
    moved_once.check()


def test_ids_that_were_given_and_deleted_are_not_given_again(moved: Moved) -> None:
    moved.write(
        "INSERT INTO users(email) SELECT i || '@y' FROM generate_series(1, 10) AS i", "DELETE FROM users WHERE id > 5"
    )
    with moved.warm() as warm:
        warm.round()
    assert moved.rows("SELECT seq FROM sqlite_sequence WHERE name = 'users'") == [(13,)]


def test_full_text_indexes_over_other_tables_are_built_anew_on_request(moved_once: Moved) -> None:
    with moved_once.warm() as warm:
        moved_once.write("UPDATE tags SET tag = 'fresh' WHERE post = 'p1' AND tag = 'x'")
        warm.round()
        assert warm.refresh_search() == (("found", ""),)
    assert moved_once.rows(
        "SELECT post FROM tags WHERE rowid = (SELECT rowid FROM found WHERE found MATCH 'fresh')"
    ) == [("p1",)]


def _is_over(left: Iterator[int]) -> bool:
    return next(left, None) is None


def test_a_follower_that_dies_in_a_round_neither_skips_nor_doubles(moved_once: Moved) -> None:
    with moved_once.warm() as warm:
        moved_once.write("INSERT INTO events VALUES (NULL, 'a', NULL)")
        warm.round()
    moved_once.write(
        "INSERT INTO events VALUES (NULL, 'b', NULL)", "INSERT INTO posts VALUES ('q', NULL, '', NULL, NULL)"
    )
    for steps in count(5, 60):
        with moved_once.warm() as warm:
            left = iter(range(steps))
            warm._writer.connection.set_progress_handler(partial(_is_over, left), 5)
            with suppress(ExuviaError):
                warm.round()
                break
        assert moved_once.rows("SELECT count(*) FROM events WHERE what IN ('a', 'b')") == [(1,)]
    assert steps > 65
    assert moved_once.rows("SELECT count(*) FROM events WHERE what IN ('a', 'b')") == [(2,)]
    moved_once.check()


def test_what_is_not_captured_or_not_fenced_is_refused(moved_once: Moved, path: Path) -> None:
    with pytest.raises(TargetError) as raised:
        Warm(PostgresLocation.of(moved_once.url), "other", path)
    assert raised.value.code == "target.not_captured"
    free = path.with_name("free.db")
    with closing(apsw.Connection(str(free))) as connection:
        connection.execute("CREATE TABLE t(a)")
    with pytest.raises(SourceError) as refused:
        Warm(PostgresLocation.of(moved_once.url), "public", free)
    assert refused.value.code == "source.not_fenced"


def test_a_row_that_sqlite_forbids_stops_the_round_and_keeps_nothing_of_it(path: Path, any_url: str) -> None:
    cut_over(path, "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT UNIQUE); INSERT INTO t VALUES (1, 'a')", any_url)
    moved = Moved(path, any_url)
    moved.write(
        "INSERT INTO t VALUES (2, 'b')", 'ALTER TABLE t DROP CONSTRAINT "t_v_key"', "INSERT INTO t VALUES (3, 'a')"
    )
    with moved.warm() as warm:
        with pytest.raises(TargetError, match="UNIQUE") as raised:
            warm.round()
        assert raised.value.code == "target.refused"
        assert moved.rows("SELECT id FROM t") == [(1,)]
        moved.write("DELETE FROM t WHERE id = 3")
        warm.round()
    moved.check()


def test_a_value_that_sqlite_cannot_hold_is_told(path: Path, any_url: str) -> None:
    cut_over(path, "CREATE TABLE t(id INTEGER PRIMARY KEY, n DECIMAL); INSERT INTO t VALUES (1, 1.25)", any_url)
    moved = Moved(path, any_url)
    with moved.warm() as warm:
        moved.write("INSERT INTO t VALUES (2, 0.1)")
        assert warm.round().inexact == ()
        moved.write("INSERT INTO t VALUES (3, 0.12345678901234567890)")
        assert warm.round().inexact == (Inexact("t", "n"),)
        _, proof = warm.verify()
        assert not proof.equal


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_files_in_utf_16_are_kept_warm(path: Path, any_url: str, encoding: str) -> None:
    script = f"""
        PRAGMA encoding = '{encoding}';
        CREATE TABLE t(id TEXT PRIMARY KEY, v TEXT, b BLOB);
        INSERT INTO t VALUES ('\u00e9', 'x', x'01'), ('b', 'y', NULL);
    """
    cut_over(path, script, any_url)
    moved = Moved(path, any_url)
    moved.write("UPDATE t SET v = 'z' WHERE id = '\u00e9'", "INSERT INTO t VALUES ('\ufffe\U0001f600', '\uffff', '')")
    moved.write("DELETE FROM t WHERE id = 'b'")
    with moved.warm() as warm:
        warm.round()
    moved.check()
    assert moved.rows("SELECT id, v FROM t ORDER BY id") == [("\u00e9", "z"), ("\ufffe\U0001f600", "\uffff")]


WRITES = (
    "INSERT INTO users(email, score) VALUES ('{r}@w', {n}) ON CONFLICT (email) DO UPDATE SET score = users.score + 1",
    "INSERT INTO users(email) SELECT '{r}.' || i || '@w' FROM generate_series(1, 20) AS i ON CONFLICT DO NOTHING",
    "UPDATE users SET score = {n}, born = '{r}' WHERE id % 7 = {n}",
    "UPDATE users SET email = '{r}.new' WHERE id = (SELECT min(id) FROM users WHERE id % 5 = {n} % 5)",
    "UPDATE users SET id = -id - {r} WHERE id = (SELECT max(id) FROM users)",
    "DELETE FROM users WHERE id = (SELECT id FROM users ORDER BY random() LIMIT 1)",
    "INSERT INTO posts SELECT '{r}', id, 'body {r}', '{{\"n\": {n}}}', {n}.25 FROM users ORDER BY random() LIMIT 1"
    " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    "INSERT INTO tags SELECT id, 'tag {n}', '{r}' FROM posts ON CONFLICT (post, tag) DO UPDATE SET weight = '{r}'",
    "UPDATE tags SET tag = tag || {n} WHERE random() < 0.1",
    "INSERT INTO events VALUES ('2024-01-0{d} 10:00:00', 'e{n}', '\\x0{n}')",
    "DELETE FROM events WHERE what = 'e{n}'",
    "UPDATE events SET what = 'e{n}' WHERE what = 'e{d}'",
    "UPDATE notes SET body = 'note {r}' WHERE rowid = (SELECT min(rowid) FROM notes)",
    "INSERT INTO notes(rowid, title, body) VALUES ({r} + 10, 't', 'b') ON CONFLICT DO NOTHING",
)


def work(url: str, seed: int, transactions: int) -> None:
    """Write like an application: transactions of several statements, savepoints, long ones, and some rolled back."""
    chance = random.Random(seed)
    with psycopg.connect(url) as connection:
        connection.execute("SET lock_timeout = '500ms'")
        connection.commit()
        for _ in range(transactions):
            with suppress(psycopg.Error):
                for _ in range(chance.randrange(1, 5)):
                    values = {"r": chance.randrange(1000), "n": chance.randrange(7), "d": chance.randrange(1, 7)}
                    with suppress(psycopg.errors.IntegrityError), connection.transaction():
                        connection.execute(chance.choice(WRITES).format(**values).encode())
                        if chance.random() < 0.2:
                            connection.execute("SELECT pg_sleep(0.02)")
                if chance.random() < 0.05:
                    connection.execute(chance.choice(("TRUNCATE events", "TRUNCATE tags")).encode())
                if chance.random() < 0.2:
                    with connection.cursor().copy("COPY audit FROM STDIN") as copy:
                        copy.write(f"copied {chance.randrange(5)}\n" * 3)
                if chance.random() < 0.2:
                    connection.rollback()
            with suppress(psycopg.Error):
                connection.commit()
            connection.rollback()


def load(moved: Moved, *, writers: int, transactions: int) -> None:
    """Follow many writers, with a follower that is opened anew now and then, to the end."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    arguments = [(moved.url, seed + number, transactions) for number in range(writers)]
    threads = [threading.Thread(target=work, args=one) for one in arguments]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        with moved.warm() as warm:
            for _ in range(10):
                warm.round()
            warm.prune()
    with moved.warm() as warm:
        warm.round()
    moved.check()


def test_with_many_writers_at_work_nothing_is_lost_or_doubled(moved: Moved) -> None:
    load(moved, writers=6, transactions=20)


def follow_for_ever(path: Path, url: str) -> None:
    """Be the follower that is killed."""
    with Warm(PostgresLocation.of(url), "public", path) as warm:
        while True:
            warm.round()
            warm.prune()


@pytest.mark.slow
def test_a_follower_that_is_killed_again_and_again_loses_and_doubles_nothing(moved: Moved) -> None:
    writers = [threading.Thread(target=work, args=(moved.url, seed, 120)) for seed in range(4)]
    for thread in writers:
        thread.start()
    spawning = multiprocessing.get_context("spawn")
    while any(thread.is_alive() for thread in writers):
        follower = spawning.Process(target=follow_for_ever, args=(moved.path, moved.url))
        follower.start()
        follower.join(random.uniform(1.5, 3))
        assert follower.exitcode is None
        follower.kill()
        follower.join()
    with moved.warm() as warm:
        warm.round()
    moved.check()


@pytest.mark.slow
def test_with_many_writers_for_long(moved: Moved) -> None:
    load(moved, writers=20, transactions=150)
