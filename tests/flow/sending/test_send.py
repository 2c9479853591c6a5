"""What a lane sends, when it waits, and what it leaves behind."""

from __future__ import annotations

import pytest
from pyroaring import BitMap64

from campaigns.flow.audience.suppress import suppress
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.runs.pause_resume_cancel import pause_run, resume_run
from campaigns.ports import Permit
from tests.one_database import on_both
from tests.world import (
    ACCOUNT,
    ANNA,
    LIMITS,
    LOGGED_OUT,
    NO_CREDITS,
    NOT_SENT,
    REJECTED,
    THROTTLED,
    UNKNOWN,
    World,
    accepted,
)

pytestmark = on_both


def test_a_launched_campaign_reaches_everybody_once(world: World) -> None:
    run_id = world.launched([5, 4, 3, 2, 1])

    assert world.serve() == 3

    assert world.run(run_id)["state"] == "finished"
    assert world.run(run_id)["accepted"] == 5
    assert world.requests_by_user() == dict.fromkeys(range(1, 6), 1)
    assert [batch["message_id"] for batch in world.batches(run_id)] == ["acct_one-1", "acct_one-2", "acct_one-3"]
    assert [one["outcome"] for one in world.attempts(run_id)] == ["accepted"] * 3


def test_an_unclear_answer_is_unknown_and_the_lane_goes_on(world: World) -> None:
    run_id = world.launched()
    world.gateway.script = [UNKNOWN]

    world.serve_out()

    assert world.states(run_id) == ["unknown", "accepted", "accepted"]
    assert world.run(run_id)["state"] == "finished_with_failures"
    assert world.requests_by_user()[1] == 1


def test_a_batch_that_never_left_waits_and_is_sent_again(world: World) -> None:
    run_id = world.launched([1])
    world.gateway.script = [NOT_SENT]

    world.serve()
    assert world.states(run_id) == ["ready"]
    assert world.pacer.held == [], "a request that never left gives its slot back"
    world.clock.advance(60)
    world.serve()

    assert world.states(run_id) == ["accepted"]
    assert [one["outcome"] for one in world.attempts(run_id)] == ["not_sent", "accepted"]


def test_a_batch_that_never_leaves_is_rejected_after_the_last_allowed_attempt(world: World) -> None:
    run_id = world.launched([1])
    world.gateway.script = [NOT_SENT] * LIMITS.max_attempts

    for _ in range(LIMITS.max_attempts):
        world.serve()
        world.clock.advance(120)

    assert world.states(run_id) == ["rejected"]
    assert world.run(run_id)["state"] == "finished_with_failures"


def test_a_throttled_batch_waits_as_long_as_the_vendor_asks_and_it_costs_no_attempt(world: World) -> None:
    run_id = world.launched([1])
    world.gateway.script = [THROTTLED] * 5

    for _ in range(5):
        world.serve()
        assert world.serve() == 0, "its time has not come"
        world.clock.advance(20)
    world.serve()

    assert world.states(run_id) == ["accepted"]
    assert world.pacer.cooling == {ACCOUNT: 20}


def test_missing_credits_hold_the_whole_team(world: World) -> None:
    run_id = world.launched()
    world.account("acct_two")
    world.gateway.script = [NO_CREDITS]

    assert world.serve() == 1
    assert world.serve("acct_two") == 0

    assert world.states(run_id) == ["ready", "ready", "ready"]
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["credits"]


def test_a_logged_out_account_holds_that_account_only(world: World) -> None:
    run_id = world.launched()
    world.account("acct_two")
    other = world.launch(world.campaign([8], account_id="acct_two"))
    world.gateway.script = [LOGGED_OUT]

    world.serve()
    world.serve("acct_two")

    assert world.states(run_id) == ["ready", "ready", "ready"]
    assert world.states(other) == ["accepted"]


def test_nothing_is_sent_while_the_shared_budget_is_away(world: World) -> None:
    run_id = world.launched()
    world.pacer.away = True

    assert world.serve() == 0

    assert world.attempts(run_id) == []
    assert world.run(run_id)["lane"]["waits_for"] == "the shared rate budget"


def test_a_long_wait_becomes_a_time_in_sql_and_frees_the_thread(world: World) -> None:
    run_id = world.launched()
    world.pacer.permits = [Permit(granted=False, wait_seconds=40, why="team budget")]

    world.serve()

    assert world.slept == []
    assert world.run(run_id)["lane"]["waits_for"] == "team budget"
    assert world.run(run_id)["lane"]["owner"] is None


def test_a_short_wait_is_spent_in_memory(world: World) -> None:
    run_id = world.launched([1])
    world.pacer.permits = [Permit(granted=False, wait_seconds=0.7, why="account gap")]

    world.serve()

    assert world.slept == [0.7]
    assert world.states(run_id) == ["accepted"]


def test_a_paused_run_sends_nothing_until_it_is_resumed(world: World) -> None:
    run_id = world.launched()
    pause_run(world.store, run_id, reason="wrong picture", actor=ANNA)

    assert world.serve() == 0
    resume_run(world.store, run_id, reason="it was right", actor=ANNA)
    world.serve()

    assert world.run(run_id)["state"] == "finished"


