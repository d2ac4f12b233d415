"""The type that a column gets."""

from __future__ import annotations

import pyarrow as pa
import pytest

from exuvia.catalog.model import Affinity, Column
from exuvia.catalog.types import SqlType
from exuvia.move.planning.policy import Choice, Context, choose, judge
from exuvia.values.cells import Cells
from exuvia.values.facts import ColumnFacts, TextForm
from exuvia.values.facts_of import facts_of
from exuvia.values.rules import Epoch, NaiveTime, Rule, Style
from planner_samples import Value, facts

F = TextForm
NAIVE, ZONED, DAY = "2024-05-06 07:08:09", "2024-05-06T07:08:09Z", "2024-05-06"
UUID, HEX, MD5 = (
    "6f1ed002-ab5d-4b4d-8e8e-3b8f6a0a9d11",
    "6f1ed002ab5d4b4d8e8e3b8f6a0a9d11",
    "d41d8cd98f00b204c9800998ecf8427e",
)
FORMS = {
    NAIVE: F.TIMESTAMP,
    ZONED: F.TIMESTAMP_ZONE,
    DAY: F.DATE,
    UUID: F.UUID,
    HEX: F.UUID_HEX,
    MD5: F.UUID_HEX,
    "true": F.BOOLEAN,
    "yes": F.BOOLEAN,
    '{"a": 1}': F.JSON_OBJECT,
    "[1]": F.JSON_ARRAY,
    "null": F.JSON_SCALAR,
    "07:08": F.TIME,
    "1.50": F.DECIMAL,
    "42": F.INTEGER,
    "bad\0": F.NUL,
}
MS, SECONDS = 1_715_000_000_000, 1_715_000_000


def decide(
    declared: str,
    values: list[Value] | ColumnFacts,
    *,
    style: Style = "faithful",
    naive_time: NaiveTime = "utc",
    name: str = "c",
    affinity: Affinity = Affinity.NUMERIC,
    context: Context | None = None,
) -> Choice:
    found = values if isinstance(values, ColumnFacts) else facts(values, FORMS)
    column = Column(name, declared, affinity)
    return choose(column, found, style=style, naive_time=naive_time, context=context or Context(f"t.{name}"))


@pytest.mark.parametrize(
    ("declared", "values", "wanted"),
    [
        ("INTEGER", [1, -5, 2**62], "bigint"),
        ("int unsigned", [1], "bigint"),
        ("INT(11)", [], "bigint"),
        ("SMALLINT", [1, -32768], "smallint"),
        ("SMALLINT", [40_000], "bigint"),
        ("smallint unsigned", [], "bigint"),
        ("INTEGER", [1, 2.5], "double precision"),
        ("INTEGER", [2**62, 2.5], "numeric"),
        ("INTEGER", [1, ""], "text"),
        ("BOOLEAN", [0, 1, None], "boolean"),
        ("bool", ["true", 0], "boolean"),
        ("BOOLEAN", [0, 2], "bigint"),
        ("REAL", [1.1, 1e300], "double precision"),
        ("FLOAT", [1, 2.5], "double precision"),
        ("double precision", [2**60, 0.5], "numeric"),
        ("DECIMAL(10,2)", [0.99, 5], "numeric(10,2)"),
        ("numeric(20, 6)", [], "numeric(20,6)"),
        ("DECIMAL(10,2)", [0.999], "numeric"),
        ("DECIMAL(4,2)", [100], "numeric"),
        ("DECIMAL(10,2)", [0.30000000000000004], "numeric"),
        ("NUMERIC", [1, 0.5], "numeric"),
        ("NUMERIC", [float("inf")], "double precision"),
        ("DECIMAL(5)", [12345], "numeric(5,0)"),
        ("DECIMAL(5,9)", [0.5], "numeric"),
        ("VARCHAR(20)", ["abc"], "varchar(20)"),
        ("NATIVE CHARACTER(70)", ["abc"], "varchar(70)"),
        ("NVARCHAR(2)", ["abc"], "text"),
        ("VARCHAR", ["abc"], "varchar"),
        ("VARCHAR(MAX)", ["abc"], "text"),
        ("TEXT", [NAIVE], "text"),
        ("CLOB", [], "text"),
        ("BLOB", [b"\0\xff"], "bytea"),
        ("BLOB", ["only", "text"], "text"),
        ("BLOB", [b"\0\xff", "text"], "bytea"),
        ("BLOB", [1, 2], "bigint"),
        ("BLOB", [1, b"\xff"], "bytea"),
        ("", [1, b"\xff"], "bytea"),
        ("DATE", [DAY], "date"),
        ("DATE", [DAY, NAIVE], "timestamp"),
        ("DATE", [2026, 2027], "bigint"),
        ("DATE", [DAY, "unknown"], "text"),
        ("DATETIME", [NAIVE, DAY], "timestamp"),
        ("timestamp", [NAIVE, ZONED], "timestamptz"),
        ("TIMESTAMP WITH TIME ZONE", [NAIVE], "timestamptz"),
        ("DATETIME", [MS], "timestamp"),
        ("DATETIME", [2026, NAIVE], "text"),
        ("DATETIME", [], "timestamp"),
        ("TIME", ["07:08"], "time"),
        ("JSON", ['{"a": 1}', 42, 1.5, "null", "true"], "jsonb"),
        ("JSON", ["yes"], "text"),
        ("JSONB", ['{"a": 1}', ""], "text"),
        ("UUID", [UUID, HEX], "uuid"),
        ("CHAR(36)", [UUID], "uuid"),
        ("CHAR(36)", [UUID, "x"], "varchar(36)"),
        ("CHAR(36)", [], "varchar(36)"),
        ("CHAR(32)", [HEX], "uuid"),
        ("CHAR(32)", [MD5], "varchar(32)"),
        ("", [1, 2], "bigint"),
        ("", [1.5], "double precision"),
        ("", ["a"], "text"),
        ("", [b"\xff"], "bytea"),
        ("ANY", [b"\xff", "a"], "bytea"),
        ("", [1, "a"], "text"),
        ("fancy", ["a"], "text"),
        ("geometry", [b"\xff"], "bytea"),
        ("MONEY", [1.25], "numeric"),
        ("unsigned big int", [1], "bigint"),
        ("POINT", ["1,2"], "text"),
    ],
)
def test_faithful_takes_the_declared_type_where_every_value_fits(
    declared: str, values: list[Value], wanted: str
) -> None:
    assert str(decide(declared, values).rule.type) == wanted


