"""The benchmark of answers' tokens: what it is made of, and that short answers still answer."""

from __future__ import annotations

import pytest
from bench.tokens.measuring import Results, measure
from bench.tokens.reporting import report


@pytest.fixture(scope="module")
def results() -> Results:
    """The whole benchmark, which takes some seconds."""
    return measure()


def test_every_answer_has_the_facts_that_answer_its_question(results: Results) -> None:
    assert {one.question.text: one.missing for one in results.questions if one.missing} == {}
    assert len(results.questions) == 25


def test_tools_need_few_tokens_beside_the_files(results: Results) -> None:
    tools = sum(one.tools for one in results.questions)
    assert tools < 0.001 * results.exported * len(results.questions)
    assert tools < 0.02 * sum(one.exported.named for one in results.questions)
    assert tools < 0.02 * sum(one.by_hand.named for one in results.questions)


def test_no_answer_is_longer_than_the_files_that_a_search_names(results: Results) -> None:
    for one in results.questions:
        assert one.tools < max(one.exported.named, 300), one.question.text


def test_the_report_says_what_was_counted(results: Results) -> None:
    text = report("here", results)
    assert "missing: 0" in text
    assert f"{results.exported:,} tokens" in text
