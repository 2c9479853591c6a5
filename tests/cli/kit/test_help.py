"""Every help ends with lines to paste, long helps have groups, and a shell completes IDs or nothing at all."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import click
import pytest
from click.shell_completion import BashComplete

from campaigns.cli.kit.help_pages.commands import COMMAND_GROUPS
from campaigns.cli.kit.help_pages.examples import EXAMPLES
from campaigns.cli.main import COMMANDS, cli
from tests.cli.command_lines import EVERY_COMMAND
from tests.cli.conftest import Shell
from tests.world import World

BY_NAME = {" ".join(path): command for path, command in EVERY_COMMAND.items()}


@pytest.mark.parametrize("name", BY_NAME)
def test_every_help_ends_with_examples_that_can_be_typed(name: str) -> None:
    help_page = BY_NAME[name].get_help(click.Context(BY_NAME[name]))

    for line in EXAMPLES[name]:
        start = ["campaigns", *name.split()]
        words = shlex.split(line)
        assert words[: len(start)] == start
        BY_NAME[name].make_context(name, words[len(start) :])
        assert f"    {line}" in help_page.splitlines()


def test_every_command_stands_in_one_group_of_the_help(shell: Shell) -> None:
    names = [name for group in COMMAND_GROUPS.values() for name in group]
    assert len(names) == len(set(names))
    assert set(COMMANDS) <= set(names)
    lines = shell.run("--help").stdout.splitlines()
    assert [line for line in lines if line.rstrip(":") in COMMAND_GROUPS] == [f"{name}:" for name in COMMAND_GROUPS]
    assert {line.split()[0] for line in lines if line.startswith("  ") and line.strip()} >= set(COMMANDS)


@pytest.mark.parametrize("name", ["create", "edit", "launch"])
def test_a_long_help_shows_each_option_once_and_in_groups(name: str) -> None:
    lines = BY_NAME[name].get_help(click.Context(BY_NAME[name])).splitlines()

    first = next(at for at, line in enumerate(lines) if re.fullmatch(r"[A-Z].*:", line) and "Usage" not in line)
    shown = [line.split()[0] for line in lines[first:] if line.startswith("  --")]
    assert sorted(shown) == sorted(
        [*(each.opts[0] for each in BY_NAME[name].params if isinstance(each, click.Option)), "--help"]
    )
    assert lines.index("Options:") > lines.index("The message:")


@pytest.fixture
def filled(world: World, shell: Shell) -> Shell:
    world.account("acct_anna")
    world.account("acct_bea")
    world.launch(world.campaign(account_id="acct_anna"))
    world.campaign(account_id="acct_bea")
    return shell


@pytest.mark.parametrize(
    ("words", "incomplete", "ids"),
    [
        (["show"], "", ["2", "1"]),
        (["runs", "show"], "", ["1"]),
        (["runs", "list", "--campaign"], "2", ["2"]),
        (["accounts", "release"], "acct_a", ["acct_anna"]),
        (["create", "--account"], "", ["acct_anna", "acct_bea"]),
        (["show"], "x", []),
    ],
)
def test_ids_are_completed(filled: Shell, words: list[str], incomplete: str, ids: list[str]) -> None:
    found = BashComplete(cli, {}, "campaigns", "_CAMPAIGNS_COMPLETE").get_completions(words, incomplete)
    assert [each.value for each in found] == ids


def test_without_a_database_a_shell_gets_nothing_and_hears_nothing(empty_shell: Shell) -> None:
    request = {"_CAMPAIGNS_COMPLETE": "bash_complete", "COMP_WORDS": "campaigns show ", "COMP_CWORD": "2"}
    code = "from campaigns.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **request}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
    assert not (empty_shell.folder / "home" / "campaigns.db").exists()
