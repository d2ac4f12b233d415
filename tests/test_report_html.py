"""The HTML report: one file that asks nothing of the network, in which data is text and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from exuvia.move.pipeline import migrate
from exuvia.move.plan import Fate, ObjectPlan, Problem
from exuvia.move.results import Difference, MoveReport, Rejection
from exuvia.report import html
from exuvia.report.html import to_html
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

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
# These elements have no end tag.
VOID = {"meta", "input", "br", "img", "link"}
REPORTS: Mapping[str, MoveReport] = {
    "good": good_report(),
    "rejected": rejected_report(),
    "different": different_report(),
    "comparison": replace(different_report(), tables=()),
    "dry run": dry_report(),
    "not verified": replace(good_report(), proof=None),
    "no tables": report_of(plan_of({})),
    "many tables": report_of(plan_of(wide(200))),
}


class Page(HTMLParser):
    """Collects what a browser would act on, and refuses tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID and not (self.get_starttag_text() or "").endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.elements if name in attributes]


@pytest.fixture(params=REPORTS)
def page(request: pytest.FixtureRequest) -> str:
    return to_html(REPORTS[request.param])


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    found = Page(page)
    assert found.values("src") == []
    assert all(target.startswith("#") for target in found.values("href"))
    assert "url(" not in re.sub(r"url\(#\w+\)", "", page)
    assert "@import" not in page
    assert {tag for tag, _ in found.elements} & {"link", "img", "iframe", "object", "embed", "base", "form"} == set()


def test_the_policy_allows_the_one_script_by_its_digest_and_no_request(page: str) -> None:
    found = Page(page)
    [policy] = [attributes["content"] for tag, attributes in found.elements if attributes.get("http-equiv")]
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert [name for _, attributes in found.elements for name in attributes if name.startswith("on")] == []


def test_links_lead_to_parts_of_the_page_and_ids_are_unique(page: str) -> None:
    found = Page(page)
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in found.values("href")} <= set(ids)
    assert set(found.values("data-filter")) | set(found.values("data-toggle")) <= set(ids)


def test_colours_come_for_light_and_dark_and_paper(page: str) -> None:
    assert "color-scheme: light dark" in page
    assert "@media (prefers-color-scheme: dark)" in page
    assert "@media print" in page
    light, dark, printed = (
        set(re.findall(r"(--[a-z-]+): ?#", block)) for block in re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    )
    assert dark == light == printed


def test_data_is_text_wherever_it_stands() -> None:
    report = rejected_report()
    plan = plan_of({SCRIPT: Spec({IMAGE: ("INTEGER", "bigint"), "b": (IMAGE, "text")}, 5)}, SCRIPT)
    hostile = Problem("warning", SCRIPT, IMAGE, (Example(0, SCRIPT, IMAGE),), 1, (IMAGE,))
    item = ObjectPlan("view", SCRIPT, IMAGE, Fate.LEFT_OUT, SCRIPT, IMAGE, SCRIPT)
    moved = report_of(replace(plan, problems=(hostile,), objects=(item, replace(item, fate=Fate.MOVED))))
    assert moved.proof is not None
    proof = replace(moved.proof.tables[0], equal=False, differences=(Difference(SCRIPT, IMAGE, SCRIPT, IMAGE, SCRIPT),))
    moved = replace(
        moved,
        source=SCRIPT,
        rejections=(Rejection(SCRIPT, IMAGE, SCRIPT, IMAGE, {IMAGE: SCRIPT, "list": [IMAGE]}, SCRIPT),),
        tables=tuple(replace(table, rows_rejected=1) for table in moved.tables),
        proof=replace(moved.proof, tables=(proof,), equal=False),
        quarantine_file=IMAGE,
        target=replace(report.target, url=f"postgresql://h/{SCRIPT}", database=IMAGE) if report.target else None,
    )
    text = to_html(moved)
    found = Page(text)
    assert text.count("<script>") == 1
    assert [tag for tag, _ in found.elements].count("script") == 1
    assert "img" not in {tag for tag, _ in found.elements}
    assert [name for _, attributes in found.elements for name in attributes if name.startswith("on")] == []
    assert "".join(found.text).count(SCRIPT) >= 8


def test_a_password_in_a_location_does_not_reach_the_page() -> None:
    report = good_report()
    assert report.target is not None
    target = replace(report.target, url="postgresql://me:s3cret@host/db")
    assert "s3cret" not in to_html(replace(report, source="postgresql://me:s3cret@host/db", target=target))


def test_values_of_rejected_rows_are_shown_whatever_they_are() -> None:
    values: dict[str, object] = {
        "nan": float("nan"),
        "infinity": float("-inf"),
        "huge": 10**30,
        "surrogate": "a\udcffb",
        "bytes": {"blob": "AAE="},
        "control": "\x1b[31m\x00\u202e",
        "\udc80name": None,
    }
    row = Rejection("Invoice", "rowid=1", "x", "no \udcff", values, "public.q")
    text = to_html(replace(rejected_report(), rejections=(row,)))
    text.encode("utf-8")
    shown = "".join(Page(text).text)
    for part in ('"nan": "NaN"', '"-Infinity"', str(10**30), "a\\\\udcffb", "AAE=", "no \\udcff", "\\\\udc80name"):
        assert part in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_long_lists_and_texts_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_LISTED", 20)
    report = rejected_report(50)
    report = replace(report, rejections=(replace(report.rejections[0], reason="x" * 30_000), *report.rejections[1:]))
    shown = "".join(Page(to_html(report)).text)
    assert "The first 20 of 50 quarantined rows" in shown
    assert "(30,000 characters in all)" in shown
    assert len(shown) < 120_000


def test_objects_of_one_kind_and_one_reason_are_told_together_with_all_their_names() -> None:
    triggers = tuple(
        ObjectPlan("trigger", f"t{n}", "Track", Fate.LEFT_OUT, "it calls x()", f"SQL {n}") for n in range(3)
    )
    search = ObjectPlan("virtual table", "fts", "", Fate.LEFT_OUT, "no counterpart")
    shadows = tuple(ObjectPlan("shadow table", f"fts_{n}", "fts", Fate.LEFT_OUT, "belongs to fts") for n in range(4))
    report = replace(good_report(), objects=(*triggers, search, *shadows))
    shown = " ".join("".join(Page(to_html(report)).text).split())
    assert "8 objects were not moved." in shown
    assert "t0, t1, t2 triggers on Track it calls x()" in shown
    assert "fts virtual table with 4 shadow tables no counterpart" in shown
    assert all(f"SQL {n}" in shown for n in range(3))
    assert shown.count("it calls x()") == 1


def test_the_page_of_a_real_move_holds_up(real_data: Path, any_url: str, tmp_path: Path) -> None:
    report = migrate(str(real_data / "chinook.sqlite"), any_url)
    shown = "".join(Page(to_html(report)).text)
    assert "Every value arrived" in shown
    assert all(table.digest[:8] in shown for table in (report.proof.tables if report.proof else ()))
    assert all(table.source.name in shown for table in report.plan.tables)
