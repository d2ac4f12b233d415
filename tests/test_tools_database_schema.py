"""Tables, plans and health as an agent's tools tell of them, and nothing of what may not be read."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from database_tools import ORDERS, Shop, text
from exuvia.tools.frame.tokens import estimate

READABLE = {"Odd Name", "big", "customers", "items", "notes", "open_orders", "orders"}
UNSEEN = ("secrets", "hidden_lines", "s3cr3t")


def rows_of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tables by their names."""
    rows = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    return {str(row["name"]).strip('"'): row for row in rows}


def test_tables_are_listed_with_what_they_are_and_measure(sales: Shop) -> None:
    answer = sales.does("list_tables")
    found = rows_of(answer)
    assert set(found) - {"leak"} == READABLE
    assert answer["total"] == len(found)
    assert (found["orders"]["kind"], found["orders"]["rows"]) == ("table", ORDERS)
    assert found["orders"]["bytes"] > 0
    assert found["open_orders"]["kind"] == "view"
    if sales.is_postgres:
        assert found["orders"]["comment"] == "What was bought"
    assert not any(name in text(answer) for name in UNSEEN)


@pytest.mark.parametrize(
    ("name", "expected"), [("order", {"orders", "open_orders"}), ("ORDER*", {"orders"}), ("secret", set())]
)
def test_tables_are_found_by_a_part_of_their_name_or_a_pattern(sales: Shop, name: str, expected: set[str]) -> None:
    assert set(rows_of(sales.does("list_tables", name=name))) == expected


def test_a_schema_is_chosen_by_its_name(sales: Shop) -> None:
    assert sales.does("list_tables", schema_name=sales.schema)["total"] >= len(READABLE)
    assert sales.does("list_tables", schema_name="elsewhere") == {
        "columns": ["name", "kind", "rows", "bytes"],
        "rows": [],
        "total": 0,
    }


def test_a_long_list_of_tables_goes_on(sales: Shop) -> None:
    given: dict[str, Any] = {"limit": 2}
    names: list[str] = []
    while True:
        answer = sales.does("list_tables", **given)
        names += [row[0] for row in answer["rows"]]
        if "next" not in answer:
            break
        given["after"] = answer["next"]
    assert names == [row[0] for row in sales.does("list_tables")["rows"]]


def test_a_table_is_described_with_its_columns_keys_and_rules(sales: Shop) -> None:
    told = sales.does("describe_table", table="orders", sample=2)
    columns = {column["name"]: column for column in told["columns"]}
    assert list(columns) == ["id", "customer_id", "status", "total", "doubled"]
    assert columns["status"]["default"].startswith("'open'")
    assert "total" in columns["doubled"]["generated"]
    assert told["primary_key"] == ["id"]
    assert told["foreign_keys"] == [
        {"columns": ["customer_id"], "table": "customers", "to": ["id"], "on_delete": "CASCADE"}
    ]
    assert [(key["table"], key["columns"]) for key in told["referenced_by"]] == [("items", ["order_id"])]
    (index,) = told["indexes"]
    assert index["name"] == "orders_status"
    assert "status, total DESC" in index["on"]
    assert "WHERE" in index["on"]
    assert ["<> ''" in check for check in told["checks"]] == [True]
    assert told["rows"] == ORDERS
    assert [row[0] for row in told["sample"]] == [1, 2]
    assert sales.does("describe_table", table="customers")["unique"] == [["email"]]
    assert sales.does("describe_table", table="notes")["triggers"] == ["noting"]


def test_comments_and_the_values_of_enums_are_told_where_there_are_such(sales: Shop) -> None:
    if not sales.is_postgres:
        pytest.skip("SQLite has none")
    told = sales.does("describe_table", table="orders")
    assert told["comment"] == "What was bought"
    assert told["columns"][3]["comment"] == "In euros"
    assert sales.does("describe_table", table="customers")["columns"][3]["values"] == ["good", "bad"]


@pytest.mark.parametrize("name", ["open_orders", "OPEN_ORDERS", "{schema}.open_orders", '"open_orders"'])
def test_a_table_is_meant_by_its_name_in_any_spelling(sales: Shop, name: str) -> None:
    told = sales.does("describe_table", table=name.format(schema=sales.schema))
    assert (told["table"], told["kind"]) == ("open_orders", "view")
    assert [column["name"] for column in told["columns"]] == ["id", "total"]


@pytest.mark.parametrize("name", ["Odd Name", '"Odd Name"'])
def test_a_name_with_a_space_is_shown_as_sql_takes_it(sales: Shop, name: str) -> None:
    shown = sales.does("describe_table", table=name)["table"]
    assert shown == '"Odd Name"'
    assert sales.rows(f"SELECT count(*) FROM {shown}") == [[0]]


def test_a_foreign_key_to_a_table_that_may_not_be_read_does_not_name_it(sales: Shop) -> None:
    told = sales.does("describe_table", table="items", sample=5)
    assert {"columns": ["secret_id"]} in told["foreign_keys"]
    assert not any(name in text(told) for name in UNSEEN)
    assert not any(name in text(sales.does("describe_table", table="orders")) for name in UNSEEN)


