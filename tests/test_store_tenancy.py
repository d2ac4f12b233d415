"""A store that is bound to a project reaches no other project's row, whatever the statement, on both engines."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from exuvia.location import PostgresLocation
from exuvia.store import AsyncStore, Store, StoreOptions, open_store
from exuvia.store.core.confining import Confinement
from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Statement
from exuvia.store.core.scope import Scope
from exuvia.store.core.tenants import Tables, Tenant
from exuvia.store.errors import ConflictError, MissingReferenceError, StoreError, TenantError
from store_fixtures import execute, run_raw, statement

NOTES = """
CREATE TABLE {schema}notes (
  project_id text NOT NULL REFERENCES {schema}projects ON DELETE CASCADE,
  id text NOT NULL, session_id text, body text NOT NULL, parent text,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, parent) REFERENCES {schema}notes
)
"""


@pytest.fixture
def notes_url(store_url: str) -> str:
    """A store with a table of tenants beside the subsystems' own, as a later step would make it."""
    with open_store(store_url):
        pass
    execute(store_url, NOTES.replace("{schema}", "{0}"))
    return store_url


@pytest.fixture
def notes(notes_url: str) -> Iterator[Store]:
    """Two projects with the same ids of notes, in two sessions each."""
    with open_store(notes_url) as store:
        for project in ("ours", "theirs"):
            store.projects.put(project)
            for number in range(4):
                add = "INSERT INTO notes (project_id, id, session_id, body) VALUES (:p, :i, :s, :b)"
                body = f"{project} secret"
                run_raw(store, add, p=project, i=f"n{number}", s=f"s{number % 2}", b=body)
        yield store


# Statements that have forgotten the project: what each gives where there are only our rows.
FORGETFUL = [
    ("SELECT count(*) FROM notes", [(4,)]),
    ("SELECT DISTINCT project_id FROM notes AS n", [("ours",)]),
    ("SELECT a.project_id, b.project_id FROM notes a JOIN notes AS b ON b.id <> a.id LIMIT 1", [("ours", "ours")]),
    ("SELECT count(*) FROM notes, projects", [(4,)]),
    ("SELECT count(*) FROM (notes n CROSS JOIN projects p)", [(4,)]),
    ("SELECT (SELECT count(*) FROM notes) FROM projects", [(4,)]),
    ("SELECT count(*) FROM projects WHERE EXISTS (SELECT 1 FROM notes WHERE notes.project_id = 'theirs')", [(0,)]),
    ("WITH every AS (SELECT * FROM notes) SELECT count(*), max(project_id) FROM every", [(4, "ours")]),
    ("SELECT count(*) FROM notes WHERE project_id = 'theirs' OR 1 = 1", [(4,)]),
    ("SELECT id FROM projects UNION ALL SELECT project_id FROM notes WHERE id = 'n0'", [("ours",), ("ours",)]),
    ('SELECT count(*) FROM "notes"', [(4,)]),
    ("SELECT notes.body /* from notes */ FROM notes -- notes\n WHERE notes.id = 'n1'", [("ours secret",)]),
    ("UPDATE notes SET body = 'x' WHERE id = 'n0' OR 1 = 1 RETURNING project_id, body", [("ours", "x")] * 4),
    ("UPDATE notes AS n SET body = 'y' WHERE n.id = 'n1' RETURNING project_id", [("ours",)]),
    ("DELETE FROM notes WHERE id = 'n3' OR id = 'n2' RETURNING project_id", [("ours",), ("ours",)]),
    ("DELETE FROM notes RETURNING project_id", [("ours",)] * 2),
    ("UPDATE projects SET name = 'stolen' RETURNING id", [("ours",)]),
]


def test_a_statement_without_a_filter_reaches_our_rows_only(notes: Store) -> None:
    ours = notes.project("ours")
    for text, expected in FORGETFUL:
        assert run_raw(ours, text) == expected, text
    theirs = run_raw(notes, "SELECT id, body FROM notes WHERE project_id = 'theirs' ORDER BY id")
    assert theirs == [(f"n{number}", "theirs secret") for number in range(4)]
    assert notes.projects.get("theirs").name == "theirs"


