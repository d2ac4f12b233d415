"""A plan as a file that a person reads and edits."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exuvia.catalog.model import Affinity, Catalog, Column, Key, Table
from exuvia.catalog.types import SqlType
from exuvia.errors import PlanError
from exuvia.move.plan import Plan
from exuvia.move.planfile import dump, load
from exuvia.move.planner import PlanOptions, build
from exuvia.move.planning.overrides import ColumnOverride, TableOverride
from exuvia.move.planning.planfile_lines import key_lines
from exuvia.values.facts import ColumnFacts
from exuvia.values.profile import Profile, TableProfile
from exuvia.values.rules import Epoch, NaiveTime
from planner_samples import Looked, look

RICH = """
    CREATE TABLE "Order"("Id" INTEGER PRIMARY KEY, c CHAR(36) REFERENCES customer, at DATETIME, seen TEXT, made_at INT,
        price DECIMAL(10,2), n INTEGER NOT NULL, tags TEXT, data BLOB);
    CREATE TABLE customer(id CHAR(36) PRIMARY KEY, "odd ""name"" = x" TEXT, "Näme" TEXT COLLATE NOCASE UNIQUE, xmin);
    CREATE TABLE old(a);
    CREATE INDEX i ON "Order"(at, n DESC) WHERE n > 1;
    CREATE INDEX "j k" ON "Order"(price);
    CREATE VIEW recent AS SELECT * FROM "Order";
    CREATE VIRTUAL TABLE f USING fts5(x);
    INSERT INTO customer VALUES ('6f1ed002-ab5d-4b4d-8e8e-3b8f6a0a9d11', 'x', 'y', NULL);
    INSERT INTO "Order" VALUES (1, '6f1ed002-ab5d-4b4d-8e8e-3b8f6a0a9d11', 1700000000000, '2024-01-01T00:00:00Z',
        1700000000, 1.5, '', 'a,b', x'ff');
    INSERT INTO "Order" VALUES (2, NULL, '2024-01-01 00:00:00', '2024-01-01 00:00:00', 1700000001, 2, 5, 'c', 'text');
