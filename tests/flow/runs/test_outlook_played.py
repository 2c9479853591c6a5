"""The end that is told before is never earlier than the real one by more than the beat's tick: played to its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from campaigns.domain.schedules.timing import Timing
from campaigns.domain.sending.forecast import HOURS
from campaigns.flow.runs.outlook import SEARCH, Wait
from campaigns.flow.runs.pause_resume_cancel import pause_run, resume_run
from tests.flow.reconcile.lost_answers import old_item
from tests.flow.runs.played import TICK_SECONDS, Timed, timed
from tests.world import ANNA, LIMITS, NOT_SENT, THROTTLED, UNKNOWN, World, accepted

PACED = replace(LIMITS, account_gap_seconds=1.0, settle_seconds=5, settle_looks=3)
USERS = range(1, 15)  # seven batches


def is_kept(world: Timed, run_id: int) -> datetime:
    """Play the run to its end, which is told beforehand; returns the told end."""
    told = world.shown(run_id).eta
    assert told is not None
    ended = world.play_out(run_id)
    assert ended <= told + timedelta(seconds=TICK_SECONDS), f"told {told}, ended {ended}"
    return told


@pytest.mark.parametrize("gap", [0.0, 1.0, 5.0])
def test_the_pace_of_an_account(world: World, gap: float) -> None:
    run_id = world.launched(USERS)
    played = timed(world, replace(PACED, account_gap_seconds=gap))
    before = world.clock.now

    told = is_kept(played, run_id)

    assert told - before < timedelta(seconds=7 * (gap + 1) + 1), "and it is no wild guess"


def test_two_runs_that_share_a_lane(world: World) -> None:
    run_id, other = world.launched(USERS), world.launched(range(101, 107))
    played = timed(world, PACED)
    assert played.shown(run_id).eta > played.shown(other).eta  # type: ignore[operator]
    is_kept(played, run_id)


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_an_unknown_that_is_searched_for_counts_with_its_last_look(world: World, looks: int) -> None:
    run_id = world.launched(USERS)
    played = timed(world, PACED)
    played.answer(accepted("1"), UNKNOWN)
    while looks_made(world) < looks:
        world.clock.advance(TICK_SECONDS)
        played.work()

    run = played.shown(run_id)
    assert (run.bound_by, run.wait and run.wait.kind) == (SEARCH, Wait.SEARCH)
    is_kept(played, run_id)
    assert played.shown(run_id).unknown == 2


def looks_made(world: World) -> int:
    return len([question for question in world.gateway.questions if question.startswith("list")])


def test_an_unknown_that_the_policy_sends_again(world: World) -> None:
    run_id = world.launched([1, 2], on_unknown="resend")
    played = timed(world, PACED)
    old_item(world)
    played.answer(UNKNOWN)
    is_kept(played, run_id)
    assert played.shown(run_id).accepted == 2


def test_the_last_batch_is_unknown_so_only_the_search_is_left(world: World) -> None:
    run_id = world.launched([1, 2])
    played = timed(world, PACED)
    played.answer(UNKNOWN)
    assert played.shown(run_id).waiting == 0
    is_kept(played, run_id)


def test_a_cool_down(world: World) -> None:
    run_id = world.launched(USERS)
    played = timed(world, PACED)
    played.answer(accepted("1"), THROTTLED)

    run = played.shown(run_id)
    assert (run.bound_by, run.wait and run.wait.kind) == ("cool-down", Wait.LANE)
    is_kept(played, run_id)


def test_an_open_circuit(world: World) -> None:
    run_id = world.launched(USERS)
    played = timed(world, replace(PACED, max_attempts=20))
    played.answer(*[NOT_SENT] * 7)

    run = played.shown(run_id)
    assert (run.bound_by, run.wait and run.wait.kind) == ("circuit open", Wait.LANE)
    is_kept(played, run_id)


def test_sending_hours_that_close_before_it_has_ended(world: World) -> None:
    opens = world.clock.now + timedelta(minutes=2)
    hours = f"{opens:%H:%M}-{opens + timedelta(minutes=1):%H:%M}"
    run_id = world.launched(USERS, timing=Timing(hours=hours, zone="UTC"))
    played = timed(world, replace(PACED, account_gap_seconds=15.0))
    played.work()

    run = played.shown(run_id)
    assert (run.bound_by, run.wait and run.wait.kind) == (HOURS, Wait.HOURS)
    told = is_kept(played, run_id)
    assert told.date() > opens.date(), "the last of it goes on the next day"


def test_a_spread(world: World) -> None:
    run_id = world.launched(USERS, timing=Timing(over_seconds=120))
    played = timed(world, PACED)
    is_kept(played, run_id)


def test_a_held_run_has_no_end_and_says_what_it_waits_for(world: World) -> None:
    run_id = world.launched(USERS)
    played = timed(world, PACED)
    pause_run(world.store, run_id, reason="lunch", actor=ANNA)

    held = played.shown(run_id)
    assert (held.eta, held.bound_by) == (None, None)
    assert held.wait is not None
    assert (held.wait.kind, held.wait.reason) == (Wait.HOLD, "lunch")

    resume_run(world.store, run_id, reason="back", actor=ANNA)
    is_kept(played, run_id)


def test_a_run_that_is_cancelled_while_its_unknown_is_searched_for(world: World) -> None:
    from campaigns.flow.handoff.cancel import cancel_run

    run_id = world.launched(USERS)
    played = timed(world, PACED)
    played.answer(UNKNOWN)
    cancel_run(world.store, run_id, reason="enough", actor=ANNA)
    is_kept(played, run_id)
