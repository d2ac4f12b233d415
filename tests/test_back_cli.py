"""The way back from the command line: output, exit codes and refusals."""

from __future__ import annotations

import json
import secrets
import sqlite3
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from exuvia.cli.app import app
from exuvia.errors import ConfigError, SourceError, TargetError
from exuvia.report.document import ReportDocument
from test_report_html import Page
from test_report_json import conform


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")


def exuvia(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def fill(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY, i inet, x float8)")
        connection.execute("INSERT INTO t VALUES (1, '::1', 'NaN'), (2, NULL, 0.5)")


def test_the_verdict_and_everything_that_is_not_exact_are_printed(any_url: str) -> None:
    fill(any_url)
    result = exuvia("migrate", any_url, "sqlite:///back.db")
    assert result.exit_code == 0
    assert "Every value arrived: 2 rows, 6 values compared, 0 differences" in result.output
    assert "t.i  inet → TEXT: held as the text that PostgreSQL prints" in result.output
    assert "t.x  double precision → REAL  1 value: NaN becomes NULL" in result.output
    assert exuvia("verify", any_url, "back.db", "--quiet").exit_code == 0


def test_a_changed_file_is_different(any_url: str) -> None:
    fill(any_url)
    assert exuvia("migrate", any_url, "back.db", "--quiet").output == ""
    with sqlite3.connect("back.db") as connection:
        connection.execute("UPDATE t SET x = 0.25 WHERE id = 2")
    connection.close()
    result = exuvia("verify", any_url, "back.db")
    assert result.exit_code == 6
    assert "id=2 x" in result.output
    assert "1 of 1 table differs" in result.output


def test_json_is_one_document_and_the_report_is_the_same(any_url: str) -> None:
    fill(any_url)
    result = exuvia("migrate", any_url, "back.db", "--json", "--report", "move.json")
    found = json.loads(result.output)
    assert found == json.loads(Path("move.json").read_text())
    conform(found, ReportDocument)
    assert (found["status"], found["direction"]) == ("moved", "to SQLite")
    assert [(one["column"], one["count"]) for one in found["not_exact"]] == [("i", 0), ("x", 1)]
    assert found["proof"]["equal"] is True


def test_the_html_report_tells_types_losses_keys_and_the_proof(any_url: str) -> None:
    fill(any_url)
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE u (t_id int REFERENCES t, at timestamptz NOT NULL, tags text[])")
    assert exuvia("migrate", any_url, "back.db", "--report", "move.html").exit_code == 0
    page = Page(Path("move.html").read_text())
    text = " ".join(" ".join(page.text).split())
    assert "From PostgreSQL" in text
    assert "To SQLite" in text
    assert "Every value arrived" in text
    assert "Not exactly as in PostgreSQL" in text
    assert "NaN becomes NULL: SQLite has no NaN" in text
    assert "TIMESTAMP WITH TIME ZONE" in text
    assert "2 tables, 1 foreign key, all columns." in text
    assert json.loads(exuvia("verify", any_url, "back.db", "--json").output)["proof"]["tables"][0]["digest"] in text
    assert not [value for name in ("src", "action") for value in page.values(name)]
    assert all(value.startswith("#") for value in page.values("href"))


def test_a_dry_run_and_a_refusal_write_nothing(any_url: str) -> None:
    fill(any_url)
    assert exuvia("migrate", any_url, "back.db", "--dry-run", "--report", "plan.html").exit_code == 0
    assert "Ready to move" in Path("plan.html").read_text()
    assert not Path("back.db").exists()
    Path("back.db").write_text("mine")
    refused = exuvia("migrate", any_url, "back.db")
    assert isinstance(refused.exception, TargetError)
    assert "--drop-existing" in refused.exception.hint
    assert Path("back.db").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("back.db", "--style", "native"), "--style"),
        (("back.db", "--into-existing"), "--into-existing"),
        (("back.db", "--report", "move.pdf"), "move.pdf"),
        ((), "nowhere"),
        (("postgresql://127.0.0.1:1/x",), "SQLite file"),
    ],
)
def test_what_does_not_fit_this_direction_is_refused(arguments: tuple[str, ...], message: str) -> None:
    result = exuvia("migrate", "postgresql://127.0.0.1:1/x", *arguments)
    assert isinstance(result.exception, ConfigError)
    assert message in result.exception.message


def test_a_table_that_may_not_be_read_is_named(any_url: str) -> None:
    fill(any_url)
    role = f"reader_{secrets.token_hex(4)}"
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role}; GRANT SELECT ON t TO {role}".encode())
        connection.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY")
        try:
            as_reader = f"{any_url}{'&' if '?' in any_url else '?'}options=-c%20role%3D{role}"
            result = exuvia("migrate", as_reader, "back.db")
        finally:
            connection.execute(f"REVOKE ALL ON t FROM {role}; DROP ROLE {role}".encode())
    assert isinstance(result.exception, SourceError)
    assert "'t'" in result.exception.message
    assert "row-level security" in result.exception.hint
    assert not list(Path().iterdir())
