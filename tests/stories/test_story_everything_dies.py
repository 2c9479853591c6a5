"""Everything is killed, again and again, under a vendor that fails at random: `./run test -m slow tests/stories`."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable

import pytest

from tests.embedded.left import alive, wait_until
from tests.stories.rig import Rig, books_balance, times_accepted

ACCOUNTS = {f"acct_dies_{number}": range(number * 10_000, number * 10_000 + 3_000) for number in (1, 2, 3)}
KILLS = 14

RATES = """
answer_seconds: 0.03
limit_per_minute: null
rates:
  lost_answer: 0.01
  half_answer: 0.01
  dropped_before_acting: 0.01
  html_502: 0.01
  answer_504_after_accepting: 0.01
  hang: 0.005
  slow_answer: {rate: 0.01, seconds: 2}
  throttled_by_onlyfans: {rate: 0.02, retry_after: 0.5}
  not_sent_hint: 0.03
  refused_by_onlyfans: 0.01
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_dies_nobody_gets_it_twice_and_nobody_is_lost(rig: Rig, seed: int) -> None:
    chance = random.Random(seed)
    begin(rig, seed)
    runs = {
        account: rig.launched(rig.campaign(account, users, "--batch-size", "20")) for account, users in ACCOUNTS.items()
    }
    for _ in range(KILLS):
        chance.choice(deaths(rig, seed, chance))()
        assert all(books_balance(rig.run_of(run)) for run in runs.values())
        threading.Event().wait(chance.uniform(0.2, 2))  # a moment of chance for the next one, not for a condition

    ended = ("finished", "finished_with_failures")
    wait_until(lambda: all(rig.run_of(run)["state"] in ended for run in runs.values()), 120)

    with rig.record() as record:
        real = {send.message_id: send for send in record.accepted()}
        for account, run in runs.items():
            told = times_accepted(record, account)
            assert max(told.values()) == 1
            batches = rig.batches(run)
            claimed = {row["message_id"] for row in batches if row["state"] == "accepted"}
            assert claimed <= real.keys()
            hidden = {send.request_sha256 for send in real.values() if send.account == account} - {
                row["request_sha256"] for row in rig.attempts(run) if row["outcome"] in ("accepted", "unknown")
            }
            assert not hidden, "the vendor accepted what our books call neither accepted nor unknown"
    assert rig.ask("audit", "verify")["ok"]


def begin(rig: Rig, seed: int) -> None:
    rig.up()
    with rig.record() as record:
        record.put_faults(f"seed: {seed}\n{RATES}")


def deaths(rig: Rig, seed: int, chance: random.Random) -> list[Callable[[], None]]:
    """One part, or everything at once."""

    def part() -> None:
        words = chance.choice(["app worker", "app worker", "app beat", "redis.sock", "campaigns.sandbox"])
        for process in [process for process, command in alive(str(rig.folder)).items() if words in command][:1]:
            os.kill(process, signal.SIGKILL)

    def everything() -> None:
        rig.programs[-1].kill()
        rig.programs[-1].wait()
        begin(rig, seed)

    return [part, part, part, part, everything]
