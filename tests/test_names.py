"""PostgreSQL names: quoting, folding, the limit of 63 bytes, and names that collide."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exuvia.catalog.names import Rename, assign, fit, fold, qualify, quote
from exuvia.errors import PlanError

any_name = st.text(max_size=90)
# A small alphabet, so that names do collide.
close_names = st.text(alphabet="aAbB_2é", max_size=4)
long_names = st.builds(lambda start, tail: start * 31 + tail, st.sampled_from(["ab", "éé", "Ab"]), st.text(max_size=4))


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("plain_1", "plain_1"),
        ("_x", "_x"),
        ("Upper", '"Upper"'),
        ("two words", '"two words"'),
        ('say "hi"', '"say ""hi"""'),
        ("1st", '"1st"'),
        ("a$b", '"a$b"'),
        ("naïve", '"naïve"'),
        ("select", '"select"'),
        ("user", '"user"'),
        ("order", '"order"'),
        ("name", "name"),
        ("a.b", '"a.b"'),
    ],
)
def test_a_name_is_quoted_where_it_must_be(name: str, quoted: str) -> None:
    assert quote(name) == quoted


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_what_no_postgresql_name_can_be_is_refused(name: str) -> None:
    with pytest.raises(PlanError):
        quote(name)


def test_qualified_names_quote_each_part() -> None:
    assert qualify("public", "Order") == 'public."Order"'
    assert qualify("My schema", "t") == '"My schema".t'
    assert qualify("", "order") == '"order"'


def test_folding_is_for_ascii_letters_only() -> None:
    assert fold("ÄBCİ") == "Äbcİ"


def test_a_name_of_63_bytes_stays_and_a_longer_one_is_cut_between_characters() -> None:
    assert fit("é" * 31 + "a") == "é" * 31 + "a"
    cut = fit("é" * 32)
    assert len(cut.encode()) <= 63
    assert cut.startswith("é" * 27 + "_")


@given(any_name)
def test_fitting_is_stable_and_never_too_long(name: str) -> None:
    assert len(fit(name).encode()) <= 63
    assert fit(fit(name)) == fit(name)


def test_long_names_that_differ_at_the_end_stay_distinct() -> None:
    prefix = "x" * 80
    assert fit(prefix + "a") != fit(prefix + "b")


def test_of_names_that_fold_to_one_the_one_that_needs_no_change_keeps_it() -> None:
    assigned = assign(["UserId", "userid", "USERID", "userid_2"], fold=True)
    assert dict(assigned) == {"UserId": "userid_3", "userid": "userid", "USERID": "userid_4", "userid_2": "userid_2"}
    assert [rename.source for rename in assigned.renamed] == ["UserId", "USERID"]
    assert all("userid" in rename.reason for rename in assigned.renamed)


def test_without_folding_names_that_differ_in_case_are_kept() -> None:
    assigned = assign(["UserId", "userid"], fold=False)
    assert dict(assigned) == {"UserId": "UserId", "userid": "userid"}
    assert assigned.renamed == ()


def test_names_in_use_are_avoided() -> None:
    assigned = assign(["t"], fold=False, taken={"t", "t_2"})
    assert assigned["t"] == "t_3"
    assert assigned.renamed == (Rename("t", "t_3", "t is taken"),)


def test_system_columns_are_renamed_and_only_as_columns() -> None:
    assigned = assign(["ctid", "XMIN", "xmin", "ctid_", "oid"], fold=True, kind="column")
    assert dict(assigned) == {"ctid": "ctid__2", "XMIN": "xmin_", "xmin": "xmin__2", "ctid_": "ctid_", "oid": "oid"}
    assert {rename.source for rename in assigned.renamed} == {"ctid", "XMIN", "xmin"}
    assert assign(["ctid"], fold=False)["ctid"] == "ctid"
    assert assign(["CTID"], fold=False, kind="column")["CTID"] == "CTID"


def test_names_that_mean_something_else_unqualified_or_unquoted_are_noted() -> None:
    assigned = assign(["pg_class", "user", "people"], fold=False)
    assert dict(assigned) == {"pg_class": "pg_class", "user": "user", "people": "people"}
    assert [note.name for note in assigned.notes] == ["pg_class", "user"]
    assert "pg_catalog" in assigned.notes[0].message


@pytest.mark.parametrize("name", ["", "a\0b", "a\ud800b", "n" * 64])
def test_names_that_postgresql_cannot_have_are_replaced_with_a_reason(name: str) -> None:
    assigned = assign([name], fold=False)
    assert assigned[name] != name
    assert assigned.renamed[0].source == name
    assert assigned.renamed[0].reason
    assert quote(assigned[name])


@given(st.lists(st.one_of(close_names, any_name, long_names)), st.booleans(), st.sets(close_names))
def test_assigned_names_are_legal_unique_and_avoid_those_taken(names: list[str], folded: bool, taken: set[str]) -> None:
    assigned = assign(names, fold=folded, taken=taken)
    targets = list(assigned.values())
    assert set(assigned) == set(names)
    assert len(set(targets)) == len(targets)
    assert not taken & set(targets)
    assert all(target and "\0" not in target and len(target.encode()) <= 63 for target in targets)
    changed = {name for name in names if assigned[name] != (fold(name) if folded else name)}
    assert {rename.source for rename in assigned.renamed} == changed
    assert assign(names, fold=folded, taken=taken) == assigned


def test_postgresql_itself_quotes_the_same_words(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        words = [row[0] for row in connection.execute("SELECT word FROM pg_get_keywords()")]
        words += ["Upper", "a b", 'a"b', "1a", "_a", "a1", "é", "a$b"]
        query = "SELECT w, quote_ident(w) FROM unnest(%s::text[]) AS w"
        assert {word: quote(word) for word in words} == dict(connection.execute(query, (words,)).fetchall())


def test_postgresql_keeps_every_assigned_name_as_it_is(postgres_url: str) -> None:
    names = [
        "",
        "a\0b",
        "ctid",
        "xmin",
        "tableoid",
        "select",
        'say "hi"',
        "é" * 40,
        "😀" * 16,
        "x" * 70 + "1",
        "x" * 70 + "2",
    ]
    names += ["A", "a", "%s", "pg_class", "user", ".", " ", "\n", "\ufeff"]
    columns = assign(names, fold=True, kind="column")
    tables = assign(names, fold=False)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE SCHEMA s")
        listed = ", ".join(f"{quote(name)} int" for name in columns.values())
        for table in tables.values():
            connection.execute(f"CREATE TABLE {qualify('s', table)} ({listed})".encode())
        query = "SELECT relname FROM pg_class WHERE relnamespace = 's'::regnamespace AND relkind = 'r'"
        assert {row[0] for row in connection.execute(query)} == set(tables.values())
        query = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
        found = [row[0] for row in connection.execute(query, (qualify("s", tables["user"]),))]
        assert found == list(columns.values())
