"""What beat asks for may be lost, doubled or late: SQL alone says what there is to do."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.tick import WakeUps, recovery, tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.flow.schedules.due import open_due_runs
from campaigns.ports import Permit
from campaigns.store.health import heartbeats
from tests.flow.reconcile.lost_answers import old_item, shows
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, LOGGED_OUT, NOT_SENT, THROTTLED, UNKNOWN, UPSTREAM, World

pytestmark = on_both

BEAT = "worker:beat"
NOBODY = WakeUps([], [])


def test_whoever_has_work_is_woken_and_asked_again_only_later(world: World) -> None:
    world.launched()

    assert _tick(world).lanes == [ACCOUNT]
    assert _tick(world) == NOBODY
    world.clock.advance(5)
    assert _tick(world).lanes == [ACCOUNT], "the broker may have lost it"


def test_a_lane_without_work_is_left_alone(world: World) -> None:
    run_id = world.launched()
    pause_run(world.store, run_id, reason="wait", actor=ANNA)
    assert _tick(world) == NOBODY

    finished = world.launch(world.campaign([9], account_id=world.account("acct_two")))
    world.serve("acct_two")
    assert world.run(finished)["state"] == "finished"
    assert _tick(world) == NOBODY


def test_a_lane_of_another_vendor_is_never_woken(world: World) -> None:
    world.launched()

    assert tick(world.store, upstream="https://vendor.example", settle_seconds=1, actor=BEAT) == NOBODY


def test_a_due_run_is_planned_by_whoever_is_woken_for_it(world: World) -> None:
    world.account()
    launch(world.store, world.campaign(starts_at=world.clock.now + timedelta(hours=1)), upstream=UPSTREAM, actor=ANNA)
    world.clock.advance(3600)

    (run_id,) = _tick(world).plans
    assert _tick(world) == NOBODY
    world.clock.advance(60)
    assert _tick(world).plans == [run_id], "the broker may have lost it"
    plan_run(world.store, run_id, actor=BEAT)

    assert _tick(world) == WakeUps([], [ACCOUNT])
    assert open_due_runs(world.store, actor=BEAT) == []


def test_a_lane_is_not_woken_while_it_waits_for_its_time(world: World) -> None:
    world.launched([1])
    world.pacer.permits = [Permit(granted=False, wait_seconds=40, why="team budget")]
    world.serve()

    world.clock.advance(39)
    assert _tick(world) == NOBODY
    world.clock.advance(1)
    assert _tick(world).lanes == [ACCOUNT]


def test_a_wake_up_that_comes_twice_does_not_cut_a_back_off_short(world: World) -> None:
    """The vendor could not be reached for one batch; the others wait as long as that one."""
    run_id = world.launched()
    world.gateway.script = [NOT_SENT]

    world.serve()
    assert world.serve() == 0
    world.clock.advance(0.5)
    world.serve()

    assert world.states(run_id) == ["accepted"] * 3
    assert [one["batch"] for one in world.attempts(run_id)] == [1, 1, 2, 3]


def test_the_back_off_grows_while_the_vendor_stays_away(world: World) -> None:
    run_id = world.launched(range(1, 21))
    world.gateway.script = [NOT_SENT] * 4
    waits = []

    for _ in range(4):
        world.serve()
        until = datetime.fromisoformat(world.run(run_id)["lane"]["available_at"])
        waits.append((until - world.clock.now).total_seconds())
        world.clock.now = until

    assert waits == [0.5, 1, 2, 4]


def test_a_tick_says_that_beat_and_a_worker_live(world: World) -> None:
    _tick(world)

    with world.store.read() as connection:
        seen = heartbeats.heartbeats(connection)
        assert (seen["beat"], seen["worker"]) == (world.clock.now, world.clock.now)
        assert heartbeats.serving(connection, UPSTREAM, world.clock.now).serves is heartbeats.Serves.YES


def test_what_sql_knows_rebuilds_a_lost_rate_budget(world: World) -> None:
    """Requests that an answer proves to have been counted; those that never left gave their slots back."""
    world.launched(range(1, 9))
    world.account("acct_two")
    world.launch(world.campaign([20], account_id="acct_two"))
    world.gateway.script = [UNKNOWN]
    world.serve("acct_two")
    world.gateway.script = [NOT_SENT]
    world.serve()
    world.clock.advance(10)
    world.gateway.script = [THROTTLED]
    world.serve()
    world.clock.advance(5)

    known = recovery(world.store, within=timedelta(seconds=60))

    sent = [use for use in known.uses if not use.reserved]
    ages = sorted((use.seconds_since_start, use.seconds_since_answer) for use in sent)
    assert [age for age, _ in ages] == [5.0, 15.0]
    assert ages[0] == (5.0, 5.0)
    assert ages[1] == (15.0, None), "no answer came: its slot is held to the end"
    assert known.cool_downs == {ACCOUNT: 15.0}
    assert known.was_used
    world.clock.advance(60)
    later = recovery(world.store, within=timedelta(seconds=60))
    assert (later.uses, later.was_used) == ([], True)


def test_deletes_and_questions_are_known_as_well(world: World) -> None:
    assert not recovery(world.store, within=timedelta(seconds=60)).was_used, "a first start has nothing to wait for"
    run_id = world.launched([1, 2, 3])
    world.gateway.script = [UNKNOWN]
    old_item(world)
    shows(world, "777")
    world.serve_out()
    world.clock.advance(3600)
    recall_run(world.store, run_id, reason="wrong price", actor=ANNA)
    held = len(world.pacer.held)
    world.gateway.deleting = [UnsendOutcome(UnsendKind.UNCLEAR, "no answer came")]
    world.gateway.report = None  # nor to the question after it
    world.serve()
    world.clock.advance(1)
    world.serve()

    uses = recovery(world.store, within=timedelta(seconds=60)).uses

    assert sorted(use.key for use in uses) == sorted(world.pacer.held[held:]), "under the keys that the pacer knows"
    answered = sorted((use.reserved, use.seconds_since_start, use.seconds_since_answer) for use in uses)
    assert answered == [(False, 0.0, 0.0), (False, 1.0, None), (True, 0.0, None)]


def test_a_held_account_is_not_woken(world: World) -> None:
    world.launched()
    world.gateway.script = [LOGGED_OUT]
    world.serve()
    world.clock.advance(60)

    assert _tick(world) == NOBODY


def _tick(world: World) -> WakeUps:
    return tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT)
