"""Expiry: nothing leaves after it, what has not left is cancelled with the reason, and the books balance."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from campaigns.domain.errors import NotAllowed
from campaigns.domain.schedules.sending_hours import windows_of
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.lanes.tick import tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.planning.preview import preview
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.expire import expire_runs
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.sending import pick_batch
from tests.world import ACCOUNT, ANNA, LIMITS, REJECTED, THROTTLED, UNKNOWN, UPSTREAM, World, accepted

HOUR = 3600.0
AN_HOUR = Timing(expires_seconds=HOUR)
CANCELLED = frozenset({BatchState.CANCELLED})


def expire(world: World) -> list[int]:
    return expire_runs(world.store, actor="worker:beat")


def test_what_is_ready_when_the_time_is_over_is_cancelled_with_the_reason(world: World) -> None:
    run_id = world.launched([1, 2, 3, 4, 5], timing=AN_HOUR)
    world.serve(turns=1)
    until = datetime.fromisoformat(world.run(run_id)["expires_at"])
    assert until == world.clock.now + timedelta(hours=1)
    world.clock.advance(HOUR - 1)
    assert expire(world) == []
    world.clock.advance(1)

    assert expire(world) == [run_id]
    assert expire(world) == [], "once"

    run = world.run(run_id)
    assert (run["state"], run["accepted"], run["cancelled"], run["expired"]) == ("finished", 2, 3, 3)
    assert world.states(run_id) == ["accepted", "cancelled", "cancelled"]
    assert world.batches(run_id)[1]["error"] == f"expired: it was to be sent by {until.isoformat()}"
    assert world.events().count("run_expired") == 1


def test_nothing_leaves_after_the_expiry_even_when_nobody_has_swept(world: World) -> None:
    run_id = world.launched([1], timing=AN_HOUR)
    world.clock.advance(HOUR)

    assert world.serve() == 0
    assert world.states(run_id) == ["ready"]
    assert world.pacer.held == []
    woken = tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat")
    assert woken.lanes == []
    assert world.run(run_id)["state"] == "finished"
    assert world.states(run_id) == ["cancelled"]


def test_the_last_moment_counts_when_the_lock_was_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = world.launched([1], timing=AN_HOUR)
    world.clock.advance(HOUR - 1)

    def after_a_wait(timing: Timing, **account: str | None) -> object:
        world.clock.advance(2)
        return windows_of(timing, **account)

    monkeypatch.setattr(pick_batch, "windows_of", after_a_wait)

    assert world.serve() == 0
    assert world.states(run_id) == ["ready"]


def test_a_request_in_flight_is_settled_before_the_run_ends(world: World) -> None:
    run_id = world.launched([1, 2, 3, 4], timing=AN_HOUR)

    def meanwhile() -> Outcome:
        world.clock.advance(HOUR)
        assert expire(world) == [run_id]
        assert world.states(run_id) == ["sending", "cancelled"]
        assert world.run(run_id)["state"] == "sending"
        return accepted("late")

    world.gateway.script = [meanwhile]

    assert world.serve() == 1
    run = world.run(run_id)
    assert (run["state"], run["accepted"], run["cancelled"]) == ("finished", 2, 2)


@pytest.mark.parametrize("answer", [THROTTLED, REJECTED, UNKNOWN])
def test_whatever_the_last_answer_is_the_books_balance_and_the_run_ends(world: World, answer: Outcome) -> None:
    run_id = world.launched([1, 2, 3, 4], timing=AN_HOUR)

    def meanwhile() -> Outcome:
        world.clock.advance(HOUR)
        return answer

    world.gateway.script = [meanwhile]
    world.serve()
    world.clock.advance(60)
    expire(world)
    world.serve_out()

    run = world.run(run_id)
    assert run["state"] == ("finished" if answer is THROTTLED else "finished_with_failures")
    assert run["waiting"] == 0
    assert len(world.gateway.received) == 1


def test_a_run_that_was_not_planned_yet_is_skipped_with_the_reason(world: World) -> None:
    start = world.clock.now + timedelta(hours=1)
    world.account()
    launch(world.store, world.campaign(timing=AN_HOUR, starts_at=start), upstream=UPSTREAM, actor=ANNA)
    world.clock.advance(HOUR + 5)
    (run_id,) = tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat").plans
    assert datetime.fromisoformat(world.run(run_id)["expires_at"]) == start + timedelta(hours=1), "not when it opened"
    world.clock.advance(HOUR)

    assert expire(world) == [run_id]

    run = world.run(run_id)
    assert run["state"] == "skipped"
    assert run["reason"].startswith("expired: it was to be sent by ")
    assert not plan_run(world.store, run_id, actor=ANNA)


def test_a_held_run_expires_too(world: World) -> None:
    run_id = world.launched([1], timing=AN_HOUR)
    pause_run(world.store, run_id, reason="wait", actor=ANNA)
    world.clock.advance(HOUR)

    assert expire(world) == [run_id]
    assert world.run(run_id)["state"] == "finished"


def test_a_run_outside_its_hours_expires_too(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1], timing=Timing(hours="18:00-22:00", zone="UTC", expires_seconds=HOUR))
    run_id = world.launch(campaign_id, although_closed=True)
    world.serve()
    world.clock.advance(HOUR)

    assert expire(world) == [run_id]


def test_a_run_that_is_being_cancelled_is_left_to_that(world: World) -> None:
    run_id = world.launched([1, 2, 3], timing=AN_HOUR)

    def meanwhile() -> Outcome:
        cancel_run(world.store, run_id, reason="stop", actor=ANNA)
        world.clock.advance(HOUR)
        assert expire(world) == []
        return accepted("late")

    world.gateway.script = [meanwhile]
    world.serve()
    assert world.run(run_id)["state"] == "cancelled"
    assert world.run(run_id)["expired"] == 0


def test_policy_resend_sends_nothing_again_after_the_expiry(world: World) -> None:
    run_id = world.launched([1], timing=AN_HOUR, on_unknown="resend")

    def meanwhile() -> Outcome:
        world.clock.advance(HOUR)
        return UNKNOWN

    world.gateway.script = [meanwhile]
    world.serve()
    world.serve_out()

    assert world.states(run_id) == ["unknown"]
    assert world.run(run_id)["state"] == "finished_with_failures"
    assert len(world.gateway.received) == 1


def test_an_expired_run_is_not_reopened_but_a_rerun_reaches_its_fans_in_its_own_time(world: World) -> None:
    run_id = world.launched([1, 2, 3], timing=AN_HOUR)
    world.gateway.script = [UNKNOWN]
    world.serve(turns=1)
    world.serve_out(turns=0)
    world.clock.advance(HOUR)
    expire(world)

    with pytest.raises(NotAllowed, match=r"expired at .* no longer sends"):
        decide(world.store, run_id, seqs=None, verdict="resend", reason="again", actor=ANNA)
    decide(world.store, run_id, seqs=None, verdict="not-sent", reason="looked", actor=ANNA)
    child = rerun(world.store, run_id, upstream=UPSTREAM, states=CANCELLED, reason="late", actor=ANNA).child

    assert datetime.fromisoformat(world.run(child)["expires_at"]) == world.clock.now + timedelta(hours=1)
    world.serve()
    assert world.run(child)["accepted"] == 3


def test_the_plan_warns_of_those_who_would_be_cancelled(world: World) -> None:
    world.account()
    timing = Timing(over_seconds=HOUR, expires_seconds=HOUR, hours="09:00-12:30", zone="UTC")
    plan = preview(world.store, world.campaign(range(1, 21), timing=timing), LIMITS)

    assert plan.bound_by == "expiry"
    assert plan.ends_at == world.clock.now + timedelta(hours=1)
    assert any(
        "will not be finished by its expiry" in one.fact and "10 recipients" in one.fact for one in plan.warnings
    )


def test_a_run_without_an_expiry_is_never_touched(world: World) -> None:
    run_id = world.launched([1])
    world.clock.advance(1000 * HOUR)
    assert expire(world) == []
    assert world.states(run_id) == ["ready"]
    assert world.run(run_id)["account"] == ACCOUNT
