"""Rows read and changed by an agent's tools, the same way in PostgreSQL and in SQLite."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from database_tools import ORDERS, Shop, text
from exuvia.tools.catalogue import EVERYTHING, served
from exuvia.tools.database import TOOLS
from exuvia.tools.frame import Call, invoke
from exuvia.tools.frame.call import READING
from exuvia.tools.frame.tokens import estimate


def all_rows(sales: Shop, **given: Any) -> tuple[list[list[Any]], list[str]]:
    """Follow `next` to the end, and return the rows and the notices."""
    rows, notices = [], []
    for _ in range(200):
        answer = sales.does("query", **given)
        rows += answer["rows"]
        notices.append(answer.get("notice", ""))
        if "next" not in answer:
            return rows, notices
        given["after"] = answer["next"]
    raise AssertionError("the answer does not end")


@pytest.mark.parametrize(
    ("limit", "max_tokens", "under"),
    [
        (1000, 600, {}),
        (70, 100_000, {}),
        (1000, 100_000, {"guard_max_rows": 80}),
        (1000, 100_000, {"guard_max_bytes": 900}),
    ],
    ids=["tokens", "limit", "rows", "bytes"],
)
def test_a_long_answer_goes_on_to_its_end_whatever_cuts_it(
    sales: Shop, limit: int, max_tokens: int, under: dict[str, int]
) -> None:
    sql = "SELECT id, status FROM orders ORDER BY id"
    rows, notices = all_rows(sales, sql=sql, limit=limit, max_tokens=max_tokens, under=under)
    assert [row[0] for row in rows] == list(range(1, ORDERS + 1))
    assert len(notices) > 2
    assert not any(notices)


def test_without_an_order_the_continuation_says_that_rows_may_repeat(sales: Shop) -> None:
    answer = sales.does("query", sql="SELECT id FROM orders", limit=10)
    assert "Without ORDER BY" in answer["notice"]
    assert "notice" not in sales.does("query", sql="SELECT id FROM customers", limit=10)


def test_a_continuation_is_for_its_own_statement(sales: Shop) -> None:
    first = sales.does("query", sql="SELECT id FROM orders ORDER BY id", limit=10)
    error = sales.fails("query", sql="SELECT id FROM orders ORDER BY id DESC", limit=10, after=first["next"])
    assert error["argument"] == "after"


def test_a_row_too_large_for_any_answer_is_told_and_passed_over(sales: Shop) -> None:
    sql = "SELECT id, CASE WHEN id = 2 THEN {} ELSE 'x' END AS big FROM customers ORDER BY id".format(
        "rpad('y', 9000, 'y')" if sales.is_postgres else "replace(printf('%9000d', 0), ' ', 'y')"
    )
    rows, notices = all_rows(sales, sql=sql, under={"guard_max_bytes": 5_000})
    assert [row[0] for row in rows] == [1, 3]
    assert any("larger than an answer" in notice for notice in notices)


def test_a_huge_value_is_cut_and_leaves_room_for_the_other_rows(sales: Shop) -> None:
    huge = "rpad('long', 10000, ' text')" if sales.is_postgres else "replace(printf('%9000d', 0), ' ', 'long text ')"
    answer = sales.does("query", sql=f"SELECT id, {huge} AS body FROM customers ORDER BY id", max_tokens=3000)
    assert len(answer["rows"]) == 3
    assert all("more characters" in row[1] for row in answer["rows"])
    assert "body" in answer["notice"]
    assert estimate(text(answer)) <= 3000


def test_a_row_of_very_many_columns_is_cut_to_about_the_budget(sales: Shop) -> None:
    columns = ", ".join(f"'{'wide ' * 40}' AS c{number}" for number in range(80))
    answer = sales.does("query", sql=f"SELECT {columns}", max_tokens=2000)
    assert len(answer["rows"][0]) == 80
    assert estimate(text(answer)) <= 2400
    assert "fewer columns" in answer["notice"]


def test_integers_that_floats_cannot_hold_are_texts_and_bytes_are_hexadecimal(sales: Shop) -> None:
    data = "'\\x00ff'::bytea" if sales.is_postgres else "x'00ff'"
    answer = sales.does(
        "query", sql=f"SELECT 9007199254740991 AS a, 9007199254740993 AS b, -9007199254740993 AS c, {data} AS d"
    )
    assert answer["rows"] == [[9007199254740991, "9007199254740993", "-9007199254740993", "\\x00ff"]]


def test_infinity_and_json_and_lists_are_values_that_json_holds(sales: Shop) -> None:
    if sales.is_postgres:
        document = "'{\"n\": 9007199254740993}'::jsonb"
        sql = f"SELECT 'NaN'::float8, 'Infinity'::float8, {document}, ARRAY[1, NULL], 1.10::numeric"
        assert sales.rows(sql) == [["NaN", "Infinity", {"n": "9007199254740993"}, [1, None], "1.10"]]
    else:
        assert sales.rows("SELECT 1e999, -1e999, json('[1, null]')") == [["Infinity", "-Infinity", "[1,null]"]]


def test_values_are_matched_by_their_numbers_and_never_read_as_sql(sales: Shop) -> None:
    answer = sales.does(
        "query",
        sql="SELECT CAST($2 AS text) AS second, CAST($1 AS text) AS first FROM orders WHERE id = $3",
        values=["a'; DROP TABLE orders --", "b", 7],
    )
    assert answer == {"columns": ["second", "first"], "rows": [["b", "a'; DROP TABLE orders --"]]}


def test_a_list_is_an_array_for_postgres_and_json_for_sqlite(sales: Shop) -> None:
    condition = "id = ANY($1)" if sales.is_postgres else "id IN (SELECT value FROM json_each($1))"
    answer = sales.does("query", sql=f"SELECT id FROM orders WHERE {condition} ORDER BY id", values=[[3, 5]])
    assert answer["rows"] == [[3], [5]]


@pytest.mark.parametrize("values", [[], [1], [1, 2, 3]])
def test_another_number_of_values_is_told_before_anything_runs(sales: Shop, values: list[int]) -> None:
    error = sales.fails("query", sql="SELECT id FROM orders WHERE id = $1 OR id = $2", values=values)
    assert error["argument"] == "values"
    assert "takes 2 values" in error["message"]
    assert "values" in error["example"]


def test_a_misspelled_name_in_double_quotes_is_not_taken_for_a_text_in_silence(sales: Shop) -> None:
    sql = 'SELECT "statsu" FROM orders WHERE id = 1'
    if sales.is_postgres:
        assert sales.fails("query", sql=sql)["error"] == "sql.no_column"
    else:
        assert '"statsu" is no column' in sales.does("query", sql=sql)["notice"]
    right = 'SELECT "status", total "How much", id AS "the id", o."id" FROM "orders" o WHERE "status" <> \'"no"\''
    assert "notice" not in sales.does("query", sql=f'WITH "w" AS ({right}) SELECT "How much" FROM "w" LIMIT 1')


def test_a_text_that_is_no_utf_8_is_told_as_such(tmp_path: Path) -> None:
    path = str(tmp_path / "latin.db")
    with closing(apsw.Connection(path)) as connection:
        connection.execute("CREATE TABLE t (a TEXT); INSERT INTO t VALUES (CAST(x'ff41' AS TEXT))")
    with closing(Shop(path, path, "main")) as latin:
        error = latin.fails("query", sql="SELECT a FROM t")
        assert error["error"] == "sql.encoding"
        assert latin.rows("SELECT CAST(a AS BLOB) FROM t") == [["\\xff41"]]


def test_plans_are_read_by_the_tool_that_hides_what_may_not_be_read(sales: Shop) -> None:
    assert "explain" in sales.fails("query", sql="EXPLAIN SELECT * FROM orders")["hint"]


def test_an_answer_without_rows_has_its_columns(sales: Shop) -> None:
    assert sales.does("query", sql="SELECT id, status AS state FROM orders WHERE id < 0") == {
        "columns": ["id", "state"],
        "rows": [],
    }


@pytest.mark.parametrize(
    ("sql", "code", "message", "hint"),
    [
        ("SELECT statsu FROM orders", "sql.no_column", "character 8: statsu", "Did you mean status?"),
        ("SELECT o.totl FROM orders o", "sql.no_column", "totl", "Did you mean total?"),
        ("SELECT zzz FROM customers", "sql.no_column", "zzz", "customers has id, name, email, feeling."),
        ("SELECT *\nFROM ordrs", "sql.no_table", "ordrs", "Did you mean orders"),
        ("SELECT id FORM orders WHERE x y", "sql.syntax", "character 16: orders", "Correct"),
        ("SELECT id FROM orders, customers", "sql.ambiguous", "mbiguous", "table.column"),
        ("SELECT id FROM orders WHERE count(*) > 1", "sql.grouping", "character 29: count", "HAVING"),
    ],
)
def test_an_error_tells_the_place_and_what_to_write_instead(
    sales: Shop, sql: str, code: str, message: str, hint: str
) -> None:
    error = sales.fails("query", sql=sql)
    assert error["error"] == code
    assert message in error["message"]
    assert hint in error["hint"]
    assert "secrets" not in text(error)


@pytest.mark.parametrize(
    ("sql", "code", "hint"),
    [
        ("SELECT customer_id, total FROM orders GROUP BY customer_id", "sql.grouping", "GROUP BY"),
        ("SELECT 'a' + 1 FROM orders", "sql.value", "Correct the value"),
        ("SELECT id || 1 > true FROM orders", "sql.type", "CAST"),
        ("SELECT id FROM orders WHERE id = 'x'", "sql.value", "Correct the value"),
        ("SELECT 1 / (id - 1) FROM orders", "sql.value", "nullif"),
        ("SELECT (SELECT id FROM orders)", "sql.rows", "LIMIT 1"),
        ("SELECT id FROM orders WHERE id = ANY($1)", "sql.value", "Correct the value"),
    ],
)
@pytest.mark.postgresql
def test_what_only_postgres_is_strict_about_has_a_hint(sales: Shop, sql: str, code: str, hint: str) -> None:
    if not sales.is_postgres:
        pytest.skip("SQLite takes it")
    error = sales.fails("query", sql=sql, values=["x"] if "$1" in sql else [])
    assert error["error"] == code
    assert hint in error["hint"]


def test_a_statement_that_changes_something_is_sent_to_the_tool_that_does_it(sales: Shop) -> None:
    error = sales.fails("query", sql="DELETE FROM notes WHERE id = 1")
    assert (error["error"], error["hint"]) == ("guard.level", "Use execute.")
    assert sales.fails("execute", sql="CREATE TABLE scratch (a int)")["hint"] == "Use schema_alter."
    assert sales.fails("execute", sql="SELECT 1")["hint"] == "Use query."
    assert sales.fails("schema_alter", sql="SELECT 1")["hint"] == "Use query."
    assert sales.fails("schema_alter", sql="DELETE FROM notes WHERE id = 1")["hint"] == "Use execute."


def test_a_level_that_is_off_tells_how_a_person_switches_it_on(sales: Shop) -> None:
    error = sales.fails("query", sql="DELETE FROM notes WHERE id = 1", under={"guard_write": ()})
    assert "switched off" in error["hint"]
    assert "guard_write = [" in error["hint"]


def test_a_caller_without_the_scope_is_told_which_one_it_takes(sales: Shop) -> None:
    error = sales.fails("query", sql="DELETE FROM notes WHERE id = 1", scopes=READING)
    assert "scope write" in error["hint"]
    assert sales.fails("execute", sql="DELETE FROM notes WHERE id = 1", scopes=READING)["error"] == "off.scope"


def test_a_change_tells_how_many_rows_and_returns_what_was_asked_for(sales: Shop) -> None:
    added = sales.does("execute", sql="INSERT INTO notes (body) VALUES ($1), ($2) RETURNING body", values=["x", "y"])
    assert added == {"affected": 2, "columns": ["body"], "rows": [["x"], ["y"]]}
    assert sales.does("execute", sql="UPDATE notes SET body = 'z' WHERE body IN ('x', 'y')") == {"affected": 2}
    assert sales.does("execute", sql="DELETE FROM notes WHERE body = 'z'", expect_rows=2) == {"affected": 2}
    assert sales.does("execute", sql="DELETE FROM notes WHERE body = 'z'") == {"affected": 0}


def test_another_number_of_rows_than_expected_changes_nothing(sales: Shop) -> None:
    before = sales.rows("SELECT id, body FROM notes ORDER BY id")
    error = sales.fails("execute", sql="UPDATE notes SET body = 'all' WHERE id > 0", expect_rows=1)
    assert error["error"] == "target.affected"
    assert "not 1" in error["message"]
    assert sales.rows("SELECT id, body FROM notes ORDER BY id") == before


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE notes SET body = 'all'",
        "DELETE FROM notes",
        "WITH x AS (SELECT 1 AS n WHERE 1 = 1) DELETE FROM notes",
        "UPDATE notes SET body = (SELECT max(status) FROM orders WHERE id = 1)",
        "/* WHERE */ DELETE FROM notes -- WHERE id = 1",
    ],
)
def test_every_row_is_changed_only_by_who_says_so(sales: Shop, sql: str) -> None:
    before = sales.rows("SELECT id, body FROM notes ORDER BY id")
    error = sales.fails("execute", sql=sql)
    assert (error["error"], error["argument"]) == ("argument.all_rows", "sql")
    assert sales.rows("SELECT id, body FROM notes ORDER BY id") == before
    told = sales.fails("execute", sql=sql, all_rows=True, expect_rows=10**6)
    assert told["error"] == "target.affected"


def test_a_statement_with_a_condition_is_not_taken_for_one_without(sales: Shop) -> None:
    upsert = "INSERT INTO notes (id, body) VALUES (1, 'one') ON CONFLICT (id) DO UPDATE SET body = 'one'"
    assert sales.does("execute", sql=upsert)["affected"] == 1
    assert sales.does(
        "execute", sql="WITH x AS (SELECT 1 AS n) UPDATE notes SET body = body WHERE id = (SELECT n FROM x)"
    )


def test_more_returned_rows_than_fit_are_left_out_with_a_notice_and_the_change_stays(sales: Shop) -> None:
    sql = "INSERT INTO notes (id, body) SELECT id + 1000, 'many' FROM orders RETURNING id, body"
    answer = sales.does("execute", sql=sql, max_tokens=300)
    assert answer["affected"] == ORDERS
    assert 1 <= len(answer["rows"]) < ORDERS
    assert "query" in answer["notice"]
    assert sales.does("execute", sql="DELETE FROM notes WHERE body = 'many'")["affected"] == ORDERS


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("INSERT INTO notes (id, body) VALUES (1, 'x')", "sql.unique"),
        ("INSERT INTO notes (body) VALUES (NULL)", "sql.not_null"),
        ("INSERT INTO notes (bodi) VALUES ('x')", "sql.no_column"),
    ],
)
def test_a_change_that_breaks_a_rule_of_the_table_tells_which(sales: Shop, sql: str, code: str) -> None:
    error = sales.fails("execute", sql=sql)
    assert error["error"] == code
    assert error["hint"]


def test_tables_are_made_altered_and_dropped_where_the_policy_lets_them(sales: Shop) -> None:
    name = f"{sales.schema}.scratch"
    assert sales.does("schema_alter", sql="CREATE TABLE scratch (a int)") == {"done": [name]}
    try:
        assert sales.fails("schema_alter", sql="CREATE TABLE scratch (a int)")["error"] == "sql.exists"
        assert sales.does("schema_alter", sql="ALTER TABLE scratch ADD COLUMN b text") == {"done": [name]}
        assert sales.does("schema_alter", sql="CREATE INDEX scratch_b ON scratch (b)") == {"done": [name]}
    finally:
        assert sales.does("schema_alter", sql="DROP TABLE scratch") == {"done": [name]}
    assert sales.fails("schema_alter", sql="DROP TABLE orders")["error"] == "guard.table"


_WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("query", {}, "sql"),
    ("query", {"sql": 5}, "sql"),
    ("query", {"sql": "SELECT 1", "limit": 0}, "limit"),
    ("query", {"sql": "SELECT 1", "after": "nonsense"}, "after"),
    ("execute", {"sql": ""}, "sql"),
    ("execute", {"sql": "SELECT 1", "expect_rows": "one"}, "expect_rows"),
    ("schema_alter", {"sql": "DROP TABLE x", "statement": "x"}, "statement"),
    ("list_tables", {"name": ""}, "name"),
    ("describe_table", {"table": "orders", "sample": 1000}, "sample"),
    ("describe_table", {"table": "nothing"}, "table"),
    ("explain", {"sql": "SELECT 1", "analyze": "yes"}, "analyze"),
    ("explain", {"sql": "EXPLAIN SELECT 1"}, "sql"),
    ("health_check", {"quick_check": 1}, "quick_check"),
    ("diagnose", {"sqlstate": "too long"}, "sqlstate"),
    ("propose_fix", {}, "diagnosis"),
    ("apply_fix", {"proposal": "x", "chosen": "yes"}, "chosen"),
]


@pytest.mark.parametrize(("name", "given", "argument"), _WRONG)
def test_a_wrong_argument_is_named_with_a_right_call(
    sales: Shop, name: str, given: dict[str, Any], argument: str
) -> None:
    error = sales.fails(name, **given)
    assert error["argument"] == argument
    assert error["message"]
    assert error["example"] == dict(EVERYTHING.named(name).example)


def test_every_tools_example_has_arguments_that_it_takes() -> None:
    for tool in TOOLS:
        tool.arguments.read(tool.example)


def test_cancelling_a_call_stops_its_statement(sales: Shop) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    async def go() -> None:
        async with sales.desk(guard_timeout=600) as desk:
            call = Call(desk, served(desk))
            query = EVERYTHING.named("query")
            await invoke(call, query, {"sql": "SELECT 1"})
            tasks = [asyncio.create_task(invoke(call, query, {"sql": slow})) for _ in range(4)]
            await asyncio.sleep(0.3)
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            answer = await asyncio.wait_for(invoke(call, query, {"sql": "SELECT 2 AS two"}), 60)
            assert answer.data == {"columns": ["two"], "rows": [[2]]}

    began = time.monotonic()
    asyncio.run(go())
    assert time.monotonic() - began < 60
    if sales.is_postgres:
        with psycopg.connect(sales.owner) as owner:
            running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = %s"
            assert owner.execute(running, [slow]).fetchone() == (0,)


def test_a_statement_that_takes_too_long_is_stopped_and_told(sales: Shop) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    error = sales.fails("query", sql=slow, under={"guard_timeout": 0.3})
    assert error["error"] == "target.timeout"


def test_a_database_that_is_away_is_told_and_not_a_stack_trace(tmp_path: Path) -> None:
    with closing(Shop(str(tmp_path / "gone.db"), "", "main")) as gone:
        assert gone.fails("query", sql="SELECT 1")["error"] == "target.unreadable"
    with closing(Shop("postgresql://nobody:very-secret@127.0.0.1:1/nothing", "", "public")) as away:
        error = away.fails("list_tables")
    assert error["error"].startswith("target.")
    assert "very-secret" not in text(error)


@pytest.mark.parametrize("sql", ["-- nothing", ";;", "/* WHERE */"])
def test_a_text_without_a_statement_is_told(sales: Shop, sql: str) -> None:
    assert sales.fails("query", sql=sql)["error"] == "guard.empty"


def test_a_text_that_is_no_unicode_is_told(sales: Shop) -> None:
    assert sales.fails("query", sql="SELECT '\ud800'")["error"] == "argument.json"


def test_a_value_that_the_engine_cannot_hold_is_told_and_never_cut(sales: Shop) -> None:
    sql = "SELECT CAST($1 AS text) AS it"
    if sales.is_postgres:
        assert sales.does("query", sql=sql, values=[10**30])["rows"] == [[str(10**30)]]
        assert "NUL" in sales.fails("query", sql=sql, values=["a\0b"])["message"]
        assert "NUL" in sales.fails("query", sql="SELECT $1::text[]", values=[["a", "b\0"]])["message"]
    else:
        assert "64 bits" in sales.fails("query", sql=sql, values=[10**30])["hint"]
        assert sales.does("query", sql=sql, values=["a\0b"])["rows"] == [["a\0b"]]
    assert sales.does("query", sql=sql, values=[{"n": 10**30}])["rows"] == [[f'{{"n":{10**30}}}']]


def test_parameters_with_a_gap_between_their_numbers_are_told_where_they_have_no_type(sales: Shop) -> None:
    given: dict[str, Any] = {"sql": "SELECT id FROM orders WHERE id = $2", "values": [0, 7]}
    if sales.is_postgres:
        assert "not $1" in sales.fails("query", **given)["message"]
    else:
        assert sales.does("query", **given)["rows"] == [[7]]


def test_an_answer_of_very_many_columns_has_as_many_as_fit(sales: Shop) -> None:
    answer = sales.does("query", sql="SELECT " + ", ".join(f"{n} AS column_{n}" for n in range(1500)), max_tokens=1000)
    assert 50 < len(answer["columns"]) == len(answer["rows"][0]) < 1500
    assert "1,500 columns" in answer["notice"]
    assert estimate(text(answer)) <= 1000


def test_dropping_what_is_not_there_does_nothing_where_it_says_if(sales: Shop) -> None:
    assert sales.does("schema_alter", sql="DROP TABLE IF EXISTS scratch")["done"] in ([], [f"{sales.schema}.scratch"])
    assert sales.fails("schema_alter", sql="DROP TABLE IF EXISTS orders")["error"] == "guard.table"
    assert "explain" in sales.fails("execute", sql="EXPLAIN DELETE FROM notes WHERE id = 1")["hint"]


def test_a_text_that_is_no_sql_is_told_as_such_whatever_its_values(sales: Shop) -> None:
    assert sales.fails("query", sql="SELECT id FORM orders WHERE x y = $1", values=[1])["error"] == "sql.syntax"
