"""Where settings come from, who wins, and what is said about a wrong one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from exuvia.errors import ConfigError
from exuvia.location import EmbeddedLocation
from exuvia.settings import load


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("EXUVIA_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_anything_rows_go_to_the_embedded_server() -> None:
    settings = load()
    assert settings.target_location == EmbeddedLocation()
    assert settings.style == "faithful"
    assert settings.batch_rows is None
    assert 1 <= settings.jobs <= 4


def test_arguments_come_before_environment_before_env_file_before_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("exuvia.toml").write_text('target_schema = "toml"\njobs = 1\nbatch_rows = 1\nstyle = "native"\n')
    Path(".env").write_text("EXUVIA_TARGET_SCHEMA=dotenv\nEXUVIA_JOBS=2\nEXUVIA_BATCH_ROWS=2\nOTHER=x\n")
    monkeypatch.setenv("EXUVIA_TARGET_SCHEMA", "environment")
    monkeypatch.setenv("EXUVIA_JOBS", "3")
    settings = load(target_schema="argument", jobs=None)
    assert (settings.target_schema, settings.jobs, settings.batch_rows, settings.style) == ("argument", 3, 2, "native")


def test_an_empty_variable_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXUVIA_JOBS", "")
    Path("exuvia.toml").write_text("jobs = 7\n")
    assert load().jobs == 7


def test_lists_are_written_with_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXUVIA_INCLUDE", "user*, orders")
    Path("exuvia.toml").write_text('exclude = ["tmp_*"]\n')
    assert (load().include, load().exclude) == (("user*", "orders"), ("tmp_*",))


def test_an_applications_database_url_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///app.db")
    assert load().target == "embedded:"


def test_a_password_shows_in_no_text_of_the_settings() -> None:
    settings = load(target="postgresql://me:s3cret@db.example/app")
    assert "s3cret" not in f"{settings!r} {settings} {[settings]}"
    assert "postgresql://me:***@db.example/app" in repr(settings)


def test_settings_do_not_change_once_loaded() -> None:
    with pytest.raises(ValidationError):
        load().jobs = 3


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("taget = 'x'", "Did you mean 'target'?"),
        ("batchrows = 5", "Did you mean 'batch_rows'?"),
        ("schema = 'x'", "'target_schema'"),
        ("zzz = 1", "style"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(line: str, hint: str) -> None:
    Path("exuvia.toml").write_text(line + "\n")
    with pytest.raises(ConfigError) as caught:
        load()
    assert "exuvia.toml" in caught.value.message
    assert hint in caught.value.hint


def test_a_misspelt_variable_is_refused_and_a_foreign_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXUVIA_DEBUG", "1")
    load()
    monkeypatch.setenv("EXUVIA_TAGRET", "embedded:")
    with pytest.raises(ConfigError) as caught:
        load()
    assert "EXUVIA_TARGET" in caught.value.hint


def test_a_wrong_value_is_named_with_its_place_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXUVIA_TARGET", "mysql://me:s3cret@h/d")
    Path("exuvia.toml").write_text("jobs = 0\n")
    with pytest.raises(ConfigError) as caught:
        load(style="fancy")
    message = caught.value.message
    assert "EXUVIA_TARGET in the environment" in message
    assert "jobs in " in message
    assert "exuvia.toml" in message
    assert "style in the arguments" in message
    assert "'faithful' or 'native'" in message
    assert "s3cret" not in str(caught.value)
    assert "fancy" not in message


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(ConfigError, match="not a setting"):
        load(job=3)


def test_a_malformed_file_is_refused_by_name() -> None:
    Path("exuvia.toml").write_text("jobs = \n")
    with pytest.raises(ConfigError, match=r"exuvia\.toml is not valid TOML.*line 1"):
        load()


def test_a_config_file_that_was_named_must_exist() -> None:
    with pytest.raises(ConfigError, match=r"other\.toml cannot be read"):
        load(config_file=Path("other.toml"))


@pytest.mark.parametrize("name", ["", "pg_mine", "x" * 64, "ü" * 32])
def test_a_schema_that_postgresql_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="target_schema"):
        load(target_schema=name)