@pytest.mark.parametrize(
    ("declared", "values", "wanted"),
    [
        ("TEXT", [NAIVE], "timestamptz"),
        ("TEXT", [DAY], "date"),
        ("TEXT", [DAY, NAIVE], "text"),
        ("TEXT", [UUID], "uuid"),
        ("TEXT", [HEX], "text"),
        ("TEXT", ['{"a": 1}', "[1]"], "jsonb"),
        ("TEXT", ['{"a": 1}', "null"], "text"),
        ("TEXT", ["0", "1"], "text"),
        ("VARCHAR(20)", ["abc"], "text"),
        ("CHAR(32)", [HEX], "uuid"),
        ("INTEGER", [0, 1], "bigint"),
        ("BOOLEAN", [0, 1], "boolean"),
        ("DATETIME", [NAIVE], "timestamptz"),
        ("DATETIME", [], "timestamptz"),
        ("DATE", [DAY], "date"),
        ("", [DAY], "date"),
    ],
)
def test_native_follows_the_values(declared: str, values: list[Value], wanted: str) -> None:
    assert str(decide(declared, values, style="native").rule.type) == wanted


def test_native_times_without_a_zone_stay_so_as_is() -> None:
    assert decide("TEXT", [NAIVE], style="native", naive_time="as-is").rule == Rule(SqlType.parse("timestamp"))
    assert decide("TEXT", [ZONED], style="native", naive_time="as-is").rule.type == SqlType.parse("timestamptz")
    assert decide("DATETIME", [NAIVE], style="native", naive_time="local").rule == Rule(
        SqlType.parse("timestamptz"), naive_time="local"
    )


def test_as_is_does_not_guess_a_zone_for_mixed_times() -> None:
    choice = decide("DATETIME", [NAIVE, ZONED], naive_time="as-is")
    assert str(choice.rule.type) == "text"
    assert choice.problems[0].level == "warning"


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        ("created_at", [SECONDS], Rule(SqlType.parse("timestamptz"), Epoch.SECONDS)),
        ("createdAt", [MS, MS + 5], Rule(SqlType.parse("timestamptz"), Epoch.MILLISECONDS)),
        ("expires_ms", [MS], Rule(SqlType.parse("timestamptz"), Epoch.MILLISECONDS)),
        ("timestamp", [MS, SECONDS], Rule(SqlType.parse("timestamptz"), Epoch.AUTO)),
        ("created_at", [SECONDS, 0], Rule(SqlType.parse("bigint"))),
        ("amount", [SECONDS], Rule(SqlType.parse("bigint"))),
        ("created_by_id", [SECONDS], Rule(SqlType.parse("bigint"))),
        ("duration_time", [SECONDS], Rule(SqlType.parse("bigint"))),
    ],
)
def test_native_epochs_need_a_name_and_plausible_values(name: str, values: list[Value], wanted: Rule) -> None:
    assert decide("INTEGER", values, style="native", name=name).rule == wanted


