"""The plan of a whole database: names, types that keys connect, keys, indexes, and the fate of every object."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exuvia.engines.postgres.ddl import create_table, finish_steps, foreign_key_steps
from exuvia.errors import PlanError
from exuvia.move.plan import ColumnPlan, Fate, ObjectPlan, Plan, TablePlan
from exuvia.move.planfile import load
from exuvia.move.planner import TargetAbilities, needs_check
from exuvia.move.planning.constraints import with_orphans
from exuvia.values.cells import StorageClass
from exuvia.values.facts import Example
from planner_samples import Looked, look

UUIDS = "('6f1ed002-ab5d-4b4d-8e8e-3b8f6a0a9d11'), ('7f1ed002-ab5d-4b4d-8e8e-3b8f6a0a9d11')"

Make = Callable[[str], Looked]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return lambda sql: look(tmp_path / "app.db", sql)


def table(plan: Plan, name: str) -> TablePlan:
    return next(table for table in plan.tables if table.source.name == name)


def column(plan: Plan, where: str) -> ColumnPlan:
    name, _, wanted = where.partition(".")
    return next(column for column in table(plan, name).columns if column.source.name == wanted)


def types(plan: Plan, name: str) -> dict[str, str]:
    return {column.source.name: str(column.rule.type) for column in table(plan, name).columns}


def fate(plan: Plan, kind: str, name: str) -> ObjectPlan:
    return next(item for item in plan.objects if (item.kind, item.name) == (kind, name))


def messages(plan: Plan, where: str) -> str:
    return " ".join(problem.message for problem in plan.problems if problem.where == where)


def test_tables_come_after_those_they_refer_to(make: Make) -> None:
    plan = make(
        "CREATE TABLE line(o REFERENCES orders); CREATE TABLE orders(id INTEGER PRIMARY KEY, c REFERENCES customer);"
        "CREATE TABLE customer(id INTEGER PRIMARY KEY, boss REFERENCES customer)"
    ).plan()
    assert [table.source.name for table in plan.tables] == ["customer", "orders", "line"]


def test_a_rowid_alias_is_an_identity_and_int_primary_key_is_not(make: Make) -> None:
    plan = make("CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(id INT PRIMARY KEY)").plan()
    assert column(plan, "a.id").target.identity
    assert column(plan, "a.id").target.not_null
    assert not column(plan, "b.id").target.identity
    assert table(plan, "b").target.primary_key is not None


def test_the_storage_classes_to_read_are_those_that_occur(make: Make) -> None:
    plan = make("CREATE TABLE t(a, b TEXT); INSERT INTO t VALUES (1, 'x'), (2.5, NULL)").plan()
    assert column(plan, "t.a").classes == {StorageClass.INTEGER, StorageClass.REAL}
    assert column(plan, "t.b").classes == {StorageClass.TEXT}


def test_a_primary_key_that_holds_null_becomes_unique(make: Make) -> None:
    plan = make("CREATE TABLE t(a TEXT PRIMARY KEY, b); INSERT INTO t VALUES ('x', 1), (NULL, 2)").plan()
    target = table(plan, "t").target
    assert target.primary_key is None
    assert [key.columns for key in target.uniques] == [("a",)]
    (problem,) = [problem for problem in plan.problems if problem.where == "t.a"]
    assert problem.count == 1
    assert problem.rows[0].row


def test_not_null_is_dropped_where_null_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    sql = """
        CREATE TABLE t(a TEXT); INSERT INTO t VALUES ('x'), (NULL);
        PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a TEXT NOT NULL)';
    """
    plan = look(path, sql).plan()
    assert not column(plan, "t.a").target.not_null
    assert "NOT NULL" in messages(plan, "t.a")


def test_a_uuid_key_and_the_text_that_refers_to_it_get_one_type(make: Make) -> None:
    looked = make(
        f"CREATE TABLE a(id CHAR(36) PRIMARY KEY); INSERT INTO a VALUES {UUIDS};"
        "CREATE TABLE b(a VARCHAR(36) REFERENCES a); INSERT INTO b SELECT id FROM a;"
        "CREATE TABLE c(a VARCHAR(40) REFERENCES a); CREATE TABLE d(a TEXT REFERENCES b(a))"
    )
    plan = looked.plan()
    assert [types(plan, name) for name in "abc"] == [{"id": "uuid"}, {"a": "uuid"}, {"a": "uuid"}]
    assert len(table(plan, "b").target.foreign_keys) == 1


def test_a_key_widens_to_text_with_a_reference_that_is_no_uuid(make: Make) -> None:
    plan = make(
        f"CREATE TABLE a(id CHAR(36) PRIMARY KEY); INSERT INTO a VALUES {UUIDS};"
        "CREATE TABLE b(a TEXT REFERENCES a); INSERT INTO b VALUES ('orphan')"
    ).plan()
    assert types(plan, "a") == {"id": "text"}
    assert types(plan, "b") == {"a": "text"}
    assert "a foreign key connects" in column(plan, "a.id").reason


def test_text_that_refers_to_a_rowid_leaves_the_foreign_key_out(make: Make) -> None:
    plan = make(
        "CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1);"
        "CREATE TABLE b(a TEXT REFERENCES a); INSERT INTO b VALUES ('01');"
        "CREATE TABLE c(a TEXT REFERENCES a);"
        "CREATE TABLE d(a TEXT REFERENCES a); INSERT INTO d VALUES ('1')"
    ).plan()
    assert types(plan, "b") == {"a": "text"}
    assert fate(plan, "foreign key", "b_a_fkey").fate is Fate.LEFT_OUT
    (problem,) = [problem for problem in plan.problems if problem.where == "b.a"]
    assert problem.choices[0] == 'b.a: type = "bigint"'
    assert types(plan, "c") == types(plan, "d") == {"a": "bigint"}
    assert len(table(plan, "c").target.foreign_keys) == 1


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE TABLE b(x REFERENCES missing(id))", "missing is not moved"),
        ("CREATE TABLE a(id INTEGER); CREATE TABLE b(x REFERENCES a(id))", "no key"),
        ("CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(x REFERENCES a(nope))", "no key"),
    ],
)
def test_a_foreign_key_to_nothing_is_left_out_with_the_reason(make: Make, sql: str, reason: str) -> None:
    plan = make(sql).plan()
    assert table(plan, "b").target.foreign_keys == ()
    (left,) = [item for item in plan.objects if item.kind == "foreign key"]
    assert left.fate is Fate.LEFT_OUT
    assert reason in left.reason


def test_foreign_keys_keep_their_actions_and_deferral(make: Make) -> None:
    plan = make(
        "CREATE TABLE a(x, y, PRIMARY KEY (x, y)); CREATE TABLE b(p, q, CONSTRAINT fk FOREIGN KEY (p, q) "
        "REFERENCES a(y, x) ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED)"
    ).plan()
    (key,) = table(plan, "b").target.foreign_keys
    assert (key.name, key.columns, key.target_columns) == ("fk", ("p", "q"), ("y", "x"))
    assert (key.on_delete, key.on_update, key.deferrable, key.initially_deferred) == ("CASCADE", "SET NULL", True, True)


def test_orphans_keep_a_foreign_key_not_valid(make: Make) -> None:
    plan = make("CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(a INTEGER REFERENCES a)").plan()
    broken = with_orphans(plan, {("b", "b_a_fkey"): (2, (Example(0, "7", "rowid=1"),))})
    (key,) = table(broken, "b").target.foreign_keys
    assert not key.validate
    assert broken.problems[-1].count == 2


def test_a_unique_index_can_be_what_a_foreign_key_refers_to(make: Make) -> None:
    plan = make(
        "CREATE TABLE a(id INTEGER); CREATE UNIQUE INDEX ai ON a(id); CREATE TABLE b(a INTEGER REFERENCES a(id))"
    ).plan()
    assert len(table(plan, "b").target.foreign_keys) == 1


def test_keys_without_case_get_a_unique_index_without_case(make: Make) -> None:
    plan = make("CREATE TABLE t(a TEXT COLLATE NOCASE UNIQUE, b TEXT); CREATE INDEX i ON t(a, b DESC)").plan()
    indexes = {index.name: [part.sql for part in index.parts] for index in table(plan, "t").target.indexes}
    assert indexes == {"i": ['(lower(a COLLATE "C"))', "b"], "t_a_nocase": ['(lower(a COLLATE "C"))']}
    assert table(plan, "t").target.indexes[0].parts[1].descending
    assert len(table(plan, "t").target.uniques) == 1


def test_names_of_one_schema_are_unique_across_tables_indexes_and_keys(make: Make) -> None:
    plan = make(
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b UNIQUE); CREATE TABLE t_pkey(x);"
        "CREATE INDEX t_b_key ON t(b); CREATE VIEW v AS SELECT 1"
    ).plan()
    target = table(plan, "t").target
    names = [target.primary_key.name if target.primary_key else "", target.uniques[0].name, target.indexes[0].name]
    assert target.indexes[0].name == "t_b_key"
    assert len({*names, "t", "t_pkey", "v"}) == 6


def test_names_are_kept_exactly_or_folded_with_collisions_resolved(make: Make) -> None:
    looked = make('CREATE TABLE "Order"("Id" INTEGER PRIMARY KEY, "ID2", "id2_" ); CREATE TABLE "Ärger x"(a)')
    assert {t.target.name for t in looked.plan().tables} == {"Order", "Ärger x"}
    assert [c.target.name for c in table(looked.plan(fold=True), "Order").columns] == ["id", "id2", "id2_"]


def test_a_column_named_like_a_system_column_is_renamed_and_noted(make: Make) -> None:
    plan = make("CREATE TABLE t(xmin)").plan()
    assert column(plan, "t.xmin").target.name == "xmin_"
    assert "system column" in messages(plan, "t.xmin")


def test_virtual_tables_their_shadows_and_their_triggers_are_listed(make: Make) -> None:
    plan = make(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT); CREATE VIRTUAL TABLE f USING fts5(body, content=t);"
        "CREATE TRIGGER ti AFTER INSERT ON t BEGIN INSERT INTO f(rowid, body) VALUES (new.id, new.body); END"
    ).plan()
    assert fate(plan, "virtual table", "f").fate is Fate.REPLACED
    assert fate(plan, "shadow table", "f_data").table == "f"
    assert fate(plan, "trigger", "ti").fate is Fate.REPLACED
    assert [table.source.name for table in plan.tables] == ["t"]


def test_excluded_tables_are_named_and_what_refers_to_them_is_left_out(make: Make) -> None:
    looked = make("CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(a REFERENCES a)")
    plan = looked.plan(exclude=("a*",))
    assert fate(plan, "table", "a").reason == "excluded"
    assert table(plan, "b").target.foreign_keys == ()
    assert [t.source.name for t in looked.plan(include=("a",)).tables] == ["a"]


def test_an_excluded_column_takes_its_keys_and_indexes_along(make: Make) -> None:
    looked = make("CREATE TABLE t(a, b, PRIMARY KEY (a, b)); CREATE INDEX i ON t(b)")
    plan = looked.plan("[tables.t.columns]\nb = { exclude = true }")
    assert [c.source.name for c in table(plan, "t").columns] == ["a"]
    assert table(plan, "t").target.primary_key is None
    assert fate(plan, "index", "i").reason == "its column b is excluded"
    assert fate(plan, "column", "b").fate is Fate.LEFT_OUT


def test_more_columns_than_postgresql_has_are_refused_with_choices(make: Make) -> None:
    columns = ", ".join(f"c{number}" for number in range(1700))
    plan = make(f"CREATE TABLE wide({columns})").plan()
    (error,) = [problem for problem in plan.problems if problem.level == "error"]
    assert error.where == "wide"
    assert "exclude = true for 100 of its columns" in error.choices


def test_a_row_that_may_not_fit_a_page_is_a_warning(make: Make) -> None:
    columns = ", ".join(f"c{number} INTEGER" for number in range(1200))
    values = ", ".join("1" for _ in range(1200))
    plan = make(f"CREATE TABLE wide({columns}); INSERT INTO wide VALUES ({values})").plan()
    assert "9,774 bytes" in messages(plan, "wide")


def test_a_person_gives_names_types_and_what_becomes_of_misfits(make: Make) -> None:
    looked = make("CREATE TABLE t(n INTEGER NOT NULL, at INTEGER); INSERT INTO t VALUES (1, 1700000000), ('', 0)")
    plan = looked.plan(
        '[tables.t]\nname = "things"\n[tables.t.columns]\n'
        'n = { type = "bigint", on_misfit = "null" }\nat = { type = "timestamptz", epoch = "seconds", name = "seen" }'
    )
    assert table(plan, "t").target.name == "things"
    assert str(column(plan, "t.n").rule.type) == "bigint"
    assert column(plan, "t.n").on_misfit == "null"
    assert not column(plan, "t.n").target.not_null
    assert column(plan, "t.at").target.name == "seen"


def test_only_columns_that_a_person_changed_need_a_check(make: Make) -> None:
    looked = make("CREATE TABLE t(a TEXT, b TEXT, c TEXT)")
    text = (
        '[tables.t.columns]\na = { type = "text" }\nb = { type = "bigint" }\n'
        'c = { type = "bigint", on_misfit = "quarantine" }'
    )
    found = needs_check(looked.plan(text), looked.plan(), load(text))
    assert [(table.source.name, column.source.name) for table, column in found] == [("t", "b")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tables.ordrs]", "Plan file, line 1: 'ordrs' is no table of the source.\nDid you mean 'orders'?"),
        (
            '[tables.orders.columns]\n\ncreated = "text"',
            "Plan file, line 3: 'created' is no column of table orders of the source.\nDid you mean 'created_at'?",
        ),
        ("[views]\nx = {}", "'x' is no view of the source."),
        ("[tables.orders.indexes]\nx = {}", "'x' is no index of table orders of the source."),
        ('[tables.orders]\nname = "items"', "'items' and 'orders' would both be the table 'items'."),
        (
            '[tables.orders.columns]\nid = { name = "created_at" }',
            "would both be the column of table orders 'created_at'.",
        ),
        ('[tables.orders.columns]\nid = { epoch = "seconds" }', "orders.id has an epoch, but its type is bigint."),
    ],
)
def test_a_plan_file_that_does_not_fit_names_the_line_and_the_nearest_spelling(
    make: Make, text: str, message: str
) -> None:
    looked = make("CREATE TABLE orders(id INTEGER PRIMARY KEY, created_at TEXT); CREATE TABLE items(id)")
    with pytest.raises(PlanError) as error:
        looked.plan(text)
    assert message in str(error.value)


def test_the_same_source_gives_the_same_plan(make: Make) -> None:
    looked = make("CREATE TABLE b(a REFERENCES a); CREATE TABLE a(id INTEGER PRIMARY KEY, x UNIQUE, y UNIQUE)")
    assert looked.plan() == looked.plan()


RICH = """
    CREATE TABLE "Customer"(id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT COLLATE NOCASE UNIQUE NOT NULL,
        "user" VARCHAR(20) DEFAULT 'x''y' CHECK (length("user") > 0), born DATE, at DATETIME DEFAULT CURRENT_TIMESTAMP,
        active BOOLEAN DEFAULT 1, balance DECIMAL(10,2) DEFAULT 0, meta JSON, data BLOB DEFAULT x'00ff');
    CREATE TABLE a(x INTEGER, y TEXT, PRIMARY KEY (x, y)) WITHOUT ROWID;
    CREATE TABLE b(id INT PRIMARY KEY, p INTEGER, q TEXT, c INTEGER REFERENCES "Customer" ON DELETE CASCADE,
        self INT REFERENCES b DEFERRABLE INITIALLY DEFERRED, total INTEGER AS (p * 2) STORED,
        FOREIGN KEY (p, q) REFERENCES a ON DELETE SET NULL);
    CREATE UNIQUE INDEX b_open ON b(p, q DESC) WHERE c IS NOT NULL;
    CREATE INDEX customer_name ON "Customer"(lower("user"), balance);
    CREATE VIEW rich AS SELECT id, email FROM "Customer" WHERE balance > 100;
    CREATE VIEW richest AS SELECT max(id) AS id FROM rich;
    INSERT INTO "Customer"(email, balance, meta) VALUES ('a@x', 5.25, '{"a": 1}');
    INSERT INTO a VALUES (1, 'x');
    INSERT INTO b(id, p, q, c) VALUES (1, 1, 'x', 1);
