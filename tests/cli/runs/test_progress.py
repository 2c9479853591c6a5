"""What watching says about a run, and what its end means to a script."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.cli.runs.progress import Look, Rates, binding, exit_code, outlook, waits_words, words
from campaigns.domain.sending.pacing import Limits

LIMITS = Limits(
    rate_per_minute=1000,
    reserve=0.05,
    account_gap_seconds=1.0,
    request_timeout_seconds=60,
    lease_seconds=90,
    max_attempts=8,
    batch_size=500,
)
SEEN: dict[str, float | None] = {"beat": 1.0, "worker": 1.0}


def a_run(**facts: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "id": 7,
        "state": "sending",
        "planned": 1000,
        "accepted": 0,
        "saved": 0,
        "rejected": 0,
        "unknown": 0,
        "cancelled": 0,
        "waiting": 1000,
        "batches": {"ready": 100},
        "holds": [],
        "whole_list": False,
        "lane": None,
    }
    return {**plain, **facts}


def held(kind: str, reason: str = "no credits are left") -> dict[str, Any]:
    return {"kind": kind, "reason": reason}


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"state": "due"}, None),
        ({"state": "planned"}, None),
        ({"state": "sending"}, None),
        ({"state": "sending", "unknown": 5}, None),
        ({"state": "cancelling"}, None),
        ({"state": "cancelling", "holds": [held("credits")]}, None),
        ({"state": "finished"}, 0),
        ({"state": "finished_with_failures", "rejected": 5}, 5),
        ({"state": "finished_with_failures", "unknown": 5}, 6),
        ({"state": "finished_with_failures", "unknown": 5, "rejected": 5}, 6),
        ({"state": "finished", "holds": [held("credits")]}, 0),
        ({"state": "cancelled", "rejected": 5}, 4),
        ({"state": "skipped"}, 4),
        ({"holds": [held("operator")]}, 4),
        ({"holds": [held("books")]}, 4),
        ({"holds": [held("key")]}, 7),
        ({"holds": [held("credits")]}, 7),
        ({"holds": [held("operator"), held("account")]}, 7),
        ({"holds": [held("configuration")]}, 7),
    ],
)
def test_what_an_end_means_to_a_script(facts: dict[str, Any], code: int | None) -> None:
    assert exit_code(a_run(**facts)) == code


def binds(run: dict[str, Any], **facts: Any) -> str:
    return binding(Look(0.0, run, **{"quiet": SEEN, **facts}), Rates(), LIMITS)


def test_the_end_time_names_the_account_gap() -> None:
    assert binds(a_run()) == "about 1 min 40 s left, bound by the account gap"


def test_the_end_time_names_the_team_budget() -> None:
    tight = dataclasses.replace(LIMITS, rate_per_minute=20)
    assert "bound by the team budget" in binding(Look(0.0, a_run(), SEEN), Rates(), tight)


def test_a_hold_is_named_with_its_reason() -> None:
    assert binds(a_run(holds=[held("credits", "402 no\ncredits")])) == "held: 402 no credits"


def test_a_missing_worker_or_beat_is_named() -> None:
    assert binds(a_run(), quiet={"beat": 1.0, "worker": 65.0}).startswith("nothing moves: no worker seen for 1 min 5 s")
    assert binds(a_run(), quiet={"beat": None, "worker": 1.0}).startswith("nothing moves: no beat was ever seen")


def test_a_cool_down_is_named() -> None:
    run = a_run(lane={"waits_for": "cool-down"})
    assert binds(run, lane_waits=20.0) == "the account waits 20 s more (cool-down)"
    assert "left" in binds(run, lane_waits=1.0)


def test_rates_are_measured_over_the_last_minute() -> None:
    rates = Rates()
    for second in range(0, 101, 10):
        rates.add(Look(float(second), a_run(accepted=second * 5, batches={"accepted": second, "ready": 1})))
        if second == 0:
            assert rates.per_second is None
    assert rates.per_second == (5.0, 1.0)
    assert len(rates.looks) == 7


def test_a_pace_much_slower_than_the_estimate_is_believed() -> None:
    rates = Rates()
    rates.add(Look(0.0, a_run(batches={"accepted": 0, "ready": 100})))
    last = Look(10.0, a_run(batches={"accepted": 1, "ready": 99}), SEEN)
    rates.add(last)
    assert binding(last, rates, LIMITS) == "about 16 min 30 s left at the measured pace"


def test_the_request_time_is_measured_and_not_guessed() -> None:
    quick = dataclasses.replace(LIMITS, account_gap_seconds=0.0)
    rates = Rates()
    rates.add(Look(0.0, a_run(batches={"accepted": 0, "ready": 200})))
    last = Look(10.0, a_run(batches={"accepted": 100, "ready": 100}), SEEN)
    assert binding(last, Rates(), quick) == "about 50 s left, bound by the request time"
    rates.add(last)
    assert binding(last, rates, quick) == "about 10 s left, bound by the request time"


def test_one_line_says_it_all() -> None:
    rates = Rates()
    rates.add(Look(0.0, a_run()))
    last = Look(10.0, a_run(accepted=500, rejected=20, waiting=480, batches={"accepted": 10, "ready": 10}), SEEN)
    rates.add(last)
    assert words(last, rates, LIMITS) == (
        "run 7 sending: 500 of 1,000 accepted, 20 rejected, 480 waiting; 52 recipients/s, 60 requests/min; "
        "about 10 s left, bound by the account gap"
    )


def test_nobody_knows_how_many_are_on_a_whole_list() -> None:
    run = a_run(whole_list=True, planned=1, waiting=1, batches={"ready": 1})
    assert words(Look(0.0, run, SEEN), Rates(), LIMITS).startswith("run 7 sending: 0 accepted, 1 waiting;")


def test_there_is_an_end_time_only_while_nothing_is_in_the_way() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    expected = outlook(a_run(), LIMITS, now)
    assert expected is not None
    assert (expected.ends_at.isoformat(), expected.bound_by) == ("2026-11-24T12:01:39.500000+00:00", "account gap")
    assert outlook(a_run(holds=[held("operator")]), LIMITS, now) is None
    assert outlook(a_run(state="finished"), LIMITS, now) is None
    assert outlook(a_run(state="due"), LIMITS, now) is None


def test_a_run_that_was_too_late_to_be_handed_over_ends_after_its_own_time() -> None:
    now, own_time = datetime(2026, 11, 24, 12, tzinfo=UTC), "2026-11-24T12:05:00+00:00"
    expected = outlook(a_run(scheduled_date=own_time, resumes_at=own_time), LIMITS, now)
    assert expected is not None
    assert expected.ends_at.isoformat() == "2026-11-24T12:06:39.500000+00:00"


NIGHT = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)
DAYTIME = [{"hours": "09:00-22:00", "zone": "UTC"}]


def test_a_run_outside_its_hours_says_until_when() -> None:
    run = a_run(sending_hours=DAYTIME, resumes_at="2026-11-25T09:00:00+00:00")
    assert binds(run, now=NIGHT).startswith("outside its sending hours until 2026-11-25 ")
    assert binds(run, now=NIGHT - timedelta(hours=1)).startswith("outside"), "an account's hours may have ended it"
    assert binds(a_run(sending_hours=DAYTIME), now=NIGHT) == "about 10 h 31 min left, bound by the sending hours"


def test_a_spread_run_names_its_next_batch_and_what_binds_it() -> None:
    run = a_run(next_batch_at="2026-11-24T22:35:00+00:00", last_batch_at="2026-11-24T23:30:00+00:00")
    assert binds(run, now=NIGHT).startswith("its next batch goes at 2026-11-")
    assert binds(run, now=NIGHT + timedelta(minutes=5)) == "about 55 min left, bound by the spread"


def test_a_run_that_will_expire_says_so() -> None:
    run = a_run(expires_at="2026-11-24T22:31:00+00:00")
    assert binds(run, now=NIGHT) == "about 1 min left, bound by the expiry"


def test_an_end_by_expiry_is_told_from_a_success() -> None:
    assert exit_code(a_run(state="finished", expired=500)) == 4
    assert exit_code(a_run(state="finished_with_failures", expired=500, rejected=1)) == 5


def test_a_run_that_was_too_late_to_be_handed_over_says_when_it_is_sent() -> None:
    at = "2026-03-02T18:00:00+00:00"
    assert waits_words({"resumes_at": at, "scheduled_date": at}).startswith("not handed over; sent at ")
    assert waits_words({"resumes_at": at, "scheduled_date": None}).startswith("outside its sending hours until ")
