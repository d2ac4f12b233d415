"""What is translated gives, on a real server, what SQLite gives, for every row."""

from __future__ import annotations

import re

import apsw
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exuvia.catalog.model import Trigger, View
from exuvia.catalog.types import SqlType
from exuvia.engines.postgres.translate import (
    translate_default,
    translate_expression,
    translate_trigger,
    translate_view,
)
from translation import COLUMNS, ODD, TABLE, names, pair, quoted, same

_NUMBERS = ("i", "j", "s", "r", "q", "n", "d", "f", "g")
_TEXTS = ("t", "u", "c", quoted(ODD))
_literals = st.sampled_from(
    ["0", "1", "-1", "2", "3.5", "0.1", "-7", "100", "NULL", "TRUE", "2147483648", "1e3", "'5'", "0x1F", "-0.5"]
)
_strings = st.sampled_from(
    ["''", "'a'", "'abc'", "'ABC'", "'ä'", "'5'", "' a b'", "'a_b%'", "'b'", "'a\\b'", '"no such"', "NULL"]
)
_patterns = st.sampled_from(["'a%'", "'%B%'", "'_b_'", "'%'", "'Ä%'", "'%\\%'", "''", "'a\\_b%'", "'5'"])
_globs = st.sampled_from(["'a*'", "'*[^0-9]*'", "'[a-zA-Z]*'", "'?b?'", "'*[]x]*'", "'[^a]*'", "'*\\*'", "'*[*?]*'"])
_compare = st.sampled_from(["=", "==", "<>", "!=", "<", "<=", ">", ">=", "IS", "IS NOT"])
_arithmetic = st.sampled_from(["+", "-", "*", "/", "%", "&", "|"])


# N: an expression that is mostly a number, T: mostly a text, E: either, X: any.
_RULES = (
    "{N} {op} {N}", "({N} {op} {N})", "{N} {cmp} {N}", "{T} {cmp} {T}", "{E} {cmp} {E}",
    "{T} COLLATE NOCASE {cmp} {T}", "{T} || {E}", "{T} LIKE {pattern}", "{T} NOT LIKE {pattern}",
    "{T} LIKE {pattern} ESCAPE '\\'", "{T} GLOB {glob}", "{T} NOT GLOB {glob}", "({E} AND {E})", "({E} OR {E})",
    "NOT {X}", "-{N}", "+{E}", "~{N}", "- {N}", "{X} IS NULL", "{X} NOTNULL", "{X} IS TRUE", "{X} IS NOT FALSE",
    "{N} BETWEEN {N} AND {N}", "{T} BETWEEN {T} AND {T}", "{E} IN ()", "{E} IN ({E})", "{E} NOT IN ({E}, {E}, {E})",
    "CASE WHEN {X} THEN {E} ELSE {E} END", "CASE {E} WHEN {E} THEN {E} END", "CAST({E} AS INTEGER)",
    "CAST({E} AS TEXT)", "CAST({E} AS REAL)", "CAST({E} AS NUMERIC)", "coalesce({E}, {E})", "ifnull({N}, {N})",
    "nullif({E}, {E})", "iif({X}, {E}, {E})", "length({E})", "lower({T})", "upper({T})", "trim({T})",
    "ltrim({T}, {string})", "replace({T}, {string}, {string})", "replace({T}, {T}, {T})", "substr({T}, {small})",
    "substr({T}, {small}, {small})", "substr({T}, 1, instr({T}, {string}))", "instr({T}, {T})", "hex({T})",
    "abs({N})", "round({N})", "round({N}, 1)", "round({N}, 2)", "round({N} * 0.335, 2)", "sign({N})", "max({E}, {E})",
    "min({N}, {N})", "typeof({E})", "unicode({T})", "concat({E}, {E})", "printf('%d', {E})", "printf('%03d', {N})",
    "printf('<%s%%>', {E})", "{N} << 3", "{N} >> 2",
)  # fmt: skip
_FIXED = {
    "op": _arithmetic,
    "cmp": _compare,
    "pattern": _patterns,
    "glob": _globs,
    "string": _strings,
    "small": st.integers(-4, 4).map(str),
}
_LEAVES = {
    "N": st.one_of(st.sampled_from(_NUMBERS), _literals),
    "T": st.one_of(st.sampled_from(_TEXTS), _strings),
}


