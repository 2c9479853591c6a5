"""Each remedy is worded as a command that the command line has."""

from __future__ import annotations

import pytest

from campaigns.cli.kit.remedies import SENTENCES, in_words
from campaigns.domain.remedies import Do, Remedy
from tests.cli.kit.existing_commands import assert_commands_exist


@pytest.mark.parametrize("do", Do)
def test_a_remedy_names_a_command_and_options_that_there_are(do: Do) -> None:
    (sentence,) = in_words([Remedy(do, campaign=3, run=7, account="acct_one", value="1")])

    assert_commands_exist(sentence)
    assert set(SENTENCES) == set(Do)
