"""What watching says about a run."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.cli.runs.progress import Look, Rates, limit_text, progress_line
from campaigns.domain.sending.pacing import Limits
from campaigns.flow.runs.outlook import ShownRun, shown
from campaigns.store.runs.lane_work import LaneWork
from campaigns.store.runs.times import OpenHours
from campaigns.store.views.runs import LaneView
from tests.flow.runs.shown_runs import LIMITS, NOW, a_run, held

SEEN: dict[str, float | None] = {"beat": 1.0, "worker": 1.0}


def look_at(run: ShownRun, at: float = 0.0, *, now: datetime = NOW, limits: Limits = LIMITS, **facts: Any) -> Look:
    return Look(at, shown(run, LaneWork(), limits=limits, now=now), now, **{"quiet": SEEN, **facts})


def limit_of(run: ShownRun, *, now: datetime = NOW, **facts: Any) -> str:
    return limit_text(look_at(run, now=now, **facts), Rates())


def test_the_end_time_names_the_account_gap() -> None:
    assert limit_of(a_run()) == "about 1 min 40 s left, limited by the account gap"


def test_the_end_time_names_the_team_budget() -> None:
    tight = dataclasses.replace(LIMITS, rate_per_minute=20)
    assert "limited by the team budget" in limit_text(look_at(a_run(), limits=tight), Rates())


def test_a_hold_is_named_with_its_reason() -> None:
    assert limit_of(a_run(holds=[held("credits", "402 no\ncredits")])) == "paused: 402 no credits"


def test_a_missing_worker_or_beat_is_named() -> None:
    no_worker = limit_of(a_run(), quiet={"beat": 1.0, "worker": 65.0})
    assert no_worker.startswith("nothing moves: no worker seen for 1 min 5 s")
    assert limit_of(a_run(), quiet={"beat": None, "worker": 1.0}).startswith("nothing moves: no beat was ever seen")


def test_a_cool_down_is_named() -> None:
    lane = LaneView(None, NOW + timedelta(seconds=20), "cool-down")
    assert (
        limit_of(a_run(lane=lane))
        == "the account waits 20 s more (cool-down); about 2 min left, limited by the cool-down"
    )
    assert limit_of(a_run(lane=lane), now=NOW + timedelta(seconds=19)).startswith("about")


def test_rates_are_measured_over_the_last_minute() -> None:
    rates = Rates()
    for second in range(0, 101, 10):
        rates.add(look_at(a_run(accepted=second * 5, batches={"accepted": second, "ready": 1}), float(second)))
        if second == 0:
            assert rates.per_second is None
    assert rates.per_second == (5.0, 1.0)
    assert len(rates.looks) == 7


def test_a_pace_much_slower_than_the_estimate_is_believed() -> None:
    rates = Rates()
    rates.add(look_at(a_run(batches={"accepted": 0, "ready": 100})))
    last = look_at(a_run(batches={"accepted": 1, "ready": 99}), 10.0)
    rates.add(last)
    assert limit_text(last, rates) == "about 16 min 30 s left at the measured pace"


def test_the_request_time_is_measured_and_not_guessed() -> None:
    quick = dataclasses.replace(LIMITS, account_gap_seconds=0.0)
    rates = Rates()
    rates.add(look_at(a_run(batches={"accepted": 0, "ready": 200}), limits=quick))
    last = look_at(a_run(batches={"accepted": 100, "ready": 100}), 10.0, limits=quick)
    assert limit_text(last, Rates()) == "about 50 s left, limited by the request time"
    rates.add(last)
    assert limit_text(last, rates) == "about 10 s left, limited by the request time"


def test_one_line_says_it_all() -> None:
    rates = Rates()
    rates.add(look_at(a_run()))
    last = look_at(a_run(accepted=500, rejected=20, waiting=480, batches={"accepted": 10, "ready": 10}), 10.0)
    rates.add(last)
    assert progress_line(last, rates) == (
        "run r7 sending: 500 of 1,000 accepted, 20 rejected, 480 waiting; 52 recipients/s, 60 requests/min; "
        "about 10 s left, limited by the account gap"
    )


def test_nobody_knows_how_many_are_on_a_whole_list() -> None:
    run = a_run(whole_list=True, planned=1, waiting=1, batches={"ready": 1})
    assert progress_line(look_at(run), Rates()).startswith("run r7 sending: 0 accepted, 1 waiting;")


NIGHT = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)
DAYTIME = [OpenHours("09:00-22:00", "UTC")]


def test_a_run_outside_its_hours_says_until_when() -> None:
    run = a_run(sending_hours=DAYTIME, resumes_at=datetime(2026, 11, 25, 9, tzinfo=UTC))
    assert limit_of(run, now=NIGHT).startswith("outside its sending hours until 2026-11-25 ")
    assert limit_of(run, now=NIGHT - timedelta(hours=1)).startswith("outside"), "an account's hours may have ended it"
    assert limit_of(a_run(sending_hours=DAYTIME), now=NIGHT) == "about 10 h 31 min left, limited by the sending hours"


def test_a_spread_run_names_its_next_batch_and_what_limits_it() -> None:
    run = a_run(next_batch_at=NIGHT + timedelta(minutes=5), last_batch_at=NIGHT + timedelta(hours=1))
    assert limit_of(run, now=NIGHT).startswith("its next batch goes at 2026-11-")
    assert limit_of(run, now=NIGHT + timedelta(minutes=5)) == "about 55 min left, limited by the spread"


def test_a_run_that_will_expire_says_so() -> None:
    run = a_run(expires_at=NIGHT + timedelta(minutes=1))
    assert limit_of(run, now=NIGHT) == "about 1 min left, limited by the expiry"


def test_a_run_that_was_too_late_to_be_handed_over_says_when_it_is_sent() -> None:
    at = NOW + timedelta(hours=6)
    assert limit_of(a_run(resumes_at=at, scheduled_date=at)).startswith("not handed over; sent at ")
    assert limit_of(a_run(resumes_at=at)).startswith("outside its sending hours until ")


def test_a_run_that_was_handed_over_is_with_the_vendor_until_its_time() -> None:
    run = a_run(state="finished", accepted=1000, waiting=0, batches={}, scheduled_date=NOW + timedelta(hours=4))
    assert limit_of(run).startswith("ended; with the vendor until 2026-11-24 ")
    assert limit_of(run, now=NOW + timedelta(hours=4)) == "ended"