@st.composite
def _trees(draw: st.DrawFn, depth: int = 3) -> str:
    def part(match: re.Match[str]) -> str:
        kind = match[1]
        if kind in _FIXED:
            return draw(_FIXED[kind])
        if depth > 1 and (kind == "X" or draw(st.integers(0, 2)) == 0):
            return draw(_trees(depth - 1))
        return draw(_LEAVES[kind if kind in _LEAVES else draw(st.sampled_from(("N", "T")))])

    return re.sub(r"\{(\w+)\}", part, draw(st.sampled_from(_RULES)))


EXPRESSIONS = (
    "i < r", "i = q", "r >= i", "n > i", "i IS r", "round(r, 2)", "round(q, 1)", "round(n, 1)", "round(d, 1)",
    "round(d, 15)", "round(i + 1.005, 2)", "round(r, -1)", "i + 1", "i - j", "i * s", "i / 2", "i / j", "i % 3",
    "i % -3", "j % s", "-i", "+i", "i + r", "r / 2", "r * n", "n / 2.0", "d * 2", "d + i", "d > 0.1", "d = 0.1",
    "d = 10", "n = 0.1", "j < r", "s = r", "i > 0.5", "i = 5.0", "i = '5'", "i > '2'", "t = 5", "t = '5'", "t > 'B'",
    "t < u", "c = 'ABC'", "c > 'b'", "'ABC' = c", "t = c", "c = t", "t = 'abc' COLLATE NOCASE",
    "t COLLATE NOCASE = u", "t || u", "t || i", "t || f", "t || NULL", "t || u = 'x'", "f", "f = 1", "f = 0",
    "f <> 1", "f IS 1", "f IS NOT 0", "f = g", "f > g", "f = 2", "f + 1", "f IN (0, 1)", "f IN (0, 2)", "f AND g",
    "NOT f", "f OR i", "i AND r", "i IS TRUE", "t IS NOT 'abc'", "t IS u", "i IS j", "b = X'616263'", "b > X'00'",
    "t IN ('abc', NULL)", "i IN ('5', 1)", "c IN ('ABC')", "i IN ()", "t IN (5)", "c IN ('ABC', 'zz')",
    "'abc' NOT IN (t, c)", "t || '' = c", "c = t || ''", "c BETWEEN 'A' AND 'b'", "c || '' = 'ABC'", "(c) = 'ABC'",
    "+c = 'ABC'", "lower(c) = 'abc'", "CAST(c AS TEXT) = 'ABC'", "t COLLATE RTRIM = ' a b'", "d BETWEEN 0 AND 10",
    "CASE WHEN f THEN f ELSE 3 END", "CASE f WHEN 1 THEN 'y' WHEN 0 THEN 'n' END", "coalesce(f, 2)", "coalesce(d, 0)",
    "ifnull(j, 0.5)", "nullif(f, 0)", "nullif(c, 'ABC')", "CAST(t AS INTEGER)", "CAST(q AS INTEGER)",
    "CAST(d AS INTEGER)", "CAST(t AS BLOB)", "CAST(i AS TEXT) = 5", "length(b)", "length(c)", "trim(t, '')",
    "replace(t, 'b', NULL)", "substr(t, -5, 3)", "substr(t, 0, 2)", "substr(t, 3, -2)",
    "substr(t, 1, instr(t, 'b') - 1)", "hex(b)", "round(q)", "round(i, 2)", "max(t, 'B')", "max(j, r)", "typeof(js)",
    "typeof(t) = 'text'", "unicode(t)", "printf('%05d', i)", "printf('100%% %s', u)", "t LIKE 'A%'", "t LIKE 'Ä%'",
    "u LIKE 'a\\_%' ESCAPE '\\'", "u LIKE '%\\%'", "i LIKE '1%'", "t LIKE u", "t GLOB '*[^0-9]*'", "t GLOB '[[]x]'",
    "t GLOB '*[*]*'", "t GLOB '*[]]*'", "u GLOB '*\\*'", "t GLOB '*[äö]*'", "t GLOB '[^]]*'", "t GLOB '*[a-]*'",
    f"{quoted(ODD)} = 'a'", '"nosuch" = t', "rowid", "_rowid_ + 1", "json_valid(js)", "js ->> '$.a' = 'x'",
    "js ->> 'a' = 1", "json_extract(js, '$.a') = 0", "js -> 'a' IS NULL", "json_extract(js, '$.b') IS NULL",
    "json_extract(js, '$.b') <> 'x'", "json_extract(js, '$.a.b[1]') = '20'", "json_extract(js, '$[1]') = 2",
    "json_extract(js, '$[#-1]') = 3", "json_extract(js, '$[0]') = 'x'", "json_extract(js, '$.a') IS NOT 1",
    "json_type(js) = 'object'", "json_type(js, '$.b') = 'null'", "json_type(js, '$.a') = 'true'",
    "json_array_length(js)", "json_array_length(js, '$.a.b')", "date(day)", "date(at)", "strftime('%Y', at)",
    "strftime('%Y-%m', day)", "strftime('%H:%M:%S', at)", "time(at)", "datetime(at)", "strftime('%j', at)",
    "strftime('%w', at)", "strftime('%s', at)", "unixepoch(at)", "julianday(at)", "date(seen)", "datetime(seen)",
    "strftime('%f', seen)", "date(day, 'start of month')", "datetime(at, '+1 hour')",
    "strftime('%Y-%m-%dT%H:%M:%SZ', at)", "strftime('%%%d', at)", "strftime('%s', at) + 0", "at > '2024-01-01'",
    "at < '2024-01-01'", "seen >= '2024-02-29'", "seen < '2024-02-29'", "day = '2024-02-29'",
    "at = '2024-01-01 00:00:00'", "day BETWEEN '1970-01-01' AND '2010-10-10'", "'2000-01-01' < day", "at = at",
    "datetime(j, 'unixepoch')", "date(s, 'unixepoch')", "at < datetime('now')", "day < date('now', '-1 day')",
    "i & 6", "i | 1", "~i", "i << 2", "i >> 1", "j & f", "i = 1 = 1", "i < j = 0", "i = j LIKE '1'", "likely(i)",
    "o IS NULL", "o = 'x'", "o = '5'", "o = 7", "o <> '7.0'", "o IS NOT 5", "o IN ('y', 12, '2')", "o = i", "i = o",
    "o = o", "length(o)", "o || '!'", "o LIKE '1%'", "CASE o WHEN 5 THEN 1 WHEN 'x' THEN 2 END",
    "1", "'x'", "NULL", "X'ff'", "1.5", "-5", "5 > 3", "1/0", "'abc' || 5", "r + NULL", "i + '5'",
    "i = NULL", "NULL IS NULL", "i IS NOT DISTINCT FROM j", "- - i", "i >= 9007199254740992.0", "i > 1e20",
    "CAST('12abc' AS INTEGER)", "date('2024-01-31', '+1 month')", "f = '1'", "i = TRUE", "i /* c */ + 1 -- c",
    "9223372036854775807", "-9223372036854775808", "9223372036854775808", "0x7fffffffffffffff", "typeof(i + 1)",
)  # fmt: skip


