"""Whether the commands that a sentence names exist."""

from __future__ import annotations

import re
import shlex

import click

from campaigns.cli.main import cli


def assert_commands_exist(sentence: str) -> None:
    """Read each command of a sentence with the real command line: it must exist, with the options that are named."""
    for line in re.findall(r"`campaigns ([^`]*)`", sentence):
        command: click.Command = cli
        words = shlex.split(line)
        context = click.Context(command)
        while isinstance(command, click.Group) and words:
            found = command.get_command(context, words.pop(0))
            assert found is not None, sentence
            command = found
        assert not isinstance(command, click.Group), sentence
        known = {name for each in command.params for name in each.opts}
        assert {word for word in words if word.startswith("--")} <= known, sentence