FOREIGN = [
    "INSERT INTO notes (project_id, id, body) VALUES ('theirs', 'new', 'b')",
    "INSERT INTO notes (project_id, id, body) VALUES ('nobody', 'new', 'b')",
    "INSERT INTO notes (project_id, id, body) SELECT 'theirs', 'n' || id, 'b' FROM projects",
    "INSERT INTO notes (project_id, id, body) VALUES ('theirs', 'n0', 'b') ON CONFLICT DO NOTHING",
    "INSERT INTO notes (project_id, id, body) VALUES ('theirs', 'n0', 'b')"
    " ON CONFLICT (project_id, id) DO UPDATE SET body = excluded.body",
    "UPDATE notes SET project_id = 'theirs' WHERE id = 'n0'",
    "INSERT INTO projects (id, name, data, created_at, updated_at)"
    " SELECT 'theirs', name, data, created_at, updated_at FROM projects WHERE true"
    " ON CONFLICT (id) DO UPDATE SET name = 'stolen'",
]


def test_a_foreign_row_cannot_be_written_and_the_error_tells_nothing_of_it(notes: Store) -> None:
    for text in FOREIGN:
        with pytest.raises(TenantError) as caught:
            run_raw(notes.project("ours"), text)
        assert caught.value.code == "store.tenant.row_security", text
        assert "secret" not in f"{caught.value} {caught.value.__cause__}"
    assert run_raw(notes, "SELECT count(*) FROM notes WHERE project_id = 'theirs' AND body = 'theirs secret'") == [(4,)]
    assert run_raw(notes, "SELECT count(*) FROM notes") == [(8,)]


def test_a_search_finds_our_texts_only(notes: Store) -> None:
    for project in ("ours", "theirs"):
        notes.plans.create(f"the common fox of {project}", project=project)
    ours = notes.project("ours")
    found = ours.search("fox")
    assert ([hit.entry.title for hit in found.items], found.total) == (["the common fox of ours"], 1)
    assert ours.search("theirs").items == ()
    assert notes.search("fox").total == 2


def test_keys_of_others_are_not_met(notes: Store) -> None:
    run_raw(notes, "INSERT INTO notes (project_id, id, body) VALUES ('theirs', 'only', 'theirs secret')")
    ours = notes.project("ours")
    run_raw(ours, "INSERT INTO notes (project_id, id, body) VALUES ('ours', 'only', 'b')")
    with pytest.raises(ConflictError) as conflict:
        run_raw(ours, "INSERT INTO notes (project_id, id, body) VALUES ('ours', 'only', 'b')")
    run_raw(notes, "INSERT INTO notes (project_id, id, body) VALUES ('theirs', 'parent', 'theirs secret')")
    with pytest.raises(MissingReferenceError) as missing:
        run_raw(ours, "INSERT INTO notes (project_id, id, body, parent) VALUES ('ours', 'child', 'b', 'parent')")
    for error in (conflict.value, missing.value):
        assert "secret" not in f"{error} {error.__cause__}"


def test_deleting_our_project_leaves_theirs(notes: Store) -> None:
    assert notes.project("ours").projects.delete("ours")
    assert run_raw(notes, "SELECT DISTINCT project_id FROM notes") == [("theirs",)]


def test_a_store_that_is_bound_to_a_session_sees_that_session(notes: Store) -> None:
    session = notes.project("ours").session("s1")
    assert run_raw(session, "SELECT id FROM notes ORDER BY id") == [("n1",), ("n3",)]
    assert run_raw(session, "UPDATE notes SET body = 'b' RETURNING session_id") == [("s1",), ("s1",)]
    for other in ("s0", None):
        with pytest.raises(TenantError):
            add = "INSERT INTO notes (project_id, id, session_id, body) VALUES ('ours', 'x', :s, 'b')"
            run_raw(session, add, s=other)
    upsert = "INSERT INTO notes (project_id, id, session_id, body) VALUES ('ours', 'n0', 's1', 'b')"
    with pytest.raises(TenantError):
        run_raw(session, f"{upsert} ON CONFLICT (project_id, id) DO UPDATE SET body = excluded.body")
    with pytest.raises(TenantError):
        session.session("s0")
    with pytest.raises(TenantError):
        notes.session("s0")


def test_a_transaction_may_change_its_scope_and_come_back(notes: Store) -> None:
    count = "SELECT count(*) FROM notes"
    with notes.transaction() as tx:
        ours = tx.project("ours")
        assert (run_raw(ours, count), run_raw(tx, count), run_raw(ours, count)) == ([(4,)], [(8,)], [(4,)])
        with pytest.raises(TenantError), tx.transaction() as inner:
            run_raw(inner.project("ours"), "INSERT INTO notes (project_id, id, body) VALUES ('theirs', 'x', 'b')")
        assert (run_raw(tx, count), run_raw(tx.project("theirs"), count)) == ([(8,)], [(4,)])
    with notes.project("ours").transaction() as tx:
        assert run_raw(tx, count) == [(4,)]


