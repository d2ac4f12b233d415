"""Queries, ranks, excerpts, typing errors and the fusion of rankings: what needs no database."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exuvia.store.errors import InvalidValueError
from exuvia.store.search import Highlight, fuse
from exuvia.store.search.ranking import Tally, scores
from exuvia.store.search.rendering import branches, fts5, tsquery
from exuvia.store.search.syntax import All, AnyOf, Node, Term, parse, terms
from exuvia.store.search.typos import errors, matcher, more_pieces, similarity
from exuvia.store.search.words import located, words


def word(*parts: str, prefix: bool = False) -> Term:
    return Term(parts, prefix)


@pytest.mark.parametrize(
    ("query", "node"),
    [
        ("fox", word("fox")),
        ("Föx", word("fox")),
        ("red fox", All((word("red"), word("fox")))),
        ("red AND fox", All((word("red"), word("fox")))),
        ('"red fox"', word("red", "fox")),
        ("red-fox", word("red", "fox")),
        ("fo*", word("fo", prefix=True)),
        ('"red fo"*', word("red", "fo", prefix=True)),
        ("red OR fox", AnyOf((word("red"), word("fox")))),
        ("red or fox", All((word("red"), word("or"), word("fox")))),
        ("red -fox", All((word("red"),), (word("fox"),))),
        ("red NOT fox", All((word("red"),), (word("fox"),))),
        ('red -"big fox"', All((word("red"),), (word("big", "fox"),))),
        ("red -(fox OR hare)", All((word("red"),), (AnyOf((word("fox"), word("hare"))),))),
        ("(red OR blue) fox", All((AnyOf((word("red"), word("blue"))), word("fox")))),
        ("red OR blue fox", AnyOf((word("red"), All((word("blue"), word("fox")))))),
        ("connect()", word("connect")),
        ("f(x)", All((word("f"), word("x")))),
        ("red — 😀 - fox!", All((word("red"), word("fox")))),
        ("red OR —", word("red")),
        ("ada@example.org", word("ada", "example", "org")),
        ("C++", word("c")),
        ("日本*", word("日本", prefix=True)),
    ],
)
def test_queries_are_read(query: str, node: Node) -> None:
    assert parse(query) == node


def test_words_beside_each_other_may_be_alternatives() -> None:
    assert parse("red fox", "any") == AnyOf((word("red"), word("fox")))
    assert parse("red AND fox hare", "any") == AnyOf((All((word("red"), word("fox"))), word("hare")))
    assert parse("red fox -hare", "any") == All((AnyOf((word("red"), word("fox"))),), (word("hare"),))
    assert parse("red AND -hare fox", "any") == parse("red fox -hare", "any")
    assert parse("red red", "any") == word("red")


@pytest.mark.parametrize(
    ("query", "place", "said"),
    [
        ('red "fox', 5, "not closed"),
        ("red (fox", 5, "not closed"),
        ("red fox)", 8, "never opened"),
        ("OR fox", 1, "before OR"),
        ("red OR", 5, "after OR"),
        ("red OR OR fox", 5, "after OR"),
        ("red AND", 5, "after AND"),
        ("red (OR fox)", 6, "before OR"),
        ("-red", 1, "Only exclusions"),
        ("fox OR -red", 8, "Only exclusions"),
        ("red NOT", 5, "after"),
        ("red a*", 5, "too many words"),
        ("red " + "x" * 256, 5, "256 characters"),
        ("red \0", 5, "U+0000"),
        ("red \ud800", 5, "U+D800"),
        ("(" * 21 + "a" + ")" * 21, 21, "nested"),
    ],
)
def test_malformed_queries_tell_the_place(query: str, place: int, said: str) -> None:
    with pytest.raises(InvalidValueError, match=rf"character {place} of") as raised:
        parse(query)
    assert said in raised.value.message
    assert raised.value.hint
    assert raised.value.code == "store.invalid.query"


@pytest.mark.parametrize("query", ["", "   ", "—", "😀 !", "()", "x " * 65, "x" * 5000])
def test_queries_for_nothing_or_for_too_much_are_refused(query: str) -> None:
    with pytest.raises(InvalidValueError):
        parse(query)


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_refused_as_one(query: str) -> None:
    try:
        node = parse(query)
    except InvalidValueError:
        return
    assert terms(node)
    for written in (fts5(node), tsquery(node)):
        assert set(written) & set("\\;$%") == set()


def test_alternatives_are_looked_for_one_by_one() -> None:
    assert list(branches(parse("a1 OR b1 c1"))) == [word("a1"), parse("b1 c1")]
    assert list(branches(parse("a1 b1 -c1", "any"))) == [parse("a1 -c1"), parse("b1 -c1")]
    assert list(branches(parse("(a1 OR b1) c1"))) == [parse("(a1 OR b1) c1")]


def test_titles_count_more_than_tags_and_tags_more_than_bodies() -> None:
    red = word("red")
    rows = [Tally(100, {red: counts}) for counts in ((0, 0, 1), (0, 1, 0), (1, 0, 0))]
    assert scores(rows, [red]) == sorted(scores(rows, [red]))
    assert all(0 < score < 1 for score in scores(rows, [red]))


def test_long_bodies_and_common_terms_count_less() -> None:
    red, blue = word("red"), word("blue")
    short, long = scores([Tally(10, {red: (0, 0, 1)}), Tally(1000, {red: (0, 0, 1)})], [red])
    assert short > long
    rows = [Tally(10, {red: (1, 0, 0)})] * 9 + [Tally(10, {blue: (1, 0, 0)})]
    assert max(scores(rows, [red, blue])) == scores(rows, [red, blue])[-1]
    assert max(scores(rows, [red, blue], {blue})) == scores(rows, [red, blue], {blue})[0]
    assert scores([], [red]) == []


def test_found_words_are_marked_and_the_rest_can_be_escaped() -> None:
    query = terms(parse('cafe "b c" fo*'))
    text = "Café <b c> food & «a b»"
    assert Highlight().marked(text, query) == "**Café** <**b c**> **food** & «a b»"
    html = Highlight("<mark>", "</mark>", escape=True)
    assert html.marked(text, query) == ("<mark>Café</mark> &lt;<mark>b c</mark>&gt; <mark>food</mark> &amp; «a b»")


def test_an_excerpt_is_where_most_terms_are() -> None:
    text = " ".join([*["red"] * 3, *["filler"] * 50, "red", "fox", *["filler"] * 50])
    excerpt = Highlight(words=6).excerpt(text, terms(parse("red fox")))
    assert "**red** **fox**" in excerpt
    assert excerpt.startswith("…")
    assert excerpt.endswith("…")
    assert len(words(excerpt)) == 6
    assert Highlight().excerpt("", terms(parse("red"))) == ""


@given(st.text(max_size=80), st.lists(st.sampled_from(["a", "b*", '"a b"', "é"]), min_size=1, max_size=3))
def test_an_excerpt_without_its_marks_is_a_part_of_the_text(text: str, asked: list[str]) -> None:
    query = tuple(Term(words(one), prefix="*" in one) for one in asked)
    assert Highlight("", "", cut="", words=3).excerpt(text, query) in text
    assert Highlight("", "").marked(text, query) == text


@given(st.text(max_size=80))
def test_words_are_where_they_are_told_to_be(text: str) -> None:
    encoded = text.encode()
    found = located(encoded)
    assert tuple(word for _, _, word in found) == words(text)
    assert all(words(encoded[start:end].decode()) == (word,) for start, end, word in found)


def slow_errors(one: str, other: str) -> int:
    """Optimal string alignment, by its definition."""
    if not one or not other:
        return len(one) + len(other)
    cost = min(
        slow_errors(one[1:], other) + 1,
        slow_errors(one, other[1:]) + 1,
        slow_errors(one[1:], other[1:]) + (one[0] != other[0]),
    )
    if one[:2] == other[1::-1] and len(one) > 1 and len(other) > 1:
        cost = min(cost, slow_errors(one[2:], other[2:]) + 1)
    return cost


@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_errors_are_counted_as_defined(one: str, other: str) -> None:
    exact = slow_errors(one, other)
    assert errors(one, other, 2) == (exact if exact <= 2 else None)


def test_similarity_is_that_of_pg_trgm() -> None:
    assert similarity("word", "words") == pytest.approx(0.571429, abs=1e-6)
    assert similarity("migration", "migration") == 1


def test_every_single_error_leaves_a_piece() -> None:
    for meant in ("plan", "store", "search", "migration", "postgresql"):
        for written in single_errors(meant):
            if written[0] == meant[0]:
                found = more_pieces(written)
                assert any(meant.startswith(piece.text) if piece.begins else piece.text in meant for piece in found), (
                    written
                )
                assert matcher([written])([meant]) is not None, written


def single_errors(meant: str) -> set[str]:
    cuts = [(meant[:place], meant[place:]) for place in range(len(meant) + 1)]
    random.seed(1)
    letter = random.choice("xyz")
    made = [left + right[1:] for left, right in cuts if right]
    made += [left + letter + right for left, right in cuts]
    made += [left + letter + right[1:] for left, right in cuts if right]
    made += [left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1]
    return {written for written in made if len(written) >= 4}


def test_rankings_are_fused_by_reciprocal_ranks() -> None:
    fused = fuse([["a", "b", "c"], ["b", "d"]])
    assert fused[0] == ("b", 1 / 62 + 1 / 61)
    assert [item for item, _ in fused] == ["b", "a", "d", "c"]
    assert [item for item, _ in fuse([["a"], ["b"]], [1, 2])] == ["b", "a"]
    assert fuse([]) == []


@given(st.lists(st.permutations("abcdef"), min_size=1, max_size=4))
def test_fusion_keeps_what_all_rankings_agree_on(rankings: list[list[str]]) -> None:
    places = {item: place for place, (item, _) in enumerate(fuse(rankings))}
    for one, other in itertools.combinations("abcdef", 2):
        if all(ranking.index(one) < ranking.index(other) for ranking in rankings):
            assert places[one] < places[other]