def test_a_pause_between_two_batches_stops_the_lane(world: World) -> None:
    run_id = world.launched()

    def pause() -> object:
        pause_run(world.store, run_id, reason="stop", actor=ANNA)
        return accepted("m1")

    world.gateway.script = [pause]  # type: ignore[list-item]
    world.serve()

    assert world.states(run_id) == ["accepted", "ready", "ready"]


def test_a_cancelled_run_keeps_what_left_and_cancels_the_rest(world: World) -> None:
    run_id = world.launched()

    def cancel() -> object:
        assert cancel_run(world.store, run_id, reason="stop", actor=ANNA).state == "cancelling"
        return accepted("m1")

    world.gateway.script = [cancel]  # type: ignore[list-item]
    world.serve()

    assert world.states(run_id) == ["accepted", "cancelled", "cancelled"]
    assert world.run(run_id)["state"] == "cancelled"


@pytest.mark.parametrize("answer", [NOT_SENT, THROTTLED, LOGGED_OUT])
def test_what_proves_not_sent_in_a_run_being_cancelled_is_cancelled(world: World, answer: object) -> None:
    run_id = world.launched([1])

    def cancel() -> object:
        cancel_run(world.store, run_id, reason="stop", actor=ANNA)
        return answer

    world.gateway.script = [cancel]  # type: ignore[list-item]
    world.serve()

    assert world.states(run_id) == ["cancelled"]
    assert world.run(run_id)["state"] == "cancelled"


def test_users_suppressed_after_the_plan_are_left_out_of_what_has_not_left(world: World) -> None:
    run_id = world.launched([1, 2, 3, 4])
    suppress(world.store, BitMap64([2, 3, 4]), account_id=None, reason="asked to stop", actor=ANNA)

    world.serve()

    assert world.requests_by_user() == {1: 1}
    assert sorted(world.states(run_id)) == ["accepted", "cancelled", "cancelled"]
    assert world.run(run_id)["cancelled"] == 3
    assert "batch_suppressed" in world.events()


def test_a_message_id_that_another_batch_owns_proves_nothing(world: World) -> None:
    run_id = world.launched([1, 2, 3])
    world.gateway.script = [accepted("same"), accepted("same")]

    world.serve()

    assert world.states(run_id) == ["accepted", "unknown"]


def test_runs_of_one_account_take_turns(world: World) -> None:
    first = world.launched([1, 2, 3, 4])
    second = world.launch(world.campaign([5, 6, 7, 8]))

    for _ in range(4):
        world.clock.advance(1)
        world.serve(turns=1)
        world.clock.advance(1)

    assert [set(map(int, body["userIds"])) for body in world.gateway.received] == [{1, 2}, {5, 6}, {3, 4}, {7, 8}]
    assert world.run(first)["state"] == world.run(second)["state"] == "finished"


def test_a_whole_list_is_one_request_that_names_no_user(world: World) -> None:
    world.account()
    run_id = world.launch(world.campaign(message={"user_lists": ["fans"]}))

    world.serve()

    assert world.gateway.received == [{"text": "Hello", "userLists": ["fans"]}]
    assert world.run(run_id)["recipients"] is None
    assert world.run(run_id)["accepted"] == 1


def test_a_worker_that_is_told_to_stop_sends_nothing_more(world: World) -> None:
    run_id = world.launched()

    def stop() -> object:
        world.stopping = True
        return accepted("m1")

    world.gateway.script = [stop]  # type: ignore[list-item]
    world.serve()

    assert world.states(run_id) == ["accepted", "ready", "ready"]


def test_a_refused_batch_is_rejected_and_the_others_go_on(world: World) -> None:
    run_id = world.launched()
    world.gateway.script = [REJECTED]

    world.serve()

    assert world.states(run_id) == ["rejected", "accepted", "accepted"]
    assert world.run(run_id)["rejected"] == 2


def test_a_permit_that_grew_old_before_its_attempt_stood_is_asked_for_again(world: World) -> None:
    """Redis may have lost its state meanwhile, and built it again from a database without this attempt."""
    run_id = world.launched([1, 2])
    acquire = world.pacer.acquire

    def slowly(key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
        world.local_clock += 0 if key in world.pacer.held else 2
        return acquire(key, account, hold_seconds=hold_seconds, reserved=reserved)

    world.pacer.acquire = slowly  # type: ignore[method-assign]
    world.serve(turns=1)

    assert world.states(run_id) == ["accepted"]
    assert world.pacer.asked_again == world.pacer.held


def test_a_permit_that_is_lost_stops_the_request_before_a_byte_leaves(world: World) -> None:
    run_id = world.launched([1, 2])
    acquire = world.pacer.acquire

    def lost(key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
        if key in world.pacer.held:
            return Permit(granted=False, wait_seconds=60, why="team budget")
        world.local_clock += 2
        return acquire(key, account, hold_seconds=hold_seconds, reserved=reserved)

    world.pacer.acquire = lost  # type: ignore[method-assign]
    world.serve(turns=1)

    assert world.gateway.received == []
    assert world.states(run_id) == ["ready"]
    (attempt,) = world.attempts(run_id)
    assert (attempt["outcome"], attempt["error"]) == (
        "not_sent",
        "its place in the shared rate budget was lost (team budget)",
    )