def test_every_listed_expression_is_translated_and_agrees_with_sqlite(postgres_url: str) -> None:
    found = names()
    with pair(postgres_url) as databases:
        wrong = []
        for expression in EXPRESSIONS:
            translation = translate_expression(expression, TABLE, found)
            if translation.sql is None:
                wrong.append((expression, translation.reason))
                continue
            want, got = databases.ask_sqlite(expression), databases.ask_postgres(translation.sql)
            if not same(want, got):
                wrong.append((expression, f"{translation.sql}: {want} and {got}"))
    assert not wrong


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("o < 'x'", "holds integers and texts"),
        ("o = t", "may read as a number"),
        ("o = r", "floating-point"),
        ("o + 1", "holds integers and texts"),
        ("t = i", "may read as a number"),
        ("n / 2", "without rest"),
        ("round(r, i)", "not fixed"),
        ("t REGEXP 'a'", "regexp()"),
        ("t GLOB u", "not fixed"),
        ("t GLOB '[a'", "without an end"),
        ("date(t)", "as a date"),
        ("datetime(at, 'localtime')", "local time"),
        ("date(day, '+1 month')", "+1 month"),
        ("date(day, t)", "depends on a column"),
        ("seen = at", "spelling"),
        ("json_valid(t)", "version 16"),
        ("json_extract(js, '$.a')", "not of one class"),
        ("json_type(js, '$.a') = 'integer'", "spelling"),
        ("changes()", "connection"),
        ("f AND t", "is true"),
        ("nosuch + 1", "nosuch"),
        ("CAST(r AS TEXT)", "floating-point"),
        ("t = u COLLATE mine", "application's own"),
        ("(i, j) = (1, 2)", "Tuple"),
        ("count(*)", "no aggregate"),
        ("(SELECT 1)", "query"),
        ("i +", "cannot be read"),
        ("'a' || char(0)", "U+0000"),
        ("length(t || u COLLATE NOCASE)", "COLLATE"),
    ],
)
def test_what_is_not_exact_is_left_with_its_reason(expression: str, reason: str) -> None:
    translation = translate_expression(expression, TABLE, names())
    assert translation.sql is None
    assert reason in translation.reason


