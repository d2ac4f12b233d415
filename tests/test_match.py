"""FTS5's queries and their translations find the same documents, each in its own engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import apsw
import psycopg
import pytest

import servers
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres.fulltext import search_expression
from exuvia.engines.postgres.match import translate_match

COLUMNS = ("title", "body", "tags")
DOCUMENTS = [
    ("Red fox", "jumps over the lazy dog", "animal quick"),
    ("Brown dog", "sleeps; the red fox watches", "animal"),
    ("Fox", "red", "dog"),
    ("red", "fox", "red fox"),
    ("The quick brown", "fox jumped. Jumping foxes jump", ""),
    ("foxtrot", "a dance, not an animal", "dance"),
    ("one two three four five", "six seven eight nine ten", "red one"),
    ("one x x x two", "two x one", "one"),
    ("AND", "or NOT near", "OR"),
    ("it's", "don't stop", "o'clock"),
    ("Über", "größe straße", "ünder"),
    ("mail", "snake_case and kebab-case words", "a-b"),
    ("", "only body", "a"),
    ("数据", "日本 語 text", "cjk"),
    ("back\\slash", "quo'te \\' both", "x:y"),
    ("dog", "", "brown"),
]
QUERIES = [
    "red",
    "RED",
    "red fox",
    "red AND fox",
    "red OR dog",
    "fox NOT dog",
    "red fox NOT dog",
    "red OR dog NOT brown",
    "red AND dog OR brown",
    "red OR dog AND brown",
    "(red OR brown) AND dog",
    "(red OR brown) NOT (dog OR animal)",
    "fox NOT red NOT dog",
    '"red fox"',
    '"fox red"',
    '"three four five six"',
    '"five six"',
    "red + fox",
    '"quick brown" + fox',
    "fo*",
    '"red fo"*',
    "red + fo *",
    "jump*",
    "title : red",
    "title : (red OR brown)",
    "{title body} : red",
    "{title body} : (red AND fox)",
    "- title : red",
    "- {title tags} : red",
    "title:red body:fox",
    'title : "red fox"',
    'tags : "red fox" OR title : fox*',
    "body : (dog OR tags)",
    "NEAR(one two)",
    "NEAR(one two, 0)",
    "NEAR(one two, 1)",
    "NEAR(one two, 2)",
    "NEAR(one two, 3)",
    "NEAR(two one, 1)",
    'NEAR("one two" four, 1)',
    'NEAR("one two" five, 1)',
    "title : NEAR(one two, 5)",
    "NEAR(fox)",
    '"AND"',
    '"NOT near"',
    '"it\'s"',
    '"don\'t stop"',
    '"o\'clock"',
    '"kebab-case"',
    "snake_case",
    '"a-b"',
    "数据",
    "語",
    '"back\\slash"',
    '"\\\' both"',
    '"x:y"',
    "missing",
    "red missing",
    "red OR missing",
    '""',
    'red ""',
    "",
    "red ( fox )",
    "AND red",
    "red AND",
    "title :",
    '"open',
    "nosuch : red",
    "red @ fox",
    "NEAR(one two",
    "((red))",
    "(red) AND (fox)",
    "title : body : red",
]


@pytest.fixture(scope="module")
def find(server_url: Callable[[str], str]) -> Iterator[Callable[[str, str], list[int]]]:
    """Return a function that finds documents in PostgreSQL by a tsquery."""
    typed = [(name, SqlType(Base.TEXT)) for name in COLUMNS]
    with servers.fresh_database(server_url("pip")) as url, psycopg.connect(url, autocommit=True) as connection:
        for config in ("simple", "english"):
            connection.execute(
                f"CREATE TABLE {config} (id int, title text, body text, tags text,"
                f" search tsvector GENERATED ALWAYS AS ({search_expression(typed, config)}) STORED)".encode()
            )
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO {config} VALUES (%s, %s, %s, %s)".encode(),
                    [(number, *document) for number, document in enumerate(DOCUMENTS, 1)],
                )

        def found(config: str, tsquery: str) -> list[int]:
            sql = f"SELECT id FROM {config} WHERE search @@ to_tsquery(%s, %s) ORDER BY id".encode()
            return [row[0] for row in connection.execute(sql, (config, tsquery))]

        yield found


def fts5(query: str, tokenizer: str = "unicode61") -> list[int] | None:
    """Find documents by FTS5; None where it refuses the query."""
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE docs USING fts5(title, body, tags, tokenize='{tokenizer}')")
    connection.executemany("INSERT INTO docs VALUES (?, ?, ?)", DOCUMENTS)
    try:
        return [int(str(row[0])) for row in connection.execute("SELECT rowid FROM docs(?) ORDER BY rowid", (query,))]
    except apsw.SQLError:
        return None


@pytest.mark.parametrize("query", QUERIES)
def test_a_translated_query_finds_the_same_documents(query: str, find: Callable[[str, str], list[int]]) -> None:
    expected = fts5(query)
    match = translate_match(query, "simple", COLUMNS)
    if match.tsquery is None:
        assert match.reason
        assert expected is None
    else:
        assert expected is not None
        assert match.reason == ""
        assert find("simple", match.tsquery) == expected


@pytest.mark.parametrize("query", ["jumping", "foxes", "sleeping dogs", '"lazy dogs"', "title : foxes", "danc*"])
def test_stemmed_queries_find_the_same_documents_and_say_that_stemming_differs(
    query: str, find: Callable[[str, str], list[int]]
) -> None:
    match = translate_match(query, "english", COLUMNS)
    assert match.tsquery is not None
    assert "stop words" in match.reason
    assert find("english", match.tsquery) == fts5(query, "porter")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("^red", "first word"),
        ("NEAR(one two three)", "asks for all"),
        ("NEAR(one two, 1000)", "asks for all"),
        ("NEAR(one on*)", "may overlap"),
        ("größe", "accents"),
    ],
)
def test_what_a_tsquery_cannot_say_exactly_has_a_reason_and_still_finds_the_documents(
    query: str, reason: str, find: Callable[[str, str], list[int]]
) -> None:
    match = translate_match(query, "simple", COLUMNS)
    assert reason in match.reason
    assert match.tsquery is not None
    assert set(fts5(query) or ()) <= set(find("simple", match.tsquery))


def test_columns_after_the_third_share_a_weight_which_is_said() -> None:
    many = ("a", "b", "c", "d", "e")
    assert translate_match("b : x", "simple", many).reason == ""
    assert "share one weight" in translate_match("d : x", "simple", many).reason
    assert translate_match("{d e} : x", "simple", many).reason == ""
    assert translate_match("{d e} : x", "simple", many).tsquery == "'x':D"
