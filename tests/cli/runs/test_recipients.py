"""`runs recipients`: who is where, as IDs in a file that only its owner reads."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.world import REJECTED, UNKNOWN, World, accepted


@pytest.fixture
def ended(shell: Shell, world: World) -> Shell:
    """Run r1 with users 1 to 6 in three batches: accepted, unknown, rejected; 7 is suppressed."""
    shell.ok("accounts", "add", "acct_one")
    shell.ok("suppress", "add", "7", "--reason", "x")
    path = shell.file("fans.csv", "user_id\n" + "\n".join(str(user) for user in range(1, 8)))
    shell.ok("create", "--account", "acct_one", "--text", "Hello", "--users", path, "--batch-size", "2")
    shell.ok("launch", "--yes", "1")
    world.gateway.script = [accepted("1"), UNKNOWN, REJECTED]
    world.serve_out()
    return shell


def ids(shell: Shell, *words: str) -> list[int]:
    result = shell.run("runs", "recipients", "1", *words, "--output", "-")
    assert result.exit_code == 0, result.stderr
    return [int(line) for line in result.stdout.splitlines()]


def test_recipients_by_state_by_batch_and_left_out(ended: Shell) -> None:
    assert ids(ended, "--state", "accepted") == [1, 2]
    assert ids(ended, "--state", "unknown") == [3, 4]
    rejected = ids(ended, "--state", "rejected")
    assert rejected == [5, 6]
    assert ids(ended, "--state", "accepted", "--batch", "2") == []
    assert ids(ended, "--left-out", "suppressed") == [7]


def test_the_file_is_new_and_its_owners_alone(ended: Shell, tmp_path: Path) -> None:
    path = tmp_path / "accepted.txt"
    words = ("runs", "recipients", "1", "--state", "accepted", "--output", str(path))

    before = os.umask(0)
    try:
        assert "Wrote 2 user IDs" in ended.run(*words).stderr
    finally:
        os.umask(before)

    assert path.read_text() == "1\n2\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "exists already" in ended.refusal(*words, code=2)


REFUSALS: dict[tuple[str, ...], tuple[str, int]] = {
    (): ("either --state or --left-out", 2),
    ("--state", "accepted", "--left-out", "suppressed"): ("either --state or --left-out", 2),
    ("--left-out", "suppressed", "--batch", "1"): ("--batch belongs to --state", 2),
    ("--state", "accepted", "--batch", "9"): ("Run r1 has no batch 9", 3),
    ("--left-out", "age"): ("it left users out for: suppressed", 3),
}


def test_what_names_nobody_is_refused(ended: Shell) -> None:
    for words, (sentence, code) in REFUSALS.items():
        assert sentence in ended.refusal("runs", "recipients", "1", *words, "--output", "-", code=code)


def test_nobody_here_knows_who_is_on_a_whole_list(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    shell.ok("create", "--account", "acct_one", "--text", "Hello", "--list", "5", "--accept-suppressed")
    shell.ok("launch", "--yes", "1")
    command = ("runs", "recipients", "1", "--state", "ready", "--output", "-")
    assert "went to whole lists" in shell.refusal(*command, code=4)
