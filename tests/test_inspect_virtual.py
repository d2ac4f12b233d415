"""Virtual tables and their shadow tables, with the module installed and without it."""

from __future__ import annotations

import apsw
import pytest

from exuvia.catalog.model import Catalog
from exuvia.engines.sqlite.inspect import inspect


def without_module(module: str, name: str, *statements: str, arguments: str = "") -> Catalog:
    """The catalog of a database with a virtual table whose module is not installed."""
    connection = apsw.Connection(":memory:")
    for statement in statements:
        connection.execute(statement)
    connection.execute("PRAGMA writable_schema = ON")
    sql = f'CREATE VIRTUAL TABLE "{name}" USING {module}({arguments})'
    row = ("table", name, name, 0, sql)
    connection.execute("INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES (?, ?, ?, ?, ?)", row)
    connection.execute("PRAGMA writable_schema = RESET")
    return inspect(connection, "memory")


@pytest.mark.parametrize(
    ("declaration", "module"),
    [
        ("fts3(a, b)", "fts3"),
        ("fts4(a, b)", "fts4"),
        ("FTS5(a, b, tokenize = 'trigram')", "FTS5"),
        ("rtree(id, x1, x2)", "rtree"),
        ("rtree_i32(id, x1, x2)", "rtree_i32"),
        ("geopoly(a)", "geopoly"),
    ],
)
def test_an_installed_modules_shadow_tables_belong_to_it(declaration: str, module: str) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE Notes_data(a); CREATE TABLE data(a); CREATE TABLE idx_node(a)")
    connection.execute(f'CREATE VIRTUAL TABLE "My docs" USING {declaration}')
    catalog = inspect(connection, "memory")
    (virtual,) = catalog.virtual_tables
    everything = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'My docs%'")}
    assert (virtual.name, virtual.module) == ("My docs", module)
    assert {virtual.name, *virtual.shadows} == everything
    assert [table.name for table in catalog.tables] == ["Notes_data", "data", "idx_node"]
    assert catalog.unreadable == ()


@pytest.mark.parametrize(
    ("module", "suffixes"),
    [
        ("vec0", ["chunks", "rowids", "vector_chunks00", "vector_chunks01", "info", "auxiliary"]),
        ("vec0", ["metadatachunks00", "metadatatext00", "ivf_centroids00", "diskann_nodes00", "rescore_vectors00"]),
        ("vss0", ["index", "data"]),
        ("spellfix1", ["vocab"]),
        ("Fts5", ["data", "IDX", "content", "docsize", "config"]),
    ],
)
def test_a_missing_modules_shadow_tables_are_told_by_their_names(module: str, suffixes: list[str]) -> None:
    shadows = [f"Emb_{suffix}" for suffix in suffixes]
    own = ["emb_other", "emb_vector_chunks", "emb_chunks_2", "chunks", "memb_chunks", "other_data"]
    statements = [f"CREATE TABLE {name}(a); CREATE INDEX i_{name} ON {name}(a)" for name in [*shadows, *own]]
    catalog = without_module(module, "emb", *statements, arguments="embedding float[4], +note text")
    (virtual,) = catalog.virtual_tables
    assert (virtual.name, virtual.module) == ("emb", module)
    assert virtual.shadows == tuple(sorted(shadows))
    assert [table.name for table in catalog.tables] == own
    assert catalog.unreadable == ()


def test_the_users_own_table_that_a_full_text_index_reads_is_no_shadow_table() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE docs_content(id INTEGER PRIMARY KEY, body TEXT)")
    connection.execute("CREATE VIRTUAL TABLE docs USING fts5(body, content = 'docs_content', content_rowid='id')")
    catalog = inspect(connection, "memory")
    assert [table.name for table in catalog.tables] == ["docs_content"]
    assert catalog.virtual_tables[0].shadows == ("docs_config", "docs_data", "docs_docsize", "docs_idx")


def test_a_virtual_table_with_the_name_of_anothers_shadow_table_has_shadow_tables_itself() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE a USING fts5(x, content=''); CREATE VIRTUAL TABLE a_content USING fts5(x)")
    catalog = inspect(connection, "memory")
    by_name = {virtual.name: virtual.shadows for virtual in catalog.virtual_tables}
    assert by_name["a"] == ("a_config", "a_data", "a_docsize", "a_idx")
    assert by_name["a_content"] == tuple(
        f"a_content_{suffix}" for suffix in ("config", "content", "data", "docsize", "idx")
    )
    assert catalog.tables == ()


def test_tables_with_such_suffixes_and_no_virtual_table_are_ordinary() -> None:
    connection = apsw.Connection(":memory:")
    names = ["docs", "docs_data", "docs_content", "docs_config", "docs_node", "docs_rowids", "docs_info"]
    for name in names:
        connection.execute(f"CREATE TABLE {name}(a)")
    assert [table.name for table in inspect(connection, "memory").tables] == names


def test_a_virtual_table_whose_shadow_tables_are_gone_is_still_listed() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE docs USING fts5(a); CREATE TABLE t(a)")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("DELETE FROM sqlite_schema WHERE name LIKE 'docs\\_%' ESCAPE '\\'")
    connection.execute("PRAGMA writable_schema = RESET")
    catalog = inspect(connection, "memory")
    assert [(virtual.name, virtual.shadows) for virtual in catalog.virtual_tables] == [("docs", ())]
    assert [table.name for table in catalog.tables] == ["t"]


def test_a_schema_is_described_without_reading_a_virtual_table() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE docs USING fts5(a, content='nowhere'); CREATE TABLE t(a)")
    with pytest.raises(apsw.SQLError, match="nowhere"):
        list(connection.execute("SELECT * FROM docs"))
    catalog = inspect(connection, "memory")
    assert catalog.virtual_tables[0].module == "fts5"
    assert catalog.notes == ()
