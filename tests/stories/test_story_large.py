"""A large broadcast through `campaigns up` on SQLite: `./run test -m slow tests/stories`."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.stories.rig import Rig, books_balance, times_accepted

ACCOUNT = "acct_large"
FANS = range(30_000_000, 30_100_000)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_fans_get_it_once_each(rig: Rig) -> None:
    rig.up()
    campaign = rig.campaign(ACCOUNT, FANS, "--batch-size", "500")

    ended = rig.ask("launch", "--yes", str(campaign), "--wait")

    assert (ended["state"], ended["accepted"], ended["batches"]) == ("finished", 100_000, {"accepted": 200})
    assert books_balance(ended)
    assert len(rig.attempts(ended["id"])) == 200
    with rig.record() as record:
        assert times_accepted(record, ACCOUNT) == Counter(FANS)
    assert rig.ask("audit", "verify")["ok"]
