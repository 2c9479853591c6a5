"""A reason that is needed is asked for on a terminal; elsewhere its lack is refused, and nothing is done."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator

import click
import pytest

from campaigns.cli.main import cli
from tests.cli.conftest import Shell

NEEDING = {
    *("stop", "pause", "resume", "hosts forget", "accounts release", "accounts remove", "operators disable"),
    *("suppress add", "suppress remove", "suppress import"),
    *("runs pause", "runs resume", "runs cancel", "runs rerun", "runs decide", "runs recall"),
}
NOT_NEEDING = {"go", "launch", "schedule skip-next", "schedule backfill"}

LINES = {
    "stop": (),
    "pause": ("1",),
    "resume": ("1",),
    "hosts forget": ("gone",),
    "operators disable": ("ben",),
    "accounts release": ("acct_one",),
    "accounts remove": ("acct_one",),
    "suppress add": ("7",),
    "suppress remove": ("7",),
    "suppress import": ("-",),
    "runs decide": ("1", "--all", "--as", "not-sent"),
}
"""What else each command is given; a run's number where nothing stands here."""


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def test_every_command_with_a_reason_is_one_of_the_two_kinds() -> None:
    reasons = {path: option for path, command in commands(cli) for option in command.params if option.name == "reason"}

    assert reasons.keys() == NEEDING | NOT_NEEDING
    assert {path for path, option in reasons.items() if "[required]" in (getattr(option, "help", "") or "")} == NEEDING
    assert not [path for path, option in reasons.items() if option.required], "click would refuse before it is asked"


@pytest.mark.parametrize("path", sorted(NEEDING))
def test_off_a_terminal_a_missing_or_empty_reason_is_refused(shell: Shell, path: str) -> None:
    line = (*path.split(), *LINES.get(path, ("1",)))

    assert "--reason is missing." in shell.refusal(*line, code=2)
    assert "--reason is empty" in shell.refusal(*line, "--reason", " ", code=2)


def test_on_a_terminal_the_reason_is_asked_for(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.ok("launch", str(shell.campaign()), "--yes")
    ours, theirs = pty.openpty()
    os.write(ours, b"wrong price\n")
    with monkeypatch.context() as patch, os.fdopen(theirs, "r+b", buffering=0) as raw:
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            patch.setattr(sys, name, os.fdopen(os.dup(raw.fileno()), mode, encoding="utf-8"))
        code = cli.main(["runs", "pause", "1"], standalone_mode=False)
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.close()
        shown = os.read(ours, 1 << 16).decode()
    os.close(ours)

    assert code in {0, None}
    assert "Reason, for the audit: " in shown
    assert "Run r1 is paused." in shown
    assert shell.ok("runs", "show", "1")["holds"][0]["reason"] == "wrong price"
