"""Mutated statements: whatever is allowed for reading changes nothing, not even where only the verdict protects.

Each mutant that the verdict lets pass runs twice: as the guard runs it, and by a superuser in a transaction that may
write and is committed. Afterwards every row, sequence, object and setting is as it was.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import servers
import test_guard_sqlite as on_sqlite
from exuvia.errors import ExuviaError
from exuvia.guard import Policy, check, parse_pattern
from exuvia.guard.postgres import facts
from exuvia.guard.postgres.run import run
from exuvia.guard.sqlite import run as sqlite_run
from guard_corpus import ATTACKS, READS, WRITES
from guarding import Guarded, digest, guarded, policy, session

QUICKLY = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
THOROUGHLY = settings(QUICKLY, max_examples=5_000)
READABLE = tuple(map(parse_pattern, ("public.*", "!public.secrets")))

HARM = [
    *("wipe()", "public.wipe()", "launder(1)", "wiped(u)", "(u).wiped", "set_config('a.b', 'c', false)"),
    *("nextval('counter')", "setval('counter', 99)", "('counter'::regclass).nextval", "lo_create(0)", "<<<>>> 1"),
    *("1::trapped", "'x'::trap", "(u.id::text)::trap", "pg_advisory_lock(1)", "pg_notify('a', 'b')", "u.wiped"),
    *("query_to_xml('DELETE FROM orders', true, true, '')", "set_config('role', 'postgres', false)"),
    *("U&\"n\\0065xtval\"('counter')", "pg_catalog . set_config('a.b', 'c', false)", "lo_unlink(1)", "pg_sleep(0)"),
    *("ts_rewrite('a', 'SELECT wipe()::text::tsquery, ''b''::tsquery')", "(SELECT wipe())", "x.wipe_as_owner"),
]
INTO = [
    "INTO stolen FROM",
    "INTO TEMP stolen FROM",
    "FROM ONLY",
    "FROM wipe() AS w,",
    "FROM secrets,",
    "FROM LATERAL wipe() w,",
]
SQLITE_HARM = [
    *("load_extension('x')", "zeroblob(9)", "(SELECT token FROM secrets)", "fts3_tokenizer('x', x'00')", "random()"),
    *("(DELETE FROM orders)", "writefile('x', 'y')", "last_insert_rowid()", "(SELECT * FROM pragma_user_version)"),
]
SQLITE_INTO = ["FROM secrets,", "FROM dbstat,", "FROM leak,", "FROM sqlite_schema,"]
COMMENTS = ["/* c */", "/* /* nested */ */", "-- c\n", "/* ; DELETE FROM orders; */", "\n\t", "/**/", "--\r\n"]


@dataclass(frozen=True, slots=True)
class Material:
    """What mutants are made of."""

    bases: list[str]
    harm: list[str]
    into: list[str]
    attacks: list[str]


ON_POSTGRES = Material(
    READS, HARM, INTO, [attack.sql for attack in ATTACKS if len(attack.sql) < 500 and attack.sql.isprintable()] + WRITES
)
ON_SQLITE = Material(
    on_sqlite.READS,
    SQLITE_HARM,
    SQLITE_INTO,
    [sql for _, _, sql in on_sqlite.ATTACKS if len(sql) < 500 and sql.isprintable()],
)


@st.composite
def mutants(draw: st.DrawFn, material: Material) -> str:
    """Draw an allowed statement and change it a few times, mostly with pieces that would do harm."""
    text = draw(st.sampled_from(material.bases)).rstrip("; ")
    for _ in range(draw(st.sampled_from([1, 1, 2, 2, 3, 4]))):
        text = draw(st.sampled_from(MUTATIONS))(draw, text, material)
    return text


def _comment(draw: st.DrawFn, text: str, _: Material) -> str:
    return re.sub(r"\s+", lambda _: f" {draw(st.sampled_from(COMMENTS))} ", text, count=draw(st.integers(1, 3)))


def _case(draw: st.DrawFn, text: str, _: Material) -> str:
    return draw(st.sampled_from([str.lower, str.upper, str.swapcase, str.title]))(text)


def _wrap(draw: st.DrawFn, text: str, material: Material) -> str:
    other, attack = draw(st.sampled_from(material.bases)), draw(st.sampled_from(material.attacks))
    forms = (
        "SELECT * FROM ({text}) q",
        "WITH q AS ({text}) SELECT * FROM q",
        "WITH RECURSIVE q AS ({text}) SELECT 1 FROM q, q r",
        "WITH q AS ({attack}) {text}",
        "WITH q AS ({text}), r AS ({attack} RETURNING 1) SELECT 1",
        "({text}) UNION ALL ({other})",
        "{text} EXCEPT {other}",
        "EXPLAIN {text}",
        "EXPLAIN ANALYZE {text}",
        "EXPLAIN (ANALYZE) {attack}",
        "SELECT EXISTS ({text}), ({attack})",
        "SELECT ARRAY({text})",
        "{text}; {attack}",
        "{attack}; {text}",
        "{text} FOR UPDATE",
        "SELECT $x${text}$x$",
        "DO $x${text}$x$",
        "PREPARE p AS {text}",
        "COPY ({text}) TO STDOUT",
        "CREATE TEMP TABLE t AS {text}",
        "DECLARE c CURSOR WITH HOLD FOR {text}",
        "SELECT 1 FROM users u WHERE id IN ({text})",
    )
    return draw(st.sampled_from(forms)).format(text=text, other=other, attack=attack)


def _splice(draw: st.DrawFn, text: str, material: Material) -> str:
    words = list(re.finditer(r"[A-Za-z_0-9.*]+", text))
    word = draw(st.sampled_from(words)) if words else None
    harm = draw(st.sampled_from(material.harm))
    return text if word is None else text[: word.start()] + harm + text[word.end() :]


def _select(draw: st.DrawFn, text: str, material: Material) -> str:
    harm = draw(st.sampled_from(material.harm))
    return re.sub(r"\bSELECT\b", lambda _: f"SELECT {harm}, ", text, count=1, flags=re.IGNORECASE)


def _from(draw: st.DrawFn, text: str, material: Material) -> str:
    into = draw(st.sampled_from(material.into))
    return re.sub(r"\bFROM\b", lambda _: into, text, count=draw(st.integers(1, 2)), flags=re.IGNORECASE)


def _follow(draw: st.DrawFn, text: str, material: Material) -> str:
    word = draw(
        st.sampled_from(["WHERE", "ORDER BY", "GROUP BY", "HAVING", "LIMIT", "UNION SELECT", "CROSS JOIN", ","])
    )
    return f"{text} {word} {draw(st.sampled_from(material.harm))}"


def _escape(draw: st.DrawFn, text: str, _: Material) -> str:
    names = list(re.finditer(r"\b[a-z_]{3,}\b", text))
    if not names:
        return text
    name = draw(st.sampled_from(names))
    escaped = "".join(f"\\{ord(letter):04x}" for letter in name[0])
    return f'{text[: name.start()]}U&"{escaped}"{text[name.end() :]}'


def _cut(draw: st.DrawFn, text: str, _: Material) -> str:
    start = draw(st.integers(0, len(text)))
    return text[:start] + text[start + draw(st.integers(0, 12)) :]


MUTATIONS: list[Callable[[st.DrawFn, str, Material], str]] = [
    *(_comment, _case, _wrap, _splice, _splice, _select, _select, _select, _from, _from, _follow, _escape, _cut),
]


@pytest.fixture(scope="module")
def database(server_url: Callable[[str], str]) -> Iterator[Guarded]:
    with servers.fresh_database(server_url("pip")) as url, guarded(url) as made:
        yield made


@pytest.fixture(scope="module")
def owner(database: Guarded) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.owner, autocommit=True, prepare_threshold=None) as connection:
        yield connection


@pytest.fixture(scope="module")
def agent(database: Guarded) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.agent, autocommit=True, prepare_threshold=None) as connection:
        yield connection


class Unharmed:
    """Runs what is allowed, and sees that it changed nothing."""

    def __init__(self, database: Guarded, owner: psycopg.Connection, agent: psycopg.Connection) -> None:
        self.owner, self.agent = owner, agent
        self.guarded = Policy(READABLE, roles=database.policy.roles, timeout_s=1.0, max_rows=50)
        self.unprotected = policy(allow_superuser=True, timeout_s=1.0, read=READABLE)
        asking, values = facts.asking(self.guarded), facts.values(self.guarded)
        self.facts = facts.Facts.of(run(agent, facts.QUERY, asking, values=values, judged=False))
        self.culprits: list[str] = []
        self.before = digest(owner), session(owner), session(agent)

    def check(self, text: str) -> None:
        """Judge a statement; run it if it is allowed."""
        if not check(text, self.guarded, "read", self.facts).allowed:
            return
        with suppress(ExuviaError):
            run(self.agent, text, self.guarded, judged=False)
        with suppress(psycopg.Error), self.owner.transaction():
            self.owner.execute("SET LOCAL statement_timeout = '1s'")
            self.owner.execute(text.encode(), binary=True)  # which is the extended protocol
        now = digest(self.owner), session(self.owner), session(self.agent)
        if now != self.before:
            self.culprits.append(text)  # the harm stays, so that whatever follows would seem to have done it
        assert now == self.before, self.culprits[0]


@pytest.fixture(scope="module")
def unharmed(database: Guarded, owner: psycopg.Connection, agent: psycopg.Connection) -> Unharmed:
    return Unharmed(database, owner, agent)


@pytest.mark.postgresql
@QUICKLY
@given(text=mutants(ON_POSTGRES))
def test_what_is_allowed_for_reading_changes_nothing_in_postgresql(unharmed: Unharmed, text: str) -> None:
    unharmed.check(text)


@pytest.mark.postgresql
@pytest.mark.slow
@THOROUGHLY
@given(text=mutants(ON_POSTGRES))
def test_thousands_of_mutants_change_nothing_in_postgresql(unharmed: Unharmed, text: str) -> None:
    unharmed.check(text)


@pytest.mark.postgresql
def test_the_check_for_harm_sees_harm(unharmed: Unharmed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exuvia.guard.postgres.known.FUNCTIONS", frozenset({"lo_create"}))
    monkeypatch.setattr("exuvia.guard.postgres.known.DANGEROUS", ())
    with pytest.raises(AssertionError):
        unharmed.check("SELECT lo_create(424242)")
    unharmed.owner.execute("SELECT lo_unlink(424242)")
    unharmed.check("SELECT 1")
    assert unharmed.culprits == ["SELECT lo_create(424242)"]


@QUICKLY
@given(text=mutants(ON_SQLITE))
def test_what_is_allowed_for_reading_changes_nothing_in_sqlite(written: apsw.Connection, text: str) -> None:
    limits = on_sqlite.LIMITS
    before = digest_of(written)
    if sqlite_run.check(written, text, limits, "read").allowed:
        with suppress(ExuviaError):
            sqlite_run.run(written, text, Policy(timeout_s=1.0, max_rows=50), judged=False)
    assert digest_of(written) == before


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    """A connection that may write, so that only the verdict protects the file."""
    path: Path = tmp_path_factory.mktemp("fuzz") / "app.db"
    made = sqlite3.connect(path)
    made.executescript(on_sqlite.SCHEMA)
    made.close()
    connection = sqlite_run.connect(path, on_sqlite.LIMITS, "write")
    yield connection
    connection.close()


def digest_of(connection: apsw.Connection) -> tuple[object, ...]:
    """Return what a file and its connection hold."""
    pragmas = ("user_version", "schema_version", "journal_mode", "foreign_keys", "query_only", "writable_schema")
    names = [path.name for path in Path(connection.db_filename("main")).parent.iterdir()]
    return (
        connection.serialize("main"),
        connection.execute("SELECT count(*) FROM pragma_database_list").get,
        [connection.pragma(name) for name in pragmas],
        sorted(names),
    )
