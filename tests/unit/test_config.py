"""Settings: [tool.migrator] of the nearest pyproject.toml, the environment, the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from migrator.config import Settings, load_settings, show_url
from migrator.errors import ConfigurationError


def configure(folder: Path, table: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(table)
    return folder


def test_without_a_file_the_manifest_is_here(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={})

    assert settings == Settings(manifest=tmp_path / "versions.json", root=tmp_path)


def test_the_table_is_found_above_and_paths_are_relative_to_it(tmp_path: Path) -> None:
    table = '[tool.migrator]\nmanifest = "db/versions.json"\nmodels = ["cloud.models:Base"]\n'
    configure(tmp_path, table)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    settings = load_settings(below, environ={})

    assert settings.manifest == tmp_path / "db" / "versions.json"
    assert settings.models == ("cloud.models:Base",)
    assert settings.root == tmp_path


def test_the_nearest_table_counts_and_files_without_one_do_not(tmp_path: Path) -> None:
    configure(tmp_path, '[tool.migrator]\nmanifest = "far.json"\n')
    near = configure(tmp_path / "a", '[tool.migrator]\nmanifest = "near.json"\n')
    configure(tmp_path / "a" / "b", '[project]\nname = "b"\n')
    settings = load_settings(tmp_path / "a" / "b", environ={})

    assert settings.manifest == near / "near.json"


def test_the_command_line_comes_first(tmp_path: Path) -> None:
    configure(tmp_path, '[tool.migrator]\nmanifest = "far.json"\n')
    below = tmp_path / "a"
    below.mkdir()
    settings = load_settings(
        below, Path("mine.json"), "sqlite:///b.db", environ={"MIGRATOR_DATABASE_URL": "sqlite://"}
    )

    assert settings.manifest == below / "mine.json"
    assert settings.database_url() == "sqlite:///b.db"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"APP_URL": "sqlite:///app.db"}, "sqlite:///app.db"),
        (
            {"APP_URL": "sqlite:///app.db", "MIGRATOR_DATABASE_URL": "sqlite:///m.db"},
            "sqlite:///m.db",
        ),
        ({"APP_URL": "sqlite:///app.db", "MIGRATOR_DATABASE_URL": ""}, "sqlite:///app.db"),
    ],
)
def test_the_variable_of_the_url_can_be_named(
    tmp_path: Path, environ: dict[str, str], url: str
) -> None:
    configure(tmp_path, '[tool.migrator]\nurl-variable = "APP_URL"\n')

    assert load_settings(tmp_path, environ=environ).database_url() == url


def test_a_missing_url_says_which_variable_to_set(tmp_path: Path) -> None:
    configure(tmp_path, '[tool.migrator]\nurl-variable = "APP_URL"\n')
    with pytest.raises(ConfigurationError, match="no database is given") as raised:
        load_settings(tmp_path, environ={}).database_url()

    assert raised.value.hint == "set APP_URL or give --database URL"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[tool.migrator]\nmanifset = 'a'", "unknown key 'manifset'", "did you mean manifest?"),
        (
            "[tool.migrator]\nurl_variable = 'A'",
            "unknown key 'url_variable'",
            "did you mean url-variable?",
        ),
        ("[tool.migrator]\nzzz = 1", "unknown key 'zzz'", None),
        (
            "[tool.migrator]\nmanifest = 1",
            "manifest in [tool.migrator] is 1, expected a text",
            None,
        ),
        (
            "[tool.migrator]\nmanifest = ''",
            "manifest in [tool.migrator] is '', expected a text",
            None,
        ),
        ("[tool.migrator]\nmodels = 'cloud'", "models in [tool.migrator] is 'cloud'", None),
        ("[tool.migrator]\nmodels = [1]", "models in [tool.migrator] is [1]", None),
        ("[tool.migrator]\nmodels = ['a/b.py']", "models in [tool.migrator] names 'a/b.py'", None),
        ("[tool]\nmigrator = 1", "tool.migrator is 1, expected a table", None),
        ("[tool.migrator\n", "cannot be read: ", None),
        ("a = 1\na = 2\n", "(at line 2", None),
    ],
)
def test_a_mistake_is_an_error_that_names_the_file(
    tmp_path: Path, text: str, message: str, hint: str | None
) -> None:
    configure(tmp_path, text)
    with pytest.raises(ConfigurationError) as raised:
        load_settings(tmp_path, environ={})

    assert message in raised.value.message
    assert str(tmp_path / "pyproject.toml") in raised.value.message
    assert raised.value.hint == hint


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://me:s3cret@host/db",
        "postgresql://host/db?user=me&password=s3cret",
        "postgresql://host/db?sslmode=require&sslpassword=s3cret",
        "mysql+pymysql://me:s3cret@host/db?passwd=s3cret&charset=utf8mb4",
        sa.make_url("postgresql://me:s3cret@host/db"),
        "me:s3cret@host",
        "postgresql://me:s3cret@host:port/db",
    ],
)
def test_a_password_is_never_shown(url: str | sa.URL) -> None:
    assert "s3cret" not in show_url(url)


def test_what_is_no_secret_is_shown() -> None:
    url = "postgresql://me:s3cret@host:5432/db?sslmode=require&password=s3cret"

    assert show_url(url) == "postgresql://me:***@host:5432/db?password=***&sslmode=require"
    assert show_url("sqlite:///a.db") == "sqlite:///a.db"


def test_settings_do_not_show_the_url() -> None:
    assert "s3cret" not in repr(Settings(manifest=Path("v.json"), url="mysql://me:s3cret@host/db"))
