"""`audit export --output`: a new file that is whole, or one sentence and no file."""

from __future__ import annotations

import errno
from typing import Any, NoReturn

import pytest

from campaigns.cli.audit import audit
from tests.cli.conftest import Shell


def test_an_export_that_finds_the_disk_full_leaves_no_file_in_the_way(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    place = shell.folder / "trail.jsonl"
    with monkeypatch.context() as patched:
        patched.setattr(audit, "_write", full)
        sentence = shell.refusal("audit", "export", "--output", str(place), code=2)
    assert "cannot be written: its disk is full; make room" in sentence
    assert not place.exists()
    assert shell.run("audit", "export", "--output", str(place)).exit_code == 0
    assert "it exists already; name a new file" in shell.refusal("audit", "export", "--output", str(place), code=2)
    assert place.exists()


def test_a_missing_folder_is_named_as_such(shell: Shell) -> None:
    place = shell.folder / "nope" / "x"
    sentence = shell.refusal("audit", "export", "--output", str(place), code=2)
    assert f"there is no folder '{place.parent}'; make it first" in sentence


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("audit", "export", "--output", ""), "--output is empty"),
        (("audit", "verify", "--heads", ""), "--heads is empty"),
        (("create", ""), "FILE is empty"),
        (("create", "--account", "acct_one", "--text", "Hi", "--users", ""), "--users is empty"),
    ],
)
def test_an_empty_name_of_a_file_is_told_as_such(shell: Shell, command: tuple[str, ...], what: str) -> None:
    shell.ok("accounts", "add", "acct_one")
    assert shell.refusal(*command, code=2).startswith(f"{what}; name a file")
