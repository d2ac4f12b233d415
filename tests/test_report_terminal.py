"""What the terminal shows: readable at 80 and 120 columns, complete about trouble, deaf to markup in data."""

from __future__ import annotations

import io
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from exuvia.move.pipeline import inspect, plan
from exuvia.move.plan import Fate, ObjectPlan, Problem
from exuvia.move.results import Difference, MoveReport
from exuvia.report.terminal import MAX_TABLES, difference_view, inspection_view, plan_view, summary
from exuvia.report.terminal_parts import difference_lines
from exuvia.values.facts import Example
from report_samples import (
    Spec,
    different_report,
    dry_report,
    good_report,
    plan_of,
    rejected_report,
    report_of,
    wide,
)

WIDTHS = (80, 120)


def printed(view: RenderableType, width: int = 80, *, colour: bool = False) -> str:
    """Return what a terminal of a width would show, and fail if a line is too long for it."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="standard" if colour else None)
    console.print(view)
    text = out.getvalue()
    if not colour:
        assert max(len(line) for line in text.splitlines()) <= width
    return text


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", WIDTHS)
def test_a_good_move_ends_with_the_verdict_and_where_the_report_is(width: int) -> None:
    text = printed(summary(good_report(), ["chinook.html"]), width)
    assert "chinook.sqlite → postgresql://postgres@127.0.0.1:5432/app  PostgreSQL 18.4" in text
    assert "PlaylistTrack   8,715   784 kB   14 ms  17,430  ✓ equal" in text
    assert "11 tables      15,607  1.40 MB  187 ms  63,894  ✓ equal" in text
    tail = text.splitlines()[-3:]
    assert tail[0] == "✓ Every value arrived: 15,607 rows, 63,894 values compared, 0 differences"
    assert tail[2].split() == ["Report", "chinook.html"]


@pytest.mark.parametrize("width", WIDTHS)
def test_rejected_rows_are_counted_by_table_and_found_again(width: int) -> None:
    text = printed(summary(rejected_report(9)), width)
    assert "Invoice           403           9" in text
    assert "rowid=17: 2026-02-30 00:00:00" in text
    assert 'you can:    tables.Invoice.columns.InvoiceDate.type = "text"' in text
    assert "In quarantine  9 rows" in text
    assert text.count("is not a day that exists") == 5
    assert "and 4 rows more" in text
    assert "exuvia.quarantine" in text
    assert "chinook.quarantine.jsonl" in text


def test_differences_stand_below_each_other_and_are_counted() -> None:
    text = printed(summary(different_report()))
    assert "✗ different" in text
    assert "source  'Let There Be Rock'" in text
    assert "target  'Let There Be Rock '" in text
    assert "nothing was published, so the target is as it was" in flat(text)
    report = different_report()
    assert report.proof is not None
    many = tuple(Difference("Track", f"TrackId={n}", "Name", "a", "b") for n in range(40))
    tables = tuple(replace(table, differences=many) if not table.equal else table for table in report.proof.tables)
    report = replace(report, proof=replace(report.proof, tables=tables))
    assert "and 28 differences more" in printed(summary(report))
    assert printed(difference_view(report)).count("source") == 40


def test_a_difference_far_into_a_long_value_is_in_sight() -> None:
    source, target = difference_lines("x" * 5_000 + "A", "x" * 5_000 + "B", 60)
    assert source.endswith("A")
    assert target.endswith("B")
    assert max(len(source), len(target)) <= 60
    assert difference_lines("same", "same ", 60) == ("same", "same ")
    assert difference_lines("a\n", "a", 60) == ("a␊", "a")


def test_a_dry_run_shows_estimate_and_writes_nothing() -> None:
    text = printed(summary(dry_report()))
    assert "✓ Ready to move: 15,607 rows in 11 tables; nothing was written" in text
    assert "Estimate  600 ms, 1.40 MB in the target" in text
    assert "equal" not in text


def test_tables_beyond_the_limit_are_summed_but_never_those_with_trouble() -> None:
    report = report_of(plan_of(wide(200)))
    assert report.proof is not None
    first = replace(report.proof.tables[0], equal=False)
    report = replace(report, proof=replace(report.proof, tables=(first, *report.proof.tables[1:]), equal=False))
    lines = printed(summary(report)).splitlines()
    listed = [line for line in lines if line.startswith("table_")]
    assert len(listed) == MAX_TABLES - 1
    assert listed[0].startswith("table_000")
    assert listed[0].endswith("✗ different")
    [rest] = [line for line in lines if "more tables" in line]
    assert rest.startswith("161 more tables")
    [total] = [line for line in lines if line.startswith("200 tables")]
    assert "219,900" in total


@pytest.mark.parametrize("width", WIDTHS)
def test_figures_keep_their_digits_beside_long_names_and_large_numbers(width: int) -> None:
    specs = {"a_table_with_a_name_of_" + "x" * 40: Spec({"id": ("INTEGER", "bigint")}, 123_456_789_012)}
    report = report_of(plan_of(specs))
    report = replace(report, tables=tuple(replace(table, rows_rejected=1_234_567) for table in report.tables))
    text = printed(summary(report), width)
    assert "123,456,789,012" in text
    assert "1,234,567" in text
    assert "✓ equal" in text


def test_problems_stand_by_level_and_long_lists_say_what_is_missing() -> None:
    report = good_report()
    problems = (
        *(Problem("warning", f"w{n}", "look") for n in range(20)),
        Problem("error", "e", "no", tuple(Example(n, f"v{n}") for n in range(3)), 10),
        *(Problem("note", f"n{n}", "by the way") for n in range(5)),
    )
    objects = tuple(ObjectPlan("view", f"v{n}", "", Fate.LEFT_OUT, f"reason {n}") for n in range(30))
    report = replace(report, plan=replace(report.plan, problems=problems), objects=objects)
    text = printed(summary(report))
    assert text.index("Errors  1") < text.index("Warnings  20") < text.index("Left out  30 objects")
    assert "and 12 more warnings" in text
    assert "and 18 more objects" in text
    assert "row 1: v0" in text
    assert "and 7 more rows" in text
    assert "by the way" not in text
    assert "5: see the report or exuvia plan" in text


def hostile_report() -> MoveReport:
    name = "[red]x[/red]\x1b[2J"
    specs = {name: Spec({"[bold]c\x07": ("INTEGER", "bigint"), "b": ("[link=file:///]T", "text")}, 3)}
    problem = Problem("warning", name, "[/]", (Example(0, "[blink]v\x1b]0;t\x07", "[/x]"),), 1, ("[green]",))
    item = ObjectPlan("view", name, "", Fate.LEFT_OUT, "[/oops]")
    decided = replace(plan_of(specs, "[b]file[/b].db"), problems=(problem,), objects=(item,))
    return report_of(decided)


def test_markup_and_control_characters_in_data_are_text() -> None:
    report = hostile_report()
    for view in (summary(report), plan_view(report.plan)):
        text = printed(view)
        for part in ("[red]x[/red]␛[2J", "[b]file[/b].db", "[blink]v␛]0;t␇", "[/x]", "[green]", "[/oops]"):
            assert part in text
        assert not {"\x1b", "\x07"} & set(text)
        coloured = printed(view, colour=True)
        assert "\x1b[2J" not in coloured
        assert "\x1b]" not in coloured
        assert "\x07" not in coloured


@pytest.mark.parametrize("width", WIDTHS)
def test_a_plan_shows_every_decision_with_its_evidence(width: int, real_data: Path) -> None:
    decided = plan(real_data / "pgloader-types.sqlite")
    text = flat(printed(plan_view(decided), width))
    for table in decided.tables:
        for column in table.columns:
            declared = column.source.declared_type or "no type"
            assert f"{declared} → {column.target.type}" in text
    assert "tinyint → smallint, default 0" in text
    assert "3 reals, -3.14 to 1.2" in text
    assert "default typenames.is_public: '\"0\"' does not fit bigint" in text
    assert "you can:" in text
    assert "Ready to move: 5 warnings" in text


def test_a_plan_with_an_error_says_that_it_would_be_refused() -> None:
    decided = replace(plan_of({}), problems=(Problem("error", "x", "y"),))
    assert "✗ This move would be refused: 1 error" in printed(plan_view(decided))


@pytest.mark.parametrize("width", WIDTHS)
def test_an_inspection_shows_what_columns_really_hold(width: int, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "zoo.db")
    connection.executescript(
        """
        PRAGMA user_version = 7;
        CREATE TABLE owner (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL COLLATE NOCASE UNIQUE);
        CREATE TABLE "[red]pet[/red]" (
          id INTEGER PRIMARY KEY, owner_id INT REFERENCES owner, mixed NUMERIC, tame BOOLEAN, born INTEGER,
          age INT GENERATED ALWAYS AS (2026 - born) VIRTUAL
        );
        CREATE INDEX by_owner ON "[red]pet[/red]" (owner_id);
        CREATE TRIGGER t AFTER DELETE ON owner BEGIN SELECT 1; END;
        CREATE VIEW v AS SELECT 1;
        INSERT INTO owner (name) VALUES ('Ada');
        INSERT INTO "[red]pet[/red]" (owner_id, mixed, tame, born) VALUES
          (1, 4.5, 1, 1700000000), (1, 'unknown', 0, 1700000001), (NULL, x'00ff', 1, 1700000002);
        """
    )
    connection.close()
    text = flat(printed(inspection_view(inspect(tmp_path / "zoo.db")), width))
    for part in (
        "2 tables, 4 rows",
        "user_version 7",
        "AUTOINCREMENT at 1",
        "TEXT, not null, collate NOCASE",
        "[red]pet[/red]",
        "1 real, 4.5",
        "1 BLOB, 2 bytes",
        "0 or 1 throughout",
        "could be seconds since 1970",
        "INT, generated",
        "3 integers, -1,699,997,976 to -1,699,997,974",
        "primary key (id); unique (name)",
        "(owner_id) references owner; 1 index",
        "view v",
        "trigger t on owner",
    ):
        assert part in text


def test_an_inspection_of_an_empty_database_is_a_line_or_two(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "empty.db")
    connection.executescript("PRAGMA user_version = 1; VACUUM;")
    connection.close()
    text = printed(inspection_view(inspect(tmp_path / "empty.db")), 300)
    assert "empty.db  0 tables, 0 rows, " in text
    assert len(text.splitlines()) == 2


def test_an_inspection_shows_the_rows_of_virtual_tables_apart_from_stored_ones(real_data: Path) -> None:
    text = flat(printed(inspection_view(inspect(real_data / "chroma-empty.sqlite")), 120))
    assert "14 tables, 45 rows" in text
    assert "embedding_fulltext_search 0 rows, 0 B, not stored as a table" in text
    assert "virtual table embedding_fulltext_search by fts5, 5 shadow tables" in text
