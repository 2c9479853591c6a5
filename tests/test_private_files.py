"""Whose the files are: whatever the umask and whatever was there before, nobody else reads or writes them."""

from __future__ import annotations

import logging
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from campaigns.cli.main import cli
from campaigns.domain.errors import SettingsError
from campaigns.embedded.home import prepare_home
from campaigns.private_files import NotPrivate, close_file, private_folder, read_plain_file, remove_old_schedule
from campaigns.settings import Settings, load_settings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(folder: Path) -> list[Path]:
    return [path for path in (folder, *folder.rglob("*")) if path.lstat().st_mode & 0o077 and not path.is_symlink()]


def campaigns(folder: Path, *words: str, umask: int = 0o000, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "campaigns", *words]
    known = {"PATH": os.environ["PATH"], "CAMPAIGNS_HOME": "home"} | environment
    return subprocess.run(
        command, cwd=folder, env=known, check=False, capture_output=True, text=True, timeout=60, umask=umask
    )


def test_a_new_folder_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = private_folder(tmp_path / "deep" / "folder")
    finally:
        os.umask(before)
    assert mode(made) == 0o700


def test_a_folder_that_others_may_read_is_closed_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o755)
    for _ in range(2):
        private_folder(tmp_path)
    assert mode(tmp_path) == 0o700
    assert [record.message for record in caplog.records] == [
        f"Other users could read the folder '{tmp_path}'; it is closed to them now."
    ]


@pytest.mark.parametrize("rights", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_is_refused(tmp_path: Path, rights: int) -> None:
    tmp_path.chmod(rights)
    with pytest.raises(NotPrivate, match=f"other users may write it .mode {rights:04o}.*chmod 700"):
        private_folder(tmp_path)
    assert mode(tmp_path) == rights


def test_a_folder_of_another_user_is_refused_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "redis.url").write_text("redis://evil.example/0")
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    settings = Settings(CAMPAIGNS_HOME=tmp_path)
    for use in (
        lambda: prepare_home(tmp_path),
        lambda: settings.redis_url,
        lambda: settings.upstream_url,
        lambda: settings.database_url,
    ):
        with pytest.raises(SettingsError, match=r"CAMPAIGNS_HOME .* cannot be used.*belongs to user"):
            use()


def test_what_a_command_writes_is_its_owners_alone(tmp_path: Path) -> None:
    """A home that was there before, open to all, and no umask at all."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    done = campaigns(tmp_path, "db", "upgrade")
    assert done.returncode == 0, done.stderr
    assert "it is closed to them now" in done.stderr
    assert (home / "campaigns.db").exists()
    assert open_to_others(home) == []


def test_a_database_of_an_older_release_is_closed_with_all_its_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "campaigns.db"
    file.write_bytes(b"content")
    file.chmod(0o644)
    for _ in range(2):
        close_file(file)
    close_file(tmp_path / "campaigns.db-wal")
    assert mode(file) == 0o600
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_an_old_schedule_is_deleted_and_never_read(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("touch code-was-run",)

    (tmp_path / "beat-schedule").write_bytes(pickle.dumps(Evil()))
    (tmp_path / "campaigns.db").touch()
    remove_old_schedule(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["campaigns.db"]


@pytest.mark.parametrize(
    "name", ["a b", "100%20", "what?x=1", "hash#tag", "two\nlines", "quo'te\"d", "semi;colon&and", "käse"]
)
def test_an_odd_home_is_one_place_for_every_command(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / name
    monkeypatch.setenv("CAMPAIGNS_HOME", str(home))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    done = CliRunner().invoke(cli, ["db", "upgrade"])
    assert done.exit_code == 0, done.output
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (home / "campaigns.db").is_file()


def test_a_home_under_the_users_own_folder_may_be_written_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CAMPAIGNS_HOME", "~/sub")
    settings = load_settings()
    assert settings.home == tmp_path / "sub"
    assert settings.database_url == f"sqlite:///{tmp_path}/sub/campaigns.db"
    monkeypatch.setenv("CAMPAIGNS_HOME", "~nobody-of-that-name/sub")
    with pytest.raises(SettingsError, match=r"CAMPAIGNS_HOME.*name of nobody"):
        load_settings()


def test_a_plain_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert read_plain_file(file, 5) == b"12345"
    with pytest.raises(OSError, match="it is larger than 4 bytes"):
        read_plain_file(file, 4)
    with pytest.raises(IsADirectoryError):
        read_plain_file(tmp_path, 5)
