"""After a move the same statements do the same: triggers, defaults, checks and foreign keys, run on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from exuvia.move.pipeline import MoveOptions, migrate
from oracle import behave_alike, claim_of
from zoo import ZOO

STATEMENTS = {
    "triggers_of_every_kind": (
        "INSERT INTO t(id, v) VALUES(10, 'ten')",
        "INSERT INTO t(id, v) VALUES(11, NULL)",
        "INSERT INTO t(id, v) VALUES(12, 'a'), (13, 'b')",
        "INSERT INTO tv(id, v) VALUES(20, 'through the view')",
        "INSERT INTO tv(id, v) VALUES(20, 'twice')",
        "UPDATE t SET v = 'changed' WHERE id IN (10, 12)",
        "UPDATE t SET n = n + 1",
        "DELETE FROM t WHERE id = 1",
        "DELETE FROM t WHERE id = 12",
        "DELETE FROM t",
    ),
    "wordpress_on_sqlite_with_zero_dates": (
        'UPDATE wp_posts SET menu_order = 7 WHERE "ID" = 2',
        "INSERT INTO wp_posts(\"ID\", post_title) VALUES(9, 'new')",
        "INSERT INTO wp_options(option_id, option_name, option_value) VALUES(9, 'SITEURL', 'x')",
        'DELETE FROM wp_posts WHERE "ID" = 1',
    ),
    "zotero": (
        "INSERT INTO \"itemNotes\" VALUES(1, 1, 'itself')",
        'DELETE FROM items WHERE "itemID" = 2',
        'INSERT INTO items("itemID", "itemTypeID", "libraryID", key) VALUES(9, 1, 1, \'ZZZZ\')',
        'INSERT INTO items("itemID", "itemTypeID", "libraryID", key) VALUES(10, 1, 1, \'ZZZZ\')',
    ),
    "defaults_of_every_kind": ("INSERT INTO t(id, j, p) VALUES(10, '', 0)",),
    "checks_of_every_kind": (
        "INSERT INTO t(id, f) VALUES(0, '{}')",
        "INSERT INTO t(id, f, a) VALUES(10, '{}', 11)",
        "INSERT INTO t(id, f, b) VALUES(11, '{}', 'q')",
        "INSERT INTO t(id, f, c) VALUES(12, '{}', 'sixsix')",
        "INSERT INTO t(id, f, d) VALUES(13, '{}', 'b')",
        "INSERT INTO t(id, f, d) VALUES(14, '{}', 'ABC')",
        "INSERT INTO t(id, f, e) VALUES(15, '{}', 'x1')",
        "INSERT INTO t(id, f, e) VALUES(16, '{}', '1x')",
        "INSERT INTO t(id, f, i) VALUES(17, '{}', 'q')",
        "INSERT INTO t(id, f, j) VALUES(18, '{}', -1)",
        "INSERT INTO t(id, f, l) VALUES(19, '{}', 'Upper')",
        "INSERT INTO t(id, f, m) VALUES(20, '{}', 3)",
        "INSERT INTO t(id, f, m) VALUES(21, '{}', -4)",
        "INSERT INTO t(id, f, a, b) VALUES(22, '{}', 6, 'y')",
        "INSERT INTO t(id, f, a) VALUES(23, '{}', 7)",
    ),
    "generated_columns_virtual_and_stored": (
        'INSERT INTO t(id, a, b, doc) VALUES(20, 21, \'ä\', \'{"name": "x", "n": 2}\')',
        "UPDATE t SET a = -7 WHERE id = 1",
        "UPDATE t SET b = NULL WHERE id = 2",
        "INSERT INTO t(id, a) VALUES(21, 21)",
    ),
    "a_generated_column_that_postgresql_would_compute_differently": (
        "INSERT INTO t(id, a, b) VALUES(20, -7, 'Abc')",
        "INSERT INTO t(id, a, b) VALUES(21, 8, '2024-02-30')",
        "INSERT INTO t(id, a, b) VALUES(22, NULL, '5x')",
        "UPDATE t SET a = 1, b = '7' WHERE id = 0",
    ),
    "indexes_partial_expression_descending_and_collated": (
        "INSERT INTO t(id, b) VALUES(100, 'b1')",
        "INSERT INTO t(id, b, a, done) VALUES(101, NULL, 1, true)",
        "INSERT INTO t(id, b) VALUES(102, 'B1')",
    ),
    "unique_nocase_text_beyond_ascii": (
        "INSERT INTO t(name, v) VALUES('ÜNï', 50)",
        "INSERT INTO t(name, v) VALUES('sTRASSE', 51)",
        "INSERT INTO t(name, v) VALUES('k', 52)",
        "INSERT INTO k(name) VALUES('STRAßE')",
        "INSERT INTO k(name) VALUES('STRAssE')",
    ),
    "nulls_inside_primary_keys": (
        "INSERT INTO one VALUES('a', 9)",
        "INSERT INTO one VALUES(NULL, 9)",
        "INSERT INTO two VALUES(1, 'x', 9)",
        "INSERT INTO two VALUES(1, NULL, 9)",
    ),
    "unique_constraints_with_nulls_and_duplicates_of_each_other": (
        "INSERT INTO t VALUES(10, NULL, NULL, 1)",
        "INSERT INTO t VALUES(11, 'x', 5, 5)",
        "INSERT INTO t VALUES(12, 'q', 1, 1)",
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_same_statements_have_the_same_effect(name: str, postgres_url: str, tmp_path: Path) -> None:
    path = next(specimen for specimen in ZOO if specimen.name == name).make(tmp_path)
    report = migrate(path, postgres_url, options=MoveOptions(quarantine_file=tmp_path / "quarantine.jsonl"))
    assert behave_alike(path, postgres_url, claim_of(report), STATEMENTS[name]) == []
