"""The verdict says what is proved and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exuvia.move.plan import Problem
from exuvia.move.results import MoveReport
from exuvia.report.verdict import verdict
from exuvia.report.words import beyond_declared, duration, literal, product, size, without_password
from report_samples import different_report, dry_report, good_report, plan_of, rejected_report, report_of


@pytest.mark.parametrize(
    ("report", "level", "sentence"),
    [
        (good_report(), "good", "Every value arrived: 15,607 rows, 63,894 values compared, 0 differences"),
        (
            rejected_report(),
            "attention",
            "Every other value arrived: 63,882 values compared, 0 differences; "
            "3 of 15,607 rows could not go and are kept in quarantine",
        ),
        (
            rejected_report(1),
            "attention",
            "Every other value arrived: 63,890 values compared, 0 differences; "
            "1 of 15,607 rows could not go and is kept in quarantine",
        ),
        (
            different_report(),
            "bad",
            "1 of 11 tables differs: 63,894 values compared, 2 differences listed; "
            "nothing was published, so the target is as it was",
        ),
        (dry_report(), "good", "Ready to move: 15,607 rows in 11 tables; nothing was written"),
        (
            report_of(plan_of({})),
            "good",
            "Every value arrived: 0 rows, 0 values compared, 0 differences",
        ),
    ],
    ids=["good", "rejections", "one rejection", "different", "dry run", "no tables"],
)
def test_a_verdict_states_level_and_figures(report: MoveReport, level: str, sentence: str) -> None:
    judged = verdict(report)
    assert (judged.level, judged.sentence) == (level, sentence)


def test_a_move_that_was_not_verified_gets_no_praise() -> None:
    judged = verdict(replace(good_report(), proof=None))
    assert judged.level == "attention"
    assert judged.sentence == "15,607 rows moved: values were not compared (verification was off)"


def test_an_equal_proof_does_not_outweigh_the_status_different() -> None:
    assert verdict(replace(good_report(), status="different")).level == "bad"
    assert verdict(replace(good_report(), status="different", proof=None)).level == "bad"


def test_a_comparison_says_nothing_about_publishing() -> None:
    judged = verdict(replace(different_report(), tables=()))
    assert judged.sentence == "1 of 11 tables differs: 63,894 values compared, 2 differences listed"


def test_a_dry_run_with_an_error_would_be_refused() -> None:
    report = dry_report()
    problems = (Problem("error", "Album.Title", "does not fit"), Problem("warning", "Album", "look"))
    judged = verdict(replace(report, plan=replace(report.plan, problems=problems)))
    assert judged.level == "bad"
    assert judged.sentence.startswith("This move would be refused: 1 error; ")


def test_sizes_and_durations_keep_three_figures() -> None:
    assert [size(number) for number in (0, 999, 1000, 9_994, 9_996, 99_960, 999_499, 999_500, 23_000_000_000)] == [
        "0 B",
        "999 B",
        "1.00 kB",
        "9.99 kB",
        "10.0 kB",
        "100 kB",
        "999 kB",
        "1.00 MB",
        "23.0 GB",
    ]
    assert [duration(seconds) for seconds in (0.0, 0.0042, 0.9996, 12.34, 59.96, 3599.6, 11_520)] == [
        "0 ms",
        "4 ms",
        "1.00 s",
        "12.3 s",
        "1 min 00 s",
        "1 h 00 min",
        "3 h 12 min",
    ]


def test_passwords_are_hidden_wherever_a_url_carries_them() -> None:
    hidden = without_password("postgresql://me:s3cret@host/db?password=s3cret&sslmode=require")
    assert hidden == "postgresql://me:***@host/db?password=***&sslmode=require"


def test_text_that_steers_a_terminal_or_hides_a_difference_becomes_visible() -> None:
    assert literal("a\x1b[31m\r\n\t b  c") == "a␛[31m␍␊␉ b  c"
    assert literal("x\u202ey\u200bz\udcff\x85") == "x\\u202ey\\u200bz\\udcff\\x85"
    assert literal("four score", 5) == "four…"


def test_a_reason_is_cut_to_what_the_declared_type_beside_it_does_not_say() -> None:
    assert beyond_declared("declared TEXT", "TEXT") == ""
    assert beyond_declared("declared DATETIME, and every value is a moment", "DATETIME") == "every value is a moment"
    assert beyond_declared("an alias of the rowid", "INTEGER") == "an alias of the rowid"


def test_a_server_is_named_once() -> None:
    assert product("18.4") == product("PostgreSQL 18.4") == "PostgreSQL 18.4"