@pytest.mark.parametrize("table", ["secrets", "hidden_lines", "nothing_there"])
def test_a_table_that_may_not_be_read_is_like_one_that_is_not_there(sales: Shop, table: str) -> None:
    error = sales.fails("describe_table", table=table)
    assert error["error"] == "argument.table"
    assert error["message"] == f"There is no table {table} that may be read."
    assert not any(name in error["hint"] for name in UNSEEN)


def test_a_table_that_is_misspelled_is_told_with_names_that_are_near(sales: Shop) -> None:
    assert "Did you mean customers?" in sales.fails("describe_table", table="custommers")["hint"]


def test_a_table_of_very_many_columns_is_told_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "wide.db"
    connection = apsw.Connection(str(path))
    connection.execute(f"CREATE TABLE wide ({', '.join(f'column_{number} TEXT NOT NULL' for number in range(700))})")
    connection.execute("INSERT INTO wide VALUES (" + ", ".join(["'x'"] * 700) + ")")
    connection.close()
    given: dict[str, Any] = {"table": "wide", "sample": 3, "max_tokens": 1500}
    names: list[str] = []
    with closing(Shop(str(path), str(path), "main")) as sales:
        while True:
            answer = sales.does("describe_table", **given)
            assert estimate(text(answer)) <= 1_600
            names += [column["name"] for column in answer["columns"]]
            if "next" not in answer:
                break
            given["after"] = answer["next"]
    assert names == [f"column_{number}" for number in range(700)]


def test_a_plan_names_the_scans_and_warns_of_those_of_large_tables(sales: Shop) -> None:
    told = sales.does("explain", sql="SELECT id FROM big b WHERE kind = $1", values=[7])
    assert any("big" in node or "SCAN b" in node for node in told["nodes"])
    (warning,) = told["warnings"]
    assert "20,000 rows" in warning
    assert "index" in warning
    assert "warnings" not in sales.does("explain", sql="SELECT id FROM orders WHERE id = 7")


def test_a_join_without_a_condition_is_warned_of(sales: Shop) -> None:
    if not sales.is_postgres:
        pytest.skip("a plan of SQLite's does not tell")
    assert any("join condition" in line for line in sales.does("explain", sql="SELECT 1 FROM big, orders")["warnings"])


def test_an_analyzed_plan_tells_the_time_and_the_real_rows(sales: Shop) -> None:
    told = sales.does("explain", sql="SELECT id FROM big WHERE kind = 7", analyze=True)
    assert told["actual_rows"] == 200
    assert told["ms"] > 0


def test_a_plan_of_a_change_is_told_and_the_change_is_never_made(sales: Shop) -> None:
    before = sales.rows("SELECT id, body FROM notes ORDER BY id")
    assert sales.does("explain", sql="DELETE FROM notes WHERE id > 0")["nodes"]
    assert sales.fails("explain", sql="DELETE FROM notes WHERE id > 0", analyze=True)["argument"] == "analyze"
    error = sales.fails("explain", sql="DELETE FROM notes WHERE id > 0", under={"guard_write": ()})
    assert "SELECT" in error["hint"]
    assert sales.rows("SELECT id, body FROM notes ORDER BY id") == before


def test_the_whole_plan_is_there_for_who_asks_and_goes_on(sales: Shop) -> None:
    sql = " UNION ALL ".join(["SELECT id FROM orders WHERE total > 3"] * 60)
    assert "more steps" in sales.does("explain", sql=sql)["notice"]
    given: dict[str, Any] = {"sql": sql, "full": True, "max_tokens": 300}
    first = sales.does("explain", **given)
    parts = [first["plan"]]
    while "next" in first:
        first = sales.does("explain", **given, after=first["next"])
        parts.append(first["plan"])
    assert len(parts) > 1
    assert "".join(parts).lower().count("orders") >= 60


def test_the_place_of_an_error_is_that_in_the_statement_as_it_was_given(sales: Shop) -> None:
    assert "character 8: statsu" in sales.fails("explain", sql="SELECT statsu FROM orders")["message"]


def test_a_plan_does_not_name_what_is_behind_a_view(sales: Shop) -> None:
    if not sales.is_postgres:
        pytest.skip("in SQLite the tables behind a view have to be allowed")
    told = sales.does(
        "explain", sql="SELECT * FROM leak JOIN orders ON true WHERE token > 'a'", full=True, analyze=True
    )
    assert not any(name in text(told) for name in (*UNSEEN, "token >"))
    assert "behind a view" in told["plan"]


def test_health_tells_the_engine_the_levels_and_what_it_measures(sales: Shop) -> None:
    told = sales.does("health_check")["database"]
    assert told["state"] in ("ok", "attention")
    assert told["engine"].startswith("PostgreSQL 1" if sales.is_postgres else "SQLite 3.")
    assert told["levels"] == ["read", "write", "ddl"]
    assert told["bytes"] > 0
    assert told["ms"] >= 0
    if sales.is_postgres:
        assert told["role"].endswith("_read")
        assert " of " in told["connections"]
    assert not any(name in text(told) for name in UNSEEN)


