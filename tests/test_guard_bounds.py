"""Parts of an answer, numbers of changed rows, and lists as parameters, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import servers
from exuvia.errors import TargetError
from exuvia.guard import Bounds, Policy, Session, open_session, parse_pattern
from exuvia.guard.postgres.values import parameters
from exuvia.location import parse

_TABLE = "CREATE TABLE notes (id int PRIMARY KEY, body text)"
_LIMITS = Policy(write=(parse_pattern("public.notes"), parse_pattern("main.notes")), allow_superuser=True, max_rows=50)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("pip", marks=pytest.mark.postgresql)])
def session(
    request: pytest.FixtureRequest, server_url: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    rows = [(number, f"note {number}") for number in range(1, 201)]
    if request.param == "sqlite":
        path: Path = tmp_path_factory.mktemp("bounds") / "notes.db"
        with closing(apsw.Connection(str(path))) as connection, connection:
            connection.execute(_TABLE)
            connection.executemany("INSERT INTO notes VALUES (?, ?)", rows)
        with open_session(parse(path), _LIMITS) as opened:
            yield opened
        return
    with servers.fresh_database(server_url(request.param)) as url:
        with psycopg.connect(url) as connection_:
            connection_.execute(_TABLE)
            connection_.cursor().executemany("INSERT INTO notes VALUES (%s, %s)", rows)
        with open_session(parse(url), _LIMITS) as opened:
            yield opened


@pytest.mark.parametrize(
    ("bounds", "expected", "is_cut"),
    [
        (Bounds(), range(1, 51), True),
        (Bounds(skip=10, rows=5), range(11, 16), True),
        (Bounds(skip=190), range(191, 201), False),
        (Bounds(skip=190, rows=10), range(191, 201), False),
        (Bounds(rows=1_000), range(1, 51), True),
        (Bounds(skip=500), range(0), False),
    ],
)
def test_an_answer_begins_and_ends_where_it_is_wanted(
    session: Session, bounds: Bounds, expected: range, *, is_cut: bool
) -> None:
    result = session.run("SELECT id FROM notes ORDER BY id", bounds=bounds)
    assert [row[0] for row in result.rows] == list(expected)
    assert result.truncated is is_cut
    assert result.skipped == min(bounds.skip, 200)


def test_another_number_of_changed_rows_undoes_the_statement(session: Session) -> None:
    change = "UPDATE notes SET body = 'changed' WHERE id <= 3 RETURNING id"
    with pytest.raises(TargetError, match="3 rows and not 2") as raised:
        session.run(change, level="write", bounds=Bounds(affected=2))
    assert raised.value.code == "target.affected"
    assert session.run("SELECT count(*) FROM notes WHERE body = 'changed'").rows == ((0,),)
    assert session.run(change, level="write", bounds=Bounds(affected=3)).affected == 3
    assert session.run("SELECT count(*) FROM notes WHERE body = 'changed'").rows == ((3,),)


def test_an_object_is_passed_as_json(session: Session) -> None:
    text = "SELECT CAST($1 AS text)" if "postgres" in type(session).__name__.lower() else "SELECT ?1"
    assert session.run(text, values=[{"a": [1, "ü"]}]).rows == (('{"a":[1,"ü"]}',),)


_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@pytest.mark.postgresql
@given(items=st.lists(st.none() | _TEXTS | st.sampled_from(["NULL", "{}", '"', "\\", ","]), max_size=6))
def test_a_list_of_any_texts_is_the_same_array_for_postgres(
    any_server: psycopg.Connection, items: list[str | None]
) -> None:
    (written,) = parameters([items], [1009])
    assert written is not None
    assert any_server.execute("SELECT %s::text[]", [written.decode()]).fetchone() == (items,)


def test_lists_within_lists_are_arrays_of_as_many_dimensions() -> None:
    assert parameters([[[1, None], [True, 2.5]]], [1007]) == [b'{{"1",NULL},{"t","2.5"}}']
    assert parameters([[1, 2]], [3802]) == [b"[1,2]"]


@pytest.fixture(scope="module")
def any_server(server_url: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server_url("pip"), autocommit=True) as connection:
        yield connection