def test_a_datetime_column_of_milliseconds_and_seconds_gets_the_epoch() -> None:
    assert decide("DATETIME", [MS, NAIVE]).rule == Rule(SqlType.parse("timestamp"), Epoch.MILLISECONDS)
    assert decide("DATETIME", [MS, SECONDS]).rule.epoch is Epoch.AUTO


def test_a_rowid_alias_is_bigint_in_both_styles() -> None:
    for style in ("faithful", "native"):
        choice = decide("INTEGER", [SECONDS], style=style, name="created_at", context=Context("t.c", rowid=True))
        assert str(choice.rule.type) == "bigint"


def test_django_datetimes_have_a_zone_and_its_json_is_jsonb() -> None:
    django = Context("t.c", django=True)
    assert str(decide("datetime", [NAIVE], context=django).rule.type) == "timestamptz"
    assert str(decide("datetime", [NAIVE], naive_time="as-is", context=django).rule.type) == "timestamp"
    checked = Context("t.c", django=True, json_checked=True)
    assert str(decide("text", ['{"a": 1}', "null"], context=checked).rule.type) == "jsonb"


def test_an_empty_text_among_numbers_is_named_with_its_row_and_the_choices() -> None:
    (problem,) = decide("INTEGER", [1, "", 3, ""]).problems
    assert (problem.level, problem.count) == ("warning", 2)
    assert "2 empty texts do not fit bigint" in problem.message
    assert [example.row for example in problem.rows] == ["rowid=2", "rowid=4"]
    assert problem.choices == ('type = "bigint", on_misfit = "null"', 'type = "bigint", on_misfit = "quarantine"')


def test_text_that_postgresql_cannot_hold_is_quarantined_with_a_warning() -> None:
    choice = decide("VARCHAR(50)", ["fine", "bad\0", "good"], affinity=Affinity.TEXT)
    assert str(choice.rule.type) == "varchar(50)"
    (problem,) = choice.problems
    assert (problem.level, problem.count, problem.rows[0].row) == ("warning", 1, "rowid=2")
    assert any('type = "bytea"' in choice for choice in problem.choices)


def test_a_column_of_mostly_unreadable_text_becomes_bytes() -> None:
    choice = decide("TEXT", ["bad\0", "bad\0", "good"], affinity=Affinity.TEXT)
    assert str(choice.rule.type) == "bytea"
    assert "2 texts with NUL characters as text: the column becomes bytea" in choice.problems[0].message
    assert str(decide("TEXT", [b"\xff", "good", "fine"], affinity=Affinity.TEXT).rule.type) == "text"


def test_one_blob_among_integers_does_not_widen_the_column() -> None:
    choice = decide("INTEGER", [1, 2, 3, b"\xff"])
    assert str(choice.rule.type) == "bigint"
    assert choice.problems[0].count == 1


def test_unsafe_json_stays_json() -> None:
    assert str(decide("JSON", facts(['{"a": 1}'], FORMS, json_safe=0)).rule.type) == "json"


def test_json_that_is_a_key_is_never_json_which_has_no_equality() -> None:
    found = facts(['{"a": 1}'], FORMS, json_safe=0)
    assert str(decide("JSON", found, context=Context("t.c", key=True)).rule.type) == "text"


def test_two_spellings_of_one_value_stay_apart_in_a_key() -> None:
    unique = Context("t.c", key=True, unique=True)
    assert str(decide("DATETIME", [DAY, NAIVE], context=unique).rule.type) == "text"
    assert str(decide("DATETIME", [NAIVE], context=unique).rule.type) == "timestamp"
    assert str(decide("JSON", ["[1]", '{"a": 1}'], context=unique).rule.type) == "text"
    choice = decide("UUID", [UUID, HEX], context=unique)
    assert str(choice.rule.type) == "text"
    assert "could become equal in a key" in choice.problems[0].message


