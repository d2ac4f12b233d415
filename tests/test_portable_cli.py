"""``exuvia export`` and ``import`` as commands: killed and run again, output, exit codes, and the documentation."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import exuvia
from exuvia.cli.app import app
from exuvia.errors import TargetError
from exuvia.move.portable.export import export_data
from exuvia.move.portable.import_ import import_data

COMMANDS = ("export", "import")
DOCUMENT = Path(__file__).parents[1] / "docs" / "portable.md"


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("EXUVIA_TARGET", raising=False)


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from exuvia.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def database(path: Path, rows: int) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"
        connection.execute(f"{numbers} INSERT INTO t (v) SELECT 'value ' || i FROM n", (rows,))
    connection.close()
    return path


def killed_after_two_files(source: Path) -> int:
    """Kill an export half-way, and return how many files it had finished."""
    process = start("export", source, "jsonl:copy", "--jobs", "1")
    record = Path("copy.partial/progress.jsonl")
    deadline = time.monotonic() + 60
    while (not record.exists() or record.read_bytes().count(b"\n") < 3) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not Path("copy").exists()
    return record.read_bytes().count(b"\n") - 1


def test_an_export_that_was_killed_goes_on_with_the_missing_files(tmp_path: Path) -> None:
    source = database(tmp_path / "a.db", 1_000_000)
    kept = killed_after_two_files(source)
    assert 2 <= kept < 4
    first = Path("copy.partial/t.0001.jsonl.zst").stat().st_ino
    second = Path("copy.partial/t.0002.jsonl.zst")
    second.write_bytes(second.read_bytes()[:-1])
    assert export_data(source, "jsonl:copy").files_kept == kept - 1
    assert Path("copy/t.0001.jsonl.zst").stat().st_ino == first
    assert not Path("copy.partial").exists()
    assert import_data("jsonl:copy", "b.db").rows == 1_000_000


def test_an_export_begins_anew_when_the_source_has_changed(tmp_path: Path) -> None:
    source = database(tmp_path / "a.db", 1_000_000)
    assert killed_after_two_files(source) >= 2
    with sqlite3.connect(source) as connection:
        connection.execute("UPDATE t SET v = 'other' WHERE id = 7")
    connection.close()
    assert export_data(source, "jsonl:copy").files_kept == 0
    import_data("jsonl:copy", "b.db")
    with sqlite3.connect("b.db") as connection:
        assert connection.execute("SELECT v FROM t WHERE id = 7").fetchall() == [("other",)]
    connection.close()


def test_two_exports_into_one_directory_do_not_mix(tmp_path: Path) -> None:
    source = database(tmp_path / "a.db", 1_000_000)
    process = start("export", source, "jsonl:copy", "--jobs", "1")
    while not Path("copy.partial/progress.jsonl").exists() and process.poll() is None:
        time.sleep(0.005)
    time.sleep(0.05)
    with pytest.raises(TargetError, match="Another export"):
        export_data(source, "jsonl:copy")
    process.communicate()
    assert process.returncode == 0
    assert import_data("jsonl:copy", "b.db").rows == 1_000_000


def test_an_interrupted_import_leaves_nothing(tmp_path: Path) -> None:
    export_data(database(tmp_path / "a.db", 1_000_000), "jsonl:copy")
    process = start("import", "jsonl:copy", "b.db")
    while not list(tmp_path.glob(".b.db.*/*")) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "The target is as it was" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "copy"]


def test_a_full_disk_is_an_error_that_keeps_what_is_finished(tmp_path: Path) -> None:
    source = database(tmp_path / "a.db", 30_000)
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "from exuvia.cli import main; main()"
    )
    command = [sys.executable, "-c", limited, "export", str(source), "jsonl:copy", "--jobs", "1", "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 4
    assert json.loads(done.stderr)["error"]["code"] == "target.file"
    assert not Path("copy").exists()
    assert exuvia("export", source, "jsonl:copy", "-q").returncode == 0
    assert import_data("jsonl:copy", "b.db").rows == 30_000


def test_output_is_a_table_or_one_json_document(tmp_path: Path) -> None:
    source = database(tmp_path / "a.db", 1000)
    shown = exuvia("export", source, "jsonl:copy")
    assert shown.returncode == 0, shown.stderr
    assert "Exported: 1,000 rows" in shown.stdout
    document = json.loads(exuvia("export", source, "parquet:other", "--json").stdout)
    assert document["format"] == "exuvia.export"
    assert [(table["name"], table["rows"], table["files"]) for table in document["tables"]] == [("t", 1000, 1)]
    brought = exuvia("import", "jsonl:copy", "b.db")
    assert "Every value arrived: 1,000 rows" in brought.stdout
    document = json.loads(exuvia("import", "parquet:other", "c.db", "--json").stdout)
    assert document["exported_from"] == str(source)
    assert document["move"] is None
    assert exuvia("import", "parquet:other", "d.db", "--quiet").stdout == ""


def test_a_move_into_postgresql_has_its_own_report_and_exit_code(tmp_path: Path, any_url: str) -> None:
    source = database(tmp_path / "a.db", 10)
    with sqlite3.connect(source) as connection:
        connection.execute("INSERT INTO t (v) VALUES ('a' || char(0))")
    connection.close()
    export_data(source, "jsonl:copy")
    tried = exuvia("import", "jsonl:copy", any_url, "--dry-run")
    assert tried.returncode == 0, tried.stderr
    moved = exuvia("import", "jsonl:copy", any_url, "--json", "--report", "move.html")
    assert moved.returncode == 8, moved.stderr
    document = json.loads(moved.stdout)
    assert document["move"]["rejections"][0]["row"] == "rowid=11"
    assert "jsonl:copy" in Path("move.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["export", "missing.db", "jsonl:x"], 3, "missing.db"),
        (["export", "a.db", "x.db"], 2, "not a portable copy"),
        (["export", "a.db", "jsonl:"], 2, "no directory"),
        (["export", "a.db", "jsonl:file/below"], 4, "file"),
        (["export", "postgresql://nobody@127.0.0.1:1/x", "jsonl:x"], 4, "127.0.0.1"),
        (["export", "jsonl:copy", "parquet:x"], 2, "exuvia import"),
        (["import", "jsonl:missing", "b.db"], 3, "missing"),
        (["import", "a.db", "b.db"], 2, "not a portable copy"),
        (["import", "parquet:copy", "b.db"], 2, "jsonl"),
        (["import", "jsonl:copy", "a.db"], 4, "--drop-existing"),
        (["import", "jsonl:copy", "nowhere/b.db"], 4, "nowhere"),
        (["import", "jsonl:copy", "b.db", "--style", "native"], 2, "--style"),
        (["import", "jsonl:copy", "b.db", "--dry-run"], 2, "--dry-run"),
        (["import", "jsonl:copy", "jsonl:other"], 2, "jsonl:other"),
        (["import", "jsonl:copy", "postgresql://nobody@127.0.0.1:1/x"], 4, "127.0.0.1"),
        (["migrate", "a.db", "jsonl:x"], 2, "exuvia export"),
        (["migrate", "jsonl:copy"], 2, "jsonl:copy"),
    ],
)
def test_mistakes_have_an_exit_code_and_say_what_to_do(
    arguments: list[str], code: int, says: str, tmp_path: Path
) -> None:
    export_data(database(tmp_path / "a.db", 3), "jsonl:copy")
    (tmp_path / "file").write_text("")
    result = exuvia(*arguments)
    assert result.returncode == code, result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "copy", "file"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_in_the_help_are_commands_that_exist(command: str) -> None:
    text = CliRunner().invoke(app, [command, "--help"], terminal_width=200).output
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("exuvia ")]
    assert lines
    for line in lines:
        result = CliRunner().invoke(app, shlex.split(line)[1:])
        assert getattr(result.exception, "code", "").startswith(("source.", "target.")), f"{line}: {result.output}"


def test_the_documentation_runs_as_it_is_written(tmp_path: Path, any_url: str) -> None:
    blocks = re.findall(r"```(sh|python)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert {kind for kind, _ in blocks} == {"sh", "python"}
    with sqlite3.connect("app.db") as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT, vector BLOB)")
        connection.execute("INSERT INTO notes VALUES (1, 'shell', x'00'), (2, NULL, NULL)")
    connection.close()
    for kind, text in blocks:
        ready = text.replace("postgresql://me@localhost/app", any_url)
        if kind == "python":
            exec(compile(ready, str(DOCUMENT), "exec"), {})
            continue
        for line in ready.splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] == "exuvia":
                result = exuvia(*words[1:])
                assert result.returncode == 0, f"{line}: {result.stderr}"
    assert Path("restored.db").exists()