def test_a_storm_of_tenants_on_few_connections_sees_no_foreign_row(notes_url: str) -> None:
    names = [f"tenant{number:02}" for number in range(50)]

    async def visit(store: AsyncStore, name: str, chance: random.Random) -> None:
        bound = store.project(name)
        await bound.projects.put(name=f"{name} secret")
        for turn in range(8):
            add = "INSERT INTO notes (project_id, id, body) VALUES (:p, :i, :b)"
            victim = name if chance.random() < 0.7 else chance.choice(names)
            with suppress(TenantError):
                await raw(bound, add, p=victim, i=f"n{turn}", b=f"{victim} secret")
                assert victim == name
            assert {row[0] for row in await raw(bound, "SELECT project_id FROM notes")} <= {name}
            assert {row[0] for row in await raw(bound, "UPDATE notes SET parent = NULL RETURNING body")} <= {
                f"{name} secret"
            }
            page = await bound.projects.list()
            assert ([item.id for item in page.items], page.total) == ([name], 1)
            async with bound.transaction() as tx:
                assert await raw(tx, "SELECT count(*) FROM projects") == [(1,)]

    async def raw(store: AsyncStore, text: str, **parameters: str) -> list[tuple[object, ...]]:
        found = await store._runner.run(lambda: statement(text, **parameters), Kind.WRITE, idempotent=False)
        return list(found)

    async def storm() -> None:
        async with open_store(notes_url, StoreOptions(pool_size=2, pool_overflow=1, readers=2)) as store:
            for name in names:
                await store.projects.put(name)
            await asyncio.gather(*(visit(store, name, random.Random(name)) for name in names))
            total = (await store.projects.list()).total
            assert total == 50

    asyncio.run(storm())


def test_nothing_of_a_scope_stays_on_a_connection(postgres_url: str) -> None:
    with open_store(postgres_url, StoreOptions(pool_size=1, pool_overflow=0)) as store:
        store.projects.put("ours")
        look = "SELECT current_user, COALESCE(current_setting('exuvia.project_id', true), '')"
        before = run_raw(store, look)
        assert run_raw(store.project("ours"), look) == [("exuvia_app", "ours")]
        with pytest.raises(StoreError):
            run_raw(store.project("ours"), "SELECT 1 / 0")
        assert run_raw(store, look) == before


def test_every_table_of_tenants_is_forced_under_row_security_that_of_a_later_step_too(postgres_url: str) -> None:
    with open_store(postgres_url):
        pass
    execute(postgres_url, NOTES.replace("{schema}", "{0}"))
    with open_store(postgres_url):
        pass
    with psycopg.connect(postgres_url) as connection:
        bare = connection.execute(
            "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'project_id'"
            " WHERE relnamespace = 'exuvia_store'::regnamespace AND relkind = 'r'"
            " AND NOT (relrowsecurity AND relforcerowsecurity"
            " AND (SELECT count(*) FROM pg_policy WHERE polrelid = pg_class.oid) = 2)"
        ).fetchall()
    assert bare == []


@pytest.fixture
def plain_user(debian_url: str) -> Iterator[str]:
    """The URL of a database for its owner, who is no superuser and may make no roles."""
    name, password = f"plain_{secrets.token_hex(4)}", secrets.token_hex(8)
    given = PostgresLocation.of(debian_url).as_dict()
    user = sql.Identifier(name)
    with psycopg.connect(debian_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(password)))
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(given["dbname"]), user))
        yield PostgresLocation(tuple((given | {"user": name, "password": password}).items())).url
        connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(user))
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(sql.Identifier(given["dbname"])))
        connection.execute(sql.SQL("DROP ROLE {}").format(user))


