"""Redis goes away, the vendor goes away: nothing is sent meanwhile, and it goes on by itself."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest
from redis import Redis

from tests.embedded.left import wait_until
from tests.stories.conftest import Town
from tests.stories.rig import Rig, times_accepted

FANS = range(7_000_000, 7_000_200)


@contextlib.contextmanager
def frozen(rig: Rig, words: str) -> Iterator[None]:
    """A part that neither answers nor closes its connections."""
    process = rig.part(words)
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def test_without_redis_nothing_is_sent_and_with_it_the_run_goes_on(town: Town) -> None:
    rig = town.rig
    campaign = rig.campaign("acct_without_redis", FANS, "--batch-size", "20")
    with frozen(rig, "redis.sock"):
        run = rig.launched(campaign)
        wait_until(lambda: rig.run_of(run)["lane"]["waits_for"] in {"the shared rate budget", "the fence book"})
        refused = rig.run("limits")
        assert refused.exit_code == 75, refused.output
        assert "Redis" in refused.stderr
        assert rig.attempts(run) == []
        assert not times_accepted(town.record, "acct_without_redis")

    wait_until(lambda: rig.run_of(run)["state"] == "finished", 60)

    assert times_accepted(town.record, "acct_without_redis") == Counter(FANS)
    assert rig.run("limits").exit_code == 0


@pytest.mark.slow
def test_a_redis_that_is_emptied_in_the_middle_costs_nothing_and_forgets_no_request(town: Town) -> None:
    rig = town.rig
    campaign = rig.campaign("acct_emptied", FANS, "--batch-size", "4")
    run = rig.launched(campaign)
    wait_until(lambda: rig.run_of(run)["accepted"])
    with contextlib.closing(Redis(unix_socket_path=str(rig.home / "redis.sock"))) as redis:
        redis.flushall()
    assert rig.run_of(run)["waiting"], "it was not in the middle"

    wait_until(lambda: rig.run_of(run)["state"] == "finished", 60)

    assert times_accepted(town.record, "acct_emptied") == Counter(FANS)
    assert rig.run_of(run)["holds"] == [], "an emptied Redis is no restored database"
    counted = rig.ask("limits")["used"]
    assert counted >= len(rig.attempts(run)), "those before were counted again from the database"


def test_while_the_vendor_is_away_batches_wait_and_then_go(town: Town) -> None:
    rig = town.rig
    campaign = rig.campaign("acct_without_vendor", FANS, "--batch-size", "100")
    town.take_vendor_away()
    try:
        run = rig.launched(campaign)
        wait_until(lambda: len(rig.attempts(run)) > 1 or rig.run_of(run)["lane"]["waits_for"] == "the vendor")
        waiting = rig.run_of(run)
        assert (waiting["waiting"], waiting["unknown"], waiting["rejected"]) == (200, 0, 0)
    finally:
        town.bring_vendor()

    wait_until(lambda: rig.run_of(run)["state"] == "finished", 60)

    assert times_accepted(town.record, "acct_without_vendor") == Counter(FANS)
    assert {row["outcome"] for row in rig.attempts(run)} <= {"accepted", "not_sent"}