"""
REAL = sorted((Path(__file__).parent / "data" / "real").glob("*.sqlite"))


@pytest.mark.parametrize("style", ["faithful", "native"])
@pytest.mark.parametrize("fold", [False, True])
def test_postgresql_takes_everything_that_is_planned(tmp_path: Path, any_url: str, style: Any, fold: bool) -> None:
    paths = [tmp_path / "app.db", *REAL]
    for number, path in enumerate(paths):
        looked = look(path, RICH if path not in REAL else "")
        plan = looked.plan(style=style, fold=fold, schema=f"app{number}", abilities=TargetAbilities(trgm=False))
        with psycopg.connect(any_url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA app{number}".encode())
            for planned in plan.tables:
                connection.execute(create_table(planned.target).encode())
            for planned in plan.tables:
                for step in finish_steps(planned.target):
                    connection.execute(step.sql.encode())
            for planned in plan.tables:
                for step in foreign_key_steps(planned.target):
                    connection.execute(step.sql.encode())
            for item in plan.objects:
                if item.target_sql:
                    connection.execute(item.target_sql.encode())


def test_options_win_over_the_plan_file(make: Make) -> None:
    looked = make("CREATE TABLE T(a TEXT)")
    text = 'style = "native"\nnaive_time = "local"\nfold = true\nschema = "app"'
    plan = looked.plan(text)
    assert (plan.style, plan.naive_time, plan.fold, plan.tables[0].target.schema) == ("native", "local", True, "app")
    given: dict[str, Any] = {"style": "faithful", "naive_time": "as-is", "fold": False, "schema": "other"}
    plan = looked.plan(text, **given)
    assert (plan.style, plan.naive_time, plan.fold, plan.tables[0].target.schema) == (
        "faithful",
        "as-is",
        False,
        "other",
    )


def test_views_and_indexes_stay_off_the_names_of_identity_sequences(make: Make) -> None:
    plan = make(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE TABLE t_id_seq(x); CREATE TABLE u(id INTEGER PRIMARY KEY);"
        "CREATE INDEX u_id_seq ON t(a)"
    ).plan()
    assert [table.source.name for table in plan.tables] == ["t_id_seq", "t", "u"]
    assert table(plan, "t").target.indexes[0].name == "u_id_seq_2"
    assert "u_id_seq is taken" in messages(plan, "t.u_id_seq")


def test_keys_and_indexes_over_more_columns_than_postgresql_takes_are_left_out(make: Make) -> None:
    columns = ", ".join(f"c{number}" for number in range(33))
    plan = make(f"CREATE TABLE t({columns}, PRIMARY KEY ({columns})); CREATE INDEX i ON t({columns})").plan()
    assert table(plan, "t").target.primary_key is None
    assert "at most 32" in fate(plan, "index", "i").reason
    assert "at most 32" in messages(plan, "t.t_pkey")


def test_only_a_generated_column_that_reads_another_one_is_told_so(make: Make) -> None:
    plan = make(
        "CREATE TABLE t(a INTEGER, doc TEXT, n AS (a + 1), k AS (doc ->> '$.n'), q AS (coalesce(n, a)));"
        "INSERT INTO t(a, doc) VALUES(1, '{\"n\": 2}')"
    ).plan()
    assert "another generated column" not in messages(plan, "t.k")
    assert "another generated column" in messages(plan, "t.q")


def test_uuids_that_a_foreign_key_connects_stay_text_where_upper_case_tells_keys_apart(make: Make) -> None:
    one = "6f1ed002-ab5d-4b4d-8e8e-3b8f6a0a9d11"
    plan = make(
        "CREATE TABLE b(id UUID PRIMARY KEY, a UUID REFERENCES a(id)); CREATE TABLE a(id UUID PRIMARY KEY);"
        f"INSERT INTO a VALUES('{one}'), (upper('{one}')); INSERT INTO b VALUES('{one}', upper('{one}'))"
    ).plan()
    assert str(column(plan, "a.id").rule.type) == str(column(plan, "b.a").rule.type) == "text"
    assert str(column(plan, "b.id").rule.type) == "uuid"
    assert table(plan, "a").target.primary_key is not None
    assert table(plan, "b").target.foreign_keys


def test_times_of_one_spelling_are_compared_as_times(make: Make) -> None:
    plan = make(
        "CREATE TABLE t(at DATETIME CHECK (at > '2000-01-01 00:00:00'), till DATETIME, CHECK (till >= at));"
        "INSERT INTO t VALUES('2024-05-06 07:08:09', '2024-05-06 07:08:10')"
    ).plan()
    assert len(table(plan, "t").target.checks) == 2


def test_expressions_are_translated_or_left_out_with_their_reason(make: Make) -> None:
    plan = make(
        "CREATE TABLE t(a INTEGER DEFAULT 5 CHECK (a > 1), b TEXT DEFAULT (sqlite_version()), c AS (a + 1),"
        "d AS (c + 1) STORED, e TEXT DEFAULT NULL);"
        "CREATE INDEX i ON t(lower(b)) WHERE a > 2; CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT * FROM v"
    ).plan()
    assert column(plan, "t.a").target.default == "5"
    assert column(plan, "t.b").target.default is None
    assert fate(plan, "default", "b").source_sql == "sqlite_version()"
    assert column(plan, "t.c").target.generated is not None
    assert column(plan, "t.d").target.generated is None
    assert "another generated column" in messages(plan, "t.d")
    assert len(table(plan, "t").target.checks) == 1
    assert table(plan, "t").target.indexes[0].where is not None
    assert [item.name for item in plan.objects if item.kind == "view"] == ["v", "w"]
    assert fate(plan, "view", "w").target_sql.startswith("CREATE VIEW")
