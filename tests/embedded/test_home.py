"""The home folder: whose it is, and that one `up` at a time has it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from campaigns.domain.errors import NotAllowed, SettingsError
from campaigns.embedded import home as home_module
from campaigns.embedded.home import only_up, prepare_home, write_private


def test_a_new_home_is_its_owners_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = prepare_home(Path("deep/home"))
    assert made == tmp_path / "deep" / "home"
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert list(made.iterdir()) == []


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for impossible in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/self/here")):
        with pytest.raises(
            SettingsError, match=rf"^CAMPAIGNS_HOME '{impossible}' cannot be used \(.*Nothing was started\.$"
        ):
            prepare_home(impossible)


def test_a_full_disk_is_no_fault_of_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(OSError, match="No space left"):
        prepare_home(tmp_path / "home")


def test_a_second_up_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    with only_up(tmp_path, print), pytest.raises(NotAllowed, match=f"already runs on .* \\(process {os.getpid()}\\)"):  # noqa: SIM117
        with only_up(tmp_path, print):
            pass


def test_a_home_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with only_up(tmp_path, print):
            pass


def test_the_parts_of_a_killed_up_are_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    waiting = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        waiting.set()

    with (tmp_path / "parts.lock").open("w") as left_over:
        fcntl.flock(left_over, fcntl.LOCK_EX)

        def end() -> None:
            waiting.wait(20)
            fcntl.flock(left_over, fcntl.LOCK_UN)

        ending = threading.Thread(target=end)
        ending.start()
        with only_up(tmp_path, say):
            assert said == ["Waiting for the parts of an earlier `campaigns up` to end."]
        ending.join()


def test_parts_that_do_not_end_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "LEFTOVER_SECONDS", 0.0)
    with (tmp_path / "parts.lock").open("w") as left_over:
        fcntl.flock(left_over, fcntl.LOCK_EX)
        with pytest.raises(NotAllowed, match="Parts of an earlier `campaigns up` still run"), only_up(tmp_path, print):
            pass


def test_a_private_file_is_replaced_whole_and_read_by_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "redis.url"
    path.write_text("an older, longer text")
    path.chmod(0o644)
    write_private(path, "new\n")
    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
