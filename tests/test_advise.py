"""What is advised: measured on real files, judged by thresholds, and the file left as it was."""

from __future__ import annotations

import hashlib
import math
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import psycopg
import pytest

import exuvia
from exuvia.engines.sqlite.observe.visits import visiting
from exuvia.errors import ConfigError, SourceError
from exuvia.ops.advisor.advise import AdviseOptions, advise
from exuvia.ops.advisor.growth import default_file
from exuvia.ops.advisor.judging import judge
from exuvia.ops.advisor.results import Advice, Measure
from exuvia.ops.advisor.thresholds import Thresholds

QUICK = AdviseOptions(watch=0.05)
WRITING = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
print("ready", flush=True)
while True:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO t (a) VALUES ('x')")
    time.sleep(0.02)
    connection.execute("COMMIT")
    time.sleep(0.02)
"""


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def database(path: Path, sql: str) -> Path:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(sql)
    connection.close()
    return path


@contextmanager
def writing(path: Path, processes: int) -> Iterator[None]:
    started = [
        subprocess.Popen([sys.executable, "-I", "-S", "-c", WRITING, path], stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.communicate()


def measure(advice: Advice, name: str) -> Measure:
    return next(found for found in advice.measures if found.name == name)


def files(folder: Path) -> dict[str, str]:
    found = (entry for entry in folder.iterdir() if entry.is_file() and not entry.name.endswith("-shm"))
    return {entry.name: hashlib.sha256(entry.read_bytes()).hexdigest() for entry in found}


def log_of(path: Path, rows: Sequence[tuple[object, ...]], columns: str = "at, agent_id") -> Path:
    """A table of events with an agent for each."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"CREATE TABLE log (id INTEGER PRIMARY KEY, {columns})")
    marks = ", ".join("?" * len(columns.split(",")))
    connection.executemany(f"INSERT INTO log ({columns}) VALUES ({marks})", rows)
    connection.commit()
    connection.close()
    return path


def ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("probe", ["ask", "take"])
def test_the_source_has_the_same_bytes_afterwards_and_nothing_lies_beside_it(
    tmp_path: Path, real_data: Path, mode: str, probe: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "app.db"
    path.write_bytes((real_data / "chinook.sqlite").read_bytes())
    database(path, f"PRAGMA journal_mode = {mode}")
    before = files(folder)
    advise(path, AdviseOptions(watch=0.1, probe=probe, check=True, hold=math.inf))  # type: ignore[arg-type]
    assert files(folder) == before
    assert [entry.name for entry in folder.iterdir()] == ["app.db"]


@pytest.mark.parametrize("probe", ["ask", "take"])
def test_a_database_that_is_open_in_wal_mode_keeps_its_log_as_it_was(tmp_path: Path, probe: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "app.db"
    program = f"import sqlite3, os; c = sqlite3.connect({str(path)!r}); c.executescript('PRAGMA journal_mode = wal; \
CREATE TABLE t (a); INSERT INTO t VALUES (1)'); os._exit(0)"
    subprocess.run([sys.executable, "-c", program], check=True)
    before = files(folder)
    assert set(before) == {"app.db", "app.db-wal"}
    found = advise(path, AdviseOptions(watch=0.1, probe=probe))  # type: ignore[arg-type]
    assert [table.rows for table in found.facts.tables] == [1]
    assert files(folder) == before


def test_processes_that_write_are_agents_and_their_waits_are_reasons(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "PRAGMA journal_mode = wal; CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    with writing(path, 2):
        found = advise(path, AdviseOptions(watch=1.0, thresholds=Thresholds(agents=1)))
    assert found.recommendation == "move now"
    assert measure(found, "agents").value == 2
    assert len(found.facts.users.known) == 2
    assert measure(found, "lock_waits").state == "over"
    assert any("waits for the write lock an hour" in reason for reason in found.reasons)
    assert any("busy timeout" in fix.what for fix in found.fixes)


UPDATING = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("PRAGMA synchronous = OFF")
longest, end = 0, time.monotonic() + 1.5
while time.monotonic() < end:
    start = time.monotonic()
    connection.execute("INSERT INTO t (a) VALUES ('x')")
    longest = max(longest, time.monotonic() - start)
    time.sleep(0.01)
print(longest)
"""


def test_a_writer_gets_on_while_questions_are_asked_that_take_for_ever(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'x')")
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n, t"
    writer = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", UPDATING, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with visiting(path, 0.05) as visits:
        while writer.poll() is None:
            assert visits.ask(endless) is None
            assert visits.ask("SELECT 1 FROM t WHERE id = 1") == [(1,)]
    output, errors = writer.communicate()
    assert not errors
    assert float(output) < 1


def test_what_takes_longer_than_a_visit_is_estimated_and_said_so(tmp_path: Path) -> None:
    path = database(
        tmp_path / "app.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"
        "INSERT INTO t SELECT i, hex(randomblob(50)) FROM n; DELETE FROM t WHERE id % 3 = 0",
    )
    short = advise(path, replace(QUICK, hold=0.001))
    assert (short.facts.tables[0].rows, short.facts.tables[0].rows_from) == (299_999, "rowids")
    assert any("--exact" in reason for reason in short.facts.unknown)
    exact = advise(path, replace(QUICK, hold=math.inf))
    assert (exact.facts.tables[0].rows, exact.facts.tables[0].rows_from) == (200_000, "counted")


@pytest.mark.parametrize(
    "stamp",
    [
        lambda at: at.strftime("%Y-%m-%d %H:%M:%S"),
        lambda at: at.isoformat().replace("+00:00", "Z"),
        lambda at: at.astimezone(tz=None).isoformat(),
        lambda at: int(at.timestamp()),
        lambda at: at.timestamp(),
        lambda at: int(at.timestamp() * 1000),
        lambda at: int(at.timestamp() * 1_000_000),
    ],
)
def test_rows_stamped_in_order_are_events_however_the_time_is_written(tmp_path: Path, stamp: object) -> None:
    assert callable(stamp)
    rows: list[tuple[object, ...]] = [(stamp(ago(minutes)), "a") for minutes in range(3000, 0, -10)]
    found = advise(log_of(tmp_path / "app.db", rows), QUICK)
    (events,) = found.facts.events
    assert (events.table, events.column, events.rows) == ("log", "at", 300)
    assert events.last_hour in (5, 6)
    assert events.last_day in (143, 144)
    assert abs(events.newest - ago(10).timestamp()) < 60


@pytest.mark.parametrize(
    "values",
    [
        [f"2026-01-{1 + n % 28:02d}" for n in range(50)],
        [f"2024-{1 + n * 7 % 12:02d}-01 10:00:00" for n in range(50)],
        list(range(50)),
        [f"2024-01-01 10:{n:02d}:00" for n in range(49)] + ["unknown"],
        [None] * 50,
    ],
    ids=["days", "disorder", "numbers", "one that is none", "nothing"],
)
def test_a_column_called_created_at_is_no_timestamp_unless_its_values_are(tmp_path: Path, values: list[object]) -> None:
    path = log_of(tmp_path / "app.db", [(value, "a") for value in values], "created_at, agent_id")
    found = advise(path, QUICK)
    assert found.facts.events == ()
    assert measure(found, "events").value == 0
    assert measure(found, "users").state == "unknown"


def test_those_who_were_active_within_the_hour_are_counted_once_each(tmp_path: Path) -> None:
    rows = [(ago(minutes).isoformat(), f"old {minutes}") for minutes in range(500, 100, -10)]
    rows += [(ago(60 - n / 2).isoformat(), f"agent {n % 7}") for n in range(1, 100)]
    found = advise(log_of(tmp_path / "app.db", rows), QUICK)
    assert measure(found, "agents").value == 7
    assert found.recommendation == "move now"
    assert "log.agent_id" in found.reasons[0]
    assert measure(advise(tmp_path / "app.db", replace(QUICK, window=36_000)), "agents").value == 7 + 40


@pytest.mark.parametrize(
    ("columns", "who"),
    [
        ("at, agent_id", lambda n: f"row {n}"),
        ("at, agent_id", lambda n: 1_700_000_000 + n // 2),
        ("at, agent_id", lambda n: n % 5 / 2),
        ("at, note", lambda n: f"agent {n % 7}"),
        ("at, userAgent", lambda n: f"Mozilla/5.{n % 7}"),
    ],
    ids=["one for each row", "times", "fractions", "another name", "browsers"],
)
def test_a_column_whose_values_are_no_identities_names_no_agents(tmp_path: Path, columns: str, who: object) -> None:
    assert callable(who)
    rows = [(ago(50 - n / 4).isoformat(), who(n)) for n in range(100)]
    found = advise(log_of(tmp_path / "app.db", rows, columns), QUICK)
    assert found.facts.actors == ()


def test_users_and_agents_are_told_apart(tmp_path: Path) -> None:
    rows = [(ago(50 - n / 4).isoformat(), n % 3, f"u{n % 12}") for n in range(100)]
    found = advise(log_of(tmp_path / "app.db", rows, "at, sessionId, user_name"), QUICK)
    assert (measure(found, "agents").value, measure(found, "users").value) == (3, 12)
    assert [reason for reason in found.reasons if reason.startswith("12 concurrent users, over")]


def test_a_small_quiet_file_may_stay_and_what_is_not_known_is_said(real_data: Path) -> None:
    found = advise(real_data / "chinook.sqlite", QUICK)
    assert found.recommendation == "stay"
    assert "not known: concurrent users" in found.reasons
    assert any("busy_timeout" in reason for reason in found.facts.unknown)


def test_each_threshold_decides_by_itself(real_data: Path) -> None:
    facts = advise(real_data / "chinook.sqlite", QUICK).facts
    assert judge(facts, Thresholds(megabytes=1)).recommendation == "move now"
    assert judge(facts, Thresholds(megabytes=1.5)).recommendation == "prepare"
    assert judge(facts, Thresholds(megabytes=1.5, prepare_at=0.9)).recommendation == "stay"
    assert judge(facts, Thresholds(events=411)).recommendation == "move now"
    assert judge(facts, Thresholds(events=412)).recommendation == "prepare"
    busy = replace(facts, contention=replace(facts.contention, waits_per_hour=101.0))
    assert judge(busy, Thresholds()).recommendation == "move now"
    calm = replace(facts, contention=replace(facts.contention, waits_per_hour=100.0))
    assert judge(calm, Thresholds()).recommendation == "prepare"


def test_the_thresholds_are_by_default_those_of_the_applications() -> None:
    defaults = Thresholds()
    assert (defaults.megabytes, defaults.agents, defaults.users) == (10, 5, 10)
    assert (defaults.events, defaults.lock_waits) == (1_000_000, 100)


def test_growth_comes_from_samples_that_are_kept_only_when_asked(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(500000))")
    assert advise(path, QUICK).facts.growth is None
    assert not default_file(path).exists()
    advise(path, replace(QUICK, keep=True))
    (line,) = default_file(path).read_text().splitlines()
    earlier = orjson.loads(line) | {"at": time.time() - 86_400, "used_bytes": 8192, "rows": {"t": 0}}
    default_file(path).write_bytes(orjson.dumps(earlier) + b"\n")
    found = advise(path, replace(QUICK, thresholds=Thresholds(megabytes=2)))
    assert found.facts.growth is not None
    assert found.facts.growth.measured
    assert 480_000 < found.facts.growth.bytes_per_day < 520_000
    assert found.facts.growth.rows_per_day == pytest.approx(1, rel=0.01)
    assert found.recommendation == "prepare"
    assert measure(found, "size").days == pytest.approx(3, abs=0.2)
    assert "which its growth reaches in 3 days" in found.reasons[0]


def test_one_file_may_keep_the_samples_of_several_databases(tmp_path: Path) -> None:
    kept = AdviseOptions(watch=0, samples=tmp_path / "samples.jsonl", keep=True)
    for name in ("one.db", "two.db", "one.db"):
        if not (tmp_path / name).exists():
            database(tmp_path / name, "CREATE TABLE t (a)")
        advise(tmp_path / name, kept)
    assert len((tmp_path / "samples.jsonl").read_text().splitlines()) == 3
    assert advise(tmp_path / "two.db", kept).facts.growth is None


def test_a_file_that_holds_no_samples_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "CREATE TABLE t (a)")
    (tmp_path / "notes.txt").write_text("dear diary\n")
    with pytest.raises(ConfigError, match="no file of samples"):
        advise(path, replace(QUICK, samples=tmp_path / "notes.txt", keep=True))
    assert (tmp_path / "notes.txt").read_text() == "dear diary\n"


SCHEMA = """
CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT UNIQUE);
CREATE TABLE c (
  id INTEGER PRIMARY KEY, p_id REFERENCES p, q_id REFERENCES p, r_id REFERENCES p, a TEXT, b TEXT, UNIQUE (r_id, a)
);
CREATE INDEX by_q ON c (q_id, a);
CREATE INDEX by_q_alone ON c (q_id);
CREATE INDEX by_q_down ON c (q_id DESC);
CREATE INDEX by_q_nocase ON c (q_id COLLATE NOCASE);
CREATE INDEX some_q ON c (q_id) WHERE a = 'x';
CREATE INDEX other_q ON c (q_id) WHERE a = 'X';
CREATE INDEX same_q ON c (q_id) WHERE a = 'X';
CREATE INDEX lower_a ON c (replace(a, 'x', ''));
CREATE INDEX upper_a ON c (replace(a, 'X', ''));
CREATE UNIQUE INDEX one_q ON c (q_id);
CREATE INDEX by_r ON c (r_id);
CREATE INDEX again ON p (k);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO c (a) SELECT i FROM n;
"""


def test_missing_and_superfluous_indexes_are_found_and_others_are_left_in_peace(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", SCHEMA)
    found = advise(path, QUICK).facts.indexes
    assert {(one.kind, one.table, one.index) for one in found} == {
        ("missing", "c", ""),
        ("redundant", "c", "by_q_alone"),
        ("redundant", "c", "by_r"),
        ("redundant", "c", "same_q"),
        ("redundant", "p", "again"),
        ("statistics", "c", ""),
    }
    database(path, ";".join(one.sql for one in found))
    assert advise(path, QUICK).facts.indexes == ()


SEARCH = """
CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO docs VALUES (1, 'red fox'), (2, 'blue cat');
CREATE VIRTUAL TABLE found USING fts5 (body, content='docs', content_rowid='id');
INSERT INTO found (found) VALUES ('rebuild');
CREATE VIRTUAL TABLE own USING fts5 (body);
INSERT INTO own VALUES ('x');
"""


def test_a_full_text_table_that_follows_its_rows_is_healthy(tmp_path: Path) -> None:
    found = advise(database(tmp_path / "app.db", SEARCH), QUICK)
    assert [table.problems for table in found.facts.search] == [(), ()]


def test_a_full_text_table_that_was_left_behind_is_found_and_mended_by_the_fix(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", SEARCH + "DELETE FROM docs WHERE id = 1; INSERT INTO docs VALUES (7, 'x')")
    found = advise(path, QUICK)
    assert found.facts.search[0].problems == (
        "1 rows of docs are not in the index",
        "1 rows of docs are in the index but gone",
    )
    (fix,) = [fix for fix in found.fixes if "found" in fix.what]
    database(path, fix.sql)
    assert advise(path, QUICK).facts.search[0].problems == ()


def test_a_damaged_full_text_index_is_found(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", SEARCH + "UPDATE own_data SET block = x'00' WHERE id > 10")
    assert advise(path, QUICK).facts.search[1].problems


def test_a_damaged_file_is_found_when_asked(tmp_path: Path) -> None:
    path = database(
        tmp_path / "app.db",
        "CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a); INSERT INTO t VALUES ('abc'), ('def');"
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 3 WHERE name = 't'",
    )
    path.write_bytes(path.read_bytes().replace(b"def", b"aaa", 1))
    assert advise(path, replace(QUICK, check=True)).facts.damage
    assert advise(path, QUICK).facts.damage is None


def test_free_pages_and_a_rollback_journal_are_things_to_mend(tmp_path: Path) -> None:
    path = database(
        tmp_path / "app.db",
        "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(3000000)); DELETE FROM t; CREATE TABLE u (a)",
    )
    found = advise(path, QUICK)
    assert found.facts.storage.free_pages > 500
    assert {"VACUUM", "PRAGMA journal_mode = WAL"} <= {fix.sql for fix in found.fixes}
    database(path, "VACUUM; PRAGMA journal_mode = WAL")
    assert not {"VACUUM", "PRAGMA journal_mode = WAL"} & {fix.sql for fix in advise(path, QUICK).fixes}


@pytest.mark.parametrize("name", ["chinook.sqlite", "aiknowsys.sqlite"])
def test_the_disk_that_postgresql_takes_is_estimated_within_a_third(name: str, shared_data: Path, any_url: str) -> None:
    cost = advise(shared_data / name, QUICK).facts.cost
    exuvia.migrate(shared_data / name, any_url)
    with psycopg.connect(any_url) as connection:
        found = connection.execute(
            "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchone()
    assert found is not None
    assert found[0] / 1.34 < cost.disk_bytes < found[0] * 1.34


def test_the_public_function_takes_a_url_and_tells_how_far_it_is(tmp_path: Path) -> None:
    database(tmp_path / "app.db", "CREATE TABLE t (a); CREATE TABLE u (a)")
    heard: list[exuvia.AdviseProgress] = []
    found = exuvia.advise(f"sqlite:///{tmp_path}/app.db", exuvia.AdviseOptions(watch=0.5), heard.append)
    assert isinstance(found, exuvia.Advice)
    assert [event.detail for event in heard if event.stage == "read"] == ["t", "u"]
    watched = [event.done for event in heard if event.stage == "watch"]
    assert watched == sorted(watched)
    assert 0 < watched[-1] <= 0.5


def test_only_a_sqlite_file_that_is_there_gets_an_advice(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        advise(tmp_path / "none.db")
    with pytest.raises(ConfigError, match="not a SQLite file"):
        advise("postgresql://me@localhost/app")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TABLE t (a, b, PRIMARY KEY (a)) WITHOUT ROWID; INSERT INTO t VALUES (1, 2)",
        'CREATE TABLE "we""ird ; name" ("a""b" TEXT); INSERT INTO "we""ird ; name" VALUES (x\'ff\')',
        "CREATE TABLE t (rowid, oid, _rowid_); INSERT INTO t VALUES (1, 2, 3)",
        "CREATE TABLE t (a); INSERT INTO t VALUES (CAST(x'ff' AS TEXT)), (9e999), (-9223372036854775808)",
        "PRAGMA encoding = 'UTF-16be'; CREATE TABLE t (a); INSERT INTO t VALUES ('é')",
        "CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (-9223372036854775808), (9223372036854775807)",
        "CREATE TABLE t (a, b AS (a + 1)); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT * FROM none",
        "CREATE TABLE t (a REFERENCES none, b, FOREIGN KEY (b) REFERENCES t (c)); CREATE INDEX i ON t (a + 1, b)",
    ],
)
def test_unusual_schemas_get_an_advice(tmp_path: Path, schema: str) -> None:
    found = advise(database(tmp_path / "app.db", schema), replace(QUICK, check=True))
    assert found.recommendation == "stay"
    assert found.facts.damage == ()
