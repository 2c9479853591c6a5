"""docs/commands.md names every command with its options, an example that parses, its JSON and its exit codes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from campaigns.cli.kit.agree import INTERRUPTED
from campaigns.cli.main import EXIT_CODES, READER_GONE, cli
from campaigns.cli.runs.progress import EXIT_CODES as ENDS
from tests.cli.command_lines import EVERY_COMMAND
from tests.cli.conftest import Shell
from tests.world import LOGGED_OUT, World
from tests.world import REJECTED as REFUSED
from tests.world import UNKNOWN as LOST

PAGE = (Path(__file__).parents[2] / "docs/commands.md").read_text()
HEAD, *PARTS = re.split(r"^## `campaigns (.+)`$", PAGE, flags=re.MULTILINE)
SECTIONS = dict(zip(PARTS[::2], PARTS[1::2], strict=True))
EXAMPLES = re.compile(r"```sh\n(.*?)```", re.DOTALL)
JSON = re.compile(r"```json\n(.*?)```", re.DOTALL)


COMMANDS = {" ".join(path): command for path, command in EVERY_COMMAND.items()}


def options(command: click.Command) -> set[str]:
    return {each.opts[0] for each in command.params if isinstance(each, click.Option) and not each.hidden}


def test_every_command_is_documented_and_no_other() -> None:
    assert list(SECTIONS) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_and_no_other(name: str) -> None:
    assert set(re.findall(r"^\| `(--[\w-]+)", SECTIONS[name], re.MULTILINE)) == options(COMMANDS[name])


def test_the_options_of_the_command_itself_are_documented() -> None:
    assert set(re.findall(r"^\| `(--[\w-]+)", HEAD, re.MULTILINE)) == options(cli)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_can_be_typed(name: str) -> None:
    block = EXAMPLES.search(SECTIONS[name])
    assert block, "an example is missing"
    for line in block[1].splitlines():
        words = shlex.split(line.partition(" < ")[0])
        start = ["campaigns", *name.split()]
        assert words[: len(start)] == start
        COMMANDS[name].make_context(name, words[len(start) :])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_how_it_ends(name: str) -> None:
    said = re.search(r"^Exit codes: .+$", SECTIONS[name], re.MULTILINE)
    assert said
    known = set(map(str, documented_codes()))
    assert set(re.findall(r"(?:^|· |: )(\d+)\b", said[0])) <= known


def documented_codes() -> set[int]:
    return {int(code) for code in re.findall(r"^\| (\d+) \|", HEAD, re.MULTILINE)}


def test_every_exit_code_is_documented_and_no_other() -> None:
    assert documented_codes() == {*EXIT_CODES.values(), *ENDS.values(), INTERRUPTED, READER_GONE}


def test_every_json_example_has_the_keys_that_are_printed(shell: Shell, world: World) -> None:
    answers = every_answer(shell, world)
    shown = {name: json.loads(found[1]) for name, section in SECTIONS.items() if (found := JSON.search(section))}
    with_json = {name for name, command in COMMANDS.items() if "--json" in options(command)}
    assert with_json - set(shown) == {"demo"}
    not_run_here = {"limits", "probe", "runs watch", "suppress import"}
    assert set(shown) - set(answers) == not_run_here
    assert {name: keys(shown[name]) for name in answers} == {name: keys(answer) for name, answer in answers.items()}
    assert keys(shown["runs watch"]) == keys(shown["runs show"])


def keys(answer: Any) -> list[str]:
    return sorted(answer[0] if isinstance(answer, list) else answer)


LATE_IN_THE_DAY = {
    "accounts rename": ("acct_two", "Bea"),
    "why-not": ("3", "1"),
    "stop": ("--reason", "x"),
    "go": ("--yes",),
    "accounts remove": ("acct_two", "--reason", "x"),
}


AT_ITS_END = {"archive": ("1", "--yes"), "unarchive": ("1",), "copy": ("1",)}


def access(does: Callable[..., None]) -> None:
    """An operator and a token."""
    does("operators add", "Anna")
    does("operators add", "ben", "--rights", "editor", "--account", "acct_one")
    does("operators set", "ben", "--rights", "sender", "--every-account")
    does("operators list")
    does("operators link", "ben")
    does("tokens create", "nightly", "--operator", "ben", "--rights", "sender", "--expires", "30d")
    does("tokens list")
    does("tokens revoke", "1")
    does("operators four-eyes", "on")
    does("operators disable", "ben", "--reason", "x")
    does("operators enable", "ben")


def every_answer(shell: Shell, world: World) -> dict[str, Any]:
    """What the commands print in the course of one day."""
    day: dict[str, Any] = {}

    def does(command: str, *words: str) -> None:
        day[command] = shell.ok(*command.split(), *words)

    for command in ("db upgrade", "db check"):
        does(command)
    does("accounts add", "acct_one", "--name", "Anna", "--zone", "Europe/Berlin", "--hours", "9:00-22:00")
    does("accounts set", "acct_one", "--clear", "hours")
    shell.ok("accounts", "add", "acct_two")
    does("accounts list")
    path = shell.file("fans.csv", "user_id\n1\n2\n3\n4\n5\n")
    does("create", "--account", "acct_one", "--text", "Hi", "--users", path, "--batch-size", "2")
    does("edit", "1", "--text", "Hello")
    does("list")
    does("show", "1")
    does("status")
    does("plan", "1")
    does("schedule explain", "0 18 * * FRI", "--zone", "Europe/Berlin")
    does("launch", "--yes", "1")
    does("runs list")
    does("runs pause", "1", "--reason", "x")
    does("runs resume", "1", "--reason", "x")
    world.gateway.script = [LOST, REFUSED, LOGGED_OUT]
    world.serve_out()
    does("accounts release", "acct_one", "--reason", "x")
    for command in ("runs show", "runs batches", "runs attempts", "reconcile"):
        does(command, "1")
    does("runs decide", "1", "--all", "--as", "not-sent", "--reason", "x")
    does("runs cancel", "1", "--reason", "x")
    does("runs rerun", "1", "--reason", "x")
    world.serve_out()
    does("runs recall", "2", "--reason", "x", "--yes")
    does("who", "3")
    does("suppress add", "7", "--reason", "x")
    does("suppress list")
    does("suppress remove", "7", "--reason", "x")
    for command in ("audit list", "audit verify", "hosts list"):
        does(command)
    does("hosts forget", "0" * 8, "--reason", "x")
    access(does)
    for command, words in LATE_IN_THE_DAY.items():
        does(command, *words)
    shell.ok("create", "--account", "acct_one", "--text", "Hi", "--users", path, "--cron", "0 * * * *", "--often")
    shell.ok("launch", "--yes", "2")
    does("pause", "2", "--reason", "x")
    does("resume", "2", "--reason", "x")
    does("schedule skip-next", "2")
    since, now = datetime.now(UTC) - timedelta(hours=3), datetime.now(UTC)
    period = ("--from", since.isoformat(), "--to", now.isoformat())
    does("schedule backfill", "2", *period, "--yes", "--before-created")
    for command, words in AT_ITS_END.items():
        does(command, *words)
    day["doctor"] = json.loads(shell.run("doctor", "--json").stdout)
    return day
