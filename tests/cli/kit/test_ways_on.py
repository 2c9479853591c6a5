"""Each kind of hold says what to do about it, in commands that there are."""

from __future__ import annotations

import pytest

from campaigns.cli.kit.ways_on import FIX, way_on
from campaigns.cli.main import COMMANDS
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldScope
from tests.cli.kit.existing_commands import assert_commands_exist


@pytest.mark.parametrize("scope", HoldScope)
@pytest.mark.parametrize("kind", [kind for kind in HoldKind if kind is not HoldKind.STOP or "go" in COMMANDS])
def test_a_hold_names_commands_that_there_are(kind: HoldKind, scope: HoldScope) -> None:
    sentence = way_on(kind, scope, run_id=7, account_id="acct_one")

    assert_commands_exist(sentence)
    assert "`campaigns " in sentence
    assert "{" not in sentence


def test_every_kind_has_its_words_and_the_scope_says_what_lets_it_go_on() -> None:
    assert set(FIX) == set(HoldKind)
    assert "runs resume r7" in way_on(HoldKind.RESTORED, HoldScope.RUN, run_id=7, account_id="acct_one")
    assert "accounts release acct_one" in way_on(HoldKind.RESTORED, HoldScope.ACCOUNT, run_id=7, account_id="acct_one")
    assert "accounts release ACCT" in way_on(HoldKind.KEY, HoldScope.TEAM)
