"""Each remedy is worded as a command that the command line has."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from campaigns.cli.kit.remedies import SENTENCES, in_words
from campaigns.cli.main import cli
from campaigns.domain.remedies import Do, Remedy


@pytest.mark.parametrize("do", Do)
def test_a_remedy_names_a_command_and_options_that_there_are(do: Do) -> None:
    (sentence,) = in_words([Remedy(do, campaign=3, run=7, account="acct_one", value="1")])

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
    assert set(SENTENCES) == set(Do)
