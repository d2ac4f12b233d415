"""PostgreSQL's SQL as the parser alone judges it: attacks are denied for the right reason, ordinary queries are not."""

from __future__ import annotations

import sys
import threading

import pytest

from exuvia.errors import ConfigError, DeniedError
from exuvia.guard import Level, Policy, check, parse_pattern
from exuvia.guard.postgres import known
from guard_corpus import ATTACKS, READS, TABLES, WRITES, Attack
from guard_queries import VECTORS
from guarding import policy

LIMITS = policy()


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_attacks_are_denied_with_a_reason_and_a_way_out(attack: Attack) -> None:
    verdict = check(attack.sql, LIMITS, attack.level)
    assert not verdict.allowed
    assert attack.code in {denial.code for denial in verdict.denials}
    for denial in verdict.denials:
        assert denial.reason.endswith(".")
        assert "\n" not in denial.reason
        assert denial.hint


@pytest.mark.parametrize("sql", READS)
def test_ordinary_queries_are_allowed(sql: str) -> None:
    verdict = check(sql, LIMITS, "read")
    assert verdict.denials == ()
    assert verdict.needs == "read"


@pytest.mark.parametrize("sql", VECTORS)
def test_searches_by_vectors_are_allowed(sql: str) -> None:
    assert check(sql, LIMITS, "read").denials == ()


@pytest.mark.parametrize(("level", "sql"), [("write", sql) for sql in WRITES] + [("ddl", sql) for sql in TABLES])
def test_writes_and_changes_of_tables_are_allowed_where_they_are_switched_on(level: Level, sql: str) -> None:
    assert check(sql, LIMITS, level).denials == ()


@pytest.mark.parametrize("sql", [*WRITES[:-1], *TABLES])
def test_writing_and_changing_tables_is_off_by_default(sql: str) -> None:
    assert "level" in {denial.code for denial in check(sql, Policy()).denials}


def test_a_verdict_tells_what_a_statement_touches() -> None:
    sql = "WITH x AS (DELETE FROM notes RETURNING body) SELECT upper(body) FROM x JOIN hidden.salaries ON true"
    verdict = check(sql, LIMITS)
    assert verdict.needs == "write"
    assert verdict.statements == ("SELECT", "DELETE")
    assert set(verdict.reads) == {"public.notes", "hidden.salaries"}
    assert verdict.writes == ("public.notes",)
    assert verdict.functions == ("upper",)
    with pytest.raises(DeniedError, match=r"hidden\.salaries"):
        verdict.require()


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("WITH t AS (SELECT 1) SELECT * FROM t", ()),
        ("WITH t AS (SELECT * FROM t) SELECT * FROM t", ("public.t",)),
        ("WITH RECURSIVE t AS (SELECT 1 UNION SELECT * FROM t) SELECT * FROM t", ()),
        ("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b", ("public.b",)),
        ("SELECT * FROM (WITH t AS (SELECT 1) SELECT * FROM t) x, t", ("public.t",)),
        ("WITH t AS (SELECT 1) SELECT * FROM public.t", ("public.t",)),
        ("WITH t AS (SELECT 1) SELECT (WITH u AS (SELECT * FROM t) SELECT 1 FROM u) FROM u", ("public.u",)),
        ("WITH t AS (SELECT 1) SELECT 1 UNION SELECT * FROM t", ()),
        ("(WITH t AS (SELECT 1) SELECT * FROM t) UNION SELECT * FROM t", ("public.t",)),
    ],
)
def test_names_of_with_queries_hide_tables_where_postgresql_lets_them(sql: str, reads: tuple[str, ...]) -> None:
    assert check(sql, Policy()).reads == reads


def test_a_function_and_a_type_of_somebodys_can_be_allowed_by_name() -> None:
    limits = policy(functions=frozenset({"public.discount", "app.total"}), types=frozenset({"public.mood"}))
    assert check("SELECT discount(1), app.total(2), 'good'::mood", limits).allowed
    assert not check("SELECT app.discount(1)", limits).allowed


@pytest.mark.parametrize("name", ["pg_sleep", "set_config", "dblink", "lo_import"])
def test_a_dangerous_function_cannot_be_allowed_by_name(name: str) -> None:
    limits = policy(functions=frozenset({f"public.{name}", f"pg_catalog.{name}"}))
    assert not check(f"SELECT {name}('1')", limits).allowed
    assert not check(f"SELECT public.{name}('1')", limits).allowed


def test_no_function_that_is_allowed_is_among_the_dangerous_ones() -> None:
    assert [name for name in sorted(known.FUNCTIONS | known.EXTENSION_FUNCTIONS) if known.danger(name)] == []
    assert check("SELECT public.lo_price(1)", policy(functions=frozenset({"public.lo_price"}))).allowed


def test_names_are_found_in_the_default_schema() -> None:
    limits = policy(read=(parse_pattern("app.*"),), default_schema="app")
    assert check("SELECT * FROM users", limits).reads == ("app.users",)
    assert not check("SELECT * FROM public.users", limits).allowed


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("public.notes", ("public", "notes"), ("public", "Notes")),
        ("public.*", ("public", "anything"), ("publi", "c")),
        ('"my app"."a.b"', ("my app", "a.b"), ("my app", "a")),
        ('public."say ""hi"""', ("public", 'say "hi"'), ("public", "say hi")),
        ("!public.notes", ("public", "notes"), ("public", "other")),
    ],
)
def test_patterns_name_tables(text: str, matching: tuple[str, str], other: tuple[str, str]) -> None:
    pattern = parse_pattern(text)
    assert pattern.matches(*matching)
    assert not pattern.matches(*other)
    assert parse_pattern(str(pattern)) == pattern


@pytest.mark.parametrize("text", ["notes", "public.", ".notes", "a.b.c", "*.notes", "public.no*", "", "public.a b"])
def test_what_names_no_table_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="does not name a table"):
        parse_pattern(text)


def test_a_long_statement_is_parsed_on_a_stack_that_suffices_and_without_harm_to_other_threads() -> None:
    before = threading.stack_size()
    assert check(f"SELECT id FROM users WHERE id IN ({', '.join(map(str, range(10_000)))})", LIMITS).allowed
    assert threading.stack_size() == before


def test_a_missing_parser_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pgparse", None)
    with pytest.raises(ConfigError, match=r"exuvia\[guard\]"):
        check("SELECT 1", LIMITS)
