"""DDL that a real server takes: bare table, load, and the steps that finish it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from exuvia.catalog.names import qualify
from exuvia.catalog.target import (
    TargetCheck,
    TargetColumn,
    TargetForeignKey,
    TargetIndex,
    TargetIndexPart,
    TargetKey,
    TargetTable,
)
from exuvia.catalog.types import SqlType
from exuvia.engines.postgres import ddl

pytestmark = pytest.mark.postgresql

ODD = 'Order "no" Größe 東京 %s'


@pytest.fixture
def connection(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as open_connection:
        yield open_connection


@pytest.fixture
def schema(connection: psycopg.Connection) -> Iterator[str]:
    name = f'ddl "{uuid.uuid4().hex[:8]}"'
    connection.execute(ddl.create_schema(name).encode())
    yield name
    quoted = name.replace('"', '""')
    connection.execute(f'DROP SCHEMA "{quoted}" CASCADE'.encode())


def _orders(schema: str) -> TargetTable:
    return TargetTable(
        schema,
        ODD,
        (
            TargetColumn("ID", SqlType.parse("bigint"), not_null=True, identity=True),
            TargetColumn(ODD, SqlType.parse("varchar(20)"), default="'a''b'"),
            TargetColumn("price", SqlType.parse("numeric(10,2)"), not_null=True, default="0"),
            TargetColumn("double", SqlType.parse("numeric"), generated='("price" * 2)'),
            TargetColumn("parent", SqlType.parse("bigint")),
        ),
        primary_key=TargetKey("orders pkey", ("ID",)),
        uniques=(TargetKey('odd "key"', (ODD, "price")),),
        checks=(TargetCheck("price check", '"price" >= 0'),),
        indexes=(
            TargetIndex(
                "by price", (TargetIndexPart('"price"', descending=True), TargetIndexPart('(lower("price"::text))'))
            ),
            TargetIndex("some", (TargetIndexPart('"parent"'),), unique=True, where='"parent" IS NOT NULL'),
        ),
        foreign_keys=(
            TargetForeignKey(
                "parent fkey",
                ("parent",),
                schema,
                ODD,
                ("ID",),
                on_delete="SET NULL",
                on_update="CASCADE",
                deferrable=True,
                initially_deferred=True,
            ),
        ),
    )


def _run(connection: psycopg.Connection, sql: str) -> None:
    connection.execute(sql.encode())


def test_a_table_with_odd_names_is_made_filled_and_finished(connection: psycopg.Connection, schema: str) -> None:
    table = _orders(schema)
    _run(connection, ddl.create_table(table))
    name = qualify(schema, ODD)
    _run(connection, f"INSERT INTO {name} VALUES (7, 'x', 1.5, DEFAULT, NULL), (8, 'y', 2, DEFAULT, 7)")
    steps = (*ddl.finish_steps(table, next_values=[("ID", 41)]), *ddl.foreign_key_steps(table))
    for step in steps:
        _run(connection, step.sql)
    row = connection.execute(f'INSERT INTO {name} ("parent") VALUES (8) RETURNING *'.encode()).fetchone()
    assert row is not None
    assert [str(value) for value in row] == ["41", "a'b", "0.00", "0.00", "8"]
    with pytest.raises(psycopg.errors.CheckViolation):
        _run(connection, f'INSERT INTO {name} ("price") VALUES (-1)')
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        _run(connection, f'INSERT INTO {name} ("price", "parent") VALUES (9, 999)')
    unvalidated = connection.execute("SELECT count(*) FROM pg_constraint WHERE NOT convalidated").fetchone()
    assert unvalidated == (0,)


def test_keys_come_before_foreign_keys_and_statistics_last(schema: str) -> None:
    kinds = [step.kind for step in ddl.finish_steps(_orders(schema))]
    assert kinds[0] == "primary key"
    assert kinds[-1] == "analyze"
    assert "foreign key" not in kinds


def test_a_check_that_rows_break_stays_in_force_for_new_rows(connection: psycopg.Connection, schema: str) -> None:
    table = replace(_orders(schema), indexes=(), uniques=(), foreign_keys=())
    _run(connection, ddl.create_table(table))
    name = qualify(schema, ODD)
    _run(connection, f'INSERT INTO {name} ("price") VALUES (-5)')
    refused = []
    for step in ddl.finish_steps(table):
        try:
            _run(connection, step.sql)
        except psycopg.errors.CheckViolation:
            refused.append(step.kind)
    assert refused == ["validate"]
    with pytest.raises(psycopg.errors.CheckViolation):
        _run(connection, f'INSERT INTO {name} ("price") VALUES (-1)')


def test_orphans_leave_a_foreign_key_that_is_not_validated(connection: psycopg.Connection, schema: str) -> None:
    table = _orders(schema)
    (key,) = table.foreign_keys
    table = replace(table, foreign_keys=(replace(key, validate=False),))
    _run(connection, ddl.create_table(table))
    _run(connection, f'INSERT INTO {qualify(schema, ODD)} ("price", "parent") VALUES (1, 99)')
    for step in (*ddl.finish_steps(table), *ddl.foreign_key_steps(table)):
        assert step.kind != "validate" or step.name == "price check"
        _run(connection, step.sql)


def test_a_unique_constraint_lets_nulls_repeat(connection: psycopg.Connection, schema: str) -> None:
    column = TargetColumn("a", SqlType.parse("text"))
    table = TargetTable(schema, "t", (column,), uniques=(TargetKey("t_a", ("a",)),))
    _run(connection, ddl.create_table(table, unlogged=True))
    for step in ddl.finish_steps(table):
        _run(connection, step.sql)
    name = qualify(schema, "t")
    _run(connection, f"INSERT INTO {name} VALUES (NULL), (NULL), ('x')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        _run(connection, f"INSERT INTO {name} VALUES ('x')")
    _run(connection, ddl.drop_table(table, cascade=True))


def test_a_comment_keeps_quotes_and_backslashes(connection: psycopg.Connection, schema: str) -> None:
    table = _orders(schema)
    _run(connection, ddl.create_table(table))
    remark = "it's a \\ 'test'"
    _run(connection, ddl.comment(table, remark))
    _run(connection, ddl.comment(table, remark, column=ODD))
    found = connection.execute("SELECT description FROM pg_description WHERE description = %s", (remark,)).fetchall()
    assert len(found) == 2


def test_a_table_without_columns_is_still_a_table(connection: psycopg.Connection, schema: str) -> None:
    _run(connection, ddl.create_table(TargetTable(schema, "empty", ())))


def test_an_action_that_is_not_sql_is_refused(schema: str) -> None:
    table = _orders(schema)
    (key,) = table.foreign_keys
    with pytest.raises(ValueError, match="DROP"):
        ddl.add_foreign_key(table, replace(key, on_delete="DROP"))


def test_a_position_outside_a_sequence_is_refused(schema: str) -> None:
    table = _orders(schema)
    with pytest.raises(ValueError, match="position"):
        ddl.set_identity_position(table, table.columns[0], 0)
    with pytest.raises(ValueError, match="identity"):
        ddl.set_identity_position(table, table.columns[1], 5)


def test_text_with_nul_is_no_constant() -> None:
    with pytest.raises(ValueError, match="U\\+0000"):
        ddl.literal("a\x00b")