def test_health_names_invalid_indexes_of_tables_that_may_be_read(sales: Shop) -> None:
    if not sales.is_postgres:
        pytest.skip("SQLite has none")
    with psycopg.connect(sales.owner, autocommit=True) as owner:
        for table, column in (("big", "kind"), ("secrets", "(id * 0)")):
            owner.execute("INSERT INTO secrets VALUES (2, 'x') ON CONFLICT DO NOTHING")
            with pytest.raises(psycopg.errors.UniqueViolation):
                owner.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {table}_failed ON {table} ({column})".encode())
        try:
            told = sales.does("health_check")["database"]
        finally:
            owner.execute("DROP INDEX big_failed, secrets_failed")
            owner.execute("DELETE FROM secrets WHERE id = 2")
    assert told["state"] == "attention"
    assert told["invalid_indexes"] == ["big_failed"]
    assert any("REINDEX" in line for line in told["attention"])


def test_health_checks_a_files_pages_when_it_is_told_to(sales: Shop) -> None:
    told = sales.does("health_check", quick_check=True)["database"]
    assert told.get("quick_check") == (None if sales.is_postgres else ["ok"])


def test_a_damaged_file_needs_attention(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t (a)")
    with connection:
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 80,)] * 3000)
    connection.close()
    content = bytearray(path.read_bytes())
    content[3 * 4096 : 3 * 4096 + 40] = b"\xff" * 40
    path.write_bytes(content)
    with closing(Shop(str(path), str(path), "main")) as sales:
        assert sales.does("health_check")["database"]["state"] == "attention"
        told = sales.does("health_check", quick_check=True)["database"]
    assert told["state"] == "attention"
    assert told["quick_check"] != ["ok"]
    assert any("damaged" in line for line in told["attention"])


def test_health_answers_also_when_the_database_is_away(tmp_path: Path) -> None:
    with closing(Shop(str(tmp_path / "gone.db"), "", "main")) as gone:
        told = gone.does("health_check")["database"]
    assert told["state"] == "unreachable"
    assert told["reason"]
    with closing(Shop("postgresql://nobody:very-secret@127.0.0.1:1/nothing", "", "public")) as away:
        answer = away.does("health_check")
    assert answer["database"]["state"] == "unreachable"
    assert answer["database"]["hint"]
    assert "very-secret" not in text(answer)


def test_a_lost_connection_is_told_once_and_made_anew(sales: Shop) -> None:
    if not sales.is_postgres:
        pytest.skip("SQLite has no connections to lose")
    sales.rows("SELECT 1")
    with psycopg.connect(sales.owner, autocommit=True) as owner:
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'exuvia guard'")
    for _ in range(5):
        assert sales.does("health_check")["database"]["state"] in ("ok", "attention", "unreachable")
    assert sales.rows("SELECT 1") == [[1]]


def test_other_schemas_partitions_and_materialized_views_are_told_by_their_names(any_url: str) -> None:
    schema = """
    CREATE SCHEMA sales;
    CREATE TABLE sales.events (at date NOT NULL, what text) PARTITION BY RANGE (at);
    CREATE TABLE sales.events_2026 PARTITION OF sales.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE TABLE sales.events_2027 PARTITION OF sales.events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
    CREATE TABLE public.people (id int PRIMARY KEY);
    CREATE TABLE sales."Mixed.Case" (person int REFERENCES public.people);
    CREATE MATERIALIZED VIEW sales.days AS SELECT at, count(*) FROM sales.events GROUP BY at;
    INSERT INTO sales.events SELECT date '2026-01-01' + i, 'x' FROM generate_series(1, 500) i;
    ANALYZE;
    """
    with psycopg.connect(any_url, autocommit=True) as owner:
        owner.execute(schema.encode())
    settings = {"guard_read": ("public.*", "sales.*"), "guard_allow_superuser": True}
    with closing(Shop(any_url, any_url, "public", settings)) as shop:
        found = {row[0]: row for row in shop.does("list_tables", schema_name="sales")["rows"]}
        assert set(found) == {"sales.events", "sales.days", 'sales."Mixed.Case"'}
        assert found["sales.events"][1:3] == ["partitioned table", 500]
        assert found["sales.days"][1] == "materialized view"
        told = shop.does("describe_table", table="sales.events")
        assert (told["partitions"], told["rows"]) == (2, 500)
        assert told["bytes"] > 0
        mixed = shop.does("describe_table", table='sales."Mixed.Case"')
        assert mixed["foreign_keys"] == [{"columns": ["person"], "table": "people", "to": ["id"]}]
        (key,) = shop.does("describe_table", table="people")["referenced_by"]
        assert key["table"] == 'sales."Mixed.Case"'
        assert "Did you mean sales.events?" in shop.fails("describe_table", table="events")["hint"]
        assert shop.rows("SELECT count(*) FROM sales.events") == [[500]]