"""
REAL = sorted((Path(__file__).parent / "data" / "real").glob("*.sqlite"))


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Looked:
    return look(tmp_path_factory.mktemp("planfile") / "app.db", RICH)


def read_back(looked: Looked, plan: Plan) -> Plan:
    return looked.plan(dump(plan))


@pytest.mark.parametrize("style", ["faithful", "native"])
@pytest.mark.parametrize("naive_time", ["utc", "local", "as-is"])
@pytest.mark.parametrize("fold", [False, True])
def test_a_file_that_was_written_and_read_back_changes_nothing(
    rich: Looked, style: str, naive_time: NaiveTime, fold: bool
) -> None:
    plan = rich.plan(style=style, naive_time=naive_time, fold=fold, schema="app", exclude=("old",))
    assert read_back(rich, plan) == plan


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
@pytest.mark.parametrize("style", ["faithful", "native"])
def test_real_files_survive_the_round_trip(path: Path, style: str) -> None:
    looked = look(path)
    plan = looked.plan(style=style, fold=style == "native")
    assert plan.tables
    assert read_back(looked, plan) == plan


def test_a_persons_changes_survive_the_round_trip(rich: Looked) -> None:
    text = (
        '[tables.Order]\nname = "orders"\nschema = "shop"\n[tables.Order.columns]\n'
        'n = { type = "bigint", on_misfit = "null" }\nmade_at = { type = "timestamptz", epoch = "seconds" }\n'
        'tags = { type = "text[]", separator = ";" }\ndata = { exclude = true }\nprice = "text"\n'
        '[tables.Order.indexes]\n"j k" = { exclude = true }\n[tables.old]\nexclude = true\n'
        "[views]\nrecent = { exclude = true }"
    )
    plan = rich.plan(text)
    again = load(dump(plan))
    said = again.tables["Order"]
    assert (said.name, said.schema) == ("orders", "shop")
    assert said.columns["n"] == ColumnOverride(type=SqlType.parse("bigint"), on_misfit="null")
    assert said.columns["made_at"] == ColumnOverride(type=SqlType.parse("timestamptz"), epoch=Epoch.SECONDS)
    assert said.columns["tags"].separator == ";"
    assert said.columns["data"].exclude
    assert said.indexes["j k"].exclude
    assert again.tables["old"] == TableOverride(exclude=True)
    assert again.views["recent"].exclude
    assert read_back(rich, plan) == plan


def test_evidence_and_problems_are_comments_beside_their_column(rich: Looked) -> None:
    lines = dump(rich.plan()).splitlines()
    (row,) = [number for number, line in enumerate(lines) if line.startswith("n = ")]
    assert lines[row].endswith("# INTEGER: 1 integer, 5; 1 empty text, 0 characters; no NULL")
    above = "\n".join(lines[row - 4 : row])
    assert "# warning: " in above
    assert "#   rows: " in above
    assert '#   choice: type = "bigint", on_misfit = "null"' in above


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


@given(st.lists(names, min_size=1, max_size=4, unique=True), st.booleans(), st.text(max_size=20))
@settings(max_examples=150)
def test_any_name_survives_the_round_trip(found: list[str], fold: bool, declared: str) -> None:
    columns = tuple(Column(name, declared, Affinity.NUMERIC) for name in found)
    tables = tuple(Table(name, columns, Key(tuple(found))) for name in found)
    profiles = {name: TableProfile(name, 0, 0, (), dict.fromkeys(found, ColumnFacts())) for name in found}
    looked = Looked(Catalog("x", tables=tables), Profile(profiles, {}))
    plan = build(looked.catalog, looked.profile, PlanOptions(fold=fold))
    assert read_back(looked, plan) == plan


@given(st.lists(names, min_size=1, max_size=3, unique=True))
def test_every_key_has_its_line(found: list[str]) -> None:
    columns = tuple(Column(name) for name in found)
    profiles = {"t": TableProfile("t", 0, 0, (), {})}
    text = dump(build(Catalog("x", tables=(Table("t", columns),)), Profile(profiles, {})))
    lines = key_lines(text)
    for name in found:
        assert ("tables", "t", "columns", name) in lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("style = ", "The plan file is not valid TOML"),
        ('style = "nativ"', 'Plan file, line 1: style is \'nativ\', and must be one of "faithful", "native".'),
        ("stile = 1", "Plan file, line 1: the top of the file has no key 'stile'.\nDid you mean 'style'?"),
        ("\n[tables.t]\nnam = 'x'", "Plan file, line 3: t has no key 'nam'.\nDid you mean 'name'?"),
        ("[tables.t.columns]\nc = { typ = 'text' }", "Plan file, line 2: t.c has no key 'typ'.\nDid you mean 'type'?"),
        ("[tables.t.columns]\nc = { type = 'timestampz' }", "Did you mean 'timestamptz'?"),
        ("[tables.t.columns]\nc = { type = 5 }", "Plan file, line 2: t.c: type is 5, and must be a type"),
        ("[tables.t.columns]\nc = { type = 'varchar(0)' }", "has parameters that PostgreSQL does not take"),
        ("[tables.t.columns]\nc = { epoch = 'second' }", "Did you mean 'seconds'?"),
        ("[tables.t.columns]\nc = { on_misfit = 'drop' }", 'must be one of "quarantine", "null"'),
        ("[tables.t.columns]\nc = 5", "t.c is 5, and must be a table"),
        ("[tables.t]\nexclude = 'yes'", "t: exclude is 'yes', and must be true or false."),
        ("[tables.t]\nname = ''", "must be text that is not empty"),
        ("tables = 1", "tables is 1, and must be a table"),
        ("[views]\nv = { name = 'x' }", "v has no key 'name'."),
    ],
)
def test_what_a_plan_file_cannot_say_is_an_error_with_its_place(text: str, message: str) -> None:
    with pytest.raises(PlanError) as error:
        load(text)
    assert message in str(error.value)