def test_a_user_without_the_right_to_make_roles_is_confined_all_the_same(debian_url: str, plain_user: str) -> None:
    with open_store(plain_user) as store:
        assert not store.capabilities.row_security
        for project in ("ours", "theirs"):
            store.projects.put(project)
        assert store.projects.list().total == 2  # the owner has a policy of its own
        bound = store.project("ours")
        for project in ("ours", "theirs"):
            store.plans.create(f"the common fox of {project}", project=project)
        assert [hit.entry.title for hit in bound.search("fox").items] == ["the common fox of ours"]
        assert run_raw(bound, "SELECT id FROM projects") == [("ours",)]
        assert run_raw(bound, "UPDATE projects SET name = 'n' RETURNING id") == [("ours",)]
    with psycopg.connect(debian_url, autocommit=True) as administrator:
        user = PostgresLocation.of(plain_user).as_dict()["user"]
        if not administrator.execute("SELECT 1 FROM pg_roles WHERE rolname = 'exuvia_app'").fetchone():
            administrator.execute("CREATE ROLE exuvia_app NOLOGIN NOBYPASSRLS")
        administrator.execute(sql.SQL("GRANT exuvia_app TO {}").format(sql.Identifier(user)))
    with open_store(plain_user) as store:
        assert store.capabilities.row_security
        assert run_raw(store.project("ours"), "SELECT current_user::text, id FROM projects") == [("exuvia_app", "ours")]
        assert store.projects.list().total == 2


def test_an_applications_own_login_needs_no_more_than_the_role(debian_url: str) -> None:
    name, password = f"login_{secrets.token_hex(4)}", secrets.token_hex(8)
    given = PostgresLocation.of(debian_url).as_dict() | {"user": name, "password": password}
    with open_store(debian_url) as owner, psycopg.connect(debian_url, autocommit=True) as connection:
        for project in ("ours", "theirs"):
            owner.plans.create(f"the common fox of {project}", project=owner.projects.put(project).id)
        user = sql.Identifier(name)
        make = "CREATE ROLE {} LOGIN PASSWORD {} IN ROLE exuvia_app"
        connection.execute(sql.SQL(make).format(user, sql.Literal(password)))
        with open_store(PostgresLocation(tuple(given.items())).url) as store:
            ours = store.project("ours")
            ours.plans.create("another fox")
            assert ours.search("fox").total == 2
            assert ours.info().tables == store.project("ours").info().tables
            assert store.plans.list().items == ()  # without a project it is shown none
            with pytest.raises(TenantError):
                store.plans.create("a", project="theirs")
        assert owner.search("fox").total == 3
        connection.execute(sql.SQL("DROP ROLE {}").format(user))


TABLES = Tables(
    {
        "notes": Tenant("notes", "project_id", "session_id"),
        "projects": Tenant("projects", "id"),
    },
    indexes=frozenset({"notes_words"}),
    common=frozenset({"ledger"}),
)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM ledger",
        "SELECT * FROM notes_words WHERE notes_words MATCH :q",
        "SELECT * FROM main.notes",
        "SELECT 1 FROM projects WHERE id IN notes",
        "DROP TABLE notes",
        "SELECT * FROM notes INDEXED BY i",
        "INSERT INTO ledger SELECT * FROM notes",
    ],
)
def test_what_cannot_be_held_to_one_project_is_refused(text: str) -> None:
    with pytest.raises(TenantError):
        Confinement(TABLES).holder(Scope("p"))(Statement(text))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'FROM notes', x.notes FROM json_each(:a) AS x",
        "INSERT INTO notes (project_id, id) VALUES (:p, :i) ON CONFLICT (project_id, id) DO UPDATE SET body = :b",
        "SELECT a IS DISTINCT FROM b FROM other",
        "COMMIT",
    ],
)
def test_what_names_no_table_to_read_is_left_as_it_is(text: str) -> None:
    given = Statement(text)
    assert Confinement(TABLES).holder(Scope("p"))(given) is given


def test_sqlite_still_uses_the_key(tmp_path: Path) -> None:
    with open_store(tmp_path / "memory.db") as store:
        plan = run_raw(store.project("p"), "EXPLAIN QUERY PLAN SELECT * FROM projects WHERE id = :i", i="p")
    assert "SEARCH projects USING" in plan[0][3]


def test_a_part_of_a_table_is_held_as_the_table_is() -> None:
    found = Confinement(TABLES).holder(Scope("p"))(Statement("DELETE FROM notes_0123456789abcdef"))
    assert "notes_0123456789abcdef.project_id = :exuvia_project" in found.sql


def test_views_and_strange_tables_beside_the_store_do_no_harm(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/memory.db"
    with open_store(url) as store:
        for project in ("ours", "theirs"):
            store.plans.create("a", project=store.projects.put(project).id)
    execute(url, "CREATE VIEW planned AS SELECT project_id, title FROM plans")
    execute(url, 'CREATE TABLE "it\'s ""odd" (project_id)')
    with open_store(url) as store:
        ours = store.project("ours")
        ours.plans.create("b")
        assert run_raw(ours, "SELECT count(*), max(project_id) FROM planned") == [(2, "ours")]
