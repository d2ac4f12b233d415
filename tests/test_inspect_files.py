"""The catalog reader on files that other programs made, and on the zoo's hostile schemas."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from exuvia.catalog.model import Catalog
from exuvia.catalog.order import load_order
from exuvia.engines.sqlite.inspect import inspect
from zoo import ZOO, Specimen

SCHEMAS = [specimen for specimen in ZOO if not specimen.heavy]
REAL = sorted((Path(__file__).parent / "data" / "real").glob("*.sqlite"))


def opened(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    # SQLite reads a WITHOUT ROWID table only when it has the collations of its key.
    connection.collation_needed(lambda needing, name: needing.create_collation(name, lambda a, b: (a > b) - (a < b)))
    connection.execute("BEGIN")
    return connection


def assert_complete(catalog: Catalog, connection: apsw.Connection) -> None:
    """Every object of the schema is in the catalog exactly once, and every column can be read by its name."""
    shadows = {shadow for virtual in catalog.virtual_tables for shadow in virtual.shadows}
    described = [("table", table.name) for table in catalog.tables]
    described += [("table", virtual.name) for virtual in catalog.virtual_tables]
    described += [("table", shadow) for shadow in shadows]
    described += [("index", index.name) for table in catalog.tables for index in table.indexes if index.sql]
    described += [("view", view.name) for view in catalog.views]
    described += [("trigger", trigger.name) for trigger in catalog.triggers]
    described += [(item.kind, item.name) for item in catalog.unreadable]
    query = "SELECT type, name, tbl_name FROM sqlite_schema WHERE sql <> '' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    entries = [row[:2] for row in connection.execute(query) if row[0] != "index" or row[2] not in shadows]
    assert sorted(described) == sorted(entries)
    for table in catalog.tables:
        columns = ", ".join('"' + column.name.replace('"', '""') + '"' for column in table.columns)
        quoted = '"' + table.name.replace('"', '""') + '"'
        rowid = f", {table.rowid_name}" if table.rowid_name else ""
        connection.execute(f"SELECT {columns}{rowid} FROM {quoted} LIMIT 0")
        for column in table.columns:
            assert column.generated is None or column.generated.expression
        for key in table.foreign_keys:
            assert len(key.target_columns) in (0, len(key.columns))


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_a_real_file_is_described_completely(path: Path) -> None:
    connection = opened(path)
    catalog = inspect(connection, path.name)
    assert_complete(catalog, connection)
    assert catalog.unreadable == ()
    assert catalog.size_bytes == path.stat().st_size


@pytest.mark.parametrize("specimen", SCHEMAS, ids=lambda specimen: specimen.name)
def test_a_hostile_schema_is_described_completely(specimen: Specimen, tmp_path: Path) -> None:
    connection = opened(specimen.make(tmp_path))
    assert_complete(inspect(connection, specimen.name), connection)


def test_an_agents_knowledge_base_keeps_its_tables_apart_from_its_search_indexes(real_data: Path) -> None:
    catalog = inspect(opened(real_data / "aiknowsys.sqlite"), "aiknowsys")
    assert [table.name for table in catalog.tables] == ["projects", "plans", "sessions", "patterns"]
    assert {virtual.name: (virtual.module, len(virtual.shadows)) for virtual in catalog.virtual_tables} == {
        "plans_fts": ("fts5", 4),
        "sessions_fts": ("fts5", 4),
        "patterns_fts": ("fts5", 4),
    }
    assert len(catalog.triggers) == 9
    ordered, _ = load_order(catalog.tables)
    assert [table.name for table in ordered] == ["projects", "plans", "sessions", "patterns"]


def test_a_chroma_files_foreign_key_to_a_missing_table_is_noted(real_data: Path) -> None:
    catalog = inspect(opened(real_data / "chroma-empty.sqlite"), "chroma")
    (key,) = catalog.table("segments").foreign_keys
    assert (key.columns, key.target_table, key.target_columns) == (("collection",), "collection", ())
    assert any("collection" in note for note in catalog.notes)
    assert catalog.virtual_tables[0].name == "embedding_fulltext_search"
    assert not any(table.name.startswith("embedding_fulltext_search") for table in catalog.tables)