def test_any_expression_is_left_or_agrees_with_sqlite(postgres_url: str) -> None:
    found = names()
    translated = 0
    with pair(postgres_url) as databases:

        @settings(max_examples=400, suppress_health_check=list(HealthCheck))
        @given(_trees())
        def check(expression: str) -> None:
            nonlocal translated
            translation = translate_expression(expression, TABLE, found)
            if translation.sql is None or translation.reason:
                return
            translated += 1
            try:
                want = databases.ask_sqlite(expression)
            except apsw.SQLError:  # integer overflow in abs()
                return
            try:
                got = databases.ask_postgres(translation.sql)
            except psycopg.errors.NumericValueOutOfRange:  # the documented, loud difference
                return
            assert same(want, got), f"{expression}\n{translation.sql}\n{want}\n{got}"

        check()
    assert translated > 80


_SOUP = (
    "SELECT FROM WHERE ( ) , . * + - || -> = <> < AND OR NOT IS NULL IN LIKE GLOB BETWEEN ESCAPE COLLATE CASE WHEN THEN"
    " ELSE END CAST( AS DISTINCT OVER FILTER count( max( substr( strftime( RAISE( RAISE(IGNORE) 1 2.5 'x' X'f X'ff' t i"
    " js at NEW.a ? :p @x $ \\ ' \" [b] `c` -- /* */ ; :: [ ] { } UNION ORDER BY GROUP WITH INSERT INTO UPDATE SET"
    " BEFORE AFTER INSTEAD OF ON BEGIN"
)
_WORDS = st.sampled_from(_SOUP.split())


@given(st.lists(_WORDS, max_size=12).map(" ".join))
def test_what_is_no_sql_at_all_is_left_without_an_error(soup: str) -> None:
    relations = names()
    results = (
        translate_expression(soup, TABLE, relations),
        translate_expression(soup, TABLE, relations, use="condition"),
        translate_default(soup, SqlType.parse("text")),
        translate_view(View("v", f"CREATE VIEW v AS {soup}"), relations),
        translate_trigger(Trigger("r", TABLE, f"CREATE TRIGGER r AFTER INSERT ON t BEGIN {soup}; END"), relations),
        translate_trigger(Trigger("r", TABLE, f"CREATE TRIGGER {soup}"), relations),
    )
    assert all(result.sql is not None or result.reason for result in results)


def test_an_expression_that_is_nested_too_deeply_is_left() -> None:
    for expression in ("(" * 5000 + "1" + ")" * 5000, "NOT " * 5000 + "i", " || ".join(["t"] * 5000)):
        translation = translate_expression(expression, TABLE, names())
        assert translation.sql is not None or translation.reason


def test_the_largest_integers_compare_with_floating_point_by_their_exact_values(any_url: str) -> None:
    numbers = (2**63 - 1, -(2**63), 2**53 + 1, 2**53, -(2**53) - 1, 0, None)
    fractions = (2.0**63, -(2.0**63), 2.0**53, 2.0**62, -1e300, 1e300, 0.5, float("inf"), float("-inf"), None)
    pairs = [(number, fraction) for number in numbers for fraction in fractions]
    rows = [(k, i, 0, 0, r, r, r, *[None] * (len(COLUMNS) - 7)) for k, (i, r) in enumerate(pairs)]
    with pair(any_url, rows) as databases:
        for operator in ("=", "<>", "<", "<=", ">", ">=", "IS", "IS NOT"):
            for expression in (f"i {operator} r", f"r {operator} i"):
                translation = translate_expression(expression, TABLE, names())
                assert translation.sql is not None
                assert databases.ask_sqlite(expression) == databases.ask_postgres(translation.sql), expression


def test_a_condition_is_a_boolean_with_sqlites_truth(postgres_url: str) -> None:
    with pair(postgres_url) as databases:
        for expression in ("i", "f", "r", "d", "t IS NULL", "i > 0 AND f", "'1'", "0", "NULL"):
            translation = translate_expression(expression, TABLE, names(), use="condition")
            assert translation.sql is not None
            want = databases.ask_sqlite(f"CASE WHEN ({expression}) THEN 1 ELSE 0 END")
            rows = databases.postgres.execute(f'SELECT ({translation.sql}) IS TRUE FROM "Ziel" ORDER BY id'.encode())
            assert [int(row[0]) for row in rows] == want, expression
