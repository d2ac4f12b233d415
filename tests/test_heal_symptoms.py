"""What errors say, in the words of both engines, their drivers and SQLAlchemy, and in other languages."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exuvia.ops.heal import Complaint
from exuvia.ops.heal.near import nearest
from exuvia.ops.heal.placeholders import parameterize
from exuvia.ops.heal.statement import parse, rename
from exuvia.ops.heal.symptoms import Symptom, read, unwrap

BACKGROUND = "\n(Background on this error at: https://sqlalche.me/e/20/f405)"


def said(text: str, state: str = "") -> tuple[str | None, str, str, str]:
    found = read(unwrap(Complaint(text)).text, state)
    return found.kind, found.table, found.column, found.constraint or found.index


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('column "nam" does not exist\nLINE 1: SELECT nam FROM users', ("missing_column", "", "nam", "")),
        ("ERROR:  column u.nam does not exist at character 8", ("missing_column", "", "u.nam", "")),
        ('psycopg2.errors.X: column "nam" of relation "users" does not exist', ("missing_column", "users", "nam", "")),
        ('asyncpg.exceptions.UndefinedColumnError: column "Nam x" does not exist', ("missing_column", "", "Nam x", "")),
        ("sqlite3.OperationalError: no such column: u.nam", ("missing_column", "", "u.nam", "")),
        ("apsw.SQLError: table users has no column named nam", ("missing_column", "users", "nam", "")),
        ("Error: in prepare, table users has no column named nam (1)", ("missing_column", "users", "nam", "")),
        ('relation "app.users" does not exist', ("missing_table", "app.users", "", "")),
        ("(x) no such table: main.users\n[SQL: SELECT 1]" + BACKGROUND, ("missing_table", "main.users", "", "")),
        ('insert on table "orders" violates foreign key constraint "fk"', ("orphan_rows", "orders", "", "fk")),
        ("sqlite3.IntegrityError: FOREIGN KEY constraint failed", ("orphan_rows", "", "", "")),
        ('duplicate key value violates unique constraint "users_pkey"', ("sequence_behind", "", "", "users_pkey")),
        ("UNIQUE constraint failed: users.id", ("sequence_behind", "", "users.id", "")),
        ("database disk image is malformed: row 5 missing from index by_name", ("invalid_index", "", "", "by_name")),
        ("canceling statement due to statement timeout", ("slow_query", "", "", "")),
        ("sqlite3.OperationalError: interrupted", ("slow_query", "", "", "")),
        ("division by zero", (None, "", "", "")),
        ("", (None, "", "", "")),
    ],
)  # fmt: skip
def test_words_tell_the_class_and_the_names(text: str, expected: tuple[str | None, str, str, str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "state", "expected"),
    [
        ("Spalte »nam« existiert nicht", "42703", ("missing_column", "", "nam", "")),
        ("Spalte »nam« von Relation »users« existiert nicht", "42703", ("missing_column", "users", "nam", "")),
        ("la relation « users » n'existe pas", "42P01", ("missing_table", "users", "", "")),
        ("リレーション\"users\"は存在しません", "42P01", ("missing_table", "users", "", "")),
        ("anything at all", "57014", ("slow_query", "", "", "")),
        ('no such table: x, says a trigger of the "app"', "P0001", (None, "", "", "")),
        ('missing FROM-clause entry for table "u"', "42P01", (None, "", "", "")),
    ],
)  # fmt: skip
def test_the_code_is_preferred_over_words(text: str, state: str, expected: tuple[str | None, str, str, str]) -> None:
    found = read(text, state)
    assert (found.kind, found.table, found.column, found.constraint) == expected


@pytest.mark.parametrize(
    "text",
    [
        '(psycopg.errors.UndefinedTable) Relation »users« existiert nicht\n[SQL: SELECT 1 FROM users]' + BACKGROUND,
        'error: Relation »users« existiert nicht (SQLSTATE 42P01)',
        'error: Relation »users« existiert nicht [42P01]',
    ],
)  # fmt: skip
def test_the_code_is_found_in_the_text(text: str) -> None:
    assert said(text)[:2] == ("missing_table", "users")


def test_the_key_of_a_violation_is_read() -> None:
    text = 'violates unique constraint "k"\nDETAIL:  Key (a, b)=(1, x) already exists.'
    assert read(f"duplicate key value {text}").keys == (("a", "1"), ("b", "x"))


def test_sqlalchemy_adds_the_statement_and_its_values() -> None:
    text = (
        "(psycopg.errors.UndefinedColumn) column o.nam does not exist\nLINE 1: SELECT o.nam\n"
        "[SQL: SELECT o.nam \nFROM orders AS o \nWHERE o.id = %(id_1)s::INTEGER AND o.x IN (%(x_1)s)]\n"
        "[parameters: {'id_1': 5, 'x_1': 'a'}]" + BACKGROUND
    )
    found = unwrap(Complaint(text))
    made = parameterize(found.sql, found.values, "postgresql")
    assert made.text == "SELECT o.nam \nFROM orders AS o \nWHERE o.id = $1::INTEGER AND o.x IN ($2)"
    assert made.values == (5, "a")
    unknown = unwrap(Complaint("(x) no such column: y\n[SQL: SELECT ?]\n[parameters: (UUID('12'),)]" + BACKGROUND))
    assert (unknown.sql, unknown.values) == ("SELECT ?", ())


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("SELECT %s, '%s', \"a?\", %s -- ?", [1, 2], ("SELECT $1, '%s', \"a?\", $2 -- ?", (1, 2))),
        ("SELECT x LIKE 'a%%' AND y %% 2 = %s", [1], ("SELECT x LIKE 'a%' AND y % 2 = $1", (1,))),
        ("SELECT :b, :a, :b", {"a": 1, "b": 2}, ("SELECT $1, $2, $1", (2, 1))),
        ("SELECT a::text, b[1:2], $2, $1;", [1, 2], ("SELECT a::text, b[1:2], $2, $1", (1, 2))),
        ("SELECT data ? 'key' FROM t", [], ("SELECT data ? 'key' FROM t", ())),
        ("SELECT $$ ? :a $$, ?", [1], ("SELECT $$ ? :a $$, $1", (1,))),
    ],
)  # fmt: skip
def test_parameters_of_every_driver_become_the_engines_own(
    text: str, values: list[object], expected: tuple[str, tuple[object, ...]]
) -> None:
    made = parameterize(text, values, "postgresql")
    assert (made.text, made.values) == expected


@pytest.mark.parametrize("make", [sqlite3.connect, apsw.Connection])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT nam FROM users", "missing_column"),
        ("INSERT INTO users (nam) VALUES (1)", "missing_column"),
        ("UPDATE users SET nam = 1", "missing_column"),
        ("SELECT * FROM usrs", "missing_table"),
        ("INSERT INTO usrs VALUES (1)", "missing_table"),
        ("INSERT INTO users (id) VALUES (1)", "sequence_behind"),
    ],
)
def test_what_the_drivers_really_say_is_understood(
    make: Callable[[str], sqlite3.Connection], text: str, kind: str, tmp_path: Path
) -> None:
    connection = make(str(tmp_path / "x.db"))
    connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
    connection.execute("INSERT INTO users VALUES (1, 'a')")
    with pytest.raises(Exception, match=r"\w") as raised:
        connection.execute(text).fetchall()
    found = read(f"{type(raised.value).__name__}: {raised.value}")
    assert found.kind == kind
    assert found.column or found.table


@given(st.text(max_size=200), st.sampled_from(["", "42703", "42P01", "23503", "23505", "57014", "XX002"]))
def test_no_text_breaks_the_reading(text: str, state: str) -> None:
    assert isinstance(read(text, state), Symptom)
    unwrap(Complaint(text))


@given(st.text(max_size=200), st.sampled_from(["postgresql", "sqlite"]))
def test_no_text_breaks_the_parsing(text: str, engine: str) -> None:
    parse(text, [], "postgresql" if engine == "postgresql" else "sqlite")
    assert rename(text, "nobody has such a name", "x") == text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("custmer_id", "customer_id"),
        ("createdAt", "created_at"),
        ("created", "created_at"),
        ("user_ids", "user_id"),
        ("id_user", "user_id"),
        ("categorys", "category"),
    ],
)
def test_near_names_are_found(name: str, expected: str) -> None:
    known = ["customer_id", "created_at", "user_id", "category", "total"]
    assert nearest(name, known, most=1) == [expected]


@pytest.mark.parametrize("name", ["zzz", "price", "remark", "x"])
def test_names_that_are_not_near_are_not_offered(name: str) -> None:
    assert nearest(name, ["customer_id", "created_at", "user_id", "total"]) == []