@pytest.mark.parametrize(
    ("declared", "values", "type_"),
    [
        ("UUID", [UUID, UUID.upper()], "text"),
        ("UUID", [UUID.upper(), UUID.upper()[:-1] + "0"], "uuid"),
        ("UUID", [UUID[:-2] + "aB"], "text"),
        ("DATETIME", [f"{DAY}T07:08:09Z", f"{DAY}T07:08:09+00:00"], "text"),
        ("DATETIME", [f"{DAY}T07:08:09+01:00", f"{DAY}T06:08:09+00:00"], "text"),
        ("DATETIME", [f"{DAY}T07:08:09+01:00", f"{DAY}T06:08:09+01:00"], "timestamptz"),
        ("DATETIME", [f"{DAY}T07:08:09", NAIVE], "text"),
        ("DATETIME", [f"{DAY} 07:08", f"{DAY} 07:08:00"], "text"),
        ("DATETIME", [NAIVE, NAIVE + ".500000"], "timestamp"),
        ("DATETIME", [NAIVE, NAIVE + ".000000"], "text"),
        ("DATETIME", [NAIVE + ".5", NAIVE + ".500"], "text"),
        ("DATETIME", [NAIVE + ".5", NAIVE + ".51", NAIVE + ".123456"], "timestamp"),
        ("TIME", ["07:08", "07:08:00"], "text"),
    ],
)
def test_a_key_keeps_its_type_only_if_no_two_spellings_can_mean_the_same(
    declared: str, values: list[str], type_: str
) -> None:
    found = facts_of(Cells(len(values), texts=pa.array([value.encode() for value in values], pa.binary())), 0)
    assert str(decide(declared, found, context=Context("t.c", key=True, unique=True)).rule.type) == type_
    assert str(decide(declared, found).rule.type) != "text"


def test_a_type_that_only_the_values_suggest_has_to_hold_the_default_too() -> None:
    found = facts(['{"a": 1}'], FORMS)
    kept = choose(Column("c", "TEXT", Affinity.TEXT, default="''"), found, style="native", context=Context("t.c"))
    taken = choose(Column("c", "TEXT", Affinity.TEXT, default="'{}'"), found, style="native", context=Context("t.c"))
    assert (str(kept.rule.type), str(taken.rule.type)) == ("text", "jsonb")
    never = Column("created_at", "INTEGER", Affinity.INTEGER, default="0")
    assert str(choose(never, facts([SECONDS]), style="native", context=Context("t.c")).rule.type) == "bigint"


def test_core_datas_seconds_are_not_taken_for_unix_time() -> None:
    choice = decide("TIMESTAMP", [694_224_000], context=Context("t.c", core_data=True))
    assert str(choice.rule.type) == "bigint"
    assert choice.problems[0].choices == ('type = "timestamp", epoch = "core_data"',)


@pytest.mark.parametrize(
    ("values", "epoch"),
    [
        ([SECONDS, 0], "seconds"),
        ([MS, 0], "milliseconds"),
        ([SECONDS, MS, -1], "auto"),
        ([2_460_000.5], "julian"),
        ([13_350_000_000_000_000], "webkit"),
        ([1_700_000_000_123_456_789], "auto"),
    ],
)
def test_numbers_that_may_be_moments_are_offered_with_their_epoch(values: list[Value], epoch: str) -> None:
    (problem,) = decide("DATETIME", values).problems
    assert problem.choices == (f'type = "timestamp", epoch = "{epoch}"',)


def test_a_column_without_a_type_has_nothing_to_fall_short_of() -> None:
    assert decide("", [1, 2.5, None]).problems == ()


def test_moments_in_several_forms_stay_text_and_are_noted() -> None:
    choice = decide("TEXT", [ZONED, DAY], style="native")
    assert str(choice.rule.type) == "text"
    assert choice.problems[0].choices == ('type = "timestamptz"',)


def test_text_in_a_blob_column_is_noted() -> None:
    (note,) = decide("BLOB", [b"\xff", "text"]).problems
    assert (note.level, note.count) == ("note", 1)


def test_float32_blobs_are_offered_as_vectors() -> None:
    values = pa.array([bytes([0, 0, 128, 191]) * 384] * 2, pa.binary())
    problems = decide("BLOB", facts_of(Cells(2, blobs=values), 0)).problems
    assert any('type = "vector(384)"' in choice for problem in problems for choice in problem.choices)


def test_the_evidence_says_what_the_values_are() -> None:
    assert decide("INTEGER", [1, 40_000, None]).evidence == "2 integers, 1 to 40,000, 1 NULL"
    assert decide("TEXT", [DAY, DAY]).evidence == "2 dates, 10 characters, no NULL"
    assert decide("TEXT", []).evidence == "no rows"
    assert decide("TEXT", [None]).evidence == "only NULL, in 1 row"


def test_a_persons_rule_is_judged_by_the_facts() -> None:
    found = facts([1, "", 2], FORMS)
    (problem,) = judge(Rule(SqlType.parse("bigint")), found, "t.c", "null")
    assert "1 empty text will not fit and become NULL" in problem.message
    assert judge(Rule(SqlType.parse("text")), found, "t.c", "quarantine") == ()
    assert judge(Rule(SqlType.parse("timestamptz"), Epoch.SECONDS), facts([5]), "t.c", "quarantine") == ()
